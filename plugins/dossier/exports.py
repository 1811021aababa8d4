"""A table as a file, and the position as one line per currency. A cell of a file is never a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from flask import Response

from kernel.datasets import Cell, Row, Unread, totals
from kernel.extension.portal import Portal
from kernel.mapping import SetTable
from plugins.dossier.rules import showing
from plugins.dossier.settings import settings_of
from plugins.dossier.store import KeptAnswer

KINDS = {"csv": "text/csv", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
EXACT_DIGITS = 15  #: a spreadsheet keeps so many; longer figures go as text
MONEY = ("available", "blocked", "value")


def response(portal: Portal, table: SetTable, rows: Iterable[Row], kind: str, file_name: str) -> Response:
    columns = [one for one in table.columns if not one.hidden]
    body = (
        [showing_value(portal, one.words.get(str(cell), cell) if isinstance(cell, str) else cell) for one, cell in pairs]
        for pairs in ([(one, row.cells[table.places[one.name]]) for one in columns] for row in rows)
    )
    return as_file([one.title for one in columns], body, kind, file_name)


def showing_value(portal: Portal, cell: Cell) -> Cell:
    if isinstance(cell, Unread):
        return cell.text
    return cell.astimezone(portal.zone).replace(tzinfo=None) if isinstance(cell, datetime) else cell


def as_file(head: Sequence[str], rows: Iterable[Sequence[Cell]], kind: str, file_name: str) -> Response:
    body = as_csv(head, rows) if kind == "csv" else as_xlsx(head, rows)
    made = Response(body, mimetype=KINDS[kind])
    made.headers["Content-Disposition"] = f'attachment; filename="{_plain(file_name)}"'
    return made


def _plain(name: str) -> str:
    return "".join(one if one.isascii() and (one.isalnum() or one in "-._") else "_" for one in name)


def as_csv(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    out = io.StringIO()
    write = csv.writer(out, delimiter=";", lineterminator="\r\n")
    write.writerow([harmless(one) for one in head])
    write.writerows([_text(cell) for cell in row] for row in rows)
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, int | Decimal):
        return format(Decimal(cell), "f").replace(".", ",")
    if isinstance(cell, datetime):
        return f"{cell:%d.%m.%Y %H:%M}"
    return f"{cell:%d.%m.%Y}" if isinstance(cell, date) else harmless(str(cell))


def harmless(text: str) -> str:
    """A program that opens the file must take it for a text."""
    return f"'{text}" if text.startswith(FORMULA) else text


def as_xlsx(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    from openpyxl import Workbook  # its library takes 10 MB, which only a workbook needs
    from openpyxl.cell import WriteOnlyCell

    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    made = partial(WriteOnlyCell, sheet)
    for row in (head, *rows):
        sheet.append([_cell(made, value) for value in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _cell(make: Callable[[Any], Any], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, int | Decimal) and len(Decimal(value).as_tuple().digits) > EXACT_DIGITS:
        value = format(Decimal(value), "f")
    if not isinstance(value, str):
        return make(value)
    made = make("".join(one for one in value if one >= " " or one in "\t\n"))
    made.data_type = "s"  # whatever it begins with
    return made


@dataclass(frozen=True)
class Position:
    """Of one currency; empty: nothing is known of it."""

    currency: str
    available: str
    blocked: str
    value: str

    @property
    def incomplete(self) -> bool:
        return any(one.endswith("*") for one in (self.available, self.blocked, self.value))


def position(portal: Portal, answer: KeptAnswer) -> list[Position]:
    """Cash available and blocked, and what the securities are worth, by currency."""
    declared = portal.mapping.sets[answer.answer.set]
    found: dict[str, dict[str, str]] = {}
    wanted = settings_of(portal).position
    for figure in MONEY:
        name, _, column = getattr(wanted, figure).partition(".")
        table = declared.table.get(name)
        if table is None or column not in table.places or len(table.per) != 1 or name not in answer.answer.tables:
            continue
        for line in totals(table, answer.answer.tables[name].rows).total.lines:
            into = found.setdefault(line.per[0], {})
            if column in line.sums:
                into[figure] = showing.number(line.sums[column], 2)
            if line.missing.get(column) or line.unread.get(column):
                into[figure] = into.get(figure, showing.NOTHING) + " *"
    return [Position(currency, *(sums.get(one, showing.NOTHING) for one in MONEY)) for currency, sums in found.items()]
