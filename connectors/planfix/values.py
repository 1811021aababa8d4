"""Values of custom fields on the wire, both ways, by the number of the field's type (SPEC, «CustomField»)."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from connectors.planfix import field_types as types
from connectors.planfix.texts import clean, from_text_field, same_text
from kernel.crm import Ref, Unreadable, Value, format_value
from kernel.errors import BadInput
from kernel.values import parse_decimal, parse_moment
from kernel.values import plain as plain_number


def to_wire(kind: int, value: Value, zone: ZoneInfo, name: str) -> Any:
    """What to send for a value; `name` is for the complaint. Raises BadInput for what the field cannot hold."""
    if kind in types.COMPUTED:
        raise BadInput(f"«{name}» is computed by Planfix and cannot be written", field=name)
    if value is None:
        # The portal's own ways to empty a field: SPEC for tasks and directory entries, a blank for texts.
        return {
            types.TASK: {"id": 0},
            types.ENTRY: {"id": 0},
            types.FLAG: False,
            types.TASKS: [],
            types.USERS: [],
            types.SET: [],
            types.ENTRIES: [],
        }.get(kind, "" if kind in (types.LINE, types.TEXT, types.LIST) else None)
    match kind, value:
        case ((0 | 2 | 8), Decimal()):
            return plain_number(value)
        case ((0 | 2 | 8), _) if not isinstance(value, Unreadable):
            return clean(value if isinstance(value, str) else format_value(value))
        case 1, Decimal() | str():
            return parse_decimal(value)
        case 3, datetime() if value.tzinfo:
            return {"date": f"{value.astimezone(zone):%d-%m-%Y}"}
        case 3, date() if not isinstance(value, datetime):
            return {"date": f"{value:%d-%m-%Y}"}
        case 5, datetime() if value.tzinfo:
            return date_and_time(value, zone)
        case 5, date() if not isinstance(value, datetime):
            return {"date": f"{value:%d-%m-%Y}", "time": "00:00"}
        case 7, bool():
            return value
        case ((9 | 16), Ref()):
            return {"id": number_of(value.id)}
        case ((10 | 11 | 12 | 13), Ref()):
            return {"id": person_id(value.id, "user" if kind == types.EMPLOYEE else "contact")}
        case 14, Ref() | tuple():
            return [{"id": person_id(ref.id, "user")} for ref in refs(value)]
        case 17, Ref() | tuple():
            return [{"id": number_of(ref.id)} for ref in refs(value)]
        case 20, str():
            return [clean(value)]
    title = types.TITLES.get(kind, str(kind))
    raise BadInput(f"«{name}» is a field of type «{title}» and cannot hold «{format_value(value)[:40]}»", field=name)


def from_wire(kind: int, raw: Any, zone: ZoneInfo) -> Value:
    """What a field holds, as plain values; what has an unexpected shape becomes Unreadable."""
    if raw is None or raw == "" or raw == []:
        return None
    if kind in types.COMPUTED and isinstance(raw, dict) and "id" in raw:
        raw = raw["id"]  # the specification's example wraps computed numbers
    match kind, raw:
        case ((0 | 8), str()):
            return raw
        case 2, str():
            return from_text_field(raw)
        case ((3 | 5), dict() | str()):
            moment = moment_of(raw, zone)
            if moment is not None:
                return moment if kind == types.MOMENT else day_of(raw) or moment.date()
            return None if isinstance(raw, dict) and not any(raw.values()) else _unreadable(raw)
        case 7, bool():
            return raw
        case 9, dict():
            return str(raw["value"]) if raw.get("value") else None
        case ((10 | 11 | 12 | 13), dict()):
            return person(raw, "user" if kind == types.EMPLOYEE else "contact")
        case 14, list():
            return tuple(ref for item in raw if (ref := person(item, "user")))
        case 16, dict():
            return _task(raw)
        case 17, list():
            return tuple(ref for item in raw if (ref := _task(item)))
        case ((15 | 20), list()):
            return ", ".join(str(item.get("value", "")) if isinstance(item, dict) else str(item) for item in raw)
    if isinstance(raw, int | Decimal) and not isinstance(raw, bool) and (kind == types.NUMBER or kind in types.COMPUTED):
        return Decimal(raw)
    if isinstance(raw, str) and (kind in (types.NUMBER, types.TIME) or kind in types.COMPUTED):
        return raw
    return _unreadable(raw)


def same(sent: Value, stored: Value) -> bool:
    """Whether what the portal shows is what we sent."""
    if isinstance(stored, Unreadable) or isinstance(sent, Unreadable):
        return sent == stored
    if blank(sent) or blank(stored):
        return blank(sent) and blank(stored)
    if isinstance(sent, bool) or isinstance(stored, bool):
        return sent is stored
    if isinstance(sent, Ref | tuple) or isinstance(stored, Ref | tuple):
        return _ids(sent) == _ids(stored)
    if isinstance(sent, Decimal) or isinstance(stored, Decimal):
        left, right = _decimal(sent), _decimal(stored)
        # Planfix keeps numbers as binary doubles (HELP «Число»): the nearest one is as good as it gets.
        return left is not None and right is not None and (left == right or float(left) == float(right))
    if isinstance(sent, date) or isinstance(stored, date):
        return _same_time(sent, stored)
    return isinstance(sent, str) and isinstance(stored, str) and same_text(sent, stored)


def blank(value: Value) -> bool:
    return value is None or value is False or value == () or (isinstance(value, str) and not value.strip())


def _ids(value: Value) -> frozenset[str]:
    return frozenset(ref.id for ref in refs(value))


def _decimal(value: Value) -> Decimal | None:
    try:
        return parse_decimal(value) if isinstance(value, Decimal | str) else None
    except BadInput:
        return None


def _same_time(sent: Value, stored: Value) -> bool:
    if isinstance(sent, datetime) and isinstance(stored, datetime):
        return abs((sent - stored).total_seconds()) < 60  # the wire has minutes
    if isinstance(sent, date) and isinstance(stored, date):
        left, right = (day.date() if isinstance(day, datetime) else day for day in (sent, stored))
        return left == right
    return isinstance(sent, date) and isinstance(stored, str) and format_value(sent) == stored


def refs(value: Value) -> tuple[Ref, ...]:
    if isinstance(value, Ref):
        return (value,)
    return value if isinstance(value, tuple) else ()


# --- ids ------------------------------------------------------------------------------------------------------------


def person_id(text: str, bare: str) -> str:
    """`user:5`, `contact:5` or `group:5`. A person without prefix would silently become the token's own user."""
    match = re.fullmatch(r"(?:(user|contact|group):)?([0-9]{1,18})", text.strip())
    if match is None:
        raise BadInput(f"«{text[:40]}» is not the id of a person")
    return f"{match[1] or bare}:{match[2]}"


