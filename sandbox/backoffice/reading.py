"""A client's rows as they go out: the page that was asked for, with whatever the switches do to it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from sandbox.backoffice.errors import Fault
from sandbox.backoffice.faults import Troubles
from sandbox.backoffice.state import Client, Office
from sandbox.backoffice.tables import CASH, MARGIN, SECURITIES, Column, Reader, Row, Table
from sandbox.backoffice.values import CENT, day_of, money

UNREADABLE = "12 34,5"
STRANGER = "9999999"  # where there is no other client to be mistaken for
NUMBERS = ("money", "decimal", "count")
EXTRA = Column("extra", "Extra", "EXTRA", "LISHNEE")
ROWS_FOR_MEGABYTES = 100_000_000  # it is enough before


@dataclass
class Found:
    """The answer to a reader. `total` counts all pages, `rows` are of this one."""

    client: str
    rows: Iterable[tuple[Table, Row]]
    total: int = 0
    start: int = 0
    more: bool = False
    sent: int = 0  # characters that a stream has written


@dataclass(frozen=True)
class Asked:
    """What a request names. `start` is where the page begins."""

    client: str
    since: str = ""
    till: str = ""
    start: int = 0
    limit: int = 0


def find(office: Office, troubles: Troubles, tables: tuple[Table, ...], asked: Asked) -> Found:
    """The page; CLIENT_NOT_FOUND where there is no such client, which is not the same as no rows."""
    client = office.clients.get(asked.client)
    if client is None:
        raise Fault("CLIENT_NOT_FOUND", asked.client)
    shown = asked.client
    if troubles.on("foreign_client"):
        others = sorted(one for one in office.clients if one != asked.client)
        shown = others[0] if others else STRANGER
        client = office.clients.get(shown, client)
    huge = troubles.count("huge_mb") * 1_000_000
    if huge or troubles.count("huge_rows"):
        made = Found(shown, [], troubles.count("huge_rows") or ROWS_FOR_MEGABYTES)
        endless = made_up(tables[-1], made.total)
        made.rows = itertools.takewhile(lambda _: not huge or made.sent < huge, endless)
        return made
    rows = list(_spoil(troubles, _rows(client, tables, asked)))
    size = min(asked.limit or int(office.faults.number("page_rows")), int(office.faults.number("page_rows")))
    page = rows[asked.start : asked.start + size]
    return Found(shown, page, len(rows), asked.start, more=asked.start + size < len(rows))


def as_soap_asks(reader: Reader, asked: Asked, token: str, office: Office) -> Asked:
    """A page token says where to go on."""
    if not token:
        return asked
    start = office.page_of(token, reader.operation, asked.client)
    if start is None:
        raise Fault("PAGE_EXPIRED", token)
    return replace(asked, start=start)


def _rows(client: Client, tables: tuple[Table, ...], asked: Asked) -> Iterator[tuple[Table, Row]]:
    """All rows that were asked for; those of a position account by account, as they stand in the answer."""
    found = [(table, row) for table in tables for row in _of(client, table)]
    if tables[0] in (CASH, SECURITIES):
        accounts = list(dict.fromkeys((row["contract"], row["market"]) for _, row in found))
        found.sort(key=lambda one: accounts.index((one[1]["contract"], one[1]["market"])))
    for table, row in found:
        day = day_of(row[table.dated]) if table.dated else ""
        if day and ((asked.since and day < asked.since) or (asked.till and day > asked.till)):
            continue
        spoiled = {
            name: text for (where, key, name), text in client.spoiled.items()
            if where == table.name and key == table.key_of(row)
        }  # fmt: skip
        yield table, row | spoiled


def _of(client: Client, table: Table) -> list[Row]:
    return margin(client) if table is MARGIN else client.tables[table.name]


def margin(client: Client) -> list[Row]:
    """What the other broker shows of each contract in roubles: reckoned anew from the position."""
    found = []
    for contract in (one["number"] for one in client.tables["contracts"]):
        values = [
            Decimal(row[column]) for name, column in ((CASH.name, "balance"), (SECURITIES.name, "value"))
            for row in client.tables[name] if row["contract"] == contract and row["currency"] == "RUB" and row[column]
        ]  # fmt: skip
        if values:
            portfolio = sum(values, Decimal(0))
            initial = (portfolio * Decimal("0.4")).quantize(CENT)
            level = "OK" if portfolio >= 0 else "MARGIN_CALL"
            found.append({"contract": contract, "currency": "RUB", "portfolio": money(portfolio), "initial": money(initial),
                          "minimal": money(initial * Decimal("0.5")), "level": level})  # fmt: skip
    return found


# -- what the switches do to rows


def _spoil(troubles: Troubles, rows: Iterable[tuple[Table, Row]]) -> list[tuple[Table, Row]]:
    made = list(rows)
    if troubles.on("shrink"):
        made = made[::20]
    share, odd = troubles.number("bad_cells"), troubles.word("odd_rows")
    if share:
        made = [_bad(table, row) if _among(place, share) else (table, row) for place, (table, row) in enumerate(made)]
    if odd == "missing_column":
        made = [(_without(table), row) for table, row in made]
    elif odd == "unknown_column":
        made = [(replace(table, columns=(*table.columns, EXTRA)), row | {"extra": "1"}) for table, row in made]
    elif odd == "double" and made:
        made.append(made[-1])
    elif odd == "no_key" and made:
        table, row = made[-1]
        made[-1] = table, row | {name: "" for name in table.key if table.column(name).soap}
    return made


def _among(place: int, share: float) -> bool:
    """Spread evenly: of a hundred rows and 0.2 each fifth one, with 1 all."""
    return int((place + 1) * share + 1e-9) > int(place * share + 1e-9)


def _bad(table: Table, row: Row) -> tuple[Table, Row]:
    name = next((c.name for c in table.columns if c.kind in (*NUMBERS, "date", "datetime") and row.get(c.name)), "")
    return table, row | {name: UNREADABLE} if name else row


def _without(table: Table) -> Table:
    gone = next(one for one in table.columns if one.kind in (*NUMBERS, "date"))
    return replace(table, columns=tuple(one for one in table.columns if one is not gone))


def made_up(table: Table, count: int) -> Iterator[tuple[Table, Row]]:
    """Rows like any other, each with a key of its own."""
    fixed = {"state": "NEW", "till": "", "closed": "", "until": ""} | {
        one.name: "" for one in table.columns if one.part == "SecurityPart"
    }
    if "contract" in table.key:
        fixed |= {"contract": "B-2026/0417", "market": "MOEX_STOCK"}  # one account
    patterns = {one.name: fixed.get(one.name, _pattern(one)) for one in table.columns}
    for number in range(1, count + 1):
        yield table, {name: pattern.replace("#", str(number)) for name, pattern in patterns.items()}


def _pattern(column: Column) -> str:
    """What a made-up cell looks like; # is the row's number."""
    if column.name == "isin":
        return "RU#"
    known = {"money": "#.01", "decimal": "#.5", "count": "#", "date": "2026-11-20", "datetime": "2026-11-20T10:00:00+03:00",
             "currency": "RUB", "list": "MOEX_STOCK"}  # fmt: skip
    return known.get(column.kind, f"{column.name.upper()}#")
