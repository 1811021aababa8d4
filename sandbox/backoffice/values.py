"""Figures and dates as text: what may be put into the book, and how the faces write it. Never a float."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from sandbox.backoffice.tables import Column, Row, Table

MOSCOW = timezone(timedelta(hours=3))
NUMBER = re.compile(r"[+-]?\d{1,18}(\.\d{1,12})?")
CURRENCY = re.compile(r"[A-Z]{3}")
CLIENT_ID = re.compile(r"[0-9]{6,10}")
CENT = Decimal("0.01")


class Impossible(ValueError):
    """What a door or the page was asked for cannot be."""


def text(value: Any, what: str) -> str:
    """A door's value as text. A JSON number with a point has already been rounded by somebody: refused."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Impossible(f"{what}: a text is needed, not {value!r}")
    return str(value).strip()


def checked(column: Column, value: Any) -> str:
    """The value as the book keeps it; wrong ones are an Impossible that names the column."""
    if column.kind == "list":
        values = value if isinstance(value, list) else str(value or "").split(",")
        found = ", ".join(text(one, column.name) for one in values if text(one, column.name))
    else:
        found = text(value, column.name)
    if not found:
        if column.required:
            raise Impossible(f"{column.name} is needed")
        return ""
    try:
        return _checked(column.kind, found)
    except ValueError:
        raise Impossible(f"{column.name}: {found!r} is no {column.kind}") from None


def _checked(kind: str, value: str) -> str:
    if kind in ("money", "decimal"):
        if not NUMBER.fullmatch(value) or (kind == "money" and len(value.partition(".")[2]) > 2):
            raise ValueError
        return value if kind == "decimal" else money(Decimal(value))
    if kind == "count" and not value.isdecimal():
        raise ValueError
    if kind == "date":
        return date.fromisoformat(value).isoformat()
    if kind == "datetime":
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError
        return moment.isoformat(timespec="seconds")
    if kind == "currency" and not CURRENCY.fullmatch(value):
        raise ValueError
    return value


def row(table: Table, given: dict[str, Any]) -> Row:
    """A whole row of a table, every column checked; unknown names are refused."""
    for name in given:
        table.column(name)
    return {column.name: checked(column, given.get(column.name)) for column in table.columns}


def money(amount: Decimal) -> str:
    return f"{amount.quantize(CENT):f}"


def plain(amount: Decimal) -> str:
    """Without an exponent, and without zeros at the end."""
    shown = f"{amount:f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def russian_date(value: str) -> str:
    """21.11.2026 for 2026-11-21; anything else as it is."""
    return f"{value[8:10]}.{value[5:7]}.{value[:4]}" if re.fullmatch(r"\d{4}-\d\d-\d\d", value) else value


def iso_date(value: str) -> str:
    """The other way round."""
    return f"{value[6:]}-{value[3:5]}-{value[:2]}" if re.fullmatch(r"\d\d\.\d\d\.\d{4}", value) else value


def day_of(value: str) -> str:
    """The Moscow trading day of a date or date-time."""
    if "T" not in value:
        return value
    return datetime.fromisoformat(value).astimezone(MOSCOW).date().isoformat()
