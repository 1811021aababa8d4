"""Values of custom fields: what the portal takes, keeps and shows by type (contract 2.6, checklist 4-7, 17)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.planfix import dates
from sandbox.planfix.errors import bad_value
from sandbox.planfix.model import FIELD_TYPE_NAMES, OBJECT_TYPES, Field, User
from sandbox.planfix.state import Portal


class _Ignored:
    """The portal says success and stores nothing."""


IGNORED = _Ignored()
COMPUTED_TYPES = frozenset({23, 24, 26, 29})


def take(portal: Portal, data: Any, kind: str, owner: int, author: User) -> dict[int, Any]:
    """What `customFieldData` would store, None to clear: unattached fields are swallowed (contract 3.1).

    Nothing is stored yet, so that a refusal halfway leaves nothing behind.
    """
    taken: dict[int, Any] = {}
    attached = set(portal.attached(kind, owner))
    for item in data if isinstance(data, list) else []:
        number = field_number(item)
        field = portal.fields.get(kind, {}).get(number)
        if field is not None and number in attached:
            stored = accept(portal, field, item.get("value"), author)
            if not isinstance(stored, _Ignored):
                taken[number] = stored
    return taken


def store(values: dict[int, Any], taken: dict[int, Any]) -> frozenset[int]:
    """Put what was taken among the values; the others stay. Returns the numbers of fields that differ now."""
    changed = frozenset(number for number, value in taken.items() if values.get(number) != value)
    for number in changed:
        if taken[number] is None:
            values.pop(number, None)
        else:
            values[number] = taken[number]
    return changed


def write_zone(portal: Portal, author: User) -> ZoneInfo:
    """The zone in which a written time is read: the token owner's, or UTC by the switch."""
    return dates.zone("UTC" if portal.faults.word("write_zone") == "utc" else author.zone)


def field_number(item: Any) -> int:
    """The field's id of one `customFieldData` item, 0 if there is none."""
    field = item.get("field") if isinstance(item, dict) else None
    number = field.get("id") if isinstance(field, dict) else None
    return int(number) if isinstance(number, int | str) and str(number).isdigit() else 0


def accept(portal: Portal, field: Field, value: Any, author: User) -> Any:
    """What is kept for a written value: None clears, IGNORED stores nothing and still succeeds."""
    kind = field.type
    if kind in COMPUTED_TYPES:
        return IGNORED
    if value is None or value == "":
        return None
    if kind in (0, 2, 8, 27):  # a list value outside the list is stored as is
        return value if isinstance(value, str) else _as_text(value)
    if kind == 1:
        return _number(portal, value)
    if kind == 3:
        return dates.parse_date(value) or IGNORED
    if kind == 4:
        return dates.parse_time(value) or IGNORED
    if kind == 5:
        moment = dates.parse_moment(value, write_zone(portal, author))
        return moment.at if moment else IGNORED
    if kind in (6, 28):
        return _period(value)
    if kind == 7:
        return value if isinstance(value, bool) else IGNORED
    if kind in (9, 16, 22):
        number = record_number(value)
        return IGNORED if number is None else (number or None)
    if kind in (10, 11, 12, 13):
        return _person(portal, value, "user" if kind == 11 else "contact")
    if kind == 14:
        people = [_person(portal, item, "user") for item in value] if isinstance(value, list) else []
        return [p for p in people if isinstance(p, str)] if isinstance(value, list) else IGNORED
    if kind in (15, 17, 21):
        return [n for n in map(record_number, value) if n] if isinstance(value, list) else IGNORED
    if kind == 20:
        return [str(item) for item in value] if isinstance(value, list) else IGNORED
    if kind == 25:
        return (
            {k: value[k] for k in ("address", "longitude", "latitude") if k in value} if isinstance(value, dict) else IGNORED
        )
    return IGNORED


def _as_text(value: Any) -> Any:
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return IGNORED


def _number(portal: Portal, value: Any) -> Any:
    """Numbers are IEEE doubles (contract 1.8); what a text does is a switch."""
    if isinstance(value, str):
        mode = portal.faults.word("number_text")
        if mode == "refuse":
            raise bad_value(f"Bad number {value}")
        if mode == "ignore":
            return IGNORED
        try:
            value = float(value.replace(",", ".").replace(" ", ""))
        except ValueError:
            return IGNORED
    if isinstance(value, bool) or not isinstance(value, int | float):
        return IGNORED
    try:
        double = float(value)
    except OverflowError:
        return IGNORED
    return double if math.isfinite(double) else IGNORED


def _period(value: Any) -> Any:
    """Only `durationSec` stores an EMPTY period with success (checklist 17)."""
    if not isinstance(value, dict):
        return IGNORED
    return {side: {k: v for k, v in value[side].items() if k in ("date", "time")}
            for side in ("from", "to") if isinstance(value.get(side), dict)}  # fmt: skip


def record_number(value: Any) -> int | None:
    """A record's number: 5, "5", "contact:5", {"id": 5}; 0 clears, None is no number at all."""
    if isinstance(value, dict):
        value = value.get("id")
    if value == "":
        return 0
    if isinstance(value, str):
        value = value.rpartition(":")[2]
        return int(value) if value.isdigit() else None
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _person(portal: Portal, value: Any, bare: str) -> Any:
    ident = person_ident(value, bare)
    if ident is None:
        return IGNORED
    if ident.endswith(":0"):
        return None
    known = ident.startswith("group:") or portal.person_exists(ident)
    return ident if known else IGNORED


