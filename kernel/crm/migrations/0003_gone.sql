-- Records that the CRM no longer has, of those that a plugin keeps figures of: since when we know it.
CREATE TABLE crm_gone (
    portal    TEXT NOT NULL,
    entity    TEXT NOT NULL,
    id        TEXT NOT NULL,
    since     BIGINT NOT NULL,
    PRIMARY KEY (portal, entity, id)
);
-- Up to which id of each kind the CRM was last asked whether it still has them; empty: from the beginning.
CREATE TABLE crm_asked (
    portal    TEXT NOT NULL,
    entity    TEXT NOT NULL,
    after     TEXT NOT NULL,
    PRIMARY KEY (portal, entity)
);
