"""One row of the history import: its cells read as typed values, everything wrong told at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from kernel.errors import BadInput
from kernel.extension.portal import Portal
from kernel.values import (
    MINOR_UNITS_MAX,
    Currency,
    Pair,
    parse_day,
    parse_decimal,
    parse_moment,
    parse_pair,
    parse_rate,
    plain,
    to_micros,
)
from plugins.exchange.booking import settings_of
from plugins.exchange.figures import Figures, figures
from plugins.exchange.history_cells import UNFIT, Cell, Fault, RawRow, format_cell
from plugins.exchange.model import BUY, CLOSED, DEPOSIT, EXCHANGES, MOVE, SELL, STAGES, WITHDRAW, Operation
from plugins.exchange.reading import amount_currency, positive

KINDS = (BUY, SELL, DEPOSIT, WITHDRAW, MOVE)
TEXT_CHARS_MAX, COMMENT_CHARS_MAX = 200, 10_000
YEAR_MIN, YEAR_MAX = 1900, 2199
ROWS_PER_PROGRESS = 250
NAMES_MAX = 2000  #: kept of what comes again and again
PAIRS_MAX = 1000  #: kept, however many ways there are to write them

_AMOUNT = re.compile(r"([0-9]{1,16})(?:\.([0-9]{1,9}))?\Z")
_RATE = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,12})?\Z")

T = TypeVar("T")
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Bad:
    """One thing that is wrong with a row."""

    line: int
    column: str  #: empty if it is the row as a whole
    value: str
    error: BadInput

    def message(self, language: str) -> str:
        return self.error.message(language)

    def data(self) -> dict[str, Any]:
        return {"line": self.line, "column": self.column, "value": self.value, "reason": str(self.error)}


class Line(NamedTuple):
    """A row as far as it could be read; what is None was bad and has been told."""

    number: int
    deal: str
    op: str
    client: str
    partner: str
    stage: str | None
    until: date | None
    operation: Operation | None
    part: Figures | None
    bad: tuple[Bad, ...]

    @property
    def currencies(self) -> list[tuple[Currency, int]]:
        if self.part is None:
            return [(self.operation.amount_in, self.operation.amount)] if self.operation else []
        sides = (self.part.gives, self.part.gets, self.part.partner_takes, self.part.partner_gives)
        return [(money.currency, money.minor) for money in sides if money]


class Desk:
    """What the rows of a file are read by, looked up once for all of them."""

    def __init__(self, portal: Portal) -> None:
        self.zone, self.currencies, self.home_place = portal.zone, portal.currencies, settings_of(portal).home_place
        self._pairs: dict[str, Pair] = {}
        self.name, self.currency = lru_cache(NAMES_MAX)(_text), lru_cache(NAMES_MAX)(self.currencies.get)

    def pair(self, text: str) -> Pair:
        found = self._pairs.get(text)
        if found is None:
            found = parse_pair(text, self.currencies)
            if len(self._pairs) < PAIRS_MAX:
                self._pairs[text] = found
        return found


def read_line(desk: Desk, raw: RawRow) -> Line:
    try:
        line = _sound_line(desk, raw)
    except BadInput:
        line = None
    return line or _Reader(desk, raw).line()


def _sound_line(desk: Desk, raw: RawRow) -> Line | None:
    """A row in which all is as usual, which is nearly every one, in a third of the time. None, or BadInput, where anything
    is not: then the row is read anew by who can tell what is wrong. A test compares the two."""
    cells, name = raw.cells, desk.name
    get = cells.get
    comment = get("comment", "")
    texts = "".join([cell for column, cell in cells.items() if isinstance(cell, str) and column != "comment"])
    if raw.faults or not texts.isprintable() or len(texts) > TEXT_CHARS_MAX or not isinstance(comment, str):
        return None
    if comment and (len(comment) > COMMENT_CHARS_MAX or UNFIT.search(comment)):
        return None
    kind, stage = name(get("kind", "")).lower(), name(get("stage", CLOSED)).lower()
    deal, number, code = _text(get("deal", "")), _text(get("op", "")), name(get("amount_in", ""))
    client, partner, named = name(get("client", "")), name(get("partner", "")), name(get("pair", ""))
    place, target = name(get("place", "")) or desk.home_place, ""
    if kind not in KINDS or stage not in STAGES or not (deal and number and named) or "at" not in cells:
        return None
    pair = client_rate = partner_rate = None
    if kind in EXCHANGES:
        pair = desk.pair(named)
        currency = amount_currency(pair, code) if code else pair.base
        client_rate = _usual_rate(get("client_rate"), raw.comma)
        if "partner_rate" in cells and (partner_rate := _usual_rate(cells["partner_rate"], raw.comma)) is None:
            return None
        if client_rate is None or not client:
            return None
    else:
        currency = desk.currency(named)
        if code and code.upper() != currency.code:
            return None
        if kind == MOVE and ((target := name(get("to_place", ""))) in ("", place)):
            return None
    amount = _usual_amount(get("amount"), raw.comma, currency.scale)
    if not amount:
        return None
    until = _day(cells["custody_until"]) if "custody_until" in cells else None
    op = Operation(
        key=number, number=number, kind=kind, amount=amount, amount_in=currency, pair=pair, client_rate=client_rate,
        partner_rate=partner_rate, place=place, to_place=target, comment=_comment(comment),
        at=_moment(cells["at"], desk.zone),
    )  # fmt: skip
    part = figures(op) if pair else None
    if part and not (part.gives.minor and part.gets.minor):
        return None
    return Line(raw.line, deal, number, client, partner, stage, until, op, part, ())


def _usual_amount(cell: Cell | None, comma: bool, scale: int) -> int:
    """Minor units; 0 where the number is not written as usual, or has more digits than its currency."""
    found = _AMOUNT.match(_number_text(cell, comma))
    if found is None:
        return 0
    whole, fraction = found.groups("")
    minor = int(whole + fraction.ljust(scale, "0")) if len(fraction) <= scale else 0
    return minor if minor <= MINOR_UNITS_MAX else 0


def _usual_rate(cell: Cell | None, comma: bool) -> Decimal | None:
    text = _number_text(cell, comma)
    rate = Decimal(text) if _RATE.match(text) else None
    return rate or None


def _number_text(cell: Cell | None, comma: bool) -> str:
    if isinstance(cell, str):
        return cell.replace(",", ".") if comma else cell
    return plain(cell) if isinstance(cell, Decimal) and cell.is_finite() else ""


class _Reader:
    """Takes typed values out of one row; everything wrong goes to its list."""

    def __init__(self, desk: Desk, raw: RawRow) -> None:
        self._desk, self._raw, self._cells = desk, raw, raw.cells
        self.bad = [self._explained(fault) for fault in raw.faults]
        self._faulty = {one.column for one in self.bad}
        # What is printable holds nothing that is no text, and is told so much faster: most rows all at once.
        texts = "".join([cell for cell in raw.cells.values() if isinstance(cell, str)])
        if len(texts) > TEXT_CHARS_MAX or not texts.isprintable():
            for name, cell in raw.cells.items():
                if isinstance(cell, str) and (len(cell) > TEXT_CHARS_MAX or not cell.isprintable()):
                    self._check_text(name, cell)

    def line(self) -> Line:
        if "" in self._faulty and not self._cells:  # the row could not be taken apart at all
            return Line(self._raw.line, "", "", "", "", None, None, None, None, tuple(self.bad))
        deal, op = self.text("deal", needed=True), self.text("op", needed=True)
        kind = self.choice("kind", KINDS, "")
        stage = self.choice("stage", STAGES, CLOSED)
        # A row whose kind is unknown is still looked through, as what its pair makes it look like.
        like = kind or (BUY if "/" in self.text("pair") else DEPOSIT)
        client, partner = self.text("client", needed=like in EXCHANGES), self.text("partner")
        at = self.cell("at", lambda cell: _moment(cell, self._desk.zone), needed=True)
        until = self.cell("custody_until", _day)
        operation = self._operation(like, op, at)
        part = self._part(operation) if operation and operation.is_exchange else None
        if self.bad:
            operation = part = None
        return Line(self._raw.line, deal, op, client, partner, stage, until, operation, part, tuple(self.bad))

    def _operation(self, kind: str, number: str, at: int | None) -> Operation | None:
        pair, currency = self._pair() if kind in EXCHANGES else (None, self._one_currency())
        amount = self.number("amount", lambda n: _amount(n, currency), needed=True)
        client_rate = partner_rate = None
        if kind in EXCHANGES:
            client_rate = self.number("client_rate", parse_rate, needed=True)
            partner_rate = self.number("partner_rate", parse_rate)
        place = self.text("place") or self._desk.home_place
        target = self.text("to_place", needed=True) if kind == MOVE else ""
        if target and target == place:
            self.wrong("to_place", BadInput.of("same_place", place=target))
        comment = self.cell("comment", _comment) or ""
        if amount is None or currency is None or (client_rate is None and kind in EXCHANGES):
            return None
        return Operation(
            key=number, number=number, kind=kind, amount=amount, amount_in=currency, pair=pair, client_rate=client_rate,
            partner_rate=partner_rate, place=place, to_place=target, comment=comment, at=at,
        )  # fmt: skip

    def _pair(self) -> tuple[Pair | None, Currency | None]:
        text = self.text("pair", needed=True)
        pair = self.guarded("pair", lambda: self._desk.pair(text)) if text else None
        code = self.text("amount_in")
        if pair is None:
            return None, None
        return pair, self.guarded("amount_in", partial(amount_currency, pair, code)) if code else pair.base

    def _one_currency(self) -> Currency | None:
        text, code = self.text("pair", needed=True), self.text("amount_in")
        if "/" in text:
            self.wrong("pair", BadInput.of("history_one_currency", text=text[:24]))
            return None
        currency = self.guarded("pair", lambda: self._desk.currencies.get(text)) if text else None
        if currency and code and code.upper() != currency.code:
            self.wrong("amount_in", BadInput.of("amount_in_foreign", code=code[:12], pair=currency.code))
        return currency

    def _part(self, op: Operation) -> Figures | None:
        part = self.guarded("amount", partial(figures, op))
        if part and not (part.gives.minor and part.gets.minor):
            self.wrong("amount", BadInput.of("rounds_to_nothing"))
        return part

    # --- cells ---

    def wrong(self, name: str, error: BadInput) -> None:
        """A cell is wrong once: what follows from a first fault is not told as another."""
        if name not in self._faulty:
            self._faulty.add(name)
            cell = self._cells.get(name)
            self.bad.append(Bad(self._raw.line, name, "" if cell is None else format_cell(cell), error))

    def guarded(self, name: str, make: Callable[[], T]) -> T | None:
        try:
            return make()
        except BadInput as exc:
            self.wrong(name, exc)
            return None

    def cell(self, name: str, read: Callable[[Any], T], *, needed: bool = False) -> T | None:
        if name in self._cells:
            if name not in self._faulty:
                try:
                    return read(self._cells[name])
                except BadInput as exc:
                    self.wrong(name, exc)
            return None
        if needed:
            self.wrong(name, BadInput.of("missing"))
        return None

    def text(self, name: str, *, needed: bool = False) -> str:
        cell = self._cells.get(name)
        if isinstance(cell, str) and name not in self._faulty:
            return " ".join(cell.split())
        return self.cell(name, _text, needed=needed) or ""

    def choice(self, name: str, known: Sequence[str], default: str) -> str | None:
        text = self.text(name, needed=not default).lower() or default
        if text and text not in known:
            self.wrong(name, BadInput.of("not_choice", text=text[:40], choices=", ".join(known)))
        return text if name not in self._faulty else None

    def number(self, name: str, read: Callable[[Decimal], T | None], *, needed: bool = False) -> T | None:
        return self.cell(name, lambda cell: read(self._decimal(cell)), needed=needed)

    def _decimal(self, cell: Any) -> Decimal:
        if isinstance(cell, (str, Decimal)):
            return parse_decimal(cell, comma=self._raw.comma)
        raise BadInput.of("not_number", text=format_cell(cell)[:40])

    def _check_text(self, name: str, text: str) -> None:
        most = COMMENT_CHARS_MAX if name == "comment" else TEXT_CHARS_MAX
        if found := UNFIT.search(text):
            code = ord(found[0])  # a half of a pair is what an undecodable byte became
            lone = BadInput.of("history_cell_encoding") if code > 0xFF else None
            self.wrong(name, lone or BadInput.of("history_cell_control", code=code))
        elif len(text) > most:
            self.wrong(name, BadInput.of("history_long", most=most))

    def _explained(self, fault: Fault) -> Bad:
        return Bad(self._raw.line, fault.column, fault.value, fault.error)


def _moment(cell: Any, zone: ZoneInfo) -> int:
    if isinstance(cell, datetime):
        moment = cell if cell.tzinfo else cell.replace(tzinfo=zone)
    elif isinstance(cell, str):
        moment = parse_moment(cell, zone)
    else:
        raise BadInput.of("not_time", text=format_cell(cell)[:40])
    if not YEAR_MIN <= moment.year <= YEAR_MAX:
        raise BadInput.of("history_time_range", text=moment.isoformat()[:40], low=YEAR_MIN, high=YEAR_MAX)
    return to_micros(moment)


def _text(cell: Any) -> str:
    if isinstance(cell, Decimal):
        return plain(cell)  # a deal's number: 17, not 17.0
    if isinstance(cell, (datetime, date)):
        # A spreadsheet program takes «1/2» for a day; what was typed can no longer be told.
        raise BadInput.of("history_cell_date", text=format_cell(cell)[:40])
    return " ".join(cell.split())


def _amount(number: Decimal, currency: Currency | None) -> int | None:
    if currency is None and number > 0:
        return None  # how many digits it may have is not known
    return positive(number, currency or Currency("", 0))


def _comment(cell: Any) -> str:
    text = cell if isinstance(cell, str) else format_cell(cell)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def _day(cell: Any) -> date:
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, str):
        day = parse_day(cell)
        if YEAR_MIN <= day.year <= YEAR_MAX:
            return day
    raise BadInput.of("not_date", text=format_cell(cell)[:40])
