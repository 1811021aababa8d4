"""Filters of list methods: prefixes before a field's name, values of any dialect, groups with OR (contract, section 6)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from sandbox.bitrix24 import formats

PREFIX = re.compile(r"^(!?><|!=%|!%=|!@|!%|!=|>=|<=|=%|%=|>|<|@|%|=|!)?(.*)$", re.DOTALL)
OPPOSITE = {"!": "=", "!=": "=", "!@": "@", "!%": "%", "!=%": "=%", "!%=": "%=", "!><": "><"}
Get = Callable[[Any, str], Any]
Test = Callable[[Any], bool]


def split(key: str) -> tuple[str, str]:
    """`>=DATE_MODIFY` is `>=` and `DATE_MODIFY`; no prefix is `=`."""
    found = PREFIX.match(key)
    assert found
    return found.group(1) or "=", found.group(2)


def compile_filter(tree: Mapping[str, Any], get: Get, zone: timezone, groups: bool = False) -> Test:
    """A test for records. `get(record, name)` gives a typed value or a list of them; `groups` allows OR groups."""
    tests: list[Test] = []
    logic = "AND"
    for key, value in tree.items():
        if groups and key.lower() == "logic":
            logic = str(value).upper()
        elif groups and key.isdigit() and isinstance(value, Mapping | list):
            tests.append(compile_filter(formats.mapping(value, "filter"), get, zone, True))
        else:
            tests.append(one(key, value, get, zone))
    if len(tests) == 1:
        return tests[0]
    if logic == "OR":
        return lambda record: any(test(record) for test in tests)
    return lambda record: all(test(record) for test in tests)


def one(key: str, wanted: Any, get: Get, zone: timezone) -> Test:
    """One condition. A list of values under `=` means any of them, as under `@`."""
    prefix, name = split(key)
    negative = prefix in OPPOSITE
    sign = OPPOSITE.get(prefix, prefix)
    values = formats.items(wanted) if isinstance(wanted, list | tuple | Mapping) or sign == "@" else [wanted]
    if sign in ("=", "@"):
        holds = _equal(values, zone)
    elif sign == "><":
        holds = _between(values, zone)
    elif sign in (">", ">=", "<", "<="):
        holds = _ordered(sign, values[0] if values else None, zone)
    else:
        holds = _like(sign, values)

    def test(record: Any) -> bool:
        value = get(record, name)
        if isinstance(value, list | tuple):
            found = any(holds(item) for item in value) or (not value and holds(None))
        else:
            found = holds(value)
        return found is not negative

    return test


def _equal(values: list[Any], zone: timezone) -> Test:
    words = {_word(value) for value in values}
    numbers = {float(found) for found in map(formats.number, values) if found is not None}
    flags = {formats.flag(value) for value in values}
    empty = any(value in (None, "", False) for value in values)
    moments: list[datetime | None] = []

    def holds(value: Any) -> bool:
        if isinstance(value, bool):
            return value in flags
        if value is None or value == "":
            return empty
        if isinstance(value, int | float):
            return value in numbers or (value == 0 and empty)
        if isinstance(value, datetime):
            if not moments:
                moments.extend(formats.parse_time(item, zone) for item in values)
            return value in moments or any(
                len(str(item)) == 10 and found and found.date() == value.date()
                for item, found in zip(values, moments, strict=True)
            )
        return _word(value) in words

    return holds


def _word(value: Any) -> str:
    return "" if value is None else str(value).casefold()


def _between(values: list[Any], zone: timezone) -> Test:
    if len(values) < 2:
        return lambda value: False
    low, high = _ordered(">=", values[0], zone), _ordered("<=", values[1], zone)
    return lambda value: low(value) and high(value)


SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    ">": lambda a, b: bool(a > b), ">=": lambda a, b: bool(a >= b),
    "<": lambda a, b: bool(a < b), "<=": lambda a, b: bool(a <= b),
}  # fmt: skip


def _ordered(sign: str, wanted: Any, zone: timezone) -> Test:
    compare = SIGNS[sign]
    number = formats.number(wanted)
    figure = float(number) if number is not None else None
    moment = formats.parse_time(wanted, zone)
    word = _word(wanted)

    def holds(value: Any) -> bool:
        if value is None or value == "" or wanted in (None, ""):
            return False  # as in SQL: nothing compares with NULL
        if isinstance(value, datetime):
            return moment is not None and compare(value, moment)
        if isinstance(value, int | float):
            return figure is not None and compare(value, figure)
        own = formats.number(value)
        if own is not None and figure is not None:
            return compare(float(own), figure)
        return compare(_word(value), word)

    return holds


def _like(sign: str, values: list[Any]) -> Test:
    """`%` is "contains"; `=%` and `%=` take a pattern with % in it."""
    if sign == "%":
        parts = [_word(value) for value in values]
        return lambda value: any(part in _word(value) for part in parts)
    patterns = [re.compile(".*".join(re.escape(part) for part in _word(value).split("%")), re.DOTALL) for value in values]
    return lambda value: any(pattern.fullmatch(_word(value)) for pattern in patterns)


def get_key(record: Mapping[str, Any], name: str) -> Any:
    return record.get(name)


def select(rows: Iterable[dict[str, Any]], tree: Mapping[str, Any], zone: timezone) -> list[dict[str, Any]]:
    """The plain case: rows are dicts under the names the filter uses."""
    if not tree:
        return list(rows)
    test = compile_filter(tree, get_key, zone)
    return [row for row in rows if test(row)]


def order(rows: list[Any], wanted: Mapping[str, Any], get: Get = get_key) -> list[Any]:
    """Sorted by several fields; empty values first when ascending, as MySQL does."""
    for name, direction in reversed(list(wanted.items())):
        rows = sorted(rows, key=lambda row: sort_key(get(row, name)), reverse=str(direction).upper().startswith("DESC"))
    return rows


def sort_key(value: Any) -> tuple[int, Any]:
    """Comparable with every other value."""
    if isinstance(value, list | tuple):
        value = value[0] if value else None
    if value is None or value == "":
        return 0, 0
    if isinstance(value, bool | int | float):
        return 1, value
    if isinstance(value, datetime):
        return 1, value.timestamp()
    found = formats.number(value)
    return (1, float(found)) if found is not None else (2, str(value).casefold())
