-- How the working day of each member stood when it was last read; `since` says from when on it stands so.
CREATE TABLE workday_status (
    portal   TEXT NOT NULL,
    person   TEXT NOT NULL,
    status   TEXT NOT NULL,
    since    BIGINT NOT NULL,
    read_at  BIGINT NOT NULL,
    PRIMARY KEY (portal, person)
);
