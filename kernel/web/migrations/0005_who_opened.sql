-- Presses of buttons that give out a link: one delivery gives one link, for ever. Only hashes stand here.
CREATE TABLE web_press (
    hash      TEXT PRIMARY KEY,
    at        BIGINT NOT NULL
);

-- What the CRM's script has put into a field of a record for everybody to see, and until when; then we empty the field.
CREATE TABLE web_shown (
    entity     TEXT NOT NULL,
    record_id  TEXT NOT NULL,
    link       TEXT NOT NULL,
    until      BIGINT NOT NULL,
    PRIMARY KEY (entity, record_id)
);
CREATE INDEX web_shown_until ON web_shown (until);

-- Tries at writing a private comment that holds a link or a code. Neither of the two stands here.
CREATE TABLE web_private (
    id         TEXT PRIMARY KEY,
    tries      INTEGER NOT NULL,
    until      BIGINT NOT NULL
);

-- The record of the CRM in whose private comments a person gets their codes.
CREATE TABLE web_code_place (
    person_id  TEXT PRIMARY KEY,
    record_id  TEXT NOT NULL
);

-- Who asked for a code, as a hash of what only their browser holds; an address as a keyed hash; nobody's code.
CREATE TABLE web_code (
    id          TEXT PRIMARY KEY,
    address     TEXT NOT NULL,
    person_id   TEXT NOT NULL,
    target      TEXT NOT NULL,
    asked_at    BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    tries       INTEGER NOT NULL,
    used_at     BIGINT
);
CREATE INDEX web_code_address ON web_code (address, asked_at);
CREATE INDEX web_code_asked ON web_code (asked_at);