def number_of(text: str) -> int:
    """The number of a record, whatever stands before it."""
    match = re.fullmatch(r"(?:(?:user|contact|group|task):)?([0-9]{1,18})", text.strip())
    if match is None:
        raise BadInput(f"«{text[:40]}» is not the number of a record")
    return int(match[1])


def person(raw: Any, bare: str) -> Ref | None:
    """A person of an answer; None for nobody (0)."""
    given = raw.get("id") if isinstance(raw, dict) else None
    if not isinstance(given, int | str) or isinstance(given, bool):
        return None
    try:
        ident = person_id(str(given), bare)
    except BadInput:
        return None
    name = raw.get("name")
    return None if ident.endswith(":0") else Ref(ident, name if isinstance(name, str) else "")


def people(raw: Any) -> tuple[Ref, ...]:
    """A people set of an answer: users and groups."""
    if not isinstance(raw, dict):
        return ()
    pairs = [(item, bare) for part, bare in (("users", "user"), ("groups", "group")) for item in raw.get(part) or []]
    return tuple(ref for item, bare in pairs if (ref := person(item, bare)))


def people_to_wire(value: Value) -> dict[str, Any]:
    """A people set of a request. Groups stand apart, under bare numbers."""
    ids = [person_id(ref.id, "user") for ref in refs(value)]
    return {
        "users": [{"id": one} for one in ids if not one.startswith("group:")],
        "groups": [{"id": number_of(one)} for one in ids if one.startswith("group:")],
    }


def _task(raw: Any) -> Ref | None:
    given = raw.get("id") if isinstance(raw, dict) else None
    if not isinstance(given, int | str) or isinstance(given, bool) or not re.fullmatch(r"[1-9][0-9]*", str(given)):
        return None
    name = raw.get("name")
    return Ref(str(given), name if isinstance(name, str) else "")


# --- time -----------------------------------------------------------------------------------------------------------


def date_and_time(moment: datetime, zone: ZoneInfo) -> dict[str, str]:
    here = moment.astimezone(zone)
    return {"date": f"{here:%d-%m-%Y}", "time": f"{here:%H:%M}"}


def moment_of(raw: Any, zone: ZoneInfo) -> datetime | None:
    """A time point in the robot's zone. The key that names its offset is believed first, `datetime` last."""
    if isinstance(raw, str):
        raw = dict(zip(("date", "time"), raw.split(" ", 1), strict=False))
    if not isinstance(raw, dict):
        return None
    text, day = raw.get("dateTimeUtcSeconds"), day_of(raw)
    try:
        if isinstance(text, str) and text and (raw.get("time") or day is None):
            return parse_moment(text, zone).astimezone(zone)
        if day is not None:
            return parse_moment(f"{day.isoformat()} {raw.get('time') or '00:00'}", zone)
        if isinstance(raw.get("datetime"), str):
            return parse_moment(raw["datetime"], zone).astimezone(zone)
    except BadInput:
        return None
    return None


def day_of(raw: Any) -> date | None:
    """The calendar day of a time point: it has no zone."""
    text = raw.get("date") if isinstance(raw, dict) else raw
    match = re.match(r"(\d{2})-(\d{2})-(\d{4})\b", text) if isinstance(text, str) else None
    try:
        return date(int(match[3]), int(match[2]), int(match[1])) if match else None
    except ValueError:
        return None


def _unreadable(raw: Any) -> Unreadable:
    return Unreadable(str(raw)[:80], "Planfix gave it in an unexpected shape")
