"""An old spreadsheet as rows of named cells: CSV, XLSX or JSON lines. What a cell means is not decided here.

A row that cannot be taken apart is a row with a fault, so that reading goes on and a person sees all faults at once. Only
what makes the whole file unusable (not found, another format, no header, a hostile archive) raises BadInput.
"""

from __future__ import annotations

import json
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter
from openpyxl.worksheet._reader import WorkSheetParser

from kernel.errors import BadInput
from kernel.values import plain

COLUMNS = (
    "deal", "op", "at", "client", "partner", "kind", "pair", "amount", "amount_in", "client_rate", "partner_rate", "place",
    "to_place", "stage", "custody_until", "comment",
)  # fmt: skip
REQUIRED = ("deal", "op", "at", "kind", "pair", "amount")
FILE_BYTES_MAX = 256 * 2**20
UNPACKED_BYTES_MAX = 128 * 2**20
SHEET_ROWS_MAX = 1_048_576
NUMBER_CHARS_MAX = 60
SHOWN_CHARS_MAX = 200
#: Characters that are no text: controls other than tab and line breaks, and halves of a pair.
UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")

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


def read_rows(path: Path | str) -> Iterator[RawRow]:
    """All rows that are not blank, in order. Raises BadInput if the file as a whole cannot be used."""
    path = Path(path)
    formats = {".csv": _csv_rows, ".xlsx": _xlsx_rows, ".jsonl": _jsonl_rows}
    if not path.is_file():
        raise BadInput.of("history_file_missing", file=path.name)
    read = formats.get(path.suffix.lower())
    if read is None:
        raise BadInput.of("history_file_format", file=path.name, known=", ".join(formats))
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise BadInput.of("history_file_large", file=path.name, most=FILE_BYTES_MAX >> 20)
        yield from read(path)
    except OSError as exc:
        raise BadInput.of("history_file_unreadable", file=path.name, why=exc.strerror or type(exc).__name__) from exc


def shown(cell: Cell) -> str:
    """The cell as a person would type it."""
    if isinstance(cell, Decimal):
        text = plain(cell)
    elif isinstance(cell, datetime):
        text = cell.isoformat(sep=" ")
    else:
        text = str(cell)
    # It may be printed on a terminal: nothing in it may give orders there.
    return UNFIT.sub("\N{REPLACEMENT CHARACTER}", text[:SHOWN_CHARS_MAX])


def _columns(names: Sequence[str]) -> list[str]:
    """The header's names in our spelling; a column without a name stays empty."""
    found = [name.strip().lower() for name in names]
    for name, raw in zip(found, names, strict=True):
        if name and name not in COLUMNS:
            raise BadInput.of("history_column_unknown", column=shown(raw.strip())[:60], known=", ".join(COLUMNS))
        if name and found.count(name) > 1:
            raise BadInput.of("history_column_twice", column=name)
    for name in REQUIRED:
        if name not in found:
            raise BadInput.of("history_column_missing", column=name)
    return found


# --- text ------------------------------------------------------------------------------------------------------------


def _text(path: Path) -> str:
    """The file's text. Bytes that its encoding does not have become lone surrogates, which the row will be told about."""
    raw = path.read_bytes()
    if raw.startswith((b"\xff\xfe", b"\xfe\xff", b"PK\x03\x04")):
        raise BadInput.of("history_file_encoding", file=path.name)
    text = raw.decode("utf-8-sig", "surrogateescape")
    if raw.startswith(b"\xef\xbb\xbf"):
        return text
    foreign = len(re.findall("[\udc80-\udcff]", text))
    # A damaged letter in a UTF-8 file must not turn every name into gibberish: the greater part decides.
    if foreign * 2 > len(re.findall("[^\x00-\x7f]", text)):
        return raw.decode("cp1251", "surrogateescape")
    return text


_BREAK = re.compile(r"\r\n|\r|\n")
_QUOTED = re.compile(r'"((?:[^"]++|"")*+)"')
_BARE = {",": re.compile(r"[^,\r\n]*+"), ";": re.compile(r"[^;\r\n]*+")}


