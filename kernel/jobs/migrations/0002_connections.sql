-- A call goes to a connection; until now there was only the CRM's, and its name stands in these rows already.
ALTER TABLE outgoing RENAME COLUMN portal TO connection;

-- Who decided what about a call that was uncertain or had failed: kept for ever, a line for each decision.
CREATE TABLE call_decision (
    call_id   TEXT NOT NULL,
    at        BIGINT NOT NULL,
    who       TEXT NOT NULL,
    decision  TEXT NOT NULL,
    reason    TEXT NOT NULL
);
CREATE INDEX call_decision_call ON call_decision (call_id, at);

-- Connections with a socket of their own: which worker listens, until when that holds, and how it stands.
CREATE TABLE listener (
    connection    TEXT PRIMARY KEY,
    owner         TEXT NOT NULL,
    until         BIGINT NOT NULL,
    connected_at  BIGINT,
    reason        TEXT NOT NULL
);
