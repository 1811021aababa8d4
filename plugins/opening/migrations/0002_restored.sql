-- When this database was filled from a copy last: what was registered since then is not in it, and is asked before any send.
CREATE TABLE opening_restored (
    portal  TEXT NOT NULL PRIMARY KEY,
    at      BIGINT NOT NULL
);
-- And when it was asked for that deal.
ALTER TABLE opening_deal ADD COLUMN asked_at BIGINT NOT NULL DEFAULT 0;
