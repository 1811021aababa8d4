-- Messages as they came in, whole: their content cannot be read again. What was answered stands here before the answer leaves.
CREATE TABLE incoming_message (
    id           TEXT PRIMARY KEY,
    connection   TEXT NOT NULL,
    account      TEXT NOT NULL,
    vendor_id    TEXT NOT NULL,
    address      TEXT NOT NULL,
    body         TEXT NOT NULL,
    received_at  BIGINT NOT NULL,
    state        TEXT NOT NULL,
    reason       TEXT NOT NULL,
    done_at      BIGINT,
    UNIQUE (connection, account, vendor_id)
);
CREATE INDEX incoming_message_state ON incoming_message (state, received_at);
