-- A thread is one address of one connection; messages in both directions stand in one timeline.
CREATE TABLE thread (
    id              TEXT PRIMARY KEY,
    connection      TEXT NOT NULL,
    account         TEXT NOT NULL,
    address         TEXT NOT NULL,
    room            TEXT NOT NULL,
    title           TEXT NOT NULL,
    subject         TEXT NOT NULL,
    shared_numbers  INTEGER NOT NULL,
    created_at      BIGINT NOT NULL,
    last_at         BIGINT NOT NULL,
    waiting_since   BIGINT,
    closed_at       BIGINT,
    closed_reason   TEXT NOT NULL,
    UNIQUE (connection, account, address)
);
CREATE INDEX thread_subject ON thread (subject);
CREATE INDEX thread_last ON thread (last_at);

-- Addresses that became another: what is written to or from them belongs to that thread.
CREATE TABLE thread_alias (
    connection  TEXT NOT NULL,
    account     TEXT NOT NULL,
    address     TEXT NOT NULL,
    thread      TEXT NOT NULL,
    PRIMARY KEY (connection, account, address)
);

CREATE TABLE message (
    id           TEXT PRIMARY KEY,
    thread       TEXT NOT NULL,
    direction    TEXT NOT NULL,
    sort         TEXT NOT NULL,
    author       TEXT NOT NULL,
    author_name  TEXT NOT NULL,
    text         TEXT NOT NULL,
    link         TEXT NOT NULL,
    extra        TEXT NOT NULL,
    reply_to     TEXT NOT NULL,
    record       TEXT NOT NULL,
    grouped      TEXT NOT NULL,
    at           BIGINT NOT NULL,
    edited_at    BIGINT,
    emptied_at   BIGINT,
    call         TEXT NOT NULL,
    edit_call    TEXT NOT NULL,
    sent_at      BIGINT
);
CREATE INDEX message_thread ON message (thread, at, id);
CREATE INDEX message_record ON message (record, at);
CREATE INDEX message_at ON message (at, id);
CREATE INDEX message_call ON message (call);
CREATE INDEX message_grouped ON message (thread, grouped);

-- What the vendor calls a message; an album that we sent is several of theirs.
CREATE TABLE message_name (
    thread     TEXT NOT NULL,
    vendor_id  TEXT NOT NULL,
    number     BIGINT NOT NULL,
    message    TEXT NOT NULL,
    PRIMARY KEY (thread, vendor_id)
);
CREATE INDEX message_name_number ON message_name (thread, number);
CREATE INDEX message_name_message ON message_name (message);

-- What a message said before it was changed, oldest first.
CREATE TABLE message_version (
    message  TEXT NOT NULL,
    at       BIGINT NOT NULL,
    text     TEXT NOT NULL,
    PRIMARY KEY (message, at, text)
);

CREATE TABLE message_file (
    message     TEXT NOT NULL,
    number      INTEGER NOT NULL,
    name        TEXT NOT NULL,
    media_type  TEXT NOT NULL,
    kind        TEXT NOT NULL,
    size        BIGINT,
    seconds     INTEGER,
    content     TEXT NOT NULL,
    reason      TEXT NOT NULL,
    PRIMARY KEY (message, number)
);
CREATE INDEX message_file_content ON message_file (content);

-- For searching: the words of a message, in lower case; the newest come first.
CREATE TABLE message_word (
    word     TEXT NOT NULL,
    at       BIGINT NOT NULL,
    message  TEXT NOT NULL,
    PRIMARY KEY (word, at, message)
);
CREATE INDEX message_word_message ON message_word (message);

-- Up to when somebody has read a thread (microseconds).
CREATE TABLE thread_read (
    thread  TEXT NOT NULL,
    person  TEXT NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (thread, person)
);

-- Whose turn it is among the messages of one writer.
CREATE INDEX incoming_message_turn ON incoming_message (connection, account, address, received_at) WHERE state = 'new';
