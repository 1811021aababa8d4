-- What is asked about each deal.
CREATE TABLE terms_question (
    portal    TEXT NOT NULL,
    deal      TEXT NOT NULL,
    round     INTEGER NOT NULL,
    name      TEXT NOT NULL,
    card      TEXT NOT NULL,
    owner     TEXT NOT NULL,
    state     TEXT NOT NULL,
    way       TEXT NOT NULL,
    template  TEXT NOT NULL,
    url       TEXT NOT NULL,
    begun     INTEGER NOT NULL,
    asked_at  BIGINT NOT NULL,
    head_due  BIGINT NOT NULL,
    notices   INTEGER NOT NULL,
    missed    INTEGER NOT NULL,
    PRIMARY KEY (portal, deal)
);
CREATE INDEX terms_question_open ON terms_question (portal) WHERE state = 'open';

-- Who answered the terms, when, and how: for ever.
CREATE TABLE terms_fill (
    portal       TEXT NOT NULL,
    deal         TEXT NOT NULL,
    number       INTEGER NOT NULL,
    person       TEXT NOT NULL,
    person_name  TEXT NOT NULL,
    at           BIGINT NOT NULL,
    by_form      INTEGER NOT NULL,
    answers      TEXT NOT NULL,
    PRIMARY KEY (portal, deal, number)
);
