-- Since when pipelines that the set does not name are watched.
ALTER TABLE stage_lock_portal ADD COLUMN others_since BIGINT;

-- Whether the record stands in such a pipeline and may; its name and when it was deleted, for it may be restored.
ALTER TABLE stage_lock_record ADD COLUMN elsewhere INTEGER NOT NULL DEFAULT 0;
ALTER TABLE stage_lock_record ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE stage_lock_record ADD COLUMN gone_at BIGINT;
CREATE INDEX stage_lock_record_gone ON stage_lock_record (portal, entity, name) WHERE gone_at IS NOT NULL;
