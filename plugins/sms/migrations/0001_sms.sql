-- Texts that people, robots and our page wanted sent. `message`: the CRM's id, or one of our form; once per portal.
-- Money is in ten-thousandths of the account's currency. Times are microseconds.
CREATE TABLE sms (
    id             TEXT PRIMARY KEY,
    portal         TEXT NOT NULL,
    provider       TEXT NOT NULL,
    message        TEXT NOT NULL,
    number         TEXT NOT NULL,
    text           TEXT NOT NULL,
    author         TEXT NOT NULL,
    origin         TEXT NOT NULL,
    records        TEXT NOT NULL,
    asked_of       TEXT NOT NULL,
    test           INTEGER NOT NULL,
    segments       INTEGER NOT NULL,
    at             BIGINT NOT NULL,
    turn           BIGINT NOT NULL,
    state          TEXT NOT NULL,
    code           TEXT NOT NULL,
    reason         TEXT NOT NULL,
    vendor_id      TEXT NOT NULL,
    cost           BIGINT,
    told           TEXT NOT NULL,
    tries          INTEGER NOT NULL,
    ready_at       BIGINT NOT NULL,
    sent_at        BIGINT,
    check_at       BIGINT,
    notices        INTEGER NOT NULL
);
CREATE UNIQUE INDEX sms_message ON sms (portal, message);
CREATE INDEX sms_vendor ON sms (vendor_id) WHERE vendor_id <> '';
CREATE INDEX sms_turn ON sms (portal, turn) WHERE state = 'waiting';
CREATE INDEX sms_turns ON sms (portal, turn);
CREATE INDEX sms_state ON sms (portal, state, at);
CREATE INDEX sms_card ON sms (portal, asked_of) WHERE state = 'checking';
CREATE INDEX sms_checked ON sms (portal, check_at) WHERE check_at IS NOT NULL;
CREATE INDEX sms_at ON sms (portal, at);
CREATE INDEX sms_number ON sms (portal, number, at);

-- How the provider's account stands: whether texts leave, why not, and which one is in flight.
CREATE TABLE sms_account (
    portal      TEXT NOT NULL PRIMARY KEY,
    state       TEXT NOT NULL,
    reason      TEXT NOT NULL,
    until       BIGINT,
    since       BIGINT NOT NULL,
    tries       INTEGER NOT NULL,
    sending     TEXT NOT NULL,
    balance     BIGINT,
    day_limit   INTEGER,
    used_today  INTEGER,
    funds_at    BIGINT NOT NULL,
    changes     BIGINT NOT NULL
);

-- Who wants no texts, and who said so: each change a row, the newest counts.
CREATE TABLE sms_opt_out (
    portal  TEXT NOT NULL,
    number  TEXT NOT NULL,
    at      BIGINT NOT NULL,
    out     INTEGER NOT NULL,
    source  TEXT NOT NULL,
    who     TEXT NOT NULL,
    reason  TEXT NOT NULL,
    PRIMARY KEY (portal, number, at)
);

-- Statuses of texts that we do not know (yet): one may be told before the answer that names it was written down.
CREATE TABLE sms_early (
    vendor_id  TEXT NOT NULL,
    code       TEXT NOT NULL,
    state      TEXT NOT NULL,
    at         BIGINT NOT NULL,
    PRIMARY KEY (vendor_id, code, at)
);
