"""History import: rows of an old spreadsheet are checked, all of them, and then made to stand in the books together.

The key of a row is (deal, op). Rows that stand already change nothing; rows that stand with other values are bad, unless
they are meant as a correction. If any row is bad, nothing is imported.

history_file takes the file apart, history_rows reads each row, history_reading puts them aside (history_spill), and
history_compare lays them beside the books, deal by deal (history_deals). Here stands what others call, and what is sound
is booked.
"""

from __future__ import annotations

import gc
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernel.extension.portal import Portal, Unit
from kernel.ledger import Change, Draft
from kernel.ledger.model import changes
from kernel.storage import Tx
from kernel.texts import translate
from kernel.values import format_minor, to_micros
from plugins.exchange import cards, history_below, store
from plugins.exchange.accounts import BOOK
from plugins.exchange.booking import report_currency, settings_of
from plugins.exchange.history_compare import DEALS_AT_ONCE, Checked, compare, stored
from plugins.exchange.history_names import PORTAL
from plugins.exchange.history_reading import read_file
from plugins.exchange.history_rows import Bad, Progress
from plugins.exchange.model import Deal, deal_from
from plugins.exchange.postings import postings
from plugins.exchange.rates import Rates
from plugins.exchange.rules import changed_inputs, positions

AUTHOR = "import"
SORTING_CACHE_KIB = 4096
Moved = defaultdict[tuple[str, str, str], int]  #: by account, party and currency


@dataclass(frozen=True)
class Warned:
    """A currency of which the desk holds less than belongs to clients. History is told as it was; this is not refused."""

    currency: str
    held: str
    needed: str
    short: str

    def message(self, language: str) -> str:
        return translate(
            language, "history_short", currency=self.currency, held=self.held, needed=self.needed, short=self.short
        )


@dataclass(frozen=True)
class Result:
    file: str
    rows: int
    deals: int
    imported: int  #: rows that were (or, in a dry run, would be) made to stand
    unchanged: int  #: rows that stand already, or twice in the file
    bad: tuple[Bad, ...]
    warnings: tuple[Warned, ...]
    dry_run: bool
    below_zero: Mapping[str, Any]  #: moments at which money left a place that did not hold it: how many, and the first

    def data(self) -> dict[str, Any]:
        """The shape of the interfaces."""
        return {
            "file": self.file,
            "rows": self.rows,
            "deals": self.deals,
            "imported": self.imported,
            "unchanged": self.unchanged,
            "bad": [one.data() for one in self.bad],
            "warnings": [one.message("en") for one in self.warnings],
            "dry_run": self.dry_run,
            "below_zero": self.below_zero,
        }


def import_file(
    portal: Portal, path: Path | str, *, dry_run: bool = False, correct: bool = False, progress: Progress | None = None
) -> Result:
    """The whole file in one unit of work, or nothing. A dry run only looks, and never waits for or holds up a writer."""
    message = progress or (lambda done, total: None)
    gc.freeze()  # what was there before need not be looked through again and again while millions of values come and go
    read = read_file(portal, path, progress)
    if dry_run:
        with portal.read() as unit:
            unit.tx.unhurried()
            checked = compare(unit, read, correct=correct)
            moved: Moved = defaultdict(int)
            below = history_below.moments_with(unit.tx, _tallied(_previews(unit, checked), moved))
            warnings = _warnings(unit, checked, moved)
    else:
        with portal.unit(author=AUTHOR) as unit:
            unit.tx.unhurried()
            # Nobody else books between our comparison and our booking: asking for a preview holds the books.
            portal.books.book(BOOK).preview(unit.tx, PORTAL, ())
            checked = compare(unit, read, correct=correct)
            read.spill.forget_lines()
            if checked.spill.deals_count:
                stand(unit, checked, message)
            unit.tx.unhurried(SORTING_CACHE_KIB)
            warnings, below = _warnings(unit, checked, {}), history_below.moments(unit.tx)
    message(2 * checked.rows, 2 * checked.rows)
    same = checked.known + checked.repeated
    return Result(
        file=str(path),
        rows=checked.rows,
        deals=checked.in_file,
        imported=0 if checked.bad else checked.rows - same,
        unchanged=same,
        bad=checked.bad,
        warnings=() if checked.bad else warnings,
        dry_run=dry_run,
        below_zero=history_below.as_data(history_below.Moments() if checked.bad else below, portal),
    )


