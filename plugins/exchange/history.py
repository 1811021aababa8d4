"""History import: rows of an old spreadsheet are checked, all of them, and then made to stand in the books together.

The key of a row is (deal, op). Rows that stand already change nothing; rows that stand with other values are bad, unless
they are meant as a correction. If any row is bad, nothing is imported.

history_file takes the file apart, history_rows reads each row, history_compare lays them beside the books, deal by deal
(history_deals). Here stands what others call, and what is sound is booked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernel.extension.portal import Portal, Unit
from kernel.ledger import Change, Draft
from kernel.ledger.model import changes
from kernel.texts import say
from kernel.values import format_minor, to_micros
from plugins.exchange import cards, history_below, store
from plugins.exchange.accounts import BOOK
from plugins.exchange.booking import report_currency, settings_of
from plugins.exchange.history_compare import Checked, compare
from plugins.exchange.history_names import PORTAL
from plugins.exchange.history_rows import ROWS_PER_PROGRESS, Bad, Progress, read_lines
from plugins.exchange.model import Deal, deal_data
from plugins.exchange.postings import postings
from plugins.exchange.rates import Rates
from plugins.exchange.rules import changed_inputs, positions

AUTHOR = "import"


@dataclass(frozen=True)
class Warned:
    """A currency of which the desk holds less than belongs to clients. History is told as it was; this is not refused."""

    currency: str
    held: str
    needed: str
    short: str

    def said(self, language: str) -> str:
        return say(language, "history_short", currency=self.currency, held=self.held, needed=self.needed, short=self.short)


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
            "warnings": [one.said("en") for one in self.warnings],
            "dry_run": self.dry_run,
            "below_zero": self.below_zero,
        }


def import_file(
    portal: Portal, path: Path | str, *, dry_run: bool = False, correct: bool = False, progress: Progress | None = None
) -> Result:
    """The whole file in one unit of work, or nothing. A dry run only looks, and never waits for or holds up a writer."""
    told = progress or (lambda done, total: None)
    lines = read_lines(portal, path, told)
    if dry_run:
        with portal.look() as unit:
            unit.tx.unhurried()
            checked = compare(unit, lines, correct=correct)
            drafts = [draft for deal in checked.deals for draft in _preview(unit, checked, deal)]
            warnings, below = _warnings(unit, checked, drafts), history_below.moments_with(unit.tx, drafts)
    else:
        with portal.unit(author=AUTHOR) as unit:
            unit.tx.unhurried()
            # Nobody else books between our comparison and our booking: asking for a preview holds the books.
            portal.books.book(BOOK).preview(unit.tx, PORTAL, ())
            checked = compare(unit, lines, correct=correct)
            if checked.deals:
                stand(unit, checked, told)
            warnings, below = _warnings(unit, checked, ()), history_below.moments(unit.tx)
    told(2 * checked.rows, 2 * checked.rows)
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
        below_zero=history_below.shown(history_below.Moments() if checked.bad else below, portal),
    )


def check(portal: Portal, unit: Unit, path: Path | str, *, correct: bool = False) -> Checked:
    """The file beside the books as they stand; changes nothing."""
    return compare(unit, read_lines(portal, path, lambda done, total: None), correct=correct)


def stand(unit: Unit, checked: Checked, progress: Progress) -> None:
    """Facts, tables, postings, and the cards of those whom the CRM knows: all deals at once."""
    portal, tx, now = unit.portal, unit.tx, to_micros(unit.now)
    first = portal.books.head(tx)[0] + 1
    facts = []
    for number, deal in enumerate(checked.deals, first):
        before = checked.before.get(deal.subject)
        body = {"facts": deal_data(deal), "changes": changed_inputs(before, deal) if before else []}
        key = f"{deal.subject}/fact/{number}"
        facts.append(Draft("deal", deal.subject, key, now, body, author=unit.author, trace=unit.trace))
    portal.books.book(BOOK).record(tx, facts)
    rates, report = Rates.load(tx, days_max=settings_of(portal).rate_days), report_currency(portal)
    fresh: list[store.Derived] = []
    changed: list[store.Derived] = []
    wanted: list[Change] = []
    done = checked.known + checked.repeated
    for number, deal in enumerate(checked.deals):
        (changed if deal.subject in checked.before else fresh).append(store.derive(deal, rates, report, portal.zone))
        wanted.append(Change(deal.subject, postings(deal, portal.zone)))
        done = min(done + len(deal.operations), checked.rows)
        if number % ROWS_PER_PROGRESS == 0:
            progress(min(checked.rows + done, 2 * checked.rows - 1), 2 * checked.rows)
    store.save(tx, fresh, fresh=True)
    store.save(tx, changed)
    portal.books.book(BOOK).settle_many(tx, wanted, author=unit.author, trace=unit.trace)
    touched = (key for deal in checked.deals for key in cards.touched(checked.before.get(deal.subject), deal))
    for key in dict.fromkeys(touched):
        if not key.startswith("name:"):
            cards.refresh(unit, key)
    tx.after_commit(portal.changed)


def _preview(unit: Unit, checked: Checked, deal: Deal) -> list[Draft]:
    book, known = unit.portal.books.book(BOOK), deal.subject in checked.before
    now = book.standing(unit.tx, deal.subject) if known else {}
    return changes(deal.subject, now, postings(deal, unit.portal.zone), version=1)


def _warnings(unit: Unit, checked: Checked, drafts: Sequence[Draft]) -> tuple[Warned, ...]:
    balances = unit.portal.books.book(BOOK).balances(unit.tx, [currency.code for currency in checked.currencies])
    after = positions(balances, drafts)
    found = []
    for currency in checked.currencies:
        position = after.get(currency.code)
        if position and position.held < position.clients:
            amounts = (position.held, position.clients, position.clients - position.held)
            found.append(Warned(currency.code, *(format_minor(minor, currency) for minor in amounts)))
    return tuple(found)
