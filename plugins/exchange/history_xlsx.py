"""The history import's workbooks: the first sheet's results, after a check that the archive does no harm."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter
from openpyxl.worksheet._reader import WorkSheetParser

from kernel.errors import BadInput
from plugins.exchange.history_cells import Cell, Fault, RawRow, format_cell, named_columns, row_of

UNPACKED_BYTES_MAX = 128 * 2**20
SHEET_ROWS_MAX = 1_048_576


class _SheetParser(WorkSheetParser):
    """Results of formulas, with the data type "f" for a formula that was never counted."""

    def parse_cell(self, element: Any) -> dict[str, Any]:
        cell: dict[str, Any] = super().parse_cell(element)
        # An empty text is a result (type "str"); without any result the cell looks like an empty number.
        if cell["value"] is None and cell["data_type"] == "n" and any(part.tag.endswith("}f") for part in element):
            cell["data_type"] = "f"
        return cell


def xlsx_rows(path: Path) -> Iterator[RawRow]:
    columns: dict[int, str] | None = None
    for line, cells in _guarded(_sheet_cells(path), path.name):
        filled = {at: cell for at, cell in cells.items() if not (isinstance(cell, str) and not cell.strip())}
        if not filled:
            continue
        if columns is None:
            names = ["" if isinstance(cell, Fault) else format_cell(cell) for cell in filled.values()]
            columns = dict(zip(filled, named_columns(names), strict=True))
        else:
            named = ((columns.get(at, ""), cell) for at, cell in filled.items())
            yield row_of(line, ((name, _placed(name, cell)) for name, cell in named), comma=True)
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
        for entry in archive.infolist():  # pictures, too: a sheet may lie under any name
            _check_xml(archive, entry, path.name)


def _check_xml(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> None:
    with archive.open(entry) as part:
        tail = b""
        while chunk := part.read(1 << 20):
            seen = tail + chunk.replace(b"\0", b"")  # in UTF-16 every other byte is zero
            if b"<!DOCTYPE" in seen or b"<!ENTITY" in seen:
                raise BadInput.of("history_workbook_unsafe", file=name)
            tail = seen[-16:]