def check(portal: Portal, unit: Unit, path: Path | str, *, correct: bool = False) -> Checked:
    """The file beside the books as they stand; changes nothing."""
    return compare(unit, read_file(portal, path, None), correct=correct)


def stand(unit: Unit, checked: Checked, progress: Progress) -> None:
    """Facts, tables, postings, and the cards of those whom the CRM knows: part by part, all in one unit of work."""
    _record(unit, checked)
    portal, tx = unit.portal, unit.tx
    rates, report = Rates.load(tx, days_max=settings_of(portal).rate_days), report_currency(portal)
    cards_of: dict[str, None] = {}
    done, total = checked.rows + checked.known + checked.repeated, 2 * checked.rows
    for part in checked.spill.deals(DEALS_AT_ONCE):
        before = _before(tx, part)
        fresh, changed = list[store.Derived](), list[store.Derived]()
        wanted = list[Change]()
        for subject, facts, _ in part:
            deal = deal_from(subject, json.loads(facts))
            derived = store.derive(deal, rates, report, portal.zone, facts=facts)
            (changed if subject in before else fresh).append(derived)
            wanted.append(Change(subject, postings(deal, portal.zone)))
            cards_of |= dict.fromkeys(cards.touched(before.get(deal.subject), deal))
            done = min(done + len(deal.operations), total - 1)
        store.save(tx, fresh, fresh=True)
        store.save(tx, changed)
        portal.books.book(BOOK).settle_many(tx, wanted, author=unit.author, trace=unit.trace)
        progress(done, total)
    for key in cards_of:
        if not key.startswith("name:"):
            cards.refresh(unit, key)
    tx.after_commit(portal.changed)


def _record(unit: Unit, checked: Checked) -> None:
    """The facts of all deals, before the first posting."""
    portal, tx, now = unit.portal, unit.tx, to_micros(unit.now)
    number = portal.books.head(tx)[0]
    for part in checked.spill.deals(DEALS_AT_ONCE):
        before = _before(tx, part)
        drafts = []
        for subject, text, _ in part:
            number += 1
            facts, old = json.loads(text), before.get(subject)
            body = {"facts": facts, "changes": changed_inputs(old, deal_from(subject, facts)) if old else []}
            drafts.append(
                Draft("deal", subject, f"{subject}/fact/{number}", now, body, author=unit.author, trace=unit.trace)
            )
        portal.books.book(BOOK).record(tx, drafts)


def _before(tx: Tx, part: Sequence[tuple[str, str, bool]]) -> dict[str, Deal]:
    return stored(tx, [subject for subject, _, known in part if known])


def _previews(unit: Unit, checked: Checked) -> Iterator[Draft]:
    book = unit.portal.books.book(BOOK)
    for part in checked.spill.deals(DEALS_AT_ONCE):
        for subject, facts, known in part:
            now = book.standing(unit.tx, subject) if known else {}
            yield from changes(subject, now, postings(deal_from(subject, json.loads(facts)), unit.portal.zone), version=1)


def _tallied(drafts: Iterable[Draft], moved: Moved) -> Iterator[Draft]:
    """The drafts as they pass by, and what they move: making them twice would take twice as long."""
    for draft in drafts:
        for leg in draft.legs:
            moved[leg.account, leg.party, leg.currency] += leg.amount
        yield draft


def _warnings(unit: Unit, checked: Checked, moved: Mapping[tuple[str, str, str], int]) -> tuple[Warned, ...]:
    balances = unit.portal.books.book(BOOK).balances(unit.tx, [currency.code for currency in checked.currencies])
    names = ("account", "party", "currency", "amount")
    after = positions([*balances, *(dict(zip(names, (*key, amount), strict=True)) for key, amount in moved.items())], ())
    found = []
    for currency in checked.currencies:
        position = after.get(currency.code)
        if position and position.held < position.clients:
            amounts = (position.held, position.clients, position.clients - position.held)
            found.append(Warned(currency.code, *(format_minor(minor, currency) for minor in amounts)))
    return tuple(found)
