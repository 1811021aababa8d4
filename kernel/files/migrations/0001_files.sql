-- Files that came with messages or leave with them: stored by content, in pieces, in the database, so that every worker of the
-- fleet and every back-up has them.
CREATE TABLE stored_file (
    content     TEXT PRIMARY KEY,
    size        BIGINT NOT NULL,
    kept_at     BIGINT NOT NULL
);
-- sqlite
CREATE TABLE file_piece (
    content     TEXT NOT NULL,
    number      INTEGER NOT NULL,
    body        BLOB NOT NULL,
    PRIMARY KEY (content, number)
);
-- end
-- postgresql
CREATE TABLE file_piece (
    content     TEXT NOT NULL,
    number      INTEGER NOT NULL,
    body        BYTEA NOT NULL,
    PRIMARY KEY (content, number)
);
-- end
