"""Values of custom fields as they come in: what the portal takes and keeps, by type (contract 2.6, checklist 6, 7, 17)."""

from __future__ import annotations

import json
import math
import re
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.planfix import dates
from sandbox.planfix.errors import bad_value
from sandbox.planfix.model import Field, User
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
