"""The books in the database: append to the journal, keep legs and balances in step, answer questions."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kernel.clock import Clock
from kernel.ledger.checkpoints import Where, add_late, balances_at
from kernel.ledger.model import Draft, Entry, Posting, canonical, changes, hash_of, standing
from kernel.storage import Row, Tx
from kernel.values import to_micros

SUBJECTS_PER_QUERY = 400


@dataclass(frozen=True)
class Change:
    """What should stand in the books for one subject."""

    subject: str
    wanted: Sequence[Posting]


class Books:
    """All methods act in the caller's unit of work."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    # --- writing ---------------------------------------------------------------------------------------------------

    def settle(self, tx: Tx, subject: str, wanted: Sequence[Posting], *, author: str, trace: str) -> list[Entry]:
        """Make exactly `wanted` stand for the subject; returns what was appended (nothing if it stood already)."""
        return self.settle_many(tx, [Change(subject, wanted)], author=author, trace=trace)

    def settle_many(self, tx: Tx, items: Sequence[Change], *, author: str, trace: str) -> list[Entry]:
        head = self._hold_head(tx)
        now = self._standing_of(tx, [item.subject for item in items])
        drafts: list[Draft] = []
        for item in items:
            version = head["seq"] + len(drafts) + 1
            drafts += changes(item.subject, now.get(item.subject, {}), item.wanted, version=version)
        return self._append(tx, head, [replace(draft, author=author, trace=trace) for draft in drafts])

    def preview(self, tx: Tx, subject: str, wanted: Sequence[Posting]) -> list[Draft]:
        """What `settle` would append. Holds the books until the end of the unit of work, so that the answer stays true."""
        head = self._hold_head(tx)
        return changes(subject, self.standing(tx, subject), wanted, version=int(head["seq"]) + 1)

    def record(self, tx: Tx, drafts: Iterable[Draft]) -> list[Entry]:
        """Append facts. A key that is there already is an error of the caller: look before."""
        drafts = list(drafts)
        return self._append(tx, self._hold_head(tx), drafts) if drafts else []

    def _hold_head(self, tx: Tx) -> Mapping[str, Any]:
        head = tx.lock("SELECT seq, hash, covered FROM ledger_head WHERE id = 1")
        assert head is not None, "the books were not migrated"
        return head

    def _append(self, tx: Tx, head: Mapping[str, Any], drafts: Sequence[Draft]) -> list[Entry]:
        if not drafts:
            return []
        seq, prev, recorded = int(head["seq"]), str(head["hash"]), to_micros(self._clock.now())
        rows: list[tuple[Any, ...]] = []
        legs: list[tuple[Any, ...]] = []
        entries = []
        deltas: dict[Where, int] = defaultdict(int)
        late: dict[tuple[int, Where], int] = defaultdict(int)
        for draft in drafts:
            seq += 1
            columns = (
                seq, draft.kind, draft.subject, draft.key, draft.at, recorded, draft.author, draft.trace, draft.reverses,
            )  # fmt: skip
            body = canonical(draft.body)
            before, prev = prev, hash_of(prev, (*columns, body))
            rows.append((*columns, body, before, prev))
            for n, leg in enumerate(draft.legs):
                where = (leg.account, leg.party, leg.currency, leg.place)
                legs.append((seq, n, *where, leg.amount, leg.flow, draft.at, draft.subject, draft.op))
                deltas[where] += leg.amount
                if draft.at < head["covered"]:
                    late[draft.at, where] += leg.amount
            entries.append(Entry(*columns, draft.body))
        with tx.at_once():
            # Legs go first: the database lets the journal's row in only if its legs add up to zero.
            tx.insert("ledger_leg (seq, n, account, party, currency, place, amount, flow, at, subject, op)", legs)
            tx.insert(
                "ledger_journal (seq, kind, subject, key, at, recorded_at, author, trace, reverses, body, prev, hash)", rows
            )
            # An account whose movements came to nothing keeps its row: the board shows every currency that ever moved.
            tx.insert(
                "ledger_balance (account, party, currency, place, amount)",
                [(*where, amount) for where, amount in sorted(deltas.items())],
                "ON CONFLICT (account, party, currency, place) "
                "DO UPDATE SET amount = ledger_balance.amount + excluded.amount",
            )
            add_late(tx, late)
            tx.run("UPDATE ledger_head SET seq = :s, hash = :h WHERE id = 1", s=seq, h=prev)
        return entries

    # --- reading ---------------------------------------------------------------------------------------------------

    def head(self, tx: Tx) -> tuple[int, str]:
        row = tx.one("SELECT seq, hash FROM ledger_head WHERE id = 1")
        return (int(row["seq"]), str(row["hash"])) if row else (0, "")

    def entries(self, tx: Tx, subject: str) -> list[Entry]:
        """All journal rows of a subject, oldest first."""
        return [entry_of(row) for row in tx.all("SELECT * FROM ledger_journal WHERE subject = :s ORDER BY seq", s=subject)]

    def facts(self, tx: Tx, kind: str) -> list[Entry]:
        return [entry_of(row) for row in tx.all("SELECT * FROM ledger_journal WHERE kind = :k ORDER BY seq", k=kind)]

    def balances(self, tx: Tx, currencies: Sequence[str]) -> list[Row]:
        """Standing balances of these currencies: account, party, currency, place, amount."""
        if not currencies:
            return []
        names = {f"c{i}": code for i, code in enumerate(currencies)}
        marks = ", ".join(f":{mark}" for mark in names)
        return tx.all(f"SELECT * FROM ledger_balance WHERE currency IN ({marks})", **names)

    def balances_at(self, tx: Tx, moment: int) -> list[Row]:
        """All balances as of a past moment (microseconds), as we know it today."""
        return balances_at(tx, moment)

    def standing(self, tx: Tx, subject: str) -> dict[str, Entry]:
        return self._standing_of(tx, [subject]).get(subject, {})

    def _standing_of(self, tx: Tx, subjects: Sequence[str]) -> dict[str, dict[str, Entry]]:
        by_subject: dict[str, list[Entry]] = defaultdict(list)
        wanted = list(dict.fromkeys(subjects))
        for start in range(0, len(wanted), SUBJECTS_PER_QUERY):
            names = {f"s{i}": name for i, name in enumerate(wanted[start : start + SUBJECTS_PER_QUERY])}
            marks = ", ".join(f":{mark}" for mark in names)
            for row in tx.all(
                f"SELECT * FROM ledger_journal WHERE kind IN ('posting', 'reversal') AND subject IN ({marks}) ORDER BY seq",
                **names,
            ):
                by_subject[row["subject"]].append(entry_of(row))
        return {subject: standing(entries) for subject, entries in by_subject.items()}


def entry_of(row: Mapping[str, Any]) -> Entry:
    names = ("seq", "kind", "subject", "key", "at", "recorded_at", "author", "trace", "reverses")
    return Entry(**{name: row[name] for name in names}, body=json.loads(row["body"]))
