"""Report 2, control: every figure derived a second time, by other code, from the operations as the CRM holds them now,
beside what the books say. It shares no formula with figures.py and postings.py: one mistake cannot agree with itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from kernel.crm import Record, Unreadable
from kernel.crm.gone import gone_ids
from kernel.crm.unconfigured import UnconfiguredCRM
from kernel.errors import BadInput
from kernel.extension.portal import Portal, Unit
from kernel.values import Currencies, from_micros
from plugins.exchange.accounts import BALANCES, BOOK, JOURNAL, LEGS
from plugins.exchange.store import all_deals

Key = tuple[str, str, str]  #: operation number ("" for the deal), figure, currency
FIGURES = (
    "client_in", "client_out", "custody", "owed", "partner_takes", "partner_gives", "profit", "commission", "network_fee",
    "deposit", "withdraw", "move", "to_partner", "from_partner",
)  # fmt: skip
TRADES = ("buy", "sell")
REACHED = {"new": 0, "client_paid": 1, "partner_paid": 2, "closed": 3, "cancelled": 0}


@dataclass
class RawOperation:
    """An operation as somebody typed it."""

    key: str
    number: str
    kind: str
    pair: str
    amount: Fraction
    amount_in: str
    client_rate: Fraction | None = None
    partner_rate: Fraction | None = None
    percent: Fraction = Fraction(0)
    fixed: Fraction = Fraction(0)
    fee: Fraction = Fraction(0)
    shown: Mapping[str, str] = field(default_factory=dict)  #: what stands in the CRM's computed fields
    at: date | None = None


@dataclass
class RawDeal:
    subject: str
    number: str
    stage: str
    custody: bool
    operations: list[RawOperation]
    unreadable: list[str] = field(default_factory=list)


def control(
    portal: Portal, *, start: date | None = None, end: date | None = None, kind: str = "", fresh: bool = True
) -> dict[str, Any]:
    """Report 2 in the shape of the interfaces. Asks the CRM for its deals as they stand now."""
    unconfigured = isinstance(portal.crm, UnconfiguredCRM)
    records = [] if unconfigured or not fresh else portal.crm.find("deal", tables=("operation",))
    with portal.read() as unit:
        raw = {one.subject: one for one in (raw_from_record(portal, record) for record in records)}
        known = all_deals(unit.tx)
        for deal in known:
            if not deal.record_id:
                raw[deal.subject] = raw_from_facts(deal.subject, _facts(unit, deal.subject))
        numbers = {deal.subject: deal.number for deal in known}
        booked = booked_figures(unit)
        rows = list(_rows(portal, unit, raw, numbers, booked))
        gone = {f"{portal.name}/{one}" for one in gone_ids(unit.tx, portal.name, "deal")}
    wanted = [row for row in rows if _in(row, start, end, kind)]
    for row in wanted:
        del row["_day"], row["_kind"]
        row["deleted"] = row["subject"] in gone
    return {
        "from": start.isoformat() if start else None,
        "to": end.isoformat() if end else None,
        "rows": wanted,
        "crm": "not set up" if unconfigured else "read now",
        "differences": sum(1 for row in wanted if row["derived"] != row["booked"]),
    }


def _in(row: Mapping[str, Any], start: date | None, end: date | None, kind: str) -> bool:
    day = row["_day"]
    if (start or end) and day is not None and ((start and day < start) or (end and day > end)):
        return False
    return not (kind and row["_kind"] and kind not in row["_kind"])


# --- what the CRM holds ----------------------------------------------------------------------------------------------


def raw_from_record(portal: Portal, record: Record) -> RawDeal:
    deal = RawDeal(f"{portal.name}/{record.id}", record.id, record.stage or "", record.values.get("custody") is True, [])
    for name in ("client", "partner", "custody", "custody_until"):
        if isinstance(record.values.get(name), Unreadable):
            deal.unreadable.append(name)
    for position, row in enumerate(record.rows.get("operation", ()), 1):
        values = row.values

        def number(name: str, values: Mapping[str, Any] = values) -> Fraction | None:
            value = values.get(name)
            if isinstance(value, Unreadable):
                raise ValueError(name)
            return Fraction(value) if isinstance(value, Decimal) else None

        try:
            kind, amount = values.get("kind"), number("amount")
            if not isinstance(kind, str) or amount is None:
                raise ValueError("kind" if not isinstance(kind, str) else "amount")
            deal.operations.append(
                RawOperation(
                    key=row.key,
                    number=str(position),
                    kind=kind,
                    pair=str(values.get("pair") or "").replace(" ", "").upper(),
                    amount=amount,
                    amount_in=str(values.get("amount_in") or "").strip().upper(),
                    client_rate=number("client_rate") if kind in TRADES else None,
                    partner_rate=number("partner_rate") if kind in TRADES else None,
                    percent=number("commission_percent") or Fraction(0),
                    fixed=number("commission_fixed") or Fraction(0),
                    fee=number("network_fee") or Fraction(0),
                    shown={n: str(values[n]) for n in ("gives", "gets", "profit") if values.get(n)},
                )
            )
        except ValueError as exc:
            deal.unreadable.append(f"{position}: {exc}")
    return deal


def raw_from_facts(subject: str, facts: Mapping[str, Any]) -> RawDeal:
    """Imported history has no CRM record: its source is what was imported."""
    deal = RawDeal(subject, facts["number"], facts["stage"], facts["custody"], [])
    for op in facts["operations"]:
        code, scale = op["amount_in"]
        gets_scale = _gets_scale(op)
        deal.operations.append(
            RawOperation(
                key=op["key"],
                number=op["number"],
                kind=op["kind"],
                pair=op["pair"] or "",
                amount=Fraction(op["amount"], 10**scale),
                amount_in=code,
                client_rate=Fraction(op["client_rate"]) if op["client_rate"] else None,
                partner_rate=Fraction(op["partner_rate"]) if op["partner_rate"] else None,
                percent=Fraction(op["commission_percent"] or 0),
                fixed=Fraction(op["commission_fixed"] or 0, 10**gets_scale),
                fee=Fraction(op["network_fee"] or 0, 10**gets_scale),
            )
        )
    return deal


def _gets_scale(op: Mapping[str, Any]) -> int:
    if not op["scales"]:
        return 0
    return int(op["scales"][1] if op["kind"] == "buy" else op["scales"][0])


def _facts(unit: Unit, subject: str) -> Mapping[str, Any]:
    entries = [entry for entry in unit.portal.books.book(BOOK).entries(unit.tx, subject) if entry.kind == "deal"]
    found: Mapping[str, Any] = entries[-1].body["facts"]
    return found


# --- derived again ---------------------------------------------------------------------------------------------------


def derived_figures(deal: RawDeal, currencies: Currencies) -> dict[Key, Fraction]:
    """All figures the deal's stage calls for. Raises ValueError or BadInput where the operations make no sense."""
    reached = REACHED[deal.stage]
    found: dict[Key, Fraction] = defaultdict(Fraction)
    trades = [op for op in deal.operations if op.kind in TRADES]
    sides = [_sides(op, currencies) for op in trades]
    if trades and reached >= 1:
        code, amount = sides[0][0]
        found["", "client_in", code] += amount
        found["", "owed", code] += amount
    if trades and reached >= 2:
        for op, side in zip(trades, sides, strict=True):
            _trade(found, op, side)
        code, due = sides[-1][1][0], sides[-1][1][1] - sides[-1][3]
        taken = sum((op.amount for op in deal.operations if op.kind == "custody_out"), Fraction(0))
        left = Fraction(0) if reached >= 3 else due - taken
        if deal.custody:
            found["", "owed", code] -= due
            found["", "custody", code] += left
            found["", "client_out", code] += due - left
        elif reached >= 3:
            found["", "owed", code] -= due
            found["", "client_out", code] += due
    if reached >= 3:
        for op in deal.operations:
            if op.kind in ("deposit", "withdraw", "move", "to_partner", "from_partner"):
                found[op.number, op.kind, currencies.get(op.amount_in or op.pair).code] += op.amount
    return {key: amount for key, amount in found.items() if amount}


