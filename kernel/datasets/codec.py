"""An answer as bytes that can be stored, and back: every digit, date and unread text as it was."""

from __future__ import annotations

import json
import zlib
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from kernel.datasets.model import Accepted, Answer, Cell, FieldError, Opened, Refusal, Row, Rows, Unread

VERSION = 1


def pack_answer(answer: Answer) -> bytes:
    """Compressed: more would take as long again as all the rest, and answers are kept for days."""
    body = {
        "v": VERSION, "set": answer.set, "client_id": answer.client_id, "asked_at": answer.asked_at.isoformat(),
        "as_of": answer.as_of.isoformat() if answer.as_of else None, "complete": answer.complete, "cut": answer.cut,
        "confirmed": answer.confirmed, "unknown": answer.unknown, "pages": answer.pages, "bytes": answer.bytes,
        "seconds": answer.seconds,
        "tables": {
            name: [[_packed(row) for row in one.rows], one.bad_cells, one.keyless, one.doubled]
            for name, one in answer.tables.items()
        },
    }  # fmt: skip
    return zlib.compress(json.dumps(body, ensure_ascii=True, separators=(",", ":")).encode(), 1)


def unpack_answer(packed: bytes) -> Answer:
    """Raises ValueError if it was packed by another version."""
    body = json.loads(zlib.decompress(packed))
    if body.pop("v") != VERSION:
        raise ValueError("packed by another version")
    tables = {
        name: Rows(tuple(_unpacked(row) for row in rows), bad_cells, keyless, doubled)
        for name, (rows, bad_cells, keyless, doubled) in body.pop("tables").items()
    }
    asked_at, as_of = datetime.fromisoformat(body.pop("asked_at")), body.pop("as_of")
    return Answer(
        asked_at=asked_at, as_of=datetime.fromisoformat(as_of) if as_of else None, tables=tables,
        unknown=tuple(body.pop("unknown")), **body,
    )  # fmt: skip


def _packed(row: Row) -> list[Any]:
    return [[_cell(one) for one in row.cells], row.key, *([[_packed(part) for part in row.parts]] if row.parts else [])]


def _unpacked(given: list[Any]) -> Row:
    parts = tuple(_unpacked(part) for part in given[2]) if len(given) > 2 else ()
    return Row(tuple(_read(one) for one in given[0]), given[1], parts)


def _cell(cell: Cell) -> Any:
    """Text as text, a number as a number; the rest with a letter that says what it is."""
    if cell is None or isinstance(cell, str | int):
        return cell
    if isinstance(cell, Unread):
        return ["u", cell.text]
    if isinstance(cell, Decimal):
        return ["n", str(cell)]
    return ["t" if isinstance(cell, datetime) else "d", cell.isoformat()]


def _read(given: Any) -> Cell:
    if not isinstance(given, list):
        found: Cell = given
        return found
    kind, text = given
    match kind:
        case "u":
            return Unread(text)
        case "n":
            return Decimal(text)
        case "t":
            return datetime.fromisoformat(text)
    return date.fromisoformat(text)


def pack_opened(opened: Opened) -> str:
    """A definite answer to a request, as the result of the call that brought it."""
    if isinstance(opened, Accepted):
        day = opened.opened_on.isoformat() if opened.opened_on else ""
        body: dict[str, Any] = {"accepted": [opened.client_id, opened.contract_number, day]}
    else:
        body = {"rejected": [[one.code, one.field, one.message, one.client_id] for one in opened.errors]}
    return json.dumps(body, ensure_ascii=False)


def unpack_opened(text: str) -> Opened:
    body = json.loads(text)
    if "accepted" in body:
        client_id, contract_number, day = body["accepted"]
        return Accepted(client_id, contract_number, date.fromisoformat(day) if day else None)
    return Refusal(tuple(FieldError(*one) for one in body["rejected"]))
