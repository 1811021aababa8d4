"""Which rows, and in which order: filter, sorting, folding, and which go into a list that takes only so many. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

from kernel.datasets.model import Cell, Row, Unread
from kernel.datasets.sums import exact_sum
from kernel.mapping import SetColumn, SetTable


def plain(column: SetColumn, cell: Cell) -> str:
    """A cell as people may look for it: words as they read them, dates as they write them."""
    if cell is None:
        return ""
    if isinstance(cell, Unread):
        return cell.text
    if isinstance(cell, datetime):
        return f"{cell:%d.%m.%Y %H:%M} {cell.isoformat()}"
    if isinstance(cell, date):
        return f"{cell:%d.%m.%Y} {cell.isoformat()}"
    if isinstance(cell, Decimal):
        text = format(cell, "f")
        return f"{text} {text.replace('.', ',')}"
    text = str(cell)
    word = column.words.get(text)
    return f"{word} {text}" if word else text


def folded_text(text: str) -> str:
    """As a filter compares: case does not matter, «ё» is «е», all kinds of blanks are one."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().replace("ё", "е").split())


def searchable(table: SetTable, rows: Iterable[Row]) -> list[str]:
    """Of each row what `filtered` looks in. Whoever filters the same rows again and again makes it once."""
    shown = [(place, column) for place, column in enumerate(table.columns) if not column.hidden]
    known: dict[tuple[int, str], str] = {}  # contracts, markets, currencies: the same few in all rows
    found = []
    for row in rows:
        cells = []
        for place, column in shown:
            cell = row.cells[place]
            if not isinstance(cell, str):
                cells.append(folded_text(plain(column, cell)))
                continue
            if (place, cell) not in known:
                known[place, cell] = folded_text(plain(column, cell))
            cells.append(known[place, cell])
        found.append("\n".join(cells))
    return found


def filtered(table: SetTable, rows: Sequence[Row], text: str, texts: Sequence[str] | None = None) -> list[Row]:
    """Rows in which every word of `text` stands, in whichever column that is shown. `texts`: of `searchable`."""
    words = folded_text(text).split()
    if not words:
        return list(rows)
    whole = searchable(table, rows) if texts is None else texts
    return [row for row, one in zip(rows, whole, strict=True) if all(word in one for word in words)]


def chosen(table: SetTable, rows: Iterable[Row], choices: Mapping[str, str]) -> list[Row]:
    """Rows whose column has that code: `{"state": "NEW"}`."""
    wanted = [(table.places[name], value) for name, value in choices.items() if value]
    return [row for row in rows if all(row.cells[place] == value for place, value in wanted)]


def ordered(table: SetTable, rows: Iterable[Row], by: str = "") -> list[Row]:
    """By a column, or by the table's own order; `-name` begins with the largest. What has no value, or none that could be
    read, always comes last; equal ones stay as they came."""
    by = by or table.sort
    if not by:
        return list(rows)
    place = table.places[by.removeprefix("-")]
    known = [row for row in rows if _comparable(row.cells[place])]
    others = [row for row in rows if not _comparable(row.cells[place])]
    known.sort(key=lambda row: _sortable(row.cells[place]), reverse=by.startswith("-"))
    return known + others


def _comparable(cell: Cell) -> bool:
    return cell is not None and not isinstance(cell, Unread)


def _sortable(cell: Cell) -> tuple[int, object]:
    """One column has one type; a text among figures would still not stop the page."""
    if isinstance(cell, int | Decimal):
        return 0, cell
    if isinstance(cell, datetime):
        return 1, cell.timestamp()
    if isinstance(cell, date):
        return 2, cell
    return 3, folded_text(str(cell))


def kept(table: SetTable, rows: Iterable[Row], most: int) -> list[Row]:
    """Those that go into a list which takes `most`: rows with a key, by `keep`."""
    return ordered(table, [row for row in rows if row.key], table.keep)[:most]


def folded(table: SetTable, rows: Iterable[Row]) -> list[Row]:
    """Rows of one key added up into one, which keeps them as its parts; of a table that is not folded, the rows as they are.

    A figure that could not be read makes no sum: the row keeps it in its parts. A row without key stays by itself.
    """
    if not table.fold:
        return list(rows)
    heaps: dict[str, list[Row]] = {}
    made: list[Row | str] = []
    for row in rows:
        if not row.key:
            made.append(row)
            continue
        if row.key not in heaps:
            heaps[row.key] = []
            made.append(row.key)
        heaps[row.key].append(row)
    return [_folded(table, heaps[one]) if isinstance(one, str) else one for one in made]


def _folded(table: SetTable, heap: list[Row]) -> Row:
    cells: list[Cell] = []
    for place, column in enumerate(table.columns):
        values = [row.cells[place] for row in heap]
        if column.subtotal != "sum":
            cells.append(values[0])
            continue
        unread = next((one for one in values if isinstance(one, Unread)), None)
        figures = [one for one in values if isinstance(one, int | Decimal)]
        if unread is not None or not figures:
            cells.append(unread)
        elif column.type == "int":
            cells.append(sum(one for one in figures if isinstance(one, int)))
        else:
            cells.append(exact_sum(figures))
    return Row(tuple(cells), heap[0].key, tuple(heap))