Side = tuple[tuple[str, Fraction], tuple[str, Fraction], Fraction | None, Fraction]


def _sides(op: RawOperation, currencies: Currencies) -> Side:
    """(what the client gives, what they get, the partner's QUOTE amount or None, the commission)."""
    base, _, quote = op.pair.partition("/")
    if not quote or op.client_rate is None:
        raise ValueError(f"operation {op.number} is not complete")
    scales = {code: currencies.get(code).scale for code in (base, quote)}
    if (op.amount_in or base) == base:
        in_base, in_quote = op.amount, _even(op.amount * op.client_rate, scales[quote])
    else:
        in_base, in_quote = _even(op.amount / op.client_rate, scales[base]), op.amount
    partner = None if op.partner_rate is None else _even(in_base * op.partner_rate, scales[quote])
    gives, gets = ((base, in_base), (quote, in_quote)) if op.kind == "buy" else ((quote, in_quote), (base, in_base))
    commission = op.fixed + _even(gets[1] * op.percent / 100, scales[gets[0]])
    return gives, gets, partner, commission


def _trade(found: dict[Key, Fraction], op: RawOperation, side: Side) -> None:
    (gives_code, gives), (gets_code, gets), partner, commission = side
    found["", "owed", gives_code] -= gives
    found["", "owed", gets_code] += gets - commission
    found[op.number, "commission", gets_code] += commission
    found[op.number, "network_fee", gets_code] += op.fee
    if partner is None:
        return
    if op.kind == "buy":
        found[op.number, "partner_takes", gives_code] += gives
        found[op.number, "partner_gives", gets_code] += partner
        found[op.number, "profit", gets_code] += partner - gets
    else:
        found[op.number, "partner_takes", gives_code] += partner
        found[op.number, "partner_gives", gets_code] += gets
        found[op.number, "profit", gives_code] += gives - partner


