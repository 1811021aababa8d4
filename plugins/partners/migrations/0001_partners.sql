-- Partners as their cards in the CRM say, and how the chat of each stands.
CREATE TABLE partner (
    id           TEXT PRIMARY KEY,
    name         TEXT NOT NULL,
    phone        TEXT NOT NULL,
    email        TEXT NOT NULL,
    telegram     TEXT NOT NULL,
    language     TEXT NOT NULL,
    automatic    INTEGER NOT NULL,
    ticked       INTEGER NOT NULL,
    responsible  TEXT NOT NULL,
    thread       TEXT NOT NULL,
    state        TEXT NOT NULL,
    state_since  BIGINT NOT NULL,
    reason       TEXT NOT NULL,
    shown        TEXT NOT NULL,
    created_at   BIGINT NOT NULL
);
CREATE UNIQUE INDEX partner_thread ON partner (thread) WHERE thread <> '';

-- One-time links that bind a group: the code itself stands nowhere but in the link.
CREATE TABLE partner_link (
    code_hash   TEXT PRIMARY KEY,
    partner     TEXT NOT NULL,
    person      TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    used_at     BIGINT
);
CREATE INDEX partner_link_partner ON partner_link (partner, created_at);

-- Groups that the bot is in: what it may do there, and who brought it.
CREATE TABLE partner_room (
    thread     TEXT PRIMARY KEY,
    state      TEXT NOT NULL,
    hears_all  INTEGER NOT NULL,
    public     INTEGER NOT NULL,
    adder      TEXT NOT NULL,
    adder_name TEXT NOT NULL,
    since      BIGINT NOT NULL
);

-- What a partner was told of a deal (`shown`), and what is to be told after a change (`wanted`).
CREATE TABLE partner_deal (
    subject    TEXT NOT NULL,
    partner    TEXT NOT NULL,
    record_id  TEXT NOT NULL,
    number     TEXT NOT NULL,
    stage      TEXT NOT NULL,
    state      TEXT NOT NULL,
    shown      TEXT NOT NULL,
    wanted     TEXT NOT NULL,
    turn       INTEGER NOT NULL,
    revision   INTEGER NOT NULL,
    message    TEXT NOT NULL,
    code       TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (subject, partner)
);
CREATE INDEX partner_deal_partner ON partner_deal (partner, changed_at);

-- People seen in a partner's group, staff excepted.
CREATE TABLE partner_person (
    account  TEXT NOT NULL,
    author   TEXT NOT NULL,
    partner  TEXT NOT NULL,
    name     TEXT NOT NULL,
    PRIMARY KEY (account, author, partner)
);

-- The comment in the CRM that a message of a chat became; the members of an album share one.
CREATE TABLE partner_comment (
    message    TEXT PRIMARY KEY,
    key        TEXT NOT NULL,
    entity     TEXT NOT NULL,
    record_id  TEXT NOT NULL,
    comment    TEXT NOT NULL,
    text       TEXT NOT NULL
);
CREATE INDEX partner_comment_key ON partner_comment (key);

-- The messages that a comment of the CRM became.
CREATE TABLE partner_sent (
    comment  TEXT NOT NULL,
    part     INTEGER NOT NULL,
    message  TEXT NOT NULL,
    partner  TEXT NOT NULL,
    PRIMARY KEY (comment, part)
);

-- Comments that were held back, or sent all the same, and the words found in them.
CREATE TABLE partner_held (
    comment    TEXT NOT NULL,
    version    TEXT NOT NULL,
    partner    TEXT NOT NULL,
    entity     TEXT NOT NULL,
    record_id  TEXT NOT NULL,
    author     TEXT NOT NULL,
    words      TEXT NOT NULL,
    forced     INTEGER NOT NULL,
    at         BIGINT NOT NULL,
    PRIMARY KEY (comment, version, partner)
);

-- How often something was done in a period: what is said at most so often.
CREATE TABLE partner_count (
    kind    TEXT NOT NULL,
    key     TEXT NOT NULL,
    period  TEXT NOT NULL,
    n       INTEGER NOT NULL,
    PRIMARY KEY (kind, key, period)
);

-- What codes and buttons are signed with.
CREATE TABLE partner_secret (
    name   TEXT PRIMARY KEY,
    value  TEXT NOT NULL
);

-- Each person's own view of the partners' pages.
CREATE TABLE partner_view (
    person  TEXT PRIMARY KEY,
    mode    TEXT NOT NULL
);
