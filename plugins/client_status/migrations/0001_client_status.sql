-- What the back office last said of a client's contracts, and whether that is still to be compared with the card.
CREATE TABLE client_status (
    portal     TEXT NOT NULL,
    entity     TEXT NOT NULL,
    record     TEXT NOT NULL,
    client_id  TEXT NOT NULL,
    state      TEXT NOT NULL,    -- open: a contract is; closed: all are
    since      BIGINT NOT NULL,  -- microseconds: when it first said so
    pending    BIGINT NOT NULL,
    PRIMARY KEY (portal, entity, record)
);
CREATE INDEX client_status_pending ON client_status (portal, pending);
