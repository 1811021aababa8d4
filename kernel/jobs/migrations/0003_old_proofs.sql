-- Events that still come with the older kind of proof, which does not cover who caused them.
CREATE TABLE old_proof (
    connection  TEXT NOT NULL,
    event       TEXT NOT NULL,
    last_at     BIGINT NOT NULL,
    PRIMARY KEY (connection, event)
);
