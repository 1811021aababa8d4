-- One row per portal (and source address): when the next request may leave, how many left today, and until when the
-- other side asked us to be quiet. Shared by all processes of the fleet.
CREATE TABLE http_gate (
    name          TEXT PRIMARY KEY,
    next_at       BIGINT NOT NULL,
    day           TEXT NOT NULL,
    used          INTEGER NOT NULL,
    quiet_until   BIGINT NOT NULL,
    failures      INTEGER NOT NULL,
    last_failure  TEXT NOT NULL
);
