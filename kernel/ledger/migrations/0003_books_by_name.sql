-- Books get names. What stands here already is the book «exchange».
ALTER TABLE ledger_journal ADD COLUMN book TEXT NOT NULL DEFAULT 'exchange';
ALTER TABLE ledger_leg ADD COLUMN book TEXT NOT NULL DEFAULT 'exchange';
DROP INDEX ledger_leg_account;
CREATE INDEX ledger_leg_account ON ledger_leg (book, currency, account, party, at);

-- Balances and checkpoints are kept per book.
ALTER TABLE ledger_balance RENAME TO ledger_balance_before;
CREATE TABLE ledger_balance (
    book      TEXT NOT NULL,
    account   TEXT NOT NULL,
    party     TEXT NOT NULL,
    currency  TEXT NOT NULL,
    place     TEXT NOT NULL,
    amount    BIGINT NOT NULL,
    CONSTRAINT ledger_balance_key PRIMARY KEY (book, account, party, currency, place)
);
INSERT INTO ledger_balance (book, account, party, currency, place, amount)
    SELECT 'exchange', account, party, currency, place, amount FROM ledger_balance_before;
DROP TABLE ledger_balance_before;

ALTER TABLE ledger_checkpoint_balance RENAME TO ledger_checkpoint_balance_before;
CREATE TABLE ledger_checkpoint_balance (
    until     BIGINT NOT NULL,
    book      TEXT NOT NULL,
    account   TEXT NOT NULL,
    party     TEXT NOT NULL,
    currency  TEXT NOT NULL,
    place     TEXT NOT NULL,
    amount    BIGINT NOT NULL,
    CONSTRAINT ledger_checkpoint_balance_key PRIMARY KEY (until, book, account, party, currency, place)
);
INSERT INTO ledger_checkpoint_balance (until, book, account, party, currency, place, amount)
    SELECT until, 'exchange', account, party, currency, place, amount FROM ledger_checkpoint_balance_before;
DROP TABLE ledger_checkpoint_balance_before;

-- A posting's legs stand in its own book, and add up to zero in each currency at each place.
-- sqlite
DROP TRIGGER ledger_posting_balanced;
CREATE TRIGGER ledger_posting_balanced BEFORE INSERT ON ledger_journal
WHEN EXISTS (
    SELECT 1 FROM ledger_leg WHERE seq = NEW.seq GROUP BY currency, place
    HAVING SUM(amount) <> 0 OR MIN(book) <> NEW.book OR MAX(book) <> NEW.book
)
BEGIN SELECT RAISE(ABORT, 'legs stand in the book of their posting and add up to zero in each currency at each place');
END;
-- end
-- postgresql
ALTER TABLE ledger_journal ALTER COLUMN book DROP DEFAULT;
ALTER TABLE ledger_leg ALTER COLUMN book DROP DEFAULT;
CREATE OR REPLACE FUNCTION ledger_balanced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM ledger_leg WHERE seq = NEW.seq GROUP BY currency, place
        HAVING SUM(amount) <> 0 OR MIN(book) <> NEW.book OR MAX(book) <> NEW.book
    ) THEN
        RAISE EXCEPTION 'legs stand in the book of their posting and add up to zero in each currency at each place';
    END IF;
    RETURN NEW;
END $$;
-- end
