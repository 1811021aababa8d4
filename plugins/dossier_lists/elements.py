"""Rows of an answer as elements of a list: which fields they fill, and by what they are known. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from kernel.crm import Value, Values
from kernel.crm.codec import pack_values
from kernel.datasets import Cell, Row, Unread
from kernel.mapping import FieldMap, ListMap, SetColumn, SetTable
from kernel.storage.text import storable
from kernel.texts import translate

LETTERS: Mapping[str, str] = {"contact": "C", "company": "CO"}
SUMMARY, NOTE, RECEIVED = "total", "note", "synced_at"
TEXT_CHARACTERS_MAX = 2000
NAME_CHARACTERS_MAX = 200
DIGEST_CHARACTERS = 16
_SECOND = re.compile(r"(.*)#([0-9]{1,6})", re.DOTALL)


@dataclass(frozen=True)
class Content:
    """What an element is to hold."""

    code: str
    name: str
    values: Values
    received_at: datetime | None = None
    """When it came from the back office: written beside it, but no difference by itself."""

    @property
    def digest(self) -> str:
        return digest(self.name, self.values)


def digest(name: str, values: Values) -> str:
    text = json.dumps([name, pack_values(values)], ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


@dataclass(frozen=True)
class ListShape:
    """A table with the list that takes it, and how a person reads it."""

    table: SetTable
    list: ListMap
    language: str
    zone: ZoneInfo

    @property
    def noted(self) -> bool:
        return NOTE in self.list.field


def prefix(entity: str, record_id: str) -> str:
    """How the codes of a card's elements begin: `C_830:`."""
    return f"{LETTERS.get(entity, entity.upper())}_{record_id.rpartition(':')[2]}:"


def code_of(key: str, keys: frozenset[str]) -> str:
    """Of a row, behind the prefix. `keys`: those of all rows, which say whether `#2` is the second row of a key or the key's
    own end."""
    found = _SECOND.fullmatch(key)
    if found and found[1] in keys:
        return f"{_hashed(found[1])}#{found[2]}"
    return _hashed(key)


def _hashed(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:DIGEST_CHARACTERS]


def content_of(shape: ListShape, row: Row, code: str, received_at: datetime) -> Content:
    values: dict[str, Value] = {}
    notes: list[str] = []
    for column, cell in zip(shape.table.columns, row.cells, strict=True):
        field = shape.list.field.get(column.list_field) if column.list_field else None
        if field is None:
            continue
        if isinstance(cell, Unread):
            notes.append(translate(shape.language, "lists_unread", column=column.title, text=cut_text(cell.text)))
        elif (value := _value(shape, field, column, cell)) is not None:
            values[column.list_field] = value
    if "#" in code:
        notes.append(translate(shape.language, "lists_doubled"))
    if notes and shape.noted:
        values[NOTE] = cut_text("; ".join(notes))
    return Content(code, _name(shape, row), values, received_at)


def gone(shape: ListShape, name: str, values: Values, code: str) -> Content:
    """The same row, of which the back office knows no more."""
    said = translate(shape.language, "lists_gone")
    known = values.get(NOTE)
    noted = {NOTE: cut_text(f"{said}; {known}" if known else said)} if shape.noted else {}
    return Content(code, name if shape.noted else f"{name} ({said})", {**values, **noted})


def _value(shape: ListShape, field: FieldMap, column: SetColumn, cell: Cell) -> Value:
    """As that field takes it; None where there is nothing to write."""
    if cell is None or isinstance(cell, Unread):
        return None
    if field.type == "decimal" and isinstance(cell, int | Decimal):
        return Decimal(cell)
    if field.type == "date" and isinstance(cell, date):
        return cell.astimezone(shape.zone).date() if isinstance(cell, datetime) else cell
    if field.type == "datetime" and isinstance(cell, datetime):
        return cell
    return cut_text(_text(shape, column, cell)) or None


def _text(shape: ListShape, column: SetColumn, cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, Unread):
        return cell.text
    if isinstance(cell, datetime):
        return f"{cell.astimezone(shape.zone):%d.%m.%Y %H:%M}"
    if isinstance(cell, date):
        return f"{cell:%d.%m.%Y}"
    if isinstance(cell, Decimal):
        return format(cell, "f")
    text = str(cell)
    return column.words.get(text, text)


def _name(shape: ListShape, row: Row) -> str:
    """What staff see first: what the row is known by."""
    by_name = {column.name: place for place, column in enumerate(shape.table.columns)}
    parts = [_text(shape, shape.table.columns[by_name[key]], row.cells[by_name[key]]) for key in shape.table.key]
    name = " · ".join(part for part in (" ".join(part.split()) for part in parts) if part)
    return cut_name(name or shape.table.title)


def cut_name(text: str) -> str:
    return storable(text)[:NAME_CHARACTERS_MAX]


def cut_text(text: str) -> str:
    text = storable(text)
    return text if len(text) <= TEXT_CHARACTERS_MAX else text[: TEXT_CHARACTERS_MAX - 1] + "…"


def contents(shape: ListShape, start: str, rows: Sequence[Row], every: Sequence[Row], at: datetime) -> Iterator[Content]:
    """Of the rows that go into the list; `every` are those of the answer."""
    keys = frozenset(row.key for row in every)
    for row in rows:
        yield content_of(shape, row, start + code_of(row.key, keys), at)


def codes(start: str, every: Sequence[Row]) -> frozenset[str]:
    keys = frozenset(row.key for row in every)
    return frozenset(start + code_of(row.key, keys) for row in every if row.key)
