"""An old spreadsheet as rows of named cells: CSV, XLSX or JSON lines. What a cell means is not decided here.

A row that cannot be taken apart is a row with a fault, so that reading goes on and a person sees all faults at once. Only
what makes the whole file unusable (not found, another format, no header, a hostile archive) raises BadInput.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kernel.errors import BadInput
from plugins.exchange.history_cells import RawRow
from plugins.exchange.history_csv import csv_rows
from plugins.exchange.history_jsonl import jsonl_rows

FILE_BYTES_MAX = 256 * 2**20


def _xlsx_rows(path: Path) -> Iterator[RawRow]:
    from plugins.exchange.history_xlsx import xlsx_rows  # its library takes 10 MB, which only a workbook needs

    yield from xlsx_rows(path)


def read_rows(path: Path | str) -> Iterator[RawRow]:
    """All rows that are not blank, in order. Raises BadInput if the file as a whole cannot be used."""
    path = Path(path)
    formats = {".csv": csv_rows, ".xlsx": _xlsx_rows, ".jsonl": jsonl_rows}
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
