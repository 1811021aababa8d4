"""Which rows of a table a page shows, in which order, and where a subtotal stands between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kernel.datasets import Cell, Row, Subtotal, Totals, Unread, chosen, filtered, folded, ordered, totals
from kernel.mapping import SetTable

AT_ONCE = 200


@dataclass(frozen=True)
class Wish:
    """What somebody wants to see of a table."""

    text: str = ""
    choices: Mapping[str, str] | None = None
    sort: str = ""
    start: int = 0
    most: int = AT_ONCE


@dataclass(frozen=True)
class Shown:
    """Rows, each with the subtotal that stands after it where its group ends."""

    lines: tuple[tuple[Row, Subtotal | None], ...]
    count: int  #: of all rows that pass the filter
    totals: Totals
    start: int = 0

    @property
    def more(self) -> bool:
        return self.start + len(self.lines) < self.count


def passing(table: SetTable, rows: Sequence[Row], wish: Wish) -> list[Row]:
    """All rows that pass the filter, in their order. Those of one group stay together, whatever they are sorted by."""
    wanted = {name: value for name, value in (wish.choices or {}).items() if name in table.places}
    found = chosen(table, filtered(table, folded(table, rows), wish.text), wanted)
    sort = wish.sort if wish.sort.removeprefix("-") in table.places else ""
    found = ordered(table, found, sort)
    if not table.group:
        return found
    heaps: dict[tuple[str, ...], list[Row]] = {}
    for row in found:
        heaps.setdefault(group_of(table, row), []).append(row)
    return [row for heap in heaps.values() for row in heap]


def shown(table: SetTable, rows: Sequence[Row], wish: Wish) -> Shown:
    every = passing(table, rows, wish)
    sums = totals(table, every)
    after = {one.group: one for one in sums.groups}
    part = every[wish.start : wish.start + wish.most]
    lines = []
    for place, row in enumerate(part, wish.start):
        group = group_of(table, row)
        last = bool(table.group) and (place + 1 == len(every) or group_of(table, every[place + 1]) != group)
        lines.append((row, after.get(group) if last else None))
    return Shown(tuple(lines), len(every), sums, wish.start)


def group_of(table: SetTable, row: Row) -> tuple[str, ...]:
    return tuple(_text(row.cells[table.places[name]]) for name in table.group)


def _text(cell: Cell) -> str:
    return "" if cell is None else cell.text if isinstance(cell, Unread) else str(cell)


def words_of(table: SetTable, rows: Sequence[Row]) -> dict[str, list[tuple[str, str]]]:
    """By column of type `words`: the codes that occur, with what people read, declared ones first."""
    found: dict[str, list[tuple[str, str]]] = {}
    for column in table.columns:
        if column.type == "words" and not column.hidden:
            codes = {row.cells[table.places[column.name]] for row in rows}
            declared = [(code, word) for code, word in column.words.items() if code in codes]
            others = sorted(code for code in codes if isinstance(code, str) and code and code not in column.words)
            found[column.name] = declared + [(code, code) for code in others]
    return {name: choices for name, choices in found.items() if len(choices) > 1}
