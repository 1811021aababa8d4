-- Lines of a comment that do not come from the message itself (a note, reactions): an edit of the message leaves them.
ALTER TABLE partner_comment ADD COLUMN below TEXT NOT NULL DEFAULT '[]';
