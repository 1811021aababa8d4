"""The whole file beside the books: which deals would be made or changed, and everything that is wrong."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from kernel.errors import BadInput
from kernel.extension.portal import Unit
from kernel.storage import Tx
from kernel.values import Currency, format_minor
from plugins.exchange.accounts import BALANCES, BOOK
from plugins.exchange.figures import figures
from plugins.exchange.history_cells import COLUMNS
from plugins.exchange.history_deals import Group
from plugins.exchange.history_names import Parties, subject_of
from plugins.exchange.history_reading import Read
from plugins.exchange.history_rows import Bad, Line
from plugins.exchange.history_spill import Spill, Waiting
from plugins.exchange.model import Deal, deal_from, facts_text

#: Balances and turnovers are 64-bit sums; what a file may add to a currency stays well below that.
SUM_MAX = 2 * 10**18
SUBJECTS_PER_QUERY = DEALS_AT_ONCE = 300
T = TypeVar("T")


@dataclass(frozen=True)
class Checked:
    """A file beside the books: what would be made to stand, and everything that is wrong."""

    bad: tuple[Bad, ...]
    repeated: int  #: rows that stand in the file twice, word for word
    known: int  #: rows that stand in the books already
    rows: int
    in_file: int  #: deals in the file, whether they change or not
    spill: Spill  #: holds the deals that change; none if anything is bad
    currencies: tuple[Currency, ...] = ()

    @property
    def deals(self) -> tuple[Deal, ...]:
        """Those to be made or changed, oldest first: all of them at once, for who knows that they are few."""
        return tuple(deal_from(subject, json.loads(facts)) for part in self.spill.deals(1000) for subject, facts, _ in part)


def compare(unit: Unit, read: Read, *, correct: bool) -> Checked:
    portal, tx, spill = unit.portal, unit.tx, read.spill
    book = portal.books.book(BOOK)
    bad = [*read.bad, *_too_much(tx, read)]
    parties = Parties(tx, portal.name)
    repeated = known = in_file = 0
    for groups in _at_once(spill.groups(), DEALS_AT_ONCE):
        subjects = [subject_of(number) for number, _ in groups]
        before = stored(tx, subjects)
        booked = book.booked(tx, subjects)
        for number, rows in groups:
            group = Group(number, rows, before.get(subject_of(number)), parties, portal.zone)
            group.compare(correct=correct)
            bad += group.bad
            in_file += 1
            repeated += group.repeated
            known += group.known
            if not bad and not any(line.bad for line in rows) and (deal := group.changed()):
                there = deal.subject in before or deal.subject in booked
                spill.add_deal(deal.created_at, deal.number, Waiting(deal.subject, facts_text(deal), there))
    if bad:
        spill.forget_deals()
    return Checked(
        bad=tuple(sorted(bad, key=_reading_order)),
        repeated=repeated,
        known=known,
        rows=read.rows,
        in_file=in_file,
        spill=spill,
        currencies=tuple(sorted(read.currencies)),
    )


def _at_once(groups: Iterable[T], most: int) -> Iterator[list[T]]:
    found = iter(groups)
    while part := list(islice(found, most)):
        yield part


def _reading_order(one: Bad) -> tuple[int, int]:
    return one.line, COLUMNS.index(one.column) if one.column in COLUMNS else -1


def stored(tx: Tx, subjects: Sequence[str]) -> dict[str, Deal]:
    found: dict[str, Deal] = {}
    for start in range(0, len(subjects), SUBJECTS_PER_QUERY):
        names = {f"s{i}": subject for i, subject in enumerate(subjects[start : start + SUBJECTS_PER_QUERY])}
        marks = ", ".join(f":{mark}" for mark in names)
        sql = f"SELECT subject, facts FROM exchange_deal WHERE subject IN ({marks})"
        for row in tx.all(sql, **names):
            found[row["subject"]] = deal_from(row["subject"], json.loads(row["facts"]))
    return found


def _too_much(tx: Tx, read: Read) -> list[Bad]:
    """Rows with which a currency's sums would leave what both databases can add up."""
    rows = tx.all(f"SELECT currency, MAX(ABS(amount)) AS most FROM {BALANCES} AS b GROUP BY currency")
    sums = defaultdict(int, {row["currency"]: int(row["most"]) for row in rows})
    if all(sums[code] + added <= SUM_MAX for code, added in read.added.items()):
        return []  # nearly always: which row it is need not be asked
    found = []
    for line in read.spill.lines():
        for currency, minor in currencies_of(line):
            sums[currency.code] += minor
            if sums[currency.code] > SUM_MAX:
                error = BadInput.of("history_books_full", currency=currency.code)
                found.append(Bad(line.number, "amount", format_minor(minor, currency), error))
                break
    return found


def currencies_of(line: Line) -> list[tuple[Currency, int]]:
    """The same of a row that was read back, which has lost its figures."""
    exchange = line.operation if line.operation and line.operation.is_exchange else None
    return (line._replace(part=figures(exchange)) if exchange else line).currencies
