-- Since when the lock is on.
CREATE TABLE stage_lock_portal (
    portal  TEXT PRIMARY KEY,
    since   BIGINT NOT NULL
);

-- Where each record may stand, and how far its history has been judged. An empty stage: one the mapping does not know.
CREATE TABLE stage_lock_record (
    portal     TEXT NOT NULL,
    entity     TEXT NOT NULL,
    record_id  TEXT NOT NULL,
    stage      TEXT NOT NULL,
    label      TEXT NOT NULL,
    line       TEXT NOT NULL,
    judged_at  BIGINT NOT NULL,
    written    BIGINT NOT NULL,
    ahead      TEXT NOT NULL,
    lagging    INTEGER NOT NULL,
    unsure     INTEGER NOT NULL,
    gave_up    BIGINT NOT NULL,
    PRIMARY KEY (portal, entity, record_id)
);
CREATE INDEX stage_lock_unsure ON stage_lock_record (portal) WHERE unsure = 1;

-- Each case: who, when, from where, to where, why, and what became of it.
CREATE TABLE stage_lock_case (
    portal       TEXT NOT NULL,
    number       BIGINT NOT NULL,
    entity       TEXT NOT NULL,
    record_id    TEXT NOT NULL,
    name         TEXT NOT NULL,
    person       TEXT NOT NULL,
    person_name  TEXT NOT NULL,
    from_stage   TEXT NOT NULL,
    to_stage     TEXT NOT NULL,
    to_label     TEXT NOT NULL,
    why          TEXT NOT NULL,
    outcome      TEXT NOT NULL,
    times        INTEGER NOT NULL,
    moved_at     BIGINT NOT NULL,
    found_at     BIGINT NOT NULL,
    last_at      BIGINT NOT NULL,
    settled_at   BIGINT,
    trace        TEXT NOT NULL,
    PRIMARY KEY (portal, number)
);
CREATE INDEX stage_lock_case_record ON stage_lock_case (portal, entity, record_id, number);
CREATE INDEX stage_lock_case_open ON stage_lock_case (portal, number) WHERE settled_at IS NULL;
CREATE INDEX stage_lock_case_person ON stage_lock_case (portal, person);

-- Each time we wrote a stage back: the limit per hour counts these.
CREATE TABLE stage_lock_reversal (
    portal     TEXT NOT NULL,
    entity     TEXT NOT NULL,
    record_id  TEXT NOT NULL,
    at         BIGINT NOT NULL
);
CREATE INDEX stage_lock_reversal_record ON stage_lock_reversal (portal, entity, record_id, at);

-- A head lets this record go to that stage, once.
CREATE TABLE stage_lock_grant (
    portal      TEXT NOT NULL,
    number      BIGINT NOT NULL,
    entity      TEXT NOT NULL,
    record_id   TEXT NOT NULL,
    stage       TEXT NOT NULL,
    person      TEXT NOT NULL,
    note        TEXT NOT NULL,
    granted_at  BIGINT NOT NULL,
    used_at     BIGINT,
    PRIMARY KEY (portal, number)
);
CREATE INDEX stage_lock_grant_record ON stage_lock_grant (portal, entity, record_id) WHERE used_at IS NULL;
