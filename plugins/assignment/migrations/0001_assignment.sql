-- One row per queue: whoever decides holds it, so that no two decide at once.
CREATE TABLE assignment_queue (
    portal     TEXT NOT NULL,
    queue      TEXT NOT NULL,
    since      BIGINT NOT NULL,            -- when the queue was first seen; microseconds, as all times here
    turn       BIGINT NOT NULL DEFAULT 0,  -- how many records it has given out, for "who has waited longest"
    version    BIGINT NOT NULL DEFAULT 0,  -- moves with whatever the pages show
    told_at    BIGINT,                     -- when the heads were last told that nobody fits
    told_spell INTEGER NOT NULL DEFAULT 0, -- whether they were told in the present spell
    PRIMARY KEY (portal, queue)
);

-- The exact share due to each member, as a fraction, beside what he was given.
CREATE TABLE assignment_share (
    portal  TEXT NOT NULL,
    queue   TEXT NOT NULL,
    person  TEXT NOT NULL,
    due     TEXT NOT NULL,
    given   BIGINT NOT NULL,
    last    BIGINT NOT NULL,  -- the queue's turn at which he was last given one; 0: never
    PRIMARY KEY (portal, queue, person)
);

-- Who of a queue was fit when the CRM and the other plugins were last asked.
CREATE TABLE assignment_fit (
    portal   TEXT NOT NULL,
    queue    TEXT NOT NULL,
    read_at  BIGINT NOT NULL,
    body     TEXT NOT NULL,
    PRIMARY KEY (portal, queue)
);

-- Records nobody could take yet.
CREATE TABLE assignment_waiting (
    portal      TEXT NOT NULL,
    entity      TEXT NOT NULL,
    record_id   TEXT NOT NULL,
    queue       TEXT NOT NULL,
    created_at  BIGINT NOT NULL,  -- in the CRM: the order of the queue
    number      BIGINT NOT NULL,
    since       BIGINT NOT NULL,  -- when it joined
    read_at     BIGINT NOT NULL,  -- when it was last read
    name        TEXT NOT NULL,
    owner       TEXT NOT NULL,    -- who stands as responsible meanwhile
    owner_name  TEXT NOT NULL,
    asked_by    TEXT NOT NULL,    -- the person who asked for it to be given out anew; else empty
    PRIMARY KEY (portal, entity, record_id)
);
CREATE INDEX assignment_waiting_order ON assignment_waiting (portal, queue, created_at, number);

-- What became of each record. Decided once, unless a person asks again or the CRM refuses the person chosen.
CREATE TABLE assignment_decision (
    portal       TEXT NOT NULL,
    entity       TEXT NOT NULL,
    record_id    TEXT NOT NULL,
    number       INTEGER NOT NULL,  -- 1, 2 …: the record's decisions in order
    queue        TEXT NOT NULL,
    outcome      TEXT NOT NULL,     -- given, by_hand, closed, deleted; undone: refused, again
    at           BIGINT NOT NULL,
    since        BIGINT NOT NULL,   -- when it joined the queue
    name         TEXT NOT NULL,
    person       TEXT NOT NULL,
    person_name  TEXT NOT NULL,
    body         TEXT NOT NULL,     -- the candidates with their shares, and who was left out and why
    changed_at   BIGINT,            -- when a person later named somebody else
    changed_to   TEXT NOT NULL DEFAULT '',
    ended_at     BIGINT,            -- when it was no longer that person's open record
    PRIMARY KEY (portal, entity, record_id, number)
);
CREATE INDEX assignment_decision_newest ON assignment_decision (portal, at);
CREATE INDEX assignment_decision_open ON assignment_decision (portal, queue) WHERE ended_at IS NULL;

-- Heads bar and unbar; past bars are kept.
CREATE TABLE assignment_bar (
    id         TEXT PRIMARY KEY,
    portal     TEXT NOT NULL,
    person     TEXT NOT NULL,
    by_name    TEXT NOT NULL,
    reason     TEXT NOT NULL,
    at         BIGINT NOT NULL,
    until      BIGINT,
    lifted_at  BIGINT,
    lifted_by  TEXT NOT NULL DEFAULT ''
);
CREATE INDEX assignment_bar_person ON assignment_bar (portal, person, at);
