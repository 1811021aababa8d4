"""The history import's JSON lines: an object on each line, its numbers exact and its names kept in order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from kernel.errors import BadInput
from plugins.exchange.history_cells import COLUMNS, Cell, Fault, RawRow, blocks_of, format_cell, row_of

NUMBER_CHARS_MAX = 60
LINE_CHARS_MAX = 1 << 20


class _Object(list[tuple[str, Any]]):
    """A JSON object with its names in order, repeated ones kept."""


def _number(text: str) -> Decimal | str:
    """Exact; what is absurdly long or large stays text, and is refused where a number is wanted."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    return number if len(text) <= NUMBER_CHARS_MAX and abs(number.adjusted()) <= NUMBER_CHARS_MAX else text


def _no_constant(text: str) -> str:
    raise ValueError(text)


def jsonl_rows(path: Path) -> Iterator[RawRow]:
    for line, text in enumerate(_lines(path), 1):
        if text.strip():
            yield _json_row(line, text)


def _lines(path: Path) -> Iterator[str]:
    """Parted at line feeds only. Of a line that is longer than any row can be only the start, which is no JSON."""
    rest, full = "", False
    for block in blocks_of(path):
        first, *others = block.split("\n")
        rest = rest if full else rest + first
        for further in others:
            yield rest
            rest = further
        full = len(rest) > LINE_CHARS_MAX
    yield rest


def _json_row(line: int, text: str) -> RawRow:
    try:
        found = json.loads(
            text, parse_float=_number, parse_int=_number, parse_constant=_no_constant, object_pairs_hook=_Object
        )
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, _Object):
        return RawRow(line, {}, (Fault("", format_cell(text.strip()), BadInput.of("history_json")),))
    cells: list[tuple[str, Cell | Fault]] = []
    names = [name.strip().lower() for name, _ in found]
    for name, (raw, value) in zip(names, found, strict=True):
        if name not in COLUMNS:
            error = BadInput.of("history_column_unknown", column=format_cell(raw)[:60], known=", ".join(COLUMNS))
            cells.append((name, Fault(format_cell(raw)[:60], _format_json(value), error)))
        elif names.count(name) > 1:
            cells.append((name, Fault(name, _format_json(value), BadInput.of("history_column_twice", column=name))))
        elif isinstance(value, (str, Decimal)):
            cells.append((name, value))
        elif value is not None:
            literal = _format_json(value)
            cells.append((name, Fault(name, literal, BadInput.of("history_cell_kind", text=literal[:40]))))
    return row_of(line, cells, comma=False)


def _format_json(value: Any) -> str:
    if isinstance(value, (str, Decimal)):
        return format_cell(value)
    return "[…]" if isinstance(value, list) else json.dumps(value)
