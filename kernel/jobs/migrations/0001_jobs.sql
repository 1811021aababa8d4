-- Deliveries as they came in. What was answered with 200 stands here before the answer leaves.
CREATE TABLE inbox (
    id           TEXT PRIMARY KEY,
    portal       TEXT NOT NULL,
    event        TEXT NOT NULL,
    entity       TEXT NOT NULL,
    record_id    TEXT NOT NULL,
    author       TEXT NOT NULL,
    delivery     TEXT NOT NULL,
    body         TEXT NOT NULL,
    received_at  BIGINT NOT NULL,
    state        TEXT NOT NULL,
    reason       TEXT NOT NULL,
    done_at      BIGINT
);
CREATE UNIQUE INDEX inbox_delivery ON inbox (portal, delivery) WHERE delivery <> '';
CREATE INDEX inbox_record ON inbox (portal, entity, record_id, state);
CREATE INDEX inbox_state ON inbox (state, received_at);

-- Calls to a CRM, in the order of their record's changes. `key` is what makes a create findable before a repeat;
-- `target` is our name of the child row that the call is about.
CREATE TABLE outgoing (
    id          TEXT PRIMARY KEY,
    portal      TEXT NOT NULL,
    lane        TEXT NOT NULL,
    number      BIGINT NOT NULL,
    verb        TEXT NOT NULL,
    key         TEXT NOT NULL,
    target      TEXT NOT NULL,
    payload     TEXT NOT NULL,
    state       TEXT NOT NULL,
    attempts    INTEGER NOT NULL,
    reason      TEXT NOT NULL,
    result      TEXT NOT NULL,
    trace       TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    done_at     BIGINT
);
CREATE UNIQUE INDEX outgoing_key ON outgoing (portal, key) WHERE key <> '';
CREATE INDEX outgoing_lane ON outgoing (portal, lane, number);
CREATE INDEX outgoing_target ON outgoing (portal, target) WHERE target <> '';
CREATE INDEX outgoing_trace ON outgoing (trace);
CREATE INDEX outgoing_state ON outgoing (state, created_at);

-- The running number of each lane, drawn in the same transaction as the job it orders.
CREATE TABLE lane (
    name  TEXT PRIMARY KEY,
    last  BIGINT NOT NULL
);

-- Regular work: when it last ran, so that one of many workers does it once.
CREATE TABLE regular (
    name     TEXT PRIMARY KEY,
    next_at  BIGINT NOT NULL,
    last_at  BIGINT,
    outcome  TEXT NOT NULL
);
