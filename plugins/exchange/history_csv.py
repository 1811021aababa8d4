"""The history import's CSV: commas or semicolons, quotes, and one forgotten quotation mark that costs one row only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from kernel.errors import BadInput
from plugins.exchange.history_cells import COLUMNS, Fault, RawRow, blocks_of, format_cell, named_columns, text_row

RECORD_CHARS_MAX = 1 << 18  #: a comment has ten thousand at most
_SIMPLE = re.compile(r'[^"\r\n]*+(?=[\r\n])')  #: a record without a quotation mark, whose end is at hand
_LEAD = re.compile(r'[^"\r\n]*+(?=")')  #: what stands before the first quotation mark of a record
_BREAK = re.compile(r"\r\n|\r|\n")
_QUOTED = re.compile(r'"((?:[^"]++|"")*+)"')
_BARE = {",": re.compile(r"[^,\r\n]*+"), ";": re.compile(r"[^;\r\n]*+")}


def csv_rows(path: Path) -> Iterator[RawRow]:
    mark = _mark(path)
    columns: list[str] | None = None
    for line, cells in _records(blocks_of(path), mark):
        if cells is not None and _blank(cells):
            continue
        if columns is None:
            if cells is None:
                raise BadInput.of("history_no_header", file=path.name)
            columns = named_columns(cells)
        elif cells is None:
            yield RawRow(line, {}, (Fault("", "", BadInput.of("history_quotes")),))
        elif len(cells) > len(columns):
            # Blank ones count, too: an unquoted decimal comma has moved all that follows by one.
            error = BadInput.of("history_cells_extra", found=len(cells), wanted=len(columns))
            yield RawRow(line, {}, (Fault("", format_cell(mark.join(cells[len(columns) :])), error),))
        else:
            yield text_row(line, columns, cells, comma=mark == ";")
    if columns is None:
        raise BadInput.of("history_no_header", file=path.name)


def _mark(path: Path) -> str:
    """What parts the cells: whichever gives the header more names we know."""

    def known(mark: str) -> int:
        records = _records(blocks_of(path), mark)
        header = next((cells for _, cells in records if cells and not _blank(cells)), [])
        return sum(cell.strip().lower() in COLUMNS for cell in header)

    return ";" if known(";") > known(",") else ","


def _records(blocks: Iterator[str], mark: str) -> Iterator[tuple[int, list[str] | None]]:
    """Line and cells of each record; None where quotes do not hold. Then reading goes on with the very next line, so that
    one forgotten quotation mark does not swallow the rest of the file.

    Only a window of the file is at hand, and it is longer than any record may be: whatever does not end within it is as
    good as a quotation mark that was forgotten.
    """
    text, line, start, ended = "", 1, 0, False
    while True:
        if not ended and len(text) - start < RECORD_CHARS_MAX:
            text, start, ended = _filled(text[start:], blocks), 0, False
            ended = len(text) < 2 * RECORD_CHARS_MAX
        if start >= len(text):
            return
        cells, end = _record(text, start, mark)
        if cells is None or (end == len(text) and not ended):
            cells = None
            broken = _BREAK.search(text, start)
            end = broken.start() if broken else len(text)
        yield line, cells
        after = _BREAK.match(text, end)
        end = after.end() if after else end
        line += len(_BREAK.findall(text, start, end))
        start = end


def _filled(rest: str, blocks: Iterator[str]) -> str:
    """The rest of the window with so much of the file behind it that it is full, or the file at its end."""
    parts, length = [rest], len(rest)
    while length < 2 * RECORD_CHARS_MAX:
        block = next(blocks, "")
        if not block:
            break
        parts.append(block)
        length += len(block)
    return "".join(parts)


def _record(text: str, at: int, mark: str) -> tuple[list[str] | None, int]:
    if simple := _SIMPLE.match(text, at):
        return simple[0].split(mark), simple.end()
    cells: list[str] = []
    if (lead := _LEAD.match(text, at)) and lead[0].endswith(mark):
        cells = lead[0][:-1].split(mark)
        at = lead.end()
    while True:
        if text.startswith('"', at):
            found = _QUOTED.match(text, at)
            if found is None:
                return None, at
            cells.append(found[1].replace('""', '"'))
        else:
            found = _BARE[mark].match(text, at)
            assert found is not None  # it matches nothing at all as well
            cells.append(found[0])
        at = found.end()
        if not text.startswith(mark, at):
            return (cells if at == len(text) or text[at] in "\r\n" else None), at
        at += 1


def _blank(cells: Iterable[str]) -> bool:
    return not any(cell.strip() for cell in cells)
