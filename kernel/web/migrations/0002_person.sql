-- Whose session it is by the CRM's own id, where the CRM proved it.
ALTER TABLE web_session ADD COLUMN person_id TEXT NOT NULL DEFAULT '';
