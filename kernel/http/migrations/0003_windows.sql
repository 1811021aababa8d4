-- When something last arrived at one address of a vendor that counts by time windows (a chat): moments in microseconds,
-- oldest first, as a list with blanks between. Shared by all processes; of the running machine only.
CREATE TABLE http_window (
    name     TEXT PRIMARY KEY,
    moments  TEXT NOT NULL,
    last_at  BIGINT NOT NULL
);
CREATE INDEX http_window_last ON http_window (last_at);
