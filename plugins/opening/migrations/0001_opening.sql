-- Deals that stand, or stood, where their client is handed over to the back office. `content`: what was judged last.
CREATE TABLE opening_deal (
    portal       TEXT NOT NULL,
    deal         TEXT NOT NULL,
    client       TEXT NOT NULL,
    name         TEXT NOT NULL,
    owner        TEXT NOT NULL,
    stage        TEXT NOT NULL,
    state        TEXT NOT NULL,
    since        BIGINT NOT NULL,
    answers      INTEGER NOT NULL,
    content      TEXT NOT NULL,
    findings     TEXT NOT NULL,
    reason       TEXT NOT NULL,
    wanted       INTEGER NOT NULL,
    gone         INTEGER NOT NULL,
    number       BIGINT NOT NULL,
    finished_at  BIGINT,
    PRIMARY KEY (portal, deal)
);
CREATE INDEX opening_deal_client ON opening_deal (portal, client);
CREATE INDEX opening_deal_unfinished ON opening_deal (portal, state) WHERE finished_at IS NULL;

-- Each request with its exact bytes, written down before anything leaves. `origins`: which field each element came from.
CREATE TABLE opening_request (
    portal       TEXT NOT NULL,
    deal         TEXT NOT NULL,
    number       INTEGER NOT NULL,
    request_id   TEXT NOT NULL,
    client       TEXT NOT NULL,
    body         TEXT NOT NULL,
    sha256       TEXT NOT NULL,
    origins      TEXT NOT NULL,
    written_at   BIGINT NOT NULL,
    state        TEXT NOT NULL,
    answered_at  BIGINT,
    answer       TEXT NOT NULL,
    decided_by   TEXT NOT NULL,
    PRIMARY KEY (portal, deal, number)
);
CREATE UNIQUE INDEX opening_request_id ON opening_request (request_id);
-- The rule of once: per client one request without a definite answer, and none after an accepted one.
CREATE UNIQUE INDEX opening_request_once ON opening_request (portal, client) WHERE state IN ('open', 'accepted');

-- The hand-over after an account is open, step by step.
CREATE TABLE opening_step (
    portal  TEXT NOT NULL,
    deal    TEXT NOT NULL,
    step    TEXT NOT NULL,
    state   TEXT NOT NULL,
    tries   INTEGER NOT NULL,
    record  TEXT NOT NULL,
    at      BIGINT NOT NULL,
    reason  TEXT NOT NULL,
    PRIMARY KEY (portal, deal, step)
);
CREATE INDEX opening_step_record ON opening_step (portal, step, record) WHERE record <> '';
