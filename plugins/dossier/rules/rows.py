"""Which rows of a table a page shows, in which order, and where a subtotal stands between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from kernel.datasets import Cell, Row, Subtotal, Totals, Unread, chosen, filtered, folded, ordered, searchable, totals
from kernel.mapping import SetTable

AT_ONCE = 200
WISHES_MAX = 8  #: of one table, for which what was made is kept


@dataclass(frozen=True)
class Wish:
    """What somebody wants to see of a table."""

    text: str = ""
    choices: Mapping[str, str] | None = None
    sort: str = ""
    start: int = 0


@dataclass(frozen=True)
class Shown:
    """Rows, each with the subtotal that stands after it where its group ends."""

    lines: tuple[tuple[Row, Subtotal | None], ...]
    count: int  #: of all rows that pass the filter
    totals: Totals


class Rows:
    """The rows of a table. Who scrolls or types asks for them again and again, so what was made of them lately is kept."""

    def __init__(self, table: SetTable, rows: Sequence[Row]) -> None:
        self.table, self.every = table, folded(table, rows)
        self.words = words_of(table, rows)
        self._ordered = lru_cache(WISHES_MAX)(self._arranged)
        self._sums = lru_cache(WISHES_MAX)(self._added_up)

    @cached_property
    def _texts(self) -> Sequence[str]:
        return searchable(self.table, self.every)

    def passing(self, wish: Wish) -> Sequence[Row]:
        """All rows that pass the filter, in their order. Those of one group stay together, whatever they are sorted by."""
        return self._ordered(*self._asked(wish))

    def totals(self, wish: Wish) -> Totals:
        return self._sums(*self._asked(wish)[:2])

    def _asked(self, wish: Wish) -> tuple[str, tuple[tuple[str, str], ...], str]:
        places = self.table.places
        choices = tuple(sorted((name, code) for name, code in (wish.choices or {}).items() if name in places and code))
        return wish.text, choices, wish.sort if wish.sort.removeprefix("-") in places else ""

    def _arranged(self, text: str, choices: tuple[tuple[str, str], ...], sort: str) -> Sequence[Row]:
        texts = self._texts if text else None
        found = chosen(self.table, filtered(self.table, self.every, text, texts), dict(choices))
        found = ordered(self.table, found, sort)
        if not self.table.group:
            return found
        heaps: dict[tuple[str, ...], list[Row]] = {}
        for row in found:
            heaps.setdefault(group_of(self.table, row), []).append(row)
        return [row for heap in heaps.values() for row in heap]

    def _added_up(self, text: str, choices: tuple[tuple[str, str], ...]) -> Totals:
        return totals(self.table, self._ordered(text, choices, ""))

    def shown(self, wish: Wish) -> Shown:
        table, every, sums = self.table, self.passing(wish), self.totals(wish)
        after = {one.group: one for one in sums.groups}
        part = every[wish.start : wish.start + AT_ONCE]
        lines = []
        for place, row in enumerate(part, wish.start):
            group = group_of(table, row)
            last = bool(table.group) and (place + 1 == len(every) or group_of(table, every[place + 1]) != group)
            lines.append((row, after.get(group) if last else None))
        return Shown(tuple(lines), len(every), sums)


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
