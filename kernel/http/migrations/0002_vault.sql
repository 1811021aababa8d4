-- Tokens of the portals, encrypted, and whose turn it is to renew them.
CREATE TABLE vault (
    portal      TEXT NOT NULL,
    name        TEXT NOT NULL,
    body        TEXT NOT NULL,
    changed_at  BIGINT NOT NULL,
    PRIMARY KEY (portal, name)
);
CREATE TABLE vault_turn (
    portal      TEXT NOT NULL,
    name        TEXT NOT NULL,
    holder      TEXT NOT NULL,
    until       BIGINT NOT NULL,
    PRIMARY KEY (portal, name)
);
