-- What is to be done at a moment. One row per owner and key: setting it again moves it. They survive every restart.
CREATE TABLE timer (
    owner   TEXT NOT NULL,
    key     TEXT NOT NULL,
    due_at  BIGINT NOT NULL,
    body    TEXT NOT NULL,
    tries   INTEGER NOT NULL,
    PRIMARY KEY (owner, key)
);
CREATE INDEX timer_due ON timer (due_at);
