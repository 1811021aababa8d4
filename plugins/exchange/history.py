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
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from kernel.extension.portal import Portal, Unit
from kernel.ledger import Bulk, Change
from kernel.ledger.model import canonical, changes
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
from plugins.exchange.history_spill import Waiting
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


@contextmanager
def _seldom_looked_through() -> Iterator[None]:
    """What was there before need not be looked through for circles again and again while millions of values come and go, and
    of these next to none is in one: a twelfth of the whole time."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@_seldom_looked_through()
def import_file(
    portal: Portal, path: Path | str, *, dry_run: bool = False, correct: bool = False, progress: Progress | None = None
) -> Result:
    """The whole file in one unit of work, or nothing. A dry run only looks, and never waits for or holds up a writer."""
    message = progress or (lambda done, total: None)
    read = read_file(portal, path, progress)
    if dry_run:
        with portal.read() as unit:
            unit.tx.unhurried()
            checked = compare(unit, read, correct=correct)
            moved: Moved = defaultdict(int)
            below = history_below.moments_with(unit.tx, _previews(unit, checked, moved))
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
    portal, tx = unit.portal, unit.tx
    known_until, _ = portal.books.head(tx)
    cards_of = dict[str, None]()
    done, total = checked.rows + checked.known + checked.repeated, 2 * checked.rows
    _record(unit, checked)
    booking = _Booking(unit, known_until)
    for part in checked.spill.deals(DEALS_AT_ONCE):
        cards_of |= dict.fromkeys(booking.anew(part) if any(one.known for one in part) else booking.fresh(part))
        done = min(done + booking.operations, total - 1)
        progress(done, total)
    booking.close()
    for key in cards_of:
        if not key.startswith("name:"):
            cards.refresh(unit, key)
    tx.after_commit(portal.changed)


class _Booking:
    """Makes part after part stand: tables and postings. `known_until`: the books' last row before the import."""

    def __init__(self, unit: Unit, known_until: int) -> None:
        portal = unit.portal
        self._unit, self._known_until, self._book = unit, known_until, portal.books.book(BOOK)
        self._rates = Rates.load(unit.tx, days_max=settings_of(portal).rate_days)
        self._report, self._zone = report_currency(portal), portal.zone
        self._bulk = self._opened()
        self.operations = 0  #: of the last part

    def fresh(self, part: Sequence[Waiting]) -> Iterable[str]:
        """Deals that nothing is booked for: the database is asked nothing. Returns whose cards change."""
        deals, wanted, derived = self._derived(part)
        store.save(self._unit.tx, derived, fresh=True)
        self._bulk.post([(one.subject, self._book.prepared(one.subject, one.wanted)) for one in wanted])
        return chain.from_iterable(cards.touched(None, deal) for deal in deals)

    def anew(self, part: Sequence[Waiting]) -> Iterable[str]:
        """The same of a part that holds deals known to the books: what stands is asked and compared."""
        unit, tx = self._unit, self._unit.tx
        self.close()
        before, (deals, wanted, derived) = _before(tx, part), self._derived(part)
        store.save(tx, [one for one in derived if one.deal["subject"] not in before], fresh=True)
        store.save(tx, [one for one in derived if one.deal["subject"] in before])
        # Since then there were our facts, and postings of the deals before these.
        self._book.settle_many(tx, wanted, author=unit.author, trace=unit.trace, known_until=self._known_until)
        self._bulk = self._opened()
        return chain.from_iterable(cards.touched(before.get(deal.subject), deal) for deal in deals)

    def _derived(self, part: Sequence[Waiting]) -> tuple[list[Deal], list[Change], list[store.Derived]]:
        deals, wanted, derived = list[Deal](), list[Change](), list[store.Derived]()
        for subject, facts, _ in part:
            deal = deal_from(subject, json.loads(facts))
            change = Change(subject, postings(deal, self._zone))
            deals.append(deal)
            wanted.append(change)
            derived.append(store.derive(deal, self._rates, self._report, self._zone, facts=facts, booked=change.wanted))
        self.operations = sum(len(deal.operations) for deal in deals)
        return deals, wanted, derived

    def close(self) -> None:
        self._bulk.close()

    def _opened(self) -> Bulk:
        return self._book.bulk(self._unit.tx, author=self._unit.author, trace=self._unit.trace)


def _record(unit: Unit, checked: Checked) -> None:
    """The facts of all deals, before the first posting."""
    portal, tx = unit.portal, unit.tx
    bulk = portal.books.book(BOOK).bulk(tx, author=unit.author, trace=unit.trace)
    for part in checked.spill.deals(DEALS_AT_ONCE):
        before, facts = _before(tx, part), []
        for subject, text, _ in part:
            old = before.get(subject)
            changed = canonical(changed_inputs(old, deal_from(subject, json.loads(text)))) if old else "[]"
            # The facts' text is canonical already; its body is what comes of writing both keys in their order.
            facts.append((subject, f'{{"changes":{changed},"facts":{text}}}'))
        bulk.record("deal", to_micros(unit.now), facts)
    bulk.close()


def _before(tx: Tx, part: Sequence[Waiting]) -> dict[str, Deal]:
    return stored(tx, [one.subject for one in part if one.known])


def _previews(unit: Unit, checked: Checked, moved: Moved) -> Iterator[history_below.Move]:
    """What each posting would move; and, as they pass by, what all of them move together."""
    book = unit.portal.books.book(BOOK)
    for part in checked.spill.deals(DEALS_AT_ONCE):
        for subject, facts, known in part:
            wanted = postings(deal_from(subject, json.loads(facts)), unit.portal.zone)
            if known:
                drafts = changes(subject, book.standing(unit.tx, subject), wanted, version=1)
                moves = [(subject, draft.op, draft.at, draft.legs) for draft in drafts]
            else:
                moves = [(subject, posting.op, posting.at, posting.legs) for posting in wanted]
            for *_, legs in moves:
                for account, currency, amount, _, party, _ in legs:
                    moved[account, party, currency] += amount
            yield from moves


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
