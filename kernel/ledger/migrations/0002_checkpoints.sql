-- All balances as of some past moments: a past moment needs only the nearest checkpoint before it and the legs since.
-- Nothing but speed depends on them; they are derived, and `annex verify` derives them again.
CREATE TABLE ledger_checkpoint (
    until  BIGINT PRIMARY KEY
);
CREATE TABLE ledger_checkpoint_balance (
    until     BIGINT NOT NULL,
    account   TEXT NOT NULL,
    party     TEXT NOT NULL,
    currency  TEXT NOT NULL,
    place     TEXT NOT NULL,
    amount    BIGINT NOT NULL,
    PRIMARY KEY (until, account, party, currency, place)
);

-- The newest checkpoint. It stands in the row that everybody who appends holds, so that no late leg can miss one.
ALTER TABLE ledger_head ADD COLUMN covered BIGINT NOT NULL DEFAULT -4611686018427387904;
