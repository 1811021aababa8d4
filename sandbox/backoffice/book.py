"""What staff of the back office do: change a position, trade, block, close a contract."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sandbox.backoffice import values
from sandbox.backoffice.state import Client, Office
from sandbox.backoffice.tables import ACTIVITY, CASH, SECURITIES, TABLES, Row, Table
from sandbox.backoffice.values import Impossible, money, plain

COMMISSION = Decimal("0.0005")


def change(office: Office, client: Client, table: Table, given: Mapping[str, Any]) -> Row:
    """Some columns of a row, found by its key, or a whole new row. `available` of cash follows if it is not given."""
    key = table.key_of({name: values.text(given.get(name), name) for name in table.key})
    old = next((one for one in client.tables[table.name] if table.key_of(one) == key), None)
    made = values.row(table, {**(old or {}), **_followed(table, old, given)})
    office.put(client, table, made)
    office.wake()
    return made


def _followed(table: Table, old: Row | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Figures that hang on others, where they are not given themselves."""
    made = dict(given)
    have: dict[str, Any] = {**(old or {}), **made}
    if table is CASH and "available" not in made and have.get("balance"):
        have["blocked"] = made["blocked"] = have.get("blocked") or "0.00"
        made["available"] = money(_number(have["balance"], "balance") - _number(have["blocked"], "blocked"))
    if table is SECURITIES and "value" not in made and ("quantity" in made or "price" in made):
        known = have.get("price") and have.get("quantity")
        made["value"] = _value(have["quantity"], have["price"]) if known else ""
    return made


def _value(quantity: Any, price: Any) -> str:
    return money(_number(quantity, "quantity") * _number(price, "price"))


def trade(office: Office, client: Client, given: Mapping[str, Any]) -> dict[str, Row]:
    """Buy (or sell, with a minus) at a price: the security, the cash and the day's activity change together."""
    contract, market = values.text(given["contract"], "contract"), values.text(given["market"], "market")
    quantity, price = _number(given["quantity"], "quantity"), _number(given["price"], "price")
    place = {"contract": contract, "market": market}
    isin, board = values.text(given["isin"], "isin"), values.text(given.get("board", "TQBR"), "board")
    held = _row(client, SECURITIES, {**place, "isin": isin, "board": board})
    currency = values.text(given.get("currency"), "currency") or (held or {}).get("currency", "RUB")
    cash = _row(client, CASH, {**place, "currency": currency})
    cost = quantity * price
    fee = (abs(cost) * COMMISSION).quantize(values.CENT)
    security = change(office, client, SECURITIES, {
        **place, "isin": isin, "board": board, "currency": currency, "price": plain(price),
        "sec_code": given.get("sec_code") or (held or {}).get("sec_code") or isin,
        "quantity": plain(_number((held or {}).get("quantity", "0")) + quantity),
    })  # fmt: skip
    moved = change(office, client, CASH, {
        **place, "currency": currency, "balance": money(_number((cash or {}).get("balance", "0")) - cost - fee),
    })  # fmt: skip
    day: dict[str, str] = {"date": office.today(), "market": market, "currency": currency}
    before = _row(client, ACTIVITY, day) or {"trades": "0", "turnover": "0", "commission": "0"}
    done = change(office, client, ACTIVITY, {
        **day, "trades": str(int(before["trades"]) + 1), "turnover": money(_number(before["turnover"]) + abs(cost)),
        "commission": money(_number(before["commission"]) + fee),
    })  # fmt: skip
    return {"security": security, "cash": moved, "activity": done}


def close(office: Office, client: Client, number: str = "") -> int:
    """Close one contract, or all; how many were open."""
    open_ones = [one for one in client.tables["contracts"] if not one["closed"] and number in ("", one["number"])]
    if number and not open_ones:
        raise Impossible(f"no open contract {number!r}")
    for one in open_ones:
        one.update(closed=office.today(), state="CLOSED")
    office.wake()
    return len(open_ones)


def remove(office: Office, client: Client, table: Table, given: Mapping[str, Any]) -> int:
    """Take away the rows that have these values; how many."""
    wanted = {table.column(name).name: values.text(value, name) for name, value in given.items()}
    rows = client.tables[table.name]
    kept = [one for one in rows if any(one[name] != value for name, value in wanted.items())]
    client.tables[table.name] = kept
    office.wake()
    return len(rows) - len(kept)


def table_named(name: Any) -> Table:
    if name not in TABLES or name == "margin":
        raise Impossible(f"no table {name!r}; there are: {', '.join(one for one in TABLES if one != 'margin')}")
    return TABLES[str(name)]


def _row(client: Client, table: Table, key: Mapping[str, str]) -> Row | None:
    wanted = table.key_of(dict(key))
    return next((one for one in client.tables[table.name] if table.key_of(one) == wanted), None)


def _number(value: Any, what: str = "figure") -> Decimal:
    found = values.text(value, what)
    if not values.NUMBER.fullmatch(found):
        raise Impossible(f"{what}: {found!r} is no figure")
    return Decimal(found)
