-- One row a feed. `head`: the highest number given so far; whoever numbers holds this row. `gone_upto`: the highest number
-- of a deletion that is kept no more. `begun`: what cursors are bound to, besides the feed.
CREATE TABLE feeds_head (
    feed       TEXT PRIMARY KEY,
    begun      TEXT NOT NULL,
    head       BIGINT NOT NULL,
    gone_upto  BIGINT NOT NULL
);
-- One row a feed, too: whoever writes entries shares it, whoever fills the feed from what was seen holds it. `declared`: the
-- declaration by which it was filled to the end; `entity` and `after`: how far it is, if it is not.
CREATE TABLE feeds_fill (
    feed      TEXT PRIMARY KEY,
    declared  TEXT NOT NULL,
    filling   TEXT NOT NULL,
    entity    TEXT NOT NULL,
    after     TEXT NOT NULL
);
-- The newest state of each record in a feed, or one change. `seq`: its number; none until the change is committed and
-- numbered. `body`: the elements as JSON; empty: it is not in the feed any more.
CREATE TABLE feeds_entry (
    feed       TEXT NOT NULL,
    id         TEXT NOT NULL,
    entity     TEXT NOT NULL,
    record_id  TEXT NOT NULL,
    seq        BIGINT,
    at         BIGINT NOT NULL,
    body       TEXT NOT NULL,
    PRIMARY KEY (feed, id)
);
CREATE UNIQUE INDEX feeds_entry_seq ON feeds_entry (feed, seq);
CREATE INDEX feeds_entry_new ON feeds_entry (feed, at, id) WHERE seq IS NULL;
CREATE INDEX feeds_entry_record ON feeds_entry (entity, record_id);
-- How far the history of a record has been taken over: the CRM's number of its last line.
CREATE TABLE feeds_move (
    entity     TEXT NOT NULL,
    record_id  TEXT NOT NULL,
    last       TEXT NOT NULL,
    PRIMARY KEY (entity, record_id)
);
-- Keys of those who fetch feeds; of the key itself only its hash.
CREATE TABLE feeds_key (
    id            TEXT PRIMARY KEY,
    consumer      TEXT NOT NULL,
    digest        TEXT NOT NULL,
    feeds         TEXT NOT NULL,
    personal      INTEGER NOT NULL,
    networks      TEXT NOT NULL,
    made_at       BIGINT NOT NULL,
    ends_at       BIGINT NOT NULL,
    used_at       BIGINT,
    minute        BIGINT NOT NULL,
    reads         BIGINT NOT NULL
);
CREATE INDEX feeds_key_consumer ON feeds_key (consumer);