def _even(value: Fraction, scale: int) -> Fraction:
    """Half-even to `scale` digits: Python's round on a Fraction is exact."""
    return Fraction(round(value * 10**scale), 10**scale)


# --- what the books say ----------------------------------------------------------------------------------------------


def booked_figures(unit: Unit) -> dict[str, dict[Key, Fraction]]:
    """By subject, from the legs alone; reversed postings cancel out by themselves. The operation is its key here."""
    found: dict[str, dict[Key, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
    scales = unit.portal.currencies
    for row in unit.tx.stream(
        f"SELECT j.subject, j.body, l.account, l.currency, l.amount, l.flow, l.op FROM {LEGS} AS l "
        f"JOIN {JOURNAL} AS j ON j.seq = l.seq"
    ):
        slot = _slot(row["body"])
        figure = _figure(slot, row["account"], row["flow"])
        if figure:
            name, sign = figure
            op = "" if name in ("client_in", "client_out", "custody", "owed") else row["op"]
            found[row["subject"]][op, name, row["currency"]] += Fraction(
                sign * row["amount"], 10 ** scales.get(row["currency"]).scale
            )
    return {subject: {key: amount for key, amount in figures.items() if amount} for subject, figures in found.items()}


def _slot(body: str) -> str:
    mark = '"slot":"'
    at = body.rindex(mark) + len(mark)
    return body[at : body.index('"', at)].split(":")[0]


def _figure(slot: str, account: str, flow: str) -> tuple[str, int] | None:
    if account == "place":
        if slot == "client_in":
            return "client_in", 1
        if slot in ("payout", "custody_out", "custody_close"):
            return "client_out", -1
        if slot == "partner":
            return ("partner_gives", 1) if flow == "in" else ("partner_takes", -1)
        if slot in ("deposit", "from_partner"):
            return slot, 1
        if slot in ("withdraw", "to_partner"):
            return slot, -1
        if slot == "move" and flow == "in":
            return slot, 1
        return None
    return {
        "client": ("owed", -1),
        "custody": ("custody", -1),
        "profit": ("profit", -1),
        "commission": ("commission", -1),
        "fees": ("network_fee", 1),
    }.get(account)


# --- beside each other -----------------------------------------------------------------------------------------------


def _rows(
    portal: Portal,
    unit: Unit,
    raw: Mapping[str, RawDeal],
    numbers: Mapping[str, str],
    booked: Mapping[str, Mapping[Key, Fraction]],
) -> Iterator[dict[str, Any]]:
    days = _days(portal, unit)
    totals: dict[str, list[Fraction]] = defaultdict(lambda: [Fraction(0), Fraction(0)])
    for subject in sorted({*raw, *booked, *numbers}, key=lambda s: (len(s), s)):
        deal = raw.get(subject) or RawDeal(subject, numbers.get(subject, subject), "cancelled", False, [])
        in_books = _by_number(booked.get(subject, {}), deal)
        day, kinds = days.get(subject), tuple({op.kind for op in deal.operations})
        try:
            derived: Mapping[Key, Fraction] | None = derived_figures(deal, portal.currencies)
        except (ValueError, KeyError, ZeroDivisionError, BadInput):
            derived = None
        if deal.unreadable and deal.stage not in ("new", "cancelled"):
            derived = None
        if derived is None and not in_books:
            continue  # nothing is booked and nothing can be: the deal's own check says what is missing
        for key in sorted({*(derived or {}), *in_books}, key=lambda k: (k[0], FIGURES.index(k[1]), k[2])):
            left = None if derived is None else derived.get(key, Fraction(0))
            yield _row(portal.currencies, deal, key, left, in_books.get(key, Fraction(0)), day, kinds)
            _held(totals, key, left, in_books.get(key, Fraction(0)))
        yield from _displayed_rows(portal, deal, day, kinds)
    board: dict[str, Fraction] = {}
    for row in unit.tx.all(
        f"SELECT currency, SUM(amount) AS amount FROM {BALANCES} AS b WHERE account = 'place' GROUP BY currency"
    ):
        board[row["currency"]] = Fraction(int(row["amount"]), 10 ** portal.currencies.get(row["currency"]).scale)
    for code in sorted({*totals, *board}):
        yield _row(
            portal.currencies,
            RawDeal("", "", "", False, []),
            ("", "held", code),
            totals[code][0],
            board.get(code, Fraction(0)),
            None,
            (),
        )


def _held(totals: dict[str, list[Fraction]], key: Key, derived: Fraction | None, booked: Fraction) -> None:
    sign = {
        "client_in": 1, "client_out": -1, "partner_takes": -1, "partner_gives": 1, "network_fee": -1, "deposit": 1,
        "withdraw": -1, "to_partner": -1, "from_partner": 1,
    }.get(key[1], 0)  # fmt: skip
    totals[key[2]][0] += sign * (booked if derived is None else derived)
    totals[key[2]][1] += sign * booked


def _by_number(figures: Mapping[Key, Fraction], deal: RawDeal) -> dict[Key, Fraction]:
    number = {op.key: op.number for op in deal.operations}
    return {(number.get(op, op), name, code): amount for (op, name, code), amount in figures.items()}


def _displayed_rows(portal: Portal, deal: RawDeal, day: date | None, kinds: Sequence[str]) -> Iterator[dict[str, Any]]:
    """What stands in the CRM's own computed fields, beside the formula. «—» says that the figure is unknown."""
    for op in deal.operations:
        if op.kind not in ("buy", "sell") or not op.shown:
            continue
        try:
            gives, gets, partner, _ = _sides(op, portal.currencies)
        except (ValueError, KeyError, ZeroDivisionError, BadInput):
            continue
        quote = gets if op.kind == "buy" else gives
        sign = 1 if op.kind == "buy" else -1
        profit = None if partner is None else (quote[0], sign * (partner - quote[1]))
        for name, wanted in (("gives", gives), ("gets", gets), ("profit", profit)):
            shown = op.shown.get(name, "")
            if not shown and deal.stage == "new":
                continue
            amount, code = _parse_displayed(shown)
            if wanted is None:
                if amount is not None:
                    yield _row(portal.currencies, deal, (op.number, f"crm_{name}", code), None, amount, day, kinds)
                continue
            here = amount if amount is not None and code == wanted[0] else Fraction(0)
            yield _row(portal.currencies, deal, (op.number, f"crm_{name}", wanted[0]), wanted[1], here, day, kinds)


def _parse_displayed(text: str) -> tuple[Fraction | None, str]:
    number, _, code = text.strip().rpartition(" ")
    try:
        return Fraction(number.replace(" ", "").replace("\u00a0", "").replace(",", ".")), code
    except ValueError:
        return None, ""


def _row(
    currencies: Currencies,
    deal: RawDeal,
    key: Key,
    derived: Fraction | None,
    booked: Fraction,
    day: date | None,
    kinds: Sequence[str],
) -> dict[str, Any]:
    scale = currencies.get(key[2]).scale
    difference = None if derived is None else _text(booked - derived, scale)
    return {
        "deal": deal.number,
        "subject": deal.subject,
        "op": key[0],
        "figure": key[1],
        "currency": key[2],
        "derived": None if derived is None else _text(derived, scale),
        "booked": _text(booked, scale),
        "difference": difference,
        "_day": day,
        "_kind": kinds,
    }


def _text(value: Fraction, scale: int) -> str:
    minor = value * 10**scale
    digits = str(abs(round(minor))).rjust(scale + 1, "0")
    sign = "-" if minor < 0 else ""
    return sign + (f"{digits[:-scale]}.{digits[-scale:]}" if scale else digits)


def _days(portal: Portal, unit: Unit) -> Mapping[str, date]:
    rows: Iterable[Mapping[str, Any]] = unit.tx.all("SELECT subject, MIN(at) AS at FROM exchange_operation GROUP BY subject")
    return {row["subject"]: from_micros(row["at"], portal.zone).date() for row in rows}
