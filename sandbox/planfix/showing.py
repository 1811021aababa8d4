"""Values of custom fields as they go out (contract 2.6, checklist 4 and 5): `value`, `stringValue`, totals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sandbox.planfix import dates
from sandbox.planfix.model import FIELD_TYPE_NAMES, OBJECT_TYPES, Field, User
from sandbox.planfix.state import Portal


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


def custom(portal: Portal, values: Mapping[int, Any], wanted: list[int], kind: str, owner: int, viewer: User,
           totals: Mapping[int, float] | None = None) -> dict[str, list[dict[str, Any]]]:  # fmt: skip
    """What an object shows of its custom fields: the key is absent where none of those asked for has a value."""
    found = read(portal, values, wanted, kind, owner, viewer, totals or {}) if wanted else []
    return {"customFieldData": found} if found else {}


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