def _records(text: str, mark: str) -> Iterator[tuple[int, list[str] | None]]:
    """Line and cells of each record; None where quotes do not hold. Then reading goes on with the very next line, so that
    one forgotten quotation mark does not swallow the rest of the file."""
    line, start = 1, 0
    while start < len(text):
        cells, end = _record(text, start, mark)
        if cells is None:
            broken = _BREAK.search(text, start)
            end = broken.start() if broken else len(text)
        yield line, cells
        after = _BREAK.match(text, end)
        end = after.end() if after else end
        line += len(_BREAK.findall(text, start, end))
        start = end


def _record(text: str, at: int, mark: str) -> tuple[list[str] | None, int]:
    cells: list[str] = []
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


def _csv_rows(path: Path) -> Iterator[RawRow]:
    text = _text(path)
    mark = _mark(text)
    columns: list[str] | None = None
    for line, cells in _records(text, mark):
        if cells is not None and _blank(cells):
            continue
        if columns is None:
            if cells is None:
                raise BadInput.of("history_no_header", file=path.name)
            columns = _columns(cells)
        elif cells is None:
            yield RawRow(line, {}, (Fault("", "", BadInput.of("history_quotes")),))
        elif len(cells) > len(columns):
            # Blank ones count, too: an unquoted decimal comma has moved all that follows by one.
            error = BadInput.of("history_cells_extra", found=len(cells), wanted=len(columns))
            yield RawRow(line, {}, (Fault("", shown(mark.join(cells[len(columns) :])), error),))
        else:
            yield _row(line, zip(columns, cells, strict=False), comma=mark == ";")
    if columns is None:
        raise BadInput.of("history_no_header", file=path.name)


def _mark(text: str) -> str:
    """What parts the cells: whichever gives the header more names we know."""

    def known(mark: str) -> int:
        header = next((cells for _, cells in _records(text, mark) if cells and not _blank(cells)), [])
        return sum(cell.strip().lower() in COLUMNS for cell in header)

    return ";" if known(";") > known(",") else ","


def _row(line: int, cells: Iterable[tuple[str, Cell | Fault]], *, comma: bool) -> RawRow:
    found: dict[str, Cell] = {}
    faults: list[Fault] = []
    for column, cell in cells:
        if isinstance(cell, Fault):
            faults.append(cell)
        elif isinstance(cell, str) and not cell.strip():
            continue
        elif not column:
            faults.append(Fault("", shown(cell), BadInput.of("history_cell_beyond")))
        else:
            found[column] = cell
    return RawRow(line, found, tuple(faults), comma)


# --- JSON lines ------------------------------------------------------------------------------------------------------


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


def _jsonl_rows(path: Path) -> Iterator[RawRow]:
    for line, text in enumerate(_text(path).split("\n"), 1):
        if text.strip():
            yield _json_row(line, text)


def _json_row(line: int, text: str) -> RawRow:
    try:
        found = json.loads(
            text, parse_float=_number, parse_int=_number, parse_constant=_no_constant, object_pairs_hook=_Object
        )
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, _Object):
        return RawRow(line, {}, (Fault("", shown(text.strip()), BadInput.of("history_json")),))
    cells: list[tuple[str, Cell | Fault]] = []
    names = [name.strip().lower() for name, _ in found]
    for name, (raw, value) in zip(names, found, strict=True):
        if name not in COLUMNS:
            error = BadInput.of("history_column_unknown", column=shown(raw)[:60], known=", ".join(COLUMNS))
            cells.append((name, Fault(shown(raw)[:60], _json_shown(value), error)))
        elif names.count(name) > 1:
            cells.append((name, Fault(name, _json_shown(value), BadInput.of("history_column_twice", column=name))))
        elif isinstance(value, (str, Decimal)):
            cells.append((name, value))
        elif value is not None:
            said = _json_shown(value)
            cells.append((name, Fault(name, said, BadInput.of("history_cell_kind", text=said[:40]))))
    return _row(line, cells, comma=False)


def _json_shown(value: Any) -> str:
    if isinstance(value, (str, Decimal)):
        return shown(value)
    return "[…]" if isinstance(value, list) else json.dumps(value)


# --- workbooks -------------------------------------------------------------------------------------------------------


