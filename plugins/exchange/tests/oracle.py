"""What the books must say after a history import, worked out a second time. Shares no code with the project.

Amounts are `fractions.Fraction`; the only rounding is Python's own half-even `round`. Also a seeded generator of rows and
writers of all file formats, so that a file and what it must come to have one source.
"""

from __future__ import annotations

import csv
import io
import json
import random
import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

from openpyxl import Workbook

Row = dict[str, str]

SCALES = {"UAH": 2, "USD": 2, "EUR": 2, "PLN": 2, "JPY": 0, "KWD": 3, "BTC": 8, "ETH": 9, "USDT": 6}
USD_PRICE = {
    "UAH": "0.0243", "USD": "1", "EUR": "1.085", "PLN": "0.25", "JPY": "0.0067", "KWD": "3.25", "BTC": "64250",
    "ETH": "3120.5", "USDT": "0.9995",
}  # fmt: skip
HEADER = (
    "deal", "op", "at", "client", "partner", "kind", "pair", "amount", "amount_in", "client_rate", "partner_rate", "place",
    "to_place", "stage", "custody_until", "comment",
)  # fmt: skip
STAGES = ("new", "client_paid", "partner_paid", "closed")
COMMENTS = ("", "видача; зранку", 'каже "так"', "два\nрядки, один текст")
PLACES = ("Каса", "Банк", "Гаманець")


def minor(amount: Fraction, currency: str) -> int:
    return round(amount * 10 ** SCALES[currency])


def whole(amount: str, currency: str) -> int:
    exact = Fraction(amount) * 10 ** SCALES[currency]
    assert exact.denominator == 1
    return int(exact)


@dataclass(frozen=True)
class Sides:
    """Minor units and currency of each side of one operation; None where the partner's rate is unknown."""

    gives: tuple[int, str]
    gets: tuple[int, str]
    takes: tuple[int, str] | None
    pays: tuple[int, str] | None
    profit: tuple[int, str] | None


def sides(row: Row) -> Sides:
    base, quote = row["pair"].split("/")
    rate = Fraction(row["client_rate"])
    if (row["amount_in"] or base) == base:
        in_base = whole(row["amount"], base)
        in_quote = minor(Fraction(row["amount"]) * rate, quote)
    else:
        in_quote = whole(row["amount"], quote)
        in_base = minor(Fraction(row["amount"]) / rate, base)
    theirs, profit = None, None
    if row["partner_rate"]:  # else only their BASE side is known
        theirs = (minor(Fraction(in_base, 10 ** SCALES[base]) * Fraction(row["partner_rate"]), quote), quote)
        profit = (theirs[0] - in_quote if row["kind"] == "buy" else in_quote - theirs[0], quote)
    if row["kind"] == "buy":
        return Sides((in_base, base), (in_quote, quote), (in_base, base), theirs, profit)
    return Sides((in_quote, quote), (in_base, base), theirs, (in_base, base), profit)


@dataclass
class Expected:
    held: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))  #: currency, place
    owed: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))  #: currency, client
    custody: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    profit: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    figures: dict[tuple[str, str], Sides] = field(default_factory=dict)  #: deal, op

    def short(self) -> set[str]:
        """Currencies in which less is held than belongs to clients; what one owes the desk helps no other one."""
        held: dict[str, int] = defaultdict(int)
        clients: dict[str, int] = defaultdict(int)
        for (currency, _), amount in self.held.items():
            held[currency] += amount
        for claims in (self.owed, self.custody):
            for (currency, _), amount in claims.items():
                clients[currency] += max(0, amount)
        return {currency for currency in {*held, *clients} if held[currency] < clients[currency]}


def expected(rows: list[Row]) -> Expected:
    found = Expected()
    deals: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        deals[row["deal"]].append(row)
    for number, of_deal in deals.items():
        of_deal.sort(key=lambda row: int(row["op"]))
        _deal(found, number, of_deal)
    return found


