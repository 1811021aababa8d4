-- Which record a child row belongs to, as last seen: a deleted row can no longer say so itself.
CREATE TABLE crm_row (
    portal    TEXT NOT NULL,
    entity    TEXT NOT NULL,
    row_id    TEXT NOT NULL,
    owner     TEXT NOT NULL,
    PRIMARY KEY (portal, entity, row_id)
);
-- How far each kind of record has been swept, and what the last sweep found.
CREATE TABLE crm_sweep (
    portal    TEXT NOT NULL,
    entity    TEXT NOT NULL,
    upto      BIGINT NOT NULL,
    PRIMARY KEY (portal, entity)
);
CREATE TABLE crm_swept (
    portal       TEXT PRIMARY KEY,
    at           BIGINT NOT NULL,
    ok           INTEGER NOT NULL,
    turn         INTEGER NOT NULL,
    found        INTEGER NOT NULL,
    mended       INTEGER NOT NULL,
    reason       TEXT NOT NULL,
    down_since   BIGINT,
    mended_ever  INTEGER NOT NULL,
    busy_at      BIGINT
);