def person_ident(value: Any, bare: str) -> str | None:
    """`{"id":"contact:5"}`, `{"id":5}`, `"contact:5"` or 5 as a prefixed id; `bare` is the kind of a bare number."""
    if isinstance(value, dict):
        value = value.get("id")
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
        return None if value != "" else f"{bare}:0"
    text = str(value).strip()
    if text.isdigit():
        return f"{bare}:{text}"
    return text if re.fullmatch(r"(user|contact|group):\d+", text) else None


# -- out


def read(portal: Portal, values: Mapping[int, Any], wanted: list[int], kind: str, owner: int, viewer: User,
         totals: Mapping[int, float]) -> list[dict[str, Any]]:  # fmt: skip
    """`customFieldData` for the numeric ids asked for; unset and unattached fields are simply absent (checklist 4)."""
    attached = set(portal.attached(kind, owner))
    items = []
    for number in wanted:
        field = portal.fields.get(kind, {}).get(number)
        if field is None or number not in attached:
            continue
        stored = totals.get(number) if field.type == 23 else values.get(number)
        if stored is None:
            continue
        value, text = emit(portal, field, stored, viewer)
        about = {"id": field.id, "name": field.name, "type": field.type, "objectType": OBJECT_TYPES[field.kind]}
        if kind == "datatag":
            about["typeName"] = FIELD_TYPE_NAMES.get(field.type, "")  # seen live in row answers
        items.append({"field": about, "value": value, "stringValue": text})
    return items


def emit(portal: Portal, field: Field, stored: Any, viewer: User) -> tuple[Any, str]:
    """The `value` and `stringValue` shown for a stored value."""
    kind = field.type
    if kind == 1:
        return json_number(stored), number_text(stored)
    if kind == 23:
        number = json_number(stored)
        return ({"id": number} if portal.faults.word("totals_shape") == "wrapped" else number), number_text(stored)
    if kind == 3 and isinstance(stored, date):
        return dates.emit_date(stored), stored.strftime("%d-%m-%Y")
    if kind == 4:
        text = stored.strftime("%H:%M")
        return {"time": text}, text
    if kind == 5 and isinstance(stored, datetime):
        point = dates.emit_moment(stored, dates.zone(viewer.zone), portal.faults.word("datetime_key") == "local")
        return point, f"{point['date']} {point['time']}"
    if kind in (6, 28):
        return _emit_period(stored)
    if kind == 7:
        return stored, "Так" if stored else "Ні"
    if kind == 9:
        text = entry_text(portal, stored)
        return {"id": stored, "value": text}, text
    if kind in (10, 11, 12, 13):
        name = portal.person_name(stored)
        return {"id": stored, "name": name}, name
    if kind == 14:
        people = [{"id": ident, "name": portal.person_name(ident)} for ident in stored]
        return people, ", ".join(person["name"] for person in people)
    if kind == 15:
        return [{"id": n, "value": entry_text(portal, n)} for n in stored], ", ".join(entry_text(portal, n) for n in stored)
    if kind == 16:
        name = portal.tasks[stored].name if stored in portal.tasks else ""
        return {"id": stored, "name": name}, name
    if kind == 17:
        names = [portal.tasks[n].name if n in portal.tasks else "" for n in stored]
        return [{"id": n, "name": name} for n, name in zip(stored, names, strict=True)], ", ".join(names)
    if kind == 20:
        return stored, ", ".join(stored)
    if kind == 22:
        return {"id": stored}, str(stored)
    if kind == 25:
        return stored, str(stored.get("address", ""))
    return stored, stored if isinstance(stored, str) else json.dumps(stored, ensure_ascii=False)


def _emit_period(stored: dict[str, Any]) -> tuple[Any, str]:
    shown = dict(stored)
    ends = []
    for side in ("from", "to"):
        part = stored.get(side, {})
        clock = dates.parse_time(part) if isinstance(part, dict) else None
        if clock:
            ends.append(datetime.combine(dates.parse_date(part) or date(2000, 1, 1), clock))
    if len(ends) == 2:
        shown["durationSec"] = int((ends[1] - ends[0]).total_seconds())
    return shown, " - ".join(end.strftime("%H:%M") for end in ends)


def entry_text(portal: Portal, key: int) -> str:
    """An entry's text sits in its first field (contract 3.5)."""
    entry = portal.entries.get(key)
    if entry is None:
        return ""
    fields = portal.attached("directory", entry.directory)
    return str(entry.values.get(fields[0], "")) if fields else entry.name


def json_number(double: float) -> int | float:
    """A double as JSON writes it: 10000, not 10000.0."""
    return int(double) if double.is_integer() and abs(double) < 2**53 else double


def number_text(double: float) -> str:
    """`stringValue` of a number: decimal comma, groups parted by blanks, the double's own digits (contract 2.6)."""
    shown = json_number(double)
    text = repr(shown)
    if "e" in text:
        text = format(Decimal(text), "f")
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    whole, _, part = digits.partition(".")
    return sign + f"{int(whole):,}".replace(",", " ") + (f",{part}" if part else "")


def totals(portal: Portal, kind: str, owner: int, task: int = 0, contact: int = 0) -> dict[int, float]:
    """Fields of type 23: doubles added in the order of the rows, so that 0.1 + 0.2 shows (checklist 16)."""
    sums: dict[int, float] = {}
    for number in portal.attached(kind, owner):
        field = portal.fields[kind][number]
        if field.type == 23 and field.total_of:
            tag, column = field.total_of
            total = 0.0
            for row in portal.rows_of(task=task, contact=contact, tag=tag):
                value = row.values.get(column)
                total += value if isinstance(value, float) else 0.0
            sums[number] = total
    return sums
