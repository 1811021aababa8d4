"""What an emulated Planfix holds, as a file and back: its records only; what they are made of it knows by itself."""

from __future__ import annotations

import dataclasses
import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sandbox.planfix import model
from sandbox.planfix.state import Portal

RECORDS = ("tasks", "checks", "contacts", "comments", "rows", "entries", "files")
INDEXES = ("task_rows", "contact_rows", "task_comments", "contact_comments")
KEYS = ("next_ids",)
KIND = "kind of record"


def pack(portal: Portal) -> str:
    """Lines of JSON in an order that does not change, so that two packings of one portal are the same."""
    with portal.lock:
        lines = [
            [name, key, _plain(value)]
            for name in (*RECORDS, *INDEXES, *KEYS)
            for key, value in sorted(getattr(portal, name).items())
        ]
    return "".join(json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n" for line in lines)


def fill(portal: Portal, text: str) -> None:
    """Put the records of a packed portal in the place of those it has."""
    with portal.lock:
        for name in (*RECORDS, *INDEXES):
            getattr(portal, name).clear()
        for line in text.splitlines():
            name, key, value = json.loads(line)
            getattr(portal, name)[key] = _made(value)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {KIND: type(value).__name__, **fields}
    if isinstance(value, dict):
        return {KIND: "dict", "items": [[key, _plain(one)] for key, one in value.items()]}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, datetime):
        return {KIND: "datetime", "iso": value.isoformat()}
    if isinstance(value, date):
        return {KIND: "date", "iso": value.isoformat()}
    if isinstance(value, Decimal):
        return {KIND: "Decimal", "digits": str(value)}
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"a portal that holds {type(value).__name__} cannot be packed")


def _made(value: Any) -> Any:
    if isinstance(value, list):
        return [_made(one) for one in value]
    if not isinstance(value, dict):
        return value
    kind = value[KIND]
    if kind == "dict":
        return {key: _made(one) for key, one in value["items"]}
    if kind == "datetime":
        return datetime.fromisoformat(value["iso"])
    if kind == "date":
        return date.fromisoformat(value["iso"])
    if kind == "Decimal":
        return Decimal(value["digits"])
    made = getattr(model, kind)
    known = {field.name for field in dataclasses.fields(made)}  # a field that has gone since is left out
    return made(**{name: _made(one) for name, one in value.items() if name in known})
