-- The journal of the books: append-only, each row carries the hash of the one before. Everything else in this file is
-- derived from it and can be made anew from it.
CREATE TABLE ledger_journal (
    seq          BIGINT PRIMARY KEY,
    kind         TEXT NOT NULL,
    subject      TEXT NOT NULL,
    key          TEXT NOT NULL UNIQUE,
    at           BIGINT NOT NULL,
    recorded_at  BIGINT NOT NULL,
    author       TEXT NOT NULL,
    trace        TEXT NOT NULL,
    reverses     BIGINT,
    body         TEXT NOT NULL,
    prev         TEXT NOT NULL,
    hash         TEXT NOT NULL
);
CREATE INDEX ledger_journal_subject ON ledger_journal (subject, seq);
CREATE INDEX ledger_journal_trace ON ledger_journal (trace);
CREATE INDEX ledger_journal_kind ON ledger_journal (kind, seq);
CREATE UNIQUE INDEX ledger_journal_reverses ON ledger_journal (reverses) WHERE reverses IS NOT NULL;

-- One leg of a posting. Amounts are minor units; those of one posting add up to zero in each currency.
CREATE TABLE ledger_leg (
    seq       BIGINT NOT NULL,
    n         INTEGER NOT NULL,
    account   TEXT NOT NULL,
    party     TEXT NOT NULL,
    currency  TEXT NOT NULL,
    place     TEXT NOT NULL,
    amount    BIGINT NOT NULL,
    flow      TEXT NOT NULL,
    at        BIGINT NOT NULL,
    subject   TEXT NOT NULL,
    op        TEXT NOT NULL,
    PRIMARY KEY (seq, n)
);
CREATE INDEX ledger_leg_at ON ledger_leg (at);
CREATE INDEX ledger_leg_subject ON ledger_leg (subject);
CREATE INDEX ledger_leg_account ON ledger_leg (currency, account, party, at);

CREATE TABLE ledger_balance (
    account   TEXT NOT NULL,
    party     TEXT NOT NULL,
    currency  TEXT NOT NULL,
    place     TEXT NOT NULL,
    amount    BIGINT NOT NULL,
    PRIMARY KEY (account, party, currency, place)
);

-- The newest row of the journal; whoever appends holds this row until he is done.
CREATE TABLE ledger_head (
    id    INTEGER PRIMARY KEY,
    seq   BIGINT NOT NULL,
    hash  TEXT NOT NULL
);
INSERT INTO ledger_head VALUES (1, 0, '');

-- Heads that were published where nobody with this database in hand can change them.
CREATE TABLE ledger_published (
    day           TEXT PRIMARY KEY,
    seq           BIGINT NOT NULL,
    hash          TEXT NOT NULL,
    published_at  BIGINT NOT NULL
);

-- What Python checks, the database holds as well: nothing is changed or removed, legs add up to zero.
-- sqlite
CREATE TRIGGER ledger_journal_fixed BEFORE UPDATE ON ledger_journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only');
END;
CREATE TRIGGER ledger_journal_kept BEFORE DELETE ON ledger_journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only');
END;
CREATE TRIGGER ledger_leg_fixed BEFORE UPDATE ON ledger_leg
BEGIN SELECT RAISE(ABORT, 'legs are append-only');
END;
CREATE TRIGGER ledger_leg_kept BEFORE DELETE ON ledger_leg
BEGIN SELECT RAISE(ABORT, 'legs are append-only');
END;
CREATE TRIGGER ledger_leg_in_time BEFORE INSERT ON ledger_leg
WHEN EXISTS (SELECT 1 FROM ledger_journal WHERE seq = NEW.seq)
BEGIN SELECT RAISE(ABORT, 'this posting is already closed');
END;
CREATE TRIGGER ledger_posting_balanced BEFORE INSERT ON ledger_journal
WHEN EXISTS (SELECT 1 FROM ledger_leg WHERE seq = NEW.seq GROUP BY currency HAVING SUM(amount) <> 0)
BEGIN SELECT RAISE(ABORT, 'the legs of a posting must add up to zero in each currency');
END;
-- end
-- postgresql
CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;
CREATE TRIGGER ledger_journal_fixed BEFORE UPDATE OR DELETE ON ledger_journal
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER ledger_leg_fixed BEFORE UPDATE OR DELETE ON ledger_leg
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse();
CREATE FUNCTION ledger_leg_in_time() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM ledger_journal WHERE seq = NEW.seq) THEN
        RAISE EXCEPTION 'this posting is already closed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ledger_leg_in_time BEFORE INSERT ON ledger_leg FOR EACH ROW EXECUTE FUNCTION ledger_leg_in_time();
CREATE FUNCTION ledger_balanced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM ledger_leg WHERE seq = NEW.seq GROUP BY currency HAVING SUM(amount) <> 0) THEN
        RAISE EXCEPTION 'the legs of a posting must add up to zero in each currency';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ledger_posting_balanced BEFORE INSERT ON ledger_journal
    FOR EACH ROW EXECUTE FUNCTION ledger_balanced();
-- end
