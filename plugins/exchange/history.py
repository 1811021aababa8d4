"""History import: rows of an old spreadsheet are checked, all of them, and then made to stand in the books together.

The key of a row is (deal, op). Rows that stand already change nothing; rows that stand with other values are bad, unless
they are meant as a correction. If any row is bad, nothing is imported.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from kernel.errors import BadInput
from kernel.extension.portal import Portal, Unit
from kernel.ledger import Change, Draft
from kernel.ledger.model import changes
from kernel.storage import Tx
from kernel.texts import say
from kernel.values import (
    Currency,
    Pair,
    format_minor,
    from_micros,
    parse_day,
    parse_decimal,
    parse_moment,
    parse_pair,
    parse_rate,
    plain,
    to_decimal,
    to_micros,
)
from plugins.exchange import cards, store
from plugins.exchange.figures import Figures, check_chain, figures
from plugins.exchange.handlers import report_currency, settings_of
from plugins.exchange.history_file import COLUMNS, UNFIT, Fault, RawRow, read_rows, shown
from plugins.exchange.model import (
    BUY,
    CLOSED,
    DEPOSIT,
    EXCHANGES,
    MOVE,
    SELL,
    STAGES,
    WITHDRAW,
    Deal,
    Operation,
    Party,
    deal_data,
    deal_from,
)
from plugins.exchange.postings import postings
from plugins.exchange.rates import Rates
from plugins.exchange.reading import amount_currency, positive
from plugins.exchange.rules import changed_inputs, positions

AUTHOR = "import"
PORTAL = "history"
KINDS = (BUY, SELL, DEPOSIT, WITHDRAW, MOVE)
TEXT_CHARS_MAX, COMMENT_CHARS_MAX = 200, 10_000
YEAR_MIN, YEAR_MAX = 1900, 2199
#: Balances and turnovers are 64-bit sums; what a file may add to a currency stays well below that.
SUM_MAX = 2 * 10**18
SUBJECTS_PER_QUERY = 400
ROWS_PER_PROGRESS = 250

T = TypeVar("T")
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Bad:
    """One thing that is wrong with a row."""

    line: int
    column: str  #: empty if it is the row as a whole
    value: str
    error: BadInput

    def said(self, language: str) -> str:
        return self.error.said(language)

    def data(self) -> dict[str, Any]:
        return {"line": self.line, "column": self.column, "value": self.value, "reason": str(self.error)}


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
        }


def import_file(
    portal: Portal, path: Path | str, *, dry_run: bool = False, correct: bool = False, progress: Progress | None = None
) -> Result:
    """The whole file in one unit of work, or nothing. A dry run only looks, and never waits for or holds up a writer."""
    told = progress or (lambda done, total: None)
    lines = _read(portal, path, told)
    if dry_run:
        with portal.look() as unit:
            checked = _compare(unit, lines, correct=correct)
            drafts = [draft for deal in checked.deals for draft in _preview(unit, checked, deal)]
            warnings = _warnings(unit, checked, drafts)
    else:
        with portal.unit(author=AUTHOR) as unit:
            # Nobody else books between our comparison and our booking: asking for a preview holds the books.
            portal.books.preview(unit.tx, PORTAL, ())
            checked = _compare(unit, lines, correct=correct)
            if checked.deals:
                stand(unit, checked, told)
            warnings = _warnings(unit, checked, ())
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
    )


def check(portal: Portal, unit: Unit, path: Path | str, *, correct: bool = False) -> Checked:
    """The file beside the books as they stand; changes nothing."""
    return _compare(unit, _read(portal, path, lambda done, total: None), correct=correct)


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
    portal.books.record(tx, facts)
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
    portal.books.settle_many(tx, wanted, author=unit.author, trace=unit.trace)
    touched = (key for deal in checked.deals for key in cards.touched(checked.before.get(deal.subject), deal))
    for key in dict.fromkeys(touched):
        if not key.startswith("name:"):
            cards.refresh(unit, key)
    tx.after_commit(portal.changed)


def _preview(unit: Unit, checked: Checked, deal: Deal) -> list[Draft]:
    books, known = unit.portal.books, deal.subject in checked.before
    now = books.standing(unit.tx, deal.subject) if known else {}
    return changes(deal.subject, now, postings(deal, unit.portal.zone), version=1)


def _warnings(unit: Unit, checked: Checked, drafts: Sequence[Draft]) -> tuple[Warned, ...]:
    balances = unit.portal.books.balances(unit.tx, [currency.code for currency in checked.currencies])
    after = positions(balances, drafts)
    found = []
    for currency in checked.currencies:
        position = after.get(currency.code)
        if position and position.held < position.clients:
            amounts = (position.held, position.clients, position.clients - position.held)
            found.append(Warned(currency.code, *(format_minor(minor, currency) for minor in amounts)))
    return tuple(found)


# --- one row ---------------------------------------------------------------------------------------------------------


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


def _read(portal: Portal, path: Path | str, progress: Progress) -> list[Line]:
    rows, lines = list(read_rows(path)), []
    for done, raw in enumerate(rows, 1):
        lines.append(_Reader(portal, raw).line())
        if done % ROWS_PER_PROGRESS == 0 or done == len(rows):
            progress(done, 2 * len(rows))
    return lines


class _Reader:
    """Takes typed values out of one row; everything wrong goes to its list."""

    def __init__(self, portal: Portal, raw: RawRow) -> None:
        self._portal, self._raw, self._cells = portal, raw, dict(raw.cells)
        self.bad = [self._told(fault) for fault in raw.faults]
        self._faulty = {one.column for one in self.bad}
        for name, cell in raw.cells.items():
            if isinstance(cell, str):
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
        place = self.text("place") or settings_of(self._portal).home_place
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
        pair = self.guarded("pair", lambda: parse_pair(text, self._portal.currencies)) if text else None
        code = self.text("amount_in")
        if pair is None:
            return None, None
        return pair, self.guarded("amount_in", partial(amount_currency, pair, code)) if code else pair.base

    def _one_currency(self) -> Currency | None:
        text, code = self.text("pair", needed=True), self.text("amount_in")
        if "/" in text:
            self.wrong("pair", BadInput.of("history_one_currency", text=text[:24]))
            return None
        currency = self.guarded("pair", lambda: self._portal.currencies.get(text)) if text else None
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
            self.bad.append(Bad(self._raw.line, name, "" if cell is None else shown(cell), error))

    def guarded(self, name: str, make: Callable[[], T]) -> T | None:
        try:
            return make()
        except BadInput as exc:
            self.wrong(name, exc)
            return None

    def cell(self, name: str, read: Callable[[Any], T], *, needed: bool = False) -> T | None:
        if name in self._cells:
            return self.guarded(name, lambda: read(self._cells[name])) if name not in self._faulty else None
        if needed:
            self.wrong(name, BadInput.of("missing"))
        return None

    def text(self, name: str, *, needed: bool = False) -> str:
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
        raise BadInput.of("not_number", text=shown(cell)[:40])

    def _moment(self, cell: Any) -> int:
        zone = self._portal.zone
        if isinstance(cell, datetime):
            moment = cell if cell.tzinfo else cell.replace(tzinfo=zone)
        elif isinstance(cell, str):
            moment = parse_moment(cell, zone)
        else:
            raise BadInput.of("not_time", text=shown(cell)[:40])
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

    def _told(self, fault: Fault) -> Bad:
        return Bad(self._raw.line, fault.column, fault.value, fault.error)


def _text(cell: Any) -> str:
    if isinstance(cell, Decimal):
        return plain(cell)  # a deal's number: 17, not 17.0
    if isinstance(cell, (datetime, date)):
        # A spreadsheet program takes «1/2» for a day; what was typed can no longer be told.
        raise BadInput.of("history_cell_date", text=shown(cell)[:40])
    return " ".join(cell.split())


def _amount(number: Decimal, currency: Currency | None) -> int | None:
    if currency is None and number > 0:
        return None  # how many digits it may have is not known
    return positive(number, currency or Currency("", 0))


def _comment(cell: Any) -> str:
    text = cell if isinstance(cell, str) else shown(cell)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def _day(cell: Any) -> date:
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, str):
        day = parse_day(cell)
        if YEAR_MIN <= day.year <= YEAR_MAX:
            return day
    raise BadInput.of("not_date", text=shown(cell)[:40])


# --- rows together, and beside the books -----------------------------------------------------------------------------


def op_order(numbers: Iterable[str]) -> list[str]:
    """A deal's operations in their order: by number if all are numbers, else so that «a2» comes before «a10»."""
    found = list(numbers)
    if all(re.fullmatch(r"[0-9]+(\.[0-9]+)?", number) for number in found):
        return sorted(found, key=lambda number: (Decimal(number), number))
    return sorted(found, key=lambda number: ([_piece(part) for part in re.findall(r"[0-9]+|[^0-9]+", number)], number))