class _SheetParser(WorkSheetParser):
    """Results of formulas, with the data type "f" for a formula that was never counted."""

    def parse_cell(self, element: Any) -> dict[str, Any]:
        cell: dict[str, Any] = super().parse_cell(element)
        # An empty text is a result (type "str"); without any result the cell looks like an empty number.
        if cell["value"] is None and cell["data_type"] == "n" and any(part.tag.endswith("}f") for part in element):
            cell["data_type"] = "f"
        return cell


def _xlsx_rows(path: Path) -> Iterator[RawRow]:
    columns: dict[int, str] | None = None
    for line, cells in _guarded(_sheet_cells(path), path.name):
        filled = {at: cell for at, cell in cells.items() if not (isinstance(cell, str) and not cell.strip())}
        if not filled:
            continue
        if columns is None:
            names = ["" if isinstance(cell, Fault) else shown(cell) for cell in filled.values()]
            columns = dict(zip(filled, _columns(names), strict=True))
        else:
            named = ((columns.get(at, ""), cell) for at, cell in filled.items())
            yield _row(line, ((name, _placed(name, cell)) for name, cell in named), comma=True)
    if columns is None:
        raise BadInput.of("history_no_header", file=path.name)


def _placed(column: str, cell: Cell | Fault) -> Cell | Fault:
    return Fault(column, cell.value, cell.error) if isinstance(cell, Fault) else cell


def _guarded(
    rows: Iterator[tuple[int, dict[int, Cell | Fault]]], name: str
) -> Iterator[tuple[int, dict[int, Cell | Fault]]]:
    """A damaged workbook makes the library raise nearly anything, and warn of what does not matter here."""
    while True:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                row = next(rows, None)
        except BadInput:
            raise
        except Exception as exc:
            raise BadInput.of("history_workbook_broken", file=name) from exc
        if row is None:
            return
        yield row


def _sheet_cells(path: Path) -> Iterator[tuple[int, dict[int, Cell | Fault]]]:
    """Row number and filled cells by column of the first sheet."""
    _check_archive(path)
    book = load_workbook(path, read_only=True, data_only=True, keep_links=False)
    try:
        sheet: Any = book.worksheets[0]
        last = 0
        with sheet._get_source() as source:
            parser = _SheetParser(
                source, sheet._shared_strings, data_only=True, epoch=book.epoch, date_formats=sheet.parent._date_formats,
                timedelta_formats=sheet.parent._timedelta_formats,
            )  # fmt: skip
            for number, cells in parser.parse():
                if not last < number <= SHEET_ROWS_MAX:
                    raise ValueError(f"row {number} stands after row {last}")
                last = number
                yield number, {cell["column"]: value for cell in cells if (value := _sheet_cell(cell)) is not None}
    finally:
        book.close()


def _sheet_cell(cell: Mapping[str, Any]) -> Cell | Fault | None:
    value, kind = cell["value"], cell["data_type"]
    if kind == "f":
        name = f"{get_column_letter(cell['column'])}{cell['row']}"
        return Fault("", "", BadInput.of("history_cell_uncounted", cell=name))
    if value is None or isinstance(value, (datetime, date)):
        return value
    if kind == "e":
        return Fault("", str(value), BadInput.of("history_cell_error", text=str(value)[:20]))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        # The shortest decimal that is this very number: what was typed, not its binary neighbour.
        return Decimal(repr(value))
    if isinstance(value, str):
        return value
    return Fault("", str(value)[:40], BadInput.of("history_cell_kind", text=str(value)[:40]))


def _check_archive(path: Path) -> None:
    """An archive that would fill the memory, or XML that declares entities, is refused before anything reads it."""
    with zipfile.ZipFile(path) as archive:
        # An entry is never unpacked further than the size it declares.
        if sum(entry.file_size for entry in archive.infolist()) > UNPACKED_BYTES_MAX:
            raise BadInput.of("history_workbook_large", file=path.name, most=UNPACKED_BYTES_MAX >> 20)
        for entry in archive.infolist():
            if not entry.filename.startswith("xl/media/"):
                _check_xml(archive, entry, path.name)


def _check_xml(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> None:
    with archive.open(entry) as part:
        tail = b""
        while chunk := part.read(1 << 20):
            seen = tail + chunk.replace(b"\0", b"")  # in UTF-16 every other byte is zero
            if b"<!DOCTYPE" in seen or b"<!ENTITY" in seen:
                raise BadInput.of("history_workbook_unsafe", file=name)
            tail = seen[-16:]
