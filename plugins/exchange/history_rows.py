"""One row of the history import: its cells read as typed values, everything wrong told at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from kernel.errors import BadInput
from kernel.extension.portal import Portal
from kernel.values import Currency, Pair, parse_day, parse_decimal, parse_moment, parse_pair, parse_rate, plain, to_micros
from plugins.exchange.booking import settings_of
from plugins.exchange.figures import Figures, figures
from plugins.exchange.history_cells import UNFIT, Fault, RawRow, format_cell
from plugins.exchange.model import BUY, CLOSED, DEPOSIT, EXCHANGES, MOVE, SELL, STAGES, WITHDRAW, Operation
from plugins.exchange.reading import amount_currency, positive

KINDS = (BUY, SELL, DEPOSIT, WITHDRAW, MOVE)
TEXT_CHARS_MAX, COMMENT_CHARS_MAX = 200, 10_000
YEAR_MIN, YEAR_MAX = 1900, 2199
ROWS_PER_PROGRESS = 250
PAIRS_MAX = 1000  #: kept, however many ways there are to write them

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


@dataclass(frozen=True)
class Line:
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

    def pair(self, text: str) -> Pair:
        found = self._pairs.get(text)
        if found is None:
            found = parse_pair(text, self.currencies)
            if len(self._pairs) < PAIRS_MAX:
                self._pairs[text] = found
        return found


def read_line(desk: Desk, raw: RawRow) -> Line:
    return _Reader(desk, raw).line()


class _Reader:
    """Takes typed values out of one row; everything wrong goes to its list."""

    def __init__(self, desk: Desk, raw: RawRow) -> None:
        self._desk, self._raw, self._cells = desk, raw, raw.cells
        self.bad = [self._explained(fault) for fault in raw.faults]
        self._faulty = {one.column for one in self.bad}
        for name, cell in raw.cells.items():
            # What is printable holds nothing that is no text, and is told so much faster.
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
        at = self.cell("at", self._moment, needed=True)
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
        part = self.guarded("amount", lambda: figures(op))
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

    def _moment(self, cell: Any) -> int:
        zone = self._desk.zone
        if isinstance(cell, datetime):
            moment = cell if cell.tzinfo else cell.replace(tzinfo=zone)
        elif isinstance(cell, str):
            moment = parse_moment(cell, zone)
        else:
            raise BadInput.of("not_time", text=format_cell(cell)[:40])
        if not YEAR_MIN <= moment.year <= YEAR_MAX:
            raise BadInput.of("history_time_range", text=moment.isoformat()[:40], low=YEAR_MIN, high=YEAR_MAX)
        return to_micros(moment)

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
