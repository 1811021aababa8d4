"""How values look on the wire, and how written ones are read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time, timezone
from decimal import Decimal, InvalidOperation
from typing import Any

from sandbox.bitrix24.registry import RestError

DAY_FIRST = re.compile(r"^(\d{1,2})\.(\d{1,2})\.(\d{4})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2}))?)?$")


def iso(moment: datetime | None) -> str | None:
    """`2026-10-29T11:20:01+03:00`."""
    return moment.replace(microsecond=0).isoformat() if moment else None


def display(moment: datetime) -> str:
    """`29.10.2026 11:20:01`, the portal's own way."""
    return moment.strftime("%d.%m.%Y %H:%M:%S")


def parse_time(value: Any, zone: timezone) -> datetime | None:
    """A written moment, ISO or `29.10.2026 11:20`, in the portal's zone if it names none. None if it is no moment."""
    if isinstance(value, datetime):
        return value
    text = str(value or "").strip()
    found = DAY_FIRST.match(text)
    try:
        if found:
            day, month, year, hour, minute, second = (int(part or 0) for part in found.groups())
            return datetime(year, month, day, hour, minute, second, tzinfo=zone)
        parsed = datetime.fromisoformat(text.replace(" ", "T", 1)) if text else None
    except ValueError:
        return None
    if parsed is None:
        return None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)).astimezone(zone)


def day_start(moment: datetime) -> datetime:
    """Dates without a time are shown as three in the morning, as the samples do."""
    return datetime.combine(date(moment.year, moment.month, moment.day), time(3), moment.tzinfo)


def number(value: Any) -> Decimal | None:
    """A written number, comma or point; None if it is none."""
    if isinstance(value, bool) or value in (None, ""):
        return None
    try:
        found = Decimal(str(value).replace(",", ".").replace(" ", ""))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def integer(value: Any) -> int | None:
    """`5`, `"5"`; None if it is no whole number."""
    found = number(value)
    return int(found) if found is not None and found == found.to_integral_value() else None


def plain(value: Decimal) -> int | float:
    """A number for a typed answer: 150000, not 150000.0."""
    return int(value) if value == value.to_integral_value() else float(value)


def money(value: Decimal | int | float) -> str:
    return f"{Decimal(str(value)):.2f}"


def flag(value: Any) -> bool:
    """Y, 1, true, "true"."""
    return str(value).upper() in ("Y", "1", "TRUE")


def yn(value: Any) -> str:
    return "Y" if flag(value) else "N"


def text(value: Any) -> Any:
    """A value as the classic dialect shows it: every scalar a string, null stays null."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "Y" if value else "N"
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, list):
        return [text(item) for item in value]
    if isinstance(value, dict):
        return value
    return str(value)


def items(value: Any) -> list[Any]:
    """A list however it was sent: JSON list, form `a[]`, form `a[0]`, JSON object with numbers for keys, or one value."""
    if value is None or value == "":
        return []
    if isinstance(value, Mapping):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple) else [value]


def mapping(value: Any, name: str) -> dict[str, Any]:
    """A tree parameter; an empty list is an empty tree, anything else is refused in the classic words."""
    if value is None or value == [] or value == "":
        return {}
    if isinstance(value, list):
        return {str(number): item for number, item in enumerate(value)}
    if not isinstance(value, Mapping):
        raise RestError(400, "", f"Parameter '{name}' must be array.")
    return {str(key): item for key, item in value.items()}


def empty_list(tree: Mapping[str, Any]) -> Any:
    """An empty map goes out as `[]` (contract 13, point 7)."""
    return dict(tree) or []
