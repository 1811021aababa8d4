"""Kinds of conditions in filters (contract 2.8): a list is an OR, a value of the wrong kind is often ignored."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from sandbox.planfix import dates, fields
from sandbox.planfix.date_ranges import Range, date_range
from sandbox.planfix.errors import Refusal
from sandbox.planfix.model import Row, User
from sandbox.planfix.state import Portal

Value = Any
Getter = Callable[[Any], Any]
Test = Callable[[Any], bool]


class Nonsense(Exception):
    """A value of the wrong kind: the condition is ignored and the whole list comes back (contract 2.8)."""


def unsupported(number: Any) -> Refusal:
    """500/0 for a type the list does not know."""
    return Refusal(500, 0, f"Rest API error: unsupported filter type {number}")


def combine(conditions: Any, make: Callable[[dict[str, Any]], Test]) -> Test:
    """All conditions joined with AND; `make` builds one of them."""
    tests = []
    for condition in conditions if isinstance(conditions, list) else []:
        if not isinstance(condition, dict) or not isinstance(condition.get("type"), int):
            raise unsupported(condition.get("type") if isinstance(condition, dict) else condition)
        try:
            tests.append(make(condition))
        except Nonsense:
            continue
    return lambda record: all(test(record) for test in tests)


# -- kinds of comparison


def among(condition: dict[str, Any], get: Getter, convert: Callable[[Any], Any]) -> Test:
    """equal / notequal against one value or a list of them; `get` may give a set."""
    value = condition.get("value")
    wanted = {convert(item) for item in (value if isinstance(value, list) else [value])}
    negative = condition.get("operator") in ("notequal", "nothave")

    def test(record: Any) -> bool:
        found = get(record)
        have = set(found) if isinstance(found, set | list | tuple) else {found}
        return bool(have & wanted) != negative

    return test


def number_of(value: Any) -> int:
    """A record's number: 5, "5", "contact:5", {"id": 5}."""
    number = fields.record_number(value)
    if number is None:
        raise Nonsense
    return number


def person_of(bare: str) -> Callable[[Any], str]:
    def convert(value: Any) -> str:
        ident = fields.person_ident(value, bare)
        if ident is None:
            raise Nonsense
        return ident

    return convert


def text_is(condition: dict[str, Any], get: Getter, contains: bool = False) -> Test:
    """Text fields; "name" in effect means CONTAINS (contract 2.8, type 8). Case does not count."""
    value = condition.get("value")
    values = value if isinstance(value, list) else [value]
    wanted = [item.casefold() for item in values if isinstance(item, str)]
    if len(wanted) != len(values):
        raise Nonsense
    part = contains or condition.get("operator") in ("have", "nothave")
    negative = condition.get("operator") in ("notequal", "nothave")

    def test(record: Any) -> bool:
        have = str(get(record) or "").casefold()
        return any(item in have if part else item == have for item in wanted) != negative

    return test


def compare(operator: Any, have: Any, wanted: Any) -> bool:
    """Order by operator; a missing value only meets "notequal"."""
    if have is None:
        return bool(operator in ("notequal", "nothave"))
    results = {
        "gt": have > wanted, "lt": have < wanted, "gtAndEqual": have >= wanted, "ltAndEqual": have <= wanted,
        "notequal": have != wanted, "nothave": have != wanted,
    }  # fmt: skip
    return bool(results.get(str(operator), have == wanted))


def number_is(condition: dict[str, Any], get: Getter) -> Test:
    value = condition.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Nonsense
    return lambda record: compare(condition.get("operator"), get(record), float(value))


def date_is(portal: Portal, viewer: User, condition: dict[str, Any], get: Getter) -> Test:
    """Dates compare as days (or minutes for `_withTime`) in the token owner's zone; ranges include both ends."""
    where = dates.zone(viewer.zone)
    wanted: Range | None = date_range(condition.get("value"), portal.clock.now().astimezone(where), where)
    if wanted is None:
        raise Nonsense
    operator = condition.get("operator")

    def test(record: Any) -> bool:
        have = get(record)
        if have is None:
            return operator == "notequal"
        if isinstance(have, date) and not isinstance(have, datetime):
            have = datetime(have.year, have.month, have.day, tzinfo=where)
        inside = wanted.start <= have < wanted.end
        results = {
            "gt": have >= wanted.end, "lt": have < wanted.start, "gtAndEqual": have >= wanted.start,
            "ltAndEqual": have < wanted.end, "notequal": not inside,
        }  # fmt: skip
        return bool(results.get(str(operator), inside))

    return test


def flag_is(condition: dict[str, Any], get: Getter) -> Test:
    value = condition.get("value")
    if not isinstance(value, bool):
        raise Nonsense
    negative = condition.get("operator") == "notequal"
    return lambda record: (bool(get(record)) == value) != negative


def custom(portal: Portal, viewer: User, condition: dict[str, Any], shape: str) -> Test:
    """A condition on a custom value; it needs the extra key `field`."""
    number = condition.get("field")
    if not isinstance(number, int):
        raise Refusal(500, 0, 'JSONObject["field"] not found.')

    def get(record: Any) -> Any:
        return record.values.get(number)

    if shape == "text":
        return text_is(condition, get)
    if shape == "number":
        return number_is(condition, get)
    if shape == "date":
        return date_is(portal, viewer, condition, get)
    if shape == "flag":
        return flag_is(condition, get)
    if shape == "set":  # "A;B": any of them
        value = condition.get("value")
        wanted = {**condition, "value": value.split(";") if isinstance(value, str) else value}
        return among(wanted, get, str)
    if shape in ("user", "contact"):
        return among(condition, get, person_of(shape))
    return among(condition, get, number_of)


CUSTOM_SHAPES = {
    1: "text", 2: "number", 3: "date", 4: "text", 5: "flag", 6: "text", 7: "entry", 8: "contact", 9: "user",
    10: "contact", 11: "set", 12: "entry", 13: "user", 14: "entry", 15: "entry", 16: "entry", 17: "entry", 18: "entry",
}  # fmt: skip
ROW_SHAPES = {
    3101: "date", 3103: "user", 3104: "user", 3105: "entry", 3106: "contact", 3108: "text", 3109: "number",
    3111: "entry", 3115: "flag", 3116: "contact", 3117: "entry", 3123: "entry",
}  # fmt: skip


def filled(condition: dict[str, Any], empty: bool) -> Test:
    """152/153: the value of the condition is the field's number."""
    number = number_of(condition.get("value") or condition.get("field"))
    return lambda record: (number not in record.values) == empty


def by_row(portal: Portal, viewer: User, condition: dict[str, Any], rows: Callable[[Any], list[Row]]) -> Test:
    """93: value of a row's field, described by `subfilter`."""
    sub = condition.get("subfilter")
    inner = sub.get("filter") if isinstance(sub, dict) else None
    if not isinstance(sub, dict) or not isinstance(inner, dict):
        raise Refusal(500, 0, 'JSONObject["subfilter"] not found.')
    shape = ROW_SHAPES.get(inner.get("type", 0))
    if shape is None:
        raise unsupported(inner.get("type"))
    plain = {**condition, "type": inner["type"], "field": inner.get("field")}
    test, tag = custom(portal, viewer, plain, shape), sub.get("dataTagId")
    return lambda record: any(row.tag == tag and test(row) for row in rows(record))
