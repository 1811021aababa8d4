-- Counts whatever a page shows of a thread: new messages, edits, what became of ours. Open pages compare the sum.
ALTER TABLE thread ADD COLUMN changes BIGINT NOT NULL DEFAULT 0;
