-- Who may see messages for the record that they are filed under, kept ready for each person: their pages are read by an index,
-- however many messages others have. Whoever files under a record, or says who sees it, holds its row here.
CREATE TABLE viewed_record (
    record  TEXT PRIMARY KEY
);

-- `automatic`: also what was written by nobody, that is by Annex itself.
CREATE TABLE record_viewer (
    record     TEXT NOT NULL,
    person     TEXT NOT NULL,
    automatic  INTEGER NOT NULL,
    PRIMARY KEY (record, person)
);

-- What follows from that and from the messages; kernel/conversations/viewers.py keeps it so.
CREATE TABLE message_viewer (
    person     TEXT NOT NULL,
    at         BIGINT NOT NULL,
    message    TEXT NOT NULL,
    thread     TEXT NOT NULL,
    direction  TEXT NOT NULL,
    PRIMARY KEY (person, at, message)
);
CREATE INDEX message_viewer_thread ON message_viewer (person, thread, at, message);
CREATE INDEX message_viewer_direction ON message_viewer (person, thread, direction, at);

-- How many messages of a thread are new to somebody, counted without a look at those we sent.
CREATE INDEX message_direction ON message (thread, direction, at);
