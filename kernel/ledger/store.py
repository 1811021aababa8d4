"""The books in the database: append to the journal, keep legs and balances in step, answer questions."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kernel.clock import Clock
from kernel.errors import BooksBroken, Misconfigured
from kernel.ledger.chart import COMMON, Chart
from kernel.ledger.checkpoints import Where, add_late, balances_at
from kernel.ledger.model import Draft, Entry, Leg, Posting, Prepared, canonical, changes, hash_of, prepared, standing
from kernel.storage import Row, Tx
from kernel.values import to_micros

SUBJECTS_PER_QUERY = 400
HEAD = "head"  #: the kind of fact that says which heads were published
#: What a row of the journal is made of: kind, subject, key, at, author, trace, reverses, the body's text, legs, op.
Line = tuple[str, str, str, int, str, str, int | None, str, Sequence[Leg], str]


@dataclass(frozen=True)
class Change:
    """What should stand in a book for one subject."""

    subject: str
    wanted: Sequence[Posting]


class Books:
    """All books of a database, by name: they share one journal and one hash chain."""

    def __init__(self, clock: Clock, charts: Iterable[Chart] = ()) -> None:
        self._journal = Journal(clock)
        self._books: dict[str, Book] = {}
        for chart in charts:
            if chart.book in self._books:
                raise Misconfigured(f"book «{chart.book}» is declared twice")
            self._books[chart.book] = Book(chart, self._journal)

    def book(self, name: str) -> Book:
        """The book of that name. Raises BooksBroken if no plugin that is switched on declares it."""
        if name not in self._books:
            raise BooksBroken(f"book «{name}» is not declared; known: {', '.join(sorted(self._books)) or 'none'}")
        return self._books[name]

    def head(self, tx: Tx) -> tuple[int, str]:
        """Number and hash of the newest row, whichever book it belongs to."""
        row = tx.one("SELECT seq, hash FROM ledger_head WHERE id = 1")
        return (int(row["seq"]), str(row["hash"])) if row else (0, "")

    def publish(self, tx: Tx, day: str, *, author: str = "", trace: str = "") -> tuple[int, str] | None:
        """Note that today's head, which covers all books, is published; None if the day has one, or nothing is booked.

        What was published is a fact of the journal as well, so that the table of heads can be derived like any other.
        """
        held = self._journal.hold(tx)
        if not held["seq"] or tx.value("SELECT day FROM ledger_published WHERE day = :d", d=day):
            return None
        now = to_micros(self._journal.clock.now())
        row = (day, int(held["seq"]), str(held["hash"]), now)
        heads = [row]
        if not tx.value("SELECT 1 FROM ledger_journal WHERE kind = :k AND book = :b LIMIT 1", k=HEAD, b=COMMON):
            # The first of its kind also holds what releases published that did not write such facts.
            earlier = tx.all("SELECT day, seq, hash, published_at FROM ledger_published ORDER BY day")
            heads = [*(tuple(one.values()) for one in earlier), row]
        fact = Draft(HEAD, "heads", f"heads/{held['seq'] + 1}", now, {"heads": heads}, author=author, trace=trace)
        self._journal.append(tx, held, COMMON, [fact])
        tx.insert("ledger_published (day, seq, hash, published_at)", [row])
        return row[1], row[2]


class Journal:
    """The one journal that all books share."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def hold(self, tx: Tx) -> Mapping[str, Any]:
        """The head's row, which nobody else can hold until this unit of work ends."""
        head = tx.lock("SELECT seq, hash, covered FROM ledger_head WHERE id = 1")
        assert head is not None, "the books were not migrated"
        return head

    def append(self, tx: Tx, head: Mapping[str, Any], book: str, drafts: Sequence[Draft]) -> list[Entry]:
        if not drafts:
            return []
        rows = [
            (
                draft.kind, draft.subject, draft.key, draft.at, draft.author, draft.trace, draft.reverses,
                draft.text or canonical(draft.body), draft.legs, draft.op,
            )
            for draft in drafts
        ]  # fmt: skip
        recorded = to_micros(self.clock.now())
        with tx.at_once():
            self.move_head(tx, self.write(tx, head, book, rows, recorded))
        first = int(head["seq"]) + 1
        return [
            Entry(
                seq, draft.kind, draft.subject, draft.key, draft.at, recorded, draft.author, draft.trace, draft.reverses,
                draft.body, book,
            )
            for seq, draft in enumerate(drafts, first)
        ]  # fmt: skip

    def write(self, tx: Tx, head: Mapping[str, Any], book: str, lines: Iterable[Line], recorded: int) -> Mapping[str, Any]:
        """Number, chain and insert these rows; returns the head that they call for, which is for the caller to write."""
        seq, prev, covered = int(head["seq"]), str(head["hash"]), head["covered"]
        rows: list[tuple[Any, ...]] = []
        legs: list[tuple[Any, ...]] = []
        deltas: dict[Where, int] = defaultdict(int)
        late: dict[tuple[int, Where], int] = defaultdict(int)
        for kind, subject, key, at, author, trace, reverses, body, moves, op in lines:
            seq += 1
            columns = (seq, kind, subject, key, at, recorded, author, trace, reverses, body)
            before, prev = prev, hash_of(prev, book, columns)
            rows.append((*columns, before, prev, book))
            for n, (account, currency, amount, place, party, flow) in enumerate(moves):
                where = (book, account, party, currency, place)
                legs.append((seq, n, *where, amount, flow, at, subject, op))
                deltas[where] += amount
                if at < covered:
                    late[at, where] += amount
        # Legs go first: the database lets the journal's row in only if its legs add up to zero.
        tx.insert("ledger_leg (seq, n, book, account, party, currency, place, amount, flow, at, subject, op)", legs)
        tx.insert(
            "ledger_journal (seq, kind, subject, key, at, recorded_at, author, trace, reverses, body, prev, hash, book)",
            rows,
        )
        # An account whose movements came to nothing keeps its row: the board shows every currency that ever moved.
        tx.insert(
            "ledger_balance (book, account, party, currency, place, amount)",
            [(*where, amount) for where, amount in sorted(deltas.items())],
            "ON CONFLICT (book, account, party, currency, place) "
            "DO UPDATE SET amount = ledger_balance.amount + excluded.amount",
        )
        add_late(tx, late)
        return {"seq": seq, "hash": prev, "covered": covered}

    def move_head(self, tx: Tx, head: Mapping[str, Any]) -> None:
        tx.run("UPDATE ledger_head SET seq = :s, hash = :h WHERE id = 1", s=head["seq"], h=head["hash"])


