-- The last copy of each watched record, since no CRM event carries old values. `digest` lets a check find a row changed
-- by hand.
CREATE TABLE crm_seen (
    portal    TEXT NOT NULL,
    entity    TEXT NOT NULL,
    id        TEXT NOT NULL,
    body      TEXT NOT NULL,
    digest    TEXT NOT NULL,
    read_at   BIGINT NOT NULL,
    PRIMARY KEY (portal, entity, id)
);
