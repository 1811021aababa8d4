-- When a session was last used: one that nobody uses ends.
ALTER TABLE web_session ADD COLUMN used_at BIGINT NOT NULL DEFAULT 0;
UPDATE web_session SET used_at = created_at;
