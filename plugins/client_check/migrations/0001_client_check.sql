-- Clients' cards that hold a ClientID, or say that the client is an active one. All times are microseconds.
CREATE TABLE client_check_card (
    portal     TEXT NOT NULL,
    entity     TEXT NOT NULL,
    record     TEXT NOT NULL,
    name       TEXT NOT NULL,
    owner      TEXT NOT NULL,
    status     TEXT NOT NULL,
    client_id  TEXT NOT NULL,
    since      BIGINT NOT NULL,  -- when we first saw this status with this ClientID
    moved_to   TEXT NOT NULL,    -- the card that its deals went over to, should it be gone one day
    found      TEXT NOT NULL,    -- whom the back office knows by the ИНН or phone of this card; empty: never asked
    found_at   BIGINT NOT NULL,
    touched    BIGINT NOT NULL,
    PRIMARY KEY (portal, entity, record)
);
CREATE INDEX client_check_card_number ON client_check_card (portal, client_id);
CREATE INDEX client_check_card_touched ON client_check_card (touched);

-- Each ClientID that stands in a card, or stood in one: what the back office says of it, and where it stood last.
CREATE TABLE client_check_number (
    portal     TEXT NOT NULL,
    client_id  TEXT NOT NULL,
    verdict    TEXT NOT NULL,    -- known, unknown; empty: not asked yet
    since      BIGINT NOT NULL,  -- of the verdict
    asked_at   BIGINT NOT NULL,  -- 0: never
    how        TEXT NOT NULL,    -- removed, replaced, gone: how it left its card; empty: it did not
    entity     TEXT NOT NULL,
    record     TEXT NOT NULL,
    name       TEXT NOT NULL,
    owner      TEXT NOT NULL,
    status     TEXT NOT NULL,    -- what that card said of the client
    lost_at    BIGINT NOT NULL,
    moved_to   TEXT NOT NULL,
    touched    BIGINT NOT NULL,
    PRIMARY KEY (portal, client_id)
);
CREATE INDEX client_check_number_asked ON client_check_number (portal, asked_at);
CREATE INDEX client_check_number_lost ON client_check_number (portal, entity, record);
CREATE INDEX client_check_number_touched ON client_check_number (touched);

-- Which declaration of the set the cards were last taken over by.
CREATE TABLE client_check_filled (
    portal    TEXT NOT NULL PRIMARY KEY,
    declared  TEXT NOT NULL
);

-- Who was told on which day, while that notice stands.
CREATE TABLE client_check_told (
    portal  TEXT NOT NULL,
    person  TEXT NOT NULL,
    day     TEXT NOT NULL,
    stands  INTEGER NOT NULL,
    PRIMARY KEY (portal, person)
);

-- What heads did about differences.
CREATE TABLE client_check_done (
    id         TEXT NOT NULL PRIMARY KEY,
    portal     TEXT NOT NULL,
    at         BIGINT NOT NULL,
    who        TEXT NOT NULL,
    kind       TEXT NOT NULL,
    entity     TEXT NOT NULL,
    record     TEXT NOT NULL,
    client_id  TEXT NOT NULL,
    action     TEXT NOT NULL
);
CREATE INDEX client_check_done_at ON client_check_done (portal, at);