class Book:
    """One book. All methods act in the caller's unit of work."""

    def __init__(self, chart: Chart, journal: Journal) -> None:
        self.chart = chart
        self.name = chart.book
        self._journal = journal

    # --- writing ---------------------------------------------------------------------------------------------------

    def settle(self, tx: Tx, subject: str, wanted: Sequence[Posting], *, author: str, trace: str) -> list[Entry]:
        """Make exactly `wanted` stand for the subject; returns what was appended (nothing if it stood already)."""
        return self.settle_many(tx, [Change(subject, wanted)], author=author, trace=trace)

    def settle_many(
        self, tx: Tx, items: Sequence[Change], *, author: str, trace: str, known_until: int | None = None
    ) -> list[Entry]:
        """The same for many subjects. `known_until`: no later row of the journal is a posting of theirs, as who has made
        all later rows knows; so those need not be looked through."""
        head = self._journal.hold(tx)
        now = self._standing_of(tx, [item.subject for item in items], known_until)
        drafts: list[Draft] = []
        for item in items:
            version = head["seq"] + len(drafts) + 1
            stands = now.get(item.subject, {})
            drafts += changes(item.subject, stands, item.wanted, version=version, author=author, trace=trace)
        return self._append(tx, head, drafts)

    def preview(self, tx: Tx, subject: str, wanted: Sequence[Posting]) -> list[Draft]:
        """What `settle` would append. Holds the books until the end of the unit of work, so that the answer stays true."""
        head = self._journal.hold(tx)
        return changes(subject, self.standing(tx, subject), wanted, version=int(head["seq"]) + 1)

    def record(self, tx: Tx, drafts: Iterable[Draft]) -> list[Entry]:
        """Append facts. A key that is there already is an error of the caller: look before."""
        drafts = list(drafts)
        return self._append(tx, self._journal.hold(tx), drafts) if drafts else []

    def _append(self, tx: Tx, head: Mapping[str, Any], drafts: Sequence[Draft]) -> list[Entry]:
        for draft in drafts:
            if draft.reverses is None:  # what stood before an account was given up can still be taken back
                self.chart.check(leg.account for leg in draft.legs)
        return self._journal.append(tx, head, self.name, drafts)

    def bulk(self, tx: Tx, *, author: str, trace: str) -> Bulk:
        """For who appends for very many subjects; holds the books until the end of the unit of work."""
        return Bulk(self, self._journal, tx, author, trace)

    def prepared(self, subject: str, wanted: Sequence[Posting]) -> list[Prepared]:
        """The postings of a subject that has none yet, checked and written out, for `Bulk.post`."""
        self.chart.check({leg.account for posting in wanted for leg in posting.legs})
        return prepared(subject, wanted)

    # --- reading ---------------------------------------------------------------------------------------------------

    def entries(self, tx: Tx, subject: str) -> list[Entry]:
        """All journal rows of a subject in this book, oldest first."""
        sql = "SELECT * FROM ledger_journal WHERE subject = :s AND book = :b ORDER BY seq"
        return [entry_of(row) for row in tx.all(sql, s=subject, b=self.name)]

    def facts(self, tx: Tx, kind: str) -> list[Entry]:
        sql = "SELECT * FROM ledger_journal WHERE kind = :k AND book = :b ORDER BY seq"
        return [entry_of(row) for row in tx.all(sql, k=kind, b=self.name)]

    def balances(self, tx: Tx, currencies: Sequence[str]) -> list[Row]:
        """Standing balances of these currencies: account, party, currency, place, amount."""
        if not currencies:
            return []
        names = {f"c{i}": code for i, code in enumerate(currencies)}
        marks = ", ".join(f":{mark}" for mark in names)
        return tx.all(f"SELECT * FROM ledger_balance WHERE book = :b AND currency IN ({marks})", b=self.name, **names)

    def balances_at(self, tx: Tx, moment: int) -> list[Row]:
        """All balances as of a past moment (microseconds), as we know it today."""
        return balances_at(tx, self.name, moment)

    def standing(self, tx: Tx, subject: str) -> dict[str, Entry]:
        return self._standing_of(tx, [subject]).get(subject, {})

    def booked(self, tx: Tx, subjects: Sequence[str]) -> set[str]:
        """Those of the subjects that have postings in this book, whether they stand or were reversed."""
        found: set[str] = set()
        for start in range(0, len(subjects), SUBJECTS_PER_QUERY):
            names = {f"s{i}": name for i, name in enumerate(subjects[start : start + SUBJECTS_PER_QUERY])}
            marks = ", ".join(f":{mark}" for mark in names)
            sql = (
                f"SELECT DISTINCT subject FROM ledger_journal WHERE kind = 'posting' AND subject IN ({marks}) AND book = :b"
            )
            found |= {row["subject"] for row in tx.all(sql, b=self.name, **names)}
        return found

    def _standing_of(self, tx: Tx, subjects: Sequence[str], known_until: int | None = None) -> dict[str, dict[str, Entry]]:
        by_subject: dict[str, list[Entry]] = defaultdict(list)
        wanted = list(dict.fromkeys(subjects))
        limit: dict[str, int] = {} if known_until is None else {"until": known_until}
        where = "AND seq <= :until " if limit else ""
        for start in range(0, len(wanted), SUBJECTS_PER_QUERY):
            names = {f"s{i}": name for i, name in enumerate(wanted[start : start + SUBJECTS_PER_QUERY])}
            marks = ", ".join(f":{mark}" for mark in names)
            for row in tx.all(
                f"SELECT * FROM ledger_journal WHERE kind IN ('posting', 'reversal') AND subject IN ({marks}) "
                f"AND book = :b {where}ORDER BY seq",
                b=self.name, **names, **limit,
            ):  # fmt: skip
                by_subject[row["subject"]].append(entry_of(row))
        return {subject: standing(entries) for subject, entries in by_subject.items()}


