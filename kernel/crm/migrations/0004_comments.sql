-- Which comments were handed to the plugins, in which version, so that each is handed over once.
CREATE TABLE crm_comment (
    portal     TEXT NOT NULL,
    id         TEXT NOT NULL,
    entity     TEXT NOT NULL,
    record_id  TEXT NOT NULL,
    version    TEXT NOT NULL,
    read_at    BIGINT NOT NULL,
    PRIMARY KEY (portal, id)
);
-- Since when comments are read at all (older ones concern nobody), and how far the last look went.
CREATE TABLE crm_comments_swept (
    portal     TEXT PRIMARY KEY,
    began      BIGINT NOT NULL,
    upto       BIGINT NOT NULL
);