def _piece(part: str) -> tuple[int, int, str]:
    return (0, int(part), "") if part[0] in "0123456789" else (1, 0, part.casefold())


def subject_of(deal: str) -> str:
    """The deal's name in the books. A slash in the company's own number is not one of ours."""
    return f"{PORTAL}/{deal.replace('%', '%25').replace('/', '%2F')}"


class _Parties:
    """Who a name or a CRM id in the file is, as far as this portal's deals and earlier imports tell."""

    def __init__(self, tx: Tx, portal: str) -> None:
        self._names: dict[str, str] = {}
        self._keys: dict[str, set[str]] = defaultdict(set)
        self._found: dict[str, Party] = {}
        rows = tx.all(
            "SELECT k, n, MAX(t) AS t FROM ("
            "SELECT client AS k, client_name AS n, created_at AS t FROM exchange_deal WHERE portal IN (:p, :h) UNION ALL "
            "SELECT o.partner, o.partner_name, o.at FROM exchange_operation o JOIN exchange_deal d ON d.subject = o.subject "
            "WHERE d.portal IN (:p, :h)) AS x WHERE k <> '' GROUP BY k, n ORDER BY t, k, n",
            p=portal, h=PORTAL,
        )  # fmt: skip
        for row in rows:
            self._names[row["k"]] = row["n"]  # the newest name stays
            self._keys[" ".join(row["n"].split())].add(row["k"])

    def party(self, text: str) -> Party:
        if text not in self._found:
            keys = self._keys.get(text, set())
            if text in self._names:
                self._found[text] = Party(text, self._names[text] or text)
            else:
                self._found[text] = Party(next(iter(keys)) if len(keys) == 1 else f"name:{text}", text)
        return self._found[text]

    def same(self, text: str, there: Party | None) -> bool:
        """Whether the file means the party of the books. Namesakes that turned up since do not make it another one."""
        if not text or there is None:
            return not text and there is None
        return text in (there.key, " ".join(there.name.split())) or self.party(text).key == there.key