def _deal(found: Expected, number: str, rows: list[Row]) -> None:
    stage = STAGES.index(rows[0]["stage"] or "closed")
    trades = [row for row in rows if row["kind"] in ("buy", "sell")]
    for row in trades:
        found.figures[number, row["op"]] = sides(row)
    if trades and stage >= 1:
        _trades(found, rows, trades, stage)
    if stage == 3:
        for row in rows:
            if row["kind"] in ("deposit", "withdraw", "move"):
                amount, place = whole(row["amount"], row["pair"]), row["place"] or PLACES[0]
                found.held[row["pair"], place] += amount if row["kind"] == "deposit" else -amount
                if row["kind"] == "move":
                    found.held[row["pair"], row["to_place"]] += amount


def _trades(found: Expected, rows: list[Row], trades: list[Row], stage: int) -> None:
    client, kept = trades[0]["client"], any(row["custody_until"] for row in rows)
    parts = [sides(row) for row in trades]
    amount, currency = parts[0].gives
    found.held[currency, trades[0]["place"] or PLACES[0]] += amount
    found.owed[currency, client] += amount
    if stage < 2:
        return
    for row, part in zip(trades, parts, strict=True):
        place = row["place"] or PLACES[0]
        found.owed[part.gives[1], client] -= part.gives[0]
        found.owed[part.gets[1], client] += part.gets[0]
        if part.takes and part.pays and part.profit:
            found.held[part.takes[1], place] -= part.takes[0]
            found.held[part.pays[1], place] += part.pays[0]
            found.profit[part.profit[1]] += part.profit[0]
    amount, currency = parts[-1].gets
    if kept:
        found.owed[currency, client] -= amount
        found.custody[currency, client] += amount
    if stage == 3:
        (found.custody if kept else found.owed)[currency, client] -= amount
        found.held[currency, trades[-1]["place"] or PLACES[0]] -= amount


# --- rows ------------------------------------------------------------------------------------------------------------


def generate(seed: int, count: int) -> list[Row]:
    """About `count` rows as a desk's spreadsheet holds them: mostly deals of one operation, some chains, custody, moves."""
    chance = random.Random(seed)
    moment = datetime.fromisoformat("2022-01-03 09:00")  # as people write it: without a zone
    rows: list[Row] = []
    for number, (code, price) in enumerate(USD_PRICE.items(), 1):
        amount = _decimal(chance, Fraction(50_000) / Fraction(price), SCALES[code])
        rows.append(
            _row(str(number), "1", moment, kind="deposit", pair=code, amount=amount, place=chance.choice(("", *PLACES)))
        )
    deal = len(rows)
    while len(rows) < count:
        deal += 1
        moment += timedelta(minutes=chance.randint(1, 90), seconds=chance.randint(0, 59))
        kind = chance.choices(("trade", "deposit", "withdraw", "move"), (88, 4, 4, 4))[0]
        if kind == "trade":
            rows += _trade(chance, str(deal), moment)
        else:
            rows.append(_own(chance, str(deal), moment, kind))
    chance.shuffle(rows)  # rows of a deal need not stand together, nor in the order of op
    return rows


def _row(deal: str, op: str, at: datetime, **values: str) -> Row:
    return dict.fromkeys(HEADER, "") | {"deal": deal, "op": op, "at": at.isoformat(sep=" ")} | values


def _own(chance: random.Random, deal: str, at: datetime, kind: str) -> Row:
    code = chance.choice(list(SCALES))
    amount = _decimal(chance, Fraction(chance.randint(100, 20_000)) / Fraction(USD_PRICE[code]), SCALES[code])
    place, target = chance.sample(PLACES, 2)
    stage = chance.choice(("", "closed", "new"))
    row = _row(deal, "1", at, kind=kind, pair=code, amount=amount, place=place, stage=stage)
    return row | ({"to_place": target} if kind == "move" else {})


