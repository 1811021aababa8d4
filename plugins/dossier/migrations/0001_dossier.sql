-- The last good answer to each question, as `pack_answer` makes it. All times are microseconds.
-- sqlite
CREATE TABLE dossier_answer (
    portal     TEXT NOT NULL,
    set_name   TEXT NOT NULL,
    client_id  TEXT NOT NULL,
    answer     BLOB NOT NULL,
    asked_at   BIGINT NOT NULL,  -- when the question left: whatever changed later is not in it
    opened_at  BIGINT NOT NULL,  -- when somebody last opened it: it is kept for so long after that
    PRIMARY KEY (portal, set_name, client_id)
);
-- end
-- postgresql
CREATE TABLE dossier_answer (
    portal     TEXT NOT NULL,
    set_name   TEXT NOT NULL,
    client_id  TEXT NOT NULL,
    answer     BYTEA NOT NULL,
    asked_at   BIGINT NOT NULL,
    opened_at  BIGINT NOT NULL,
    PRIMARY KEY (portal, set_name, client_id)
);
-- end
CREATE INDEX dossier_answer_opened ON dossier_answer (portal, opened_at);

-- How each question stands: who asks it now and until when that counts, whether it is to be asked once more, and how the
-- last one ended.
CREATE TABLE dossier_question (
    portal      TEXT NOT NULL,
    set_name    TEXT NOT NULL,
    client_id   TEXT NOT NULL,
    wanted_at   BIGINT NOT NULL,  -- the last opening that no answer has satisfied yet; 0: none
    token       TEXT NOT NULL,    -- of whoever asks now; empty: nobody
    left_at     BIGINT NOT NULL,  -- when that question left
    until       BIGINT NOT NULL,  -- whoever asks is taken for dead after that
    outcome     TEXT NOT NULL,    -- of the last one that ended; empty: none yet
    code        TEXT NOT NULL,    -- what the other side called the fault
    ended_at    BIGINT NOT NULL,
    revision    BIGINT NOT NULL,  -- moves with whatever a page shows of it
    entity      TEXT NOT NULL,    -- for whose card it was last wanted
    record      TEXT NOT NULL,
    person      TEXT NOT NULL,
    PRIMARY KEY (portal, set_name, client_id)
);
CREATE INDEX dossier_question_revision ON dossier_question (revision);

-- Whose ClientID a card holds, as last read from the CRM; a deal leads to its client's card.
CREATE TABLE dossier_card (
    portal     TEXT NOT NULL,
    entity     TEXT NOT NULL,
    record     TEXT NOT NULL,
    of_entity  TEXT NOT NULL,  -- the client's own card; empty: there is none
    of_record  TEXT NOT NULL,
    client_id  TEXT NOT NULL,  -- empty: not yet known in the back office
    read_at    BIGINT NOT NULL,
    PRIMARY KEY (portal, entity, record)
);
CREATE INDEX dossier_card_client ON dossier_card (portal, client_id);

-- Every question with what became of it, those too that needed no request. Of personal data only the ClientID.
CREATE TABLE dossier_log (
    id         TEXT NOT NULL PRIMARY KEY,
    portal     TEXT NOT NULL,
    at         BIGINT NOT NULL,
    set_name   TEXT NOT NULL,
    client_id  TEXT NOT NULL,
    person     TEXT NOT NULL,
    entity     TEXT NOT NULL,
    record     TEXT NOT NULL,
    face       TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    ms         BIGINT NOT NULL,
    bytes      BIGINT NOT NULL,
    row_count  BIGINT NOT NULL,
    bad_cells  BIGINT NOT NULL,
    code       TEXT NOT NULL,
    trace_id   TEXT NOT NULL,  -- the other side's
    trace      TEXT NOT NULL,  -- ours
    sample     TEXT NOT NULL   -- how a bad answer begins, masked; emptied after a week
);
CREATE INDEX dossier_log_at ON dossier_log (portal, at);
CREATE INDEX dossier_log_client ON dossier_log (portal, client_id);
