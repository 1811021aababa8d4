-- One-time addresses that let a person in, and the sessions they open. Tokens stand here only as SHA-256.
CREATE TABLE web_link (
    hash        TEXT PRIMARY KEY,
    person      TEXT NOT NULL,
    role        TEXT NOT NULL,
    target      TEXT NOT NULL,
    expires_at  BIGINT NOT NULL,
    used_at     BIGINT
);
CREATE INDEX web_link_expires ON web_link (expires_at);

CREATE TABLE web_session (
    hash        TEXT PRIMARY KEY,
    person      TEXT NOT NULL,
    role        TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL
);
CREATE INDEX web_session_expires ON web_session (expires_at);

-- Written by the readiness check, to know that the database can be written.
CREATE TABLE web_probe (
    id          INTEGER PRIMARY KEY,
    checked_at  BIGINT NOT NULL
);
