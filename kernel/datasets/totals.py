"""Subtotals: exact, never across currencies, and saying what they leave out. Pure.

Rows in, lines out. `group` of a table gives a subtotal after each group, and the totals stand below; each has one line
per value of `per` (a currency, or a currency and a period). A cell without a value, and one that could not be read, is left
out of its sum and counted: «208 149,50 RUB + 1 без оценки, 1 не прочитано».
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from kernel.datasets.model import Cell, Row, Unread
from kernel.datasets.rules import plain
from kernel.datasets.sums import exact_sum
from kernel.mapping import SetTable


@dataclass(frozen=True)
class Line:
    """Of rows with one currency: the sum of each column that has one, and what is missing in it."""

    per: tuple[str, ...]
    rows: int
    sums: Mapping[str, Decimal] = field(default_factory=dict)
    missing: Mapping[str, int] = field(default_factory=dict)  #: rows without a value there: «без оценки»
    unread: Mapping[str, int] = field(default_factory=dict)  #: rows whose value could not be read


@dataclass(frozen=True)
class Subtotal:
    """Of one group, or of all rows (`group` is empty then)."""

    group: tuple[str, ...]
    lines: tuple[Line, ...]
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  #: by column: rows of each word


@dataclass(frozen=True)
class Totals:
    groups: tuple[Subtotal, ...]
    total: Subtotal


def totals(table: SetTable, rows: Iterable[Row]) -> Totals:
    """Groups and lines in the order in which they first come. Give it what `filtered` and `folded` return."""
    every = list(rows)
    groups: tuple[Subtotal, ...] = ()
    if table.group:
        groups = tuple(_subtotal(table, group, part) for group, part in _split(table, table.group, every).items())
    return Totals(groups, _subtotal(table, (), every))


def _split(table: SetTable, names: list[str], rows: list[Row]) -> dict[tuple[str, ...], list[Row]]:
    places = [table.places[name] for name in names]
    found: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(_text(row.cells[place]) for place in places), []).append(row)
    return found


def _text(cell: Cell) -> str:
    return "" if cell is None else cell.text if isinstance(cell, Unread) else str(cell)


def _subtotal(table: SetTable, group: tuple[str, ...], rows: list[Row]) -> Subtotal:
    lines = tuple(_line(table, per, part) for per, part in _split(table, table.per, rows).items())
    counts: dict[str, dict[str, int]] = {}
    for place, column in enumerate(table.columns):
        if column.subtotal == "count":
            words = counts.setdefault(column.name, {})
            for row in rows:
                code = _text(row.cells[place])
                word = column.words.get(code) or plain(column, row.cells[place])
                words[word] = words.get(word, 0) + 1
    return Subtotal(group, lines, counts)


def _line(table: SetTable, per: tuple[str, ...], rows: list[Row]) -> Line:
    sums: dict[str, Decimal] = {}
    missing: dict[str, int] = {}
    unread: dict[str, int] = {}
    for place, column in enumerate(table.columns):
        if column.subtotal != "sum":
            continue
        cells = [row.cells[place] for row in rows]
        figures = [one for one in cells if isinstance(one, int | Decimal)]
        if figures:
            sums[column.name] = exact_sum(figures)
        missing[column.name] = sum(1 for one in cells if one is None)
        unread[column.name] = len(cells) - len(figures) - missing[column.name]
    return Line(per, len(rows), sums, _counted(missing), _counted(unread))


def _counted(numbers: Mapping[str, int]) -> dict[str, int]:
    return {name: number for name, number in numbers.items() if number}