def _trade(chance: random.Random, deal: str, at: datetime) -> list[Row]:
    length = chance.choices((1, 2, 3, 4, 5), (70, 12, 10, 5, 3))[0]
    codes = [chance.choice(list(SCALES))]
    while len(codes) <= length:
        codes.append(chance.choice([code for code in SCALES if code != codes[-1]]))
    client = f"Клієнт {chance.randint(1, 300)}"
    stage = chance.choices(("", "closed", "partner_paid", "client_paid", "new"), (50, 30, 8, 6, 6))[0]
    until = (at.date() + timedelta(days=30)).isoformat() if chance.random() < 0.08 else ""
    ops = sorted(chance.sample(range(1, 30), length))
    dollars = Fraction(chance.randint(200, 60_000))
    found, carried = [], None
    for op, here, there in zip(ops, codes, codes[1:], strict=False):
        kind = chance.choice(("buy", "sell"))
        base, quote = (here, there) if kind == "buy" else (there, here)
        fair = Fraction(USD_PRICE[base]) / Fraction(USD_PRICE[quote])
        rate = _rate(chance, fair)
        theirs = _rate(chance, fair) if chance.random() < 0.9 else ""
        given = chance.choice((base, quote))
        if carried and given == carried[1] and chance.random() < 0.8:
            amount = _text(Fraction(carried[0], 10 ** SCALES[given]), SCALES[given])
        else:
            amount = _decimal(chance, dollars / Fraction(USD_PRICE[given]), SCALES[given])
        row = _row(
            deal, str(op), at, client=client, kind=kind, pair=f"{base}/{quote}", amount=amount, client_rate=rate,
            amount_in=given if given != base or chance.random() < 0.5 else "", partner_rate=theirs,
            partner=f"Партнер {chance.randint(1, 12)}" if theirs else "", place=chance.choice(("", *PLACES)), stage=stage,
            custody_until=until if op == ops[-1] else "", comment=chance.choice(COMMENTS),
        )  # fmt: skip
        carried = sides(row).gets
        found.append(row)
    return found


def _rate(chance: random.Random, fair: Fraction) -> str:
    """Within a percent of the fair one, with no more digits than a spreadsheet's number can hold (15 in all)."""
    most = 12 if fair < 10 else 8 if fair < 10_000 else 4
    return _text(fair * Fraction(chance.uniform(0.99, 1.01)), most if fair < Fraction(1, 10) else chance.randint(4, most))


def _decimal(chance: random.Random, value: Fraction, digits: int) -> str:
    return _text(value, chance.randint(4, digits) if digits > 4 else digits)


def _text(value: Fraction, digits: int) -> str:
    units = round(value * 10**digits)
    text = str(units).rjust(digits + 1, "0")
    return (f"{text[:-digits]}.{text[-digits:]}".rstrip("0").rstrip(".") if digits else text) or "0"


# --- files -----------------------------------------------------------------------------------------------------------

NUMBERS = ("amount", "client_rate", "partner_rate")
TIMES = ("at", "custody_until")


def write_csv(path: Path, rows: list[Row], *, mark: str = ",", encoding: str = "utf-8", comma: bool = False) -> Path:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=mark, lineterminator="\r\n")
    writer.writerow(HEADER)
    for row in rows:
        cells = {name: row[name].replace(".", ",") if comma and name in NUMBERS else row[name] for name in HEADER}
        writer.writerow([cells[name] for name in HEADER])
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def write_jsonl(path: Path, rows: list[Row], *, strings: bool) -> Path:
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            cells = {name: value for name, value in row.items() if value}
            text = json.dumps(cells, ensure_ascii=strings)
            if not strings:  # the digits themselves, as no float could keep them
                for name in (*NUMBERS, "deal", "op"):
                    text = re.sub(rf'("{name}": )"([^"]*)"', r"\1\2", text)
            file.write(text + "\n")
    return path


def write_xlsx(path: Path, rows: list[Row], *, texts: bool) -> Path:
    book = Workbook()
    sheet: Any = book.active
    sheet.append([name.upper() for name in HEADER])
    for row in rows:
        sheet.append(
            [row[name].replace(".", ",") if texts and name in NUMBERS else _typed(name, row[name], texts) for name in HEADER]
        )
    book.create_sheet("Інше").append(["not", "ours"])
    book.save(path)
    return path


def _typed(name: str, value: str, texts: bool) -> Any:
    if not value:
        return None
    if texts:
        return value
    if name in NUMBERS:
        return float(value)
    if name in ("deal", "op"):
        return int(value)
    if name == "at":
        return datetime.fromisoformat(value)
    return date.fromisoformat(value) if name == "custody_until" else value