def _compare(unit: Unit, lines: Sequence[Line], *, correct: bool) -> Checked:
    portal, tx = unit.portal, unit.tx
    bad = [one for line in lines for one in line.bad]
    bad += _too_much(tx, lines)
    parties = _Parties(tx, portal.name)
    groups: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        if line.deal:
            groups[line.deal].append(line)
    before = _stored(tx, [subject_of(deal) for deal in groups])
    repeated = known = 0
    deals: list[Deal] = []
    for number, rows in groups.items():
        group = _Group(number, rows, before.get(subject_of(number)), parties, portal.zone)
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
    rows = tx.all("SELECT currency, MAX(ABS(amount)) AS most FROM ledger_balance GROUP BY currency")
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


#: column, what stood there, what the file says now
Difference = tuple[str, str, str]


class _Group:
    """The rows of one deal, beside each other and beside what stands in the books."""

    def __init__(self, number: str, rows: Sequence[Line], stored: Deal | None, parties: _Parties, zone: ZoneInfo) -> None:
        self._number, self._rows, self._stored, self._parties, self._zone = number, rows, stored, parties, zone
        self._there = {op.key: op for op in stored.operations} if stored else {}
        self._lines: dict[str, Line] = {}  #: by operation, the rows that count: sound, and each once
        self.bad: list[Bad] = []
        self.repeated = self.known = 0

    def compare(self, *, correct: bool) -> None:
        for line in self._rows:
            if line.operation:
                self._take(line, line.operation)
        self._agree()
        for line in self._lines.values():
            differences = self._beside(line)
            if not differences and line.op in self._there:
                self.known += 1
            if not correct:
                for column, old, new in differences:
                    error = BadInput.of("history_known", column=column, old=old, new=new)
                    self.bad.append(Bad(line.number, column, new, error))
        self._chain()

    def _take(self, line: Line, op: Operation) -> None:
        first = self._lines.setdefault(line.op, line)
        if first is line:
            return
        differences = self._between(first, line)
        self.repeated += not differences
        for column, old, new in differences:
            error = BadInput.of("history_repeated", line=first.number, column=column, old=old, new=new)
            self.bad.append(Bad(line.number, column, new, error))

    def _between(self, first: Line, line: Line) -> list[Difference]:
        """How two rows of the file with the same key differ."""
        left, right = ((_content(one.operation, self._zone) if one.operation else {}) for one in (first, line))
        left |= {"stage": first.stage or "", "custody_until": str(first.until or "")}
        right |= {"stage": line.stage or "", "custody_until": str(line.until or "")}
        found = [(name, left[name], right[name]) for name in right if left[name] != right[name]]
        for name, old, new in (("client", first.client, line.client), ("partner", first.partner, line.partner)):
            if bool(old) != bool(new) or (old and self._parties.party(old).key != self._parties.party(new).key):
                found.append((name, old, new))
        return found

    def _agree(self) -> None:
        """All rows of a deal say the same of the deal, or leave it open."""
        first: dict[str, Line] = {}
        for line in self._rows:
            for name, value in (("client", line.client), ("stage", line.stage), ("custody_until", line.until)):
                if not value:
                    continue
                other = first.setdefault(name, line)
                if other is not line and other.op == line.op and other.operation and line.operation:
                    continue  # the same key twice: told already
                there = other.client if name == "client" else other.stage if name == "stage" else other.until
                same = (
                    self._parties.party(str(value)) == self._parties.party(str(there))
                    if name == "client"
                    else value == there
                )
                if not same:
                    error = BadInput.of("history_deal_differs", line=other.number, old=str(there))
                    self.bad.append(Bad(line.number, name, str(value), error))

    def _beside(self, line: Line) -> list[Difference]:
        """How a row differs from what the books hold: its operation, and what it says of the deal."""
        deal = self._stored
        if deal is None or line.operation is None:
            return []
        found: list[Difference] = []
        there = self._there.get(line.op)
        if there:
            old, new = _content(there, self._zone), _content(line.operation, self._zone)
            found += [(name, old[name], new[name]) for name in new if old[name] != new[name]]
            if not self._parties.same(line.partner, there.partner):
                found.append(("partner", there.partner.name if there.partner else "", line.partner))
        if line.stage != deal.stage:
            found.append(("stage", deal.stage, line.stage or ""))
        named = deal.client.name if deal.client else ""
        if line.client and not self._parties.same(line.client, deal.client) and (deal.client or there):
            found.append(("client", named, line.client))
        if line.until and line.until != deal.custody_until:
            found.append(("custody_until", str(deal.custody_until or ""), str(line.until)))
        # Which row once named the client or the date is not kept: only when all are here can one be missing.
        if line is self._last and self._whole:
            if named and not any(one.client for one in self._rows):
                found.append(("client", named, ""))
            if deal.custody_until and not any(one.until for one in self._rows):
                found.append(("custody_until", str(deal.custody_until), ""))
        return found

    @property
    def _last(self) -> Line:
        return next(reversed(self._lines.values()))

    @property
    def _whole(self) -> bool:
        """Whether the file holds every operation of the deal that the books hold."""
        return self._there.keys() <= {line.op for line in self._rows}

    def _chain(self) -> None:
        """Tells every place where the currencies of neighbours do not meet. A bad row has no currencies to compare."""
        if any(not line.op for line in self._rows):
            return
        ops = self._operations() | dict.fromkeys(line.op for line in self._rows if line.op not in self._lines)
        before: Operation | None = None
        for number in op_order(ops):
            op = ops[number]
            if op is not None and not op.is_exchange:
                continue
            if op and before and (at := self._lines.get(op.key) or self._lines.get(before.key)):
                try:
                    pair = Deal("", "", CLOSED, (before, op), 0)
                    check_chain(pair, (self._part(before), self._part(op)))
                except BadInput as exc:
                    self.bad.append(Bad(at.number, "pair", str(op.pair), exc))
            before = op

    def _part(self, op: Operation) -> Figures:
        line = self._lines.get(op.key)
        return line.part if line and line.part else figures(op)

    def _operations(self) -> dict[str, Operation | None]:
        """By number: those of the books, and those of the file where they are new or corrected."""
        found: dict[str, Operation | None] = dict(self._there)
        for number, line in self._lines.items():
            there = self._there.get(number)
            assert line.operation is not None
            if there and self._parties.same(line.partner, there.partner):
                same = _content(there, self._zone) == _content(line.operation, self._zone)
                found[number] = there if same else replace(line.operation, partner=there.partner)
            else:
                partner = self._parties.party(line.partner) if line.partner else None
                found[number] = replace(line.operation, partner=partner)
        return found

    def changed(self) -> Deal | None:
        """The deal as it should stand; None if it stands so already."""
        stored, lines = self._stored, self._lines.values()
        found = self._operations()
        operations = tuple(op for number in op_order(found) if (op := found[number]))
        client = next((line.client for line in lines if line.client), "")
        until = next((line.until for line in lines if line.until), None)
        party = self._parties.party(client) if client else None
        if stored and (self._parties.same(client, stored.client) or not (client or self._whole)):
            party = stored.client
        if stored and not (until or self._whole):
            until = stored.custody_until
        deal = Deal(
            subject=subject_of(self._number),
            number=self._number,
            stage=self._last.stage or CLOSED,
            operations=operations,
            created_at=min(op.at or 0 for op in operations),
            client=party,
            manager=stored.manager if stored else "",
            custody=until is not None,
            custody_until=until,
        )
        return None if stored and deal_data(stored) == deal_data(deal) else deal


def _content(op: Operation, zone: ZoneInfo) -> dict[str, str]:
    """An operation as the columns of a row, so that 41.20 and 41,2 are the same."""
    return {
        "at": from_micros(op.at or 0, zone).isoformat(),
        "kind": op.kind,
        "pair": str(op.pair) if op.pair else op.amount_in.code,
        "amount": plain(to_decimal(op.amount, op.amount_in)),
        "amount_in": op.amount_in.code,
        "client_rate": plain(op.client_rate) if op.client_rate is not None else "",
        "partner_rate": plain(op.partner_rate) if op.partner_rate is not None else "",
        "place": op.place,
        "to_place": op.to_place,
        "comment": op.comment,
    }
