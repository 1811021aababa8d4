"""The whole file beside the books: which deals would be made or changed, and everything that is wrong."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kernel.errors import BadInput
from kernel.extension.portal import Unit
from kernel.storage import Tx
from kernel.values import Currency, format_minor
from plugins.exchange.accounts import BALANCES
from plugins.exchange.history_cells import COLUMNS
from plugins.exchange.history_deals import Group
from plugins.exchange.history_names import Parties, subject_of
from plugins.exchange.history_rows import Bad, Line
from plugins.exchange.model import Deal, deal_from

#: Balances and turnovers are 64-bit sums; what a file may add to a currency stays well below that.
SUM_MAX = 2 * 10**18
SUBJECTS_PER_QUERY = 400


@dataclass(frozen=True)
class Checked:
    """A file beside the books: what would be made to stand, and everything that is wrong."""

    deals: tuple[Deal, ...]  #: those to be made or changed, oldest first; empty if anything is bad
    bad: tuple[Bad, ...]
    repeated: int  #: rows that stand in the file twice, word for word
    known: int  #: rows that stand in the books already
    rows: int
    in_file: int  #: deals in the file, whether they change or not
    before: Mapping[str, Deal] = field(default_factory=dict)  #: by subject, the deals that change
    currencies: tuple[Currency, ...] = ()


def compare(unit: Unit, lines: Sequence[Line], *, correct: bool) -> Checked:
    portal, tx = unit.portal, unit.tx
    bad = [one for line in lines for one in line.bad]
    bad += _too_much(tx, lines)
    parties = Parties(tx, portal.name)
    groups: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        if line.deal:
            groups[line.deal].append(line)
    before = _stored(tx, [subject_of(deal) for deal in groups])
    repeated = known = 0
    deals: list[Deal] = []
    for number, rows in groups.items():
        group = Group(number, rows, before.get(subject_of(number)), parties, portal.zone)
        group.compare(correct=correct)
        bad += group.bad
        repeated += group.repeated
        known += group.known
        if not group.bad and not any(line.bad for line in rows) and (deal := group.changed()):
            deals.append(deal)
    currencies = {currency for line in lines for currency, _ in line.currencies if line.operation}
    return Checked(
        deals=() if bad else tuple(sorted(deals, key=lambda deal: (deal.created_at, deal.number))),
        bad=tuple(sorted(bad, key=_reading_order)),
        repeated=repeated,
        known=known,
        rows=len(lines),
        in_file=len(groups),
        before={deal.subject: before[deal.subject] for deal in deals if deal.subject in before},
        currencies=tuple(sorted(currencies)),
    )


def _reading_order(one: Bad) -> tuple[int, int]:
    return one.line, COLUMNS.index(one.column) if one.column in COLUMNS else -1


def _stored(tx: Tx, subjects: Sequence[str]) -> dict[str, Deal]:
    found: dict[str, Deal] = {}
    for start in range(0, len(subjects), SUBJECTS_PER_QUERY):
        names = {f"s{i}": subject for i, subject in enumerate(subjects[start : start + SUBJECTS_PER_QUERY])}
        marks = ", ".join(f":{mark}" for mark in names)
        sql = f"SELECT subject, facts FROM exchange_deal WHERE subject IN ({marks})"
        for row in tx.all(sql, **names):
            found[row["subject"]] = deal_from(row["subject"], json.loads(row["facts"]))
    return found


def _too_much(tx: Tx, lines: Sequence[Line]) -> list[Bad]:
    """Rows with which a currency's sums would leave what both databases can add up."""
    rows = tx.all(f"SELECT currency, MAX(ABS(amount)) AS most FROM {BALANCES} AS b GROUP BY currency")
    sums = defaultdict(int, {row["currency"]: int(row["most"]) for row in rows})
    found = []
    for line in lines:
        for currency, minor in line.currencies:
            sums[currency.code] += minor
            if sums[currency.code] > SUM_MAX:
                error = BadInput.of("history_books_full", currency=currency.code)
                found.append(Bad(line.number, "amount", format_minor(minor, currency), error))
                break
    return found
