-- Everything here is derived from the journal's facts ("deal", "rate") and can be made anew from them.
CREATE TABLE exchange_deal (
    subject        TEXT PRIMARY KEY,
    number         TEXT NOT NULL,
    portal         TEXT NOT NULL,
    record_id      TEXT NOT NULL,
    url            TEXT NOT NULL,
    stage          TEXT NOT NULL,
    client         TEXT NOT NULL,
    client_name    TEXT NOT NULL,
    manager        TEXT NOT NULL,
    custody        INTEGER NOT NULL,
    custody_until  TEXT NOT NULL,
    created_at     BIGINT NOT NULL,
    facts          TEXT NOT NULL
);
CREATE INDEX exchange_deal_client ON exchange_deal (client);
CREATE INDEX exchange_deal_custody ON exchange_deal (custody, custody_until);

CREATE TABLE exchange_operation (
    subject            TEXT NOT NULL,
    op                 TEXT NOT NULL,
    number             TEXT NOT NULL,
    position           INTEGER NOT NULL,
    kind               TEXT NOT NULL,
    at                 BIGINT NOT NULL,
    stage              TEXT NOT NULL,
    pair               TEXT NOT NULL,
    place              TEXT NOT NULL,
    client             TEXT NOT NULL,
    client_name        TEXT NOT NULL,
    partner            TEXT NOT NULL,
    partner_name       TEXT NOT NULL,
    manager            TEXT NOT NULL,
    gives_currency     TEXT NOT NULL,
    gives              BIGINT,
    gets_currency      TEXT NOT NULL,
    gets               BIGINT,
    takes_currency     TEXT NOT NULL,
    takes              BIGINT,
    pays_currency      TEXT NOT NULL,
    pays               BIGINT,
    profit_currency    TEXT NOT NULL,
    profit             BIGINT,
    commission         BIGINT NOT NULL,
    network_fee        BIGINT NOT NULL,
    client_rate        TEXT NOT NULL,
    partner_rate       TEXT NOT NULL,
    recognised         INTEGER NOT NULL,
    reported           BIGINT,
    reported_currency  TEXT NOT NULL,
    reported_rate      TEXT NOT NULL,
    reported_source    TEXT NOT NULL,
    PRIMARY KEY (subject, op)
);
CREATE INDEX exchange_operation_at ON exchange_operation (at);
CREATE INDEX exchange_operation_client ON exchange_operation (client, at);
CREATE INDEX exchange_operation_partner ON exchange_operation (partner, at);

-- What a deal would still move if it ran to its end: expected ins and outs.
CREATE TABLE exchange_pending (
    subject   TEXT NOT NULL,
    n         INTEGER NOT NULL,
    op        TEXT NOT NULL,
    currency  TEXT NOT NULL,
    place     TEXT NOT NULL,
    flow      TEXT NOT NULL,
    amount    BIGINT NOT NULL,
    PRIMARY KEY (subject, n)
);

-- Reference rates: QUOTE per one BASE on a day, with their source.
CREATE TABLE exchange_rate (
    base    TEXT NOT NULL,
    quote   TEXT NOT NULL,
    day     TEXT NOT NULL,
    rate    TEXT NOT NULL,
    source  TEXT NOT NULL,
    PRIMARY KEY (base, quote, day)
);

-- What is told to people about a deal or card, so that it is told once. No money stands here.
CREATE TABLE exchange_told (
    subject     TEXT PRIMARY KEY,
    problem     TEXT NOT NULL,
    problem_no  INTEGER NOT NULL,
    card        TEXT NOT NULL
);