class Bulk:
    """Appends part after part, and asks the database nothing between: the head is kept here, and written by `close`."""

    def __init__(self, book: Book, journal: Journal, tx: Tx, author: str, trace: str) -> None:
        self._book, self._journal, self._tx, self._author, self._trace = book, journal, tx, author, trace
        self._recorded = to_micros(journal.clock.now())
        self._head = journal.hold(tx)

    def record(self, kind: str, at: int, facts: Iterable[tuple[str, str]]) -> None:
        """Facts, each as its subject and its body's canonical text."""
        first = int(self._head["seq"]) + 1
        self._write(
            (kind, subject, f"{subject}/fact/{seq}", at, self._author, self._trace, None, text, (), "")
            for seq, (subject, text) in enumerate(facts, first)
        )

    def post(self, items: Iterable[tuple[str, Sequence[Prepared]]]) -> None:
        """By subject, what `Book.prepared` gave; none of them has postings yet, as the caller knows from `booked`."""
        self._write(self._postings(items))

    def close(self) -> None:
        self._journal.move_head(self._tx, self._head)

    def _postings(self, items: Iterable[tuple[str, Sequence[Prepared]]]) -> Iterator[Line]:
        author, trace, version = self._author, self._trace, int(self._head["seq"]) + 1
        for subject, postings in items:
            for slot, at, op, text, legs in postings:
                yield "posting", subject, f"{subject}/{slot}/{version}", at, author, trace, None, text, legs, op
            version += len(postings)

    def _write(self, lines: Iterable[Line]) -> None:
        with self._tx.at_once():
            self._head = self._journal.write(self._tx, self._head, self._book.name, lines, self._recorded)


def entry_of(row: Mapping[str, Any]) -> Entry:
    names = ("seq", "kind", "subject", "key", "at", "recorded_at", "author", "trace", "reverses", "book")
    return Entry(**{name: row[name] for name in names}, body=json.loads(row["body"]))
