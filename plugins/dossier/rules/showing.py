"""How a cell is written: 1 234 567,89 with no-break spaces and a true minus, dd.mm.yyyy; «—» where there is nothing."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from kernel.datasets import Cell, Unread
from kernel.mapping import SetColumn

NOTHING = "—"
NO_BREAK, MINUS = "\N{NO-BREAK SPACE}", "\N{MINUS SIGN}"
DIGITS = {"money": 2, "price": 2}  #: at least so many behind the comma; more are shown as they came
NUMBERS = ("int", "qty", "price", "money")


def number(value: Decimal | int, digits: int = 0) -> str:
    """Every digit that matters, and at least `digits` of them behind the comma. Nothing is rounded."""
    whole, _, rest = format(abs(Decimal(value)), "f").partition(".")
    rest = rest.rstrip("0").ljust(digits, "0")
    groups: list[str] = []
    while whole:
        groups.insert(0, whole[-3:])
        whole = whole[:-3]
    shown = NO_BREAK.join(groups) + (f",{rest}" if rest else "")
    return f"{MINUS}{shown}" if value < 0 else shown


def cell(column: SetColumn, value: Cell, zone: ZoneInfo) -> str:
    """What people read. Of an unread cell it is the text that came."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, Unread):
        return value.text
    if isinstance(value, int | Decimal):
        return number(value, DIGITS.get(column.type, 0))
    if isinstance(value, datetime):
        return f"{value.astimezone(zone):%d.%m.%Y %H:%M}"
    if isinstance(value, date):
        return f"{value:%d.%m.%Y}"
    if column.type == "month" and len(value) == 7:
        return f"{value[5:]}.{value[:4]}"
    return column.words.get(value, value)
