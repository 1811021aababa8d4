"""What every format of the history import gives: rows of named cells, and what could not be taken apart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from kernel.errors import BadInput
from kernel.values import plain

COLUMNS = (
    "deal", "op", "at", "client", "partner", "kind", "pair", "amount", "amount_in", "client_rate", "partner_rate", "place",
    "to_place", "stage", "custody_until", "comment",
)  # fmt: skip
REQUIRED = ("deal", "op", "at", "kind", "pair", "amount")
SHOWN_CHARS_MAX = 200
BLOCK_CHARS = 1 << 18
#: Characters that are no text: controls other than tab and line breaks, and halves of a pair.
UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")
_UNDECODED = re.compile("[\udc80-\udcff]")

Cell = str | Decimal | datetime | date


@dataclass(frozen=True)
class Fault:
    """What is wrong with a cell, or with the whole row if `column` is empty."""

    column: str
    value: str
    error: BadInput


@dataclass(frozen=True)
class RawRow:
    """A row as it stands in the file. `line` is what the person sees there; empty cells are left out."""

    line: int
    cells: Mapping[str, Cell]
    faults: tuple[Fault, ...] = ()
    comma: bool = False  #: a text cell may hold a decimal comma


def format_cell(cell: Cell) -> str:
    """The cell as a person would type it."""
    if isinstance(cell, Decimal):
        text = plain(cell)
    elif isinstance(cell, datetime):
        text = cell.isoformat(sep=" ")
    else:
        text = str(cell)
    # It may be printed on a terminal: nothing in it may give orders there.
    return UNFIT.sub("\N{REPLACEMENT CHARACTER}", text[:SHOWN_CHARS_MAX])


def named_columns(names: Sequence[str]) -> list[str]:
    """The header's names in our spelling; a column without a name stays empty."""
    found = [name.strip().lower() for name in names]
    for name, raw in zip(found, names, strict=True):
        if name and name not in COLUMNS:
            raise BadInput.of("history_column_unknown", column=format_cell(raw.strip())[:60], known=", ".join(COLUMNS))
        if name and found.count(name) > 1:
            raise BadInput.of("history_column_twice", column=name)
    for name in REQUIRED:
        if name not in found:
            raise BadInput.of("history_column_missing", column=name)
    return found


def row_of(line: int, cells: Iterable[tuple[str, Cell | Fault]], *, comma: bool) -> RawRow:
    found: dict[str, Cell] = {}
    faults: list[Fault] = []
    for column, cell in cells:
        if isinstance(cell, Fault):
            faults.append(cell)
        elif isinstance(cell, str) and not cell.strip():
            continue
        elif not column:
            faults.append(Fault("", format_cell(cell), BadInput.of("history_cell_beyond")))
        else:
            found[column] = cell
    return RawRow(line, found, tuple(faults), comma)


def text_row(line: int, columns: Sequence[str], cells: Sequence[str], *, comma: bool) -> RawRow:
    """The same of cells that are all texts, which is most of the files."""
    found: dict[str, Cell] = {
        column: cell for column, cell in zip(columns, cells, strict=False) if cell and not cell.isspace()
    }
    return row_of(line, zip(columns, cells, strict=False), comma=comma) if "" in found else RawRow(line, found, (), comma)


def blocks_of(path: Path) -> Iterator[str]:
    """The file's text, piece by piece. Bytes that its encoding does not have become lone surrogates, which the row will be
    told about."""
    encoding = _encoding_of(path)
    # Line ends stay as they are: what counts as one is for each format to say.
    with path.open(encoding=encoding, errors="surrogateescape", newline="") as file:
        yield from iter(lambda: file.read(BLOCK_CHARS), "")


def _encoding_of(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith((b"\xff\xfe", b"\xfe\xff", b"PK\x03\x04")):
        raise BadInput.of("history_file_encoding", file=path.name)
    if start.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    foreign = beyond = 0
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        for block in iter(lambda: file.read(BLOCK_CHARS), ""):
            if not block.isascii():
                foreign += len(_UNDECODED.findall(block))
                beyond += len(block) - len(block.encode("ascii", "ignore"))
    # A damaged letter in a UTF-8 file must not turn every name into gibberish: the greater part decides.
    return "cp1251" if foreign * 2 > beyond else "utf-8"
