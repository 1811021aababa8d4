"""The request log: every question with what became of it. All its SQL.

Of personal data it holds the ClientID alone; the beginning of a bad answer, which may hold more, goes after a week.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from kernel.storage import Tx

NO_REQUEST = ("joined", "cached")  #: outcomes of openings for which nothing left
FAILED = ("not_found", "unavailable", "maintenance", "bad_answer", "refused", "moved")
FILTERS = ("set_name", "client_id", "person", "card", "face", "outcome", "code", "trace_id", "trace")
AT_LEAST = ("ms", "bytes", "row_count", "bad_cells")  #: columns of numbers, by which one asks for the large ones
CARD = "(record = :f_card OR entity || ':' || record = :f_card)"  #: by its number, or as the page shows it
SAMPLE_DAYS = 7
CODE_CHARACTERS_MAX, TRACE_CHARACTERS_MAX = 60, 100


@dataclass(frozen=True)
class Line:
    """One question. All times are microseconds."""

    id: str
    portal: str
    at: int
    set_name: str
    client_id: str
    person: str
    entity: str
    record: str
    face: str
    outcome: str
    ms: int = 0
    bytes: int = 0
    row_count: int = 0
    bad_cells: int = 0
    code: str = ""
    trace_id: str = ""
    trace: str = ""
    sample: str = ""


NAMES = ", ".join(one.name for one in fields(Line))
PLACES = ", ".join(f":{one.name}" for one in fields(Line))


def add(tx: Tx, line: Line) -> None:
    """A zero byte, as the beginning of garbage may hold, is no text to PostgreSQL."""
    fit = {name: value.replace("\x00", "\ufffd") if isinstance(value, str) else value for name, value in vars(line).items()}
    tx.run(f"INSERT INTO dossier_log ({NAMES}) VALUES ({PLACES})", **fit)


def chosen(tx: Tx, portal: str, wanted: Mapping[str, str], since: int, until: int, most: int, start: int = 0) -> list[Line]:
    """Newest first."""
    where, values = _where(wanted)
    rows = tx.all(
        f"SELECT {NAMES} FROM dossier_log WHERE {where} ORDER BY at DESC, id DESC LIMIT :most OFFSET :start",
        p=portal, since=since, until=until, most=most, start=start, **values,
    )  # fmt: skip
    return [Line(**row) for row in rows]


def oldest(tx: Tx, portal: str, since: int, most: int) -> list[Line]:
    """Questions for which a request left, from that moment on, oldest first."""
    rows = tx.all(
        f"SELECT {NAMES} FROM dossier_log WHERE portal = :p AND at >= :since AND outcome NOT IN ('joined', 'cached') "
        "ORDER BY at, id LIMIT :most",
        p=portal, since=since, most=most,
    )  # fmt: skip
    return [Line(**row) for row in rows]


def every(tx: Tx, portal: str, wanted: Mapping[str, str], since: int, until: int) -> Iterator[Line]:
    where, values = _where(wanted)
    for row in tx.stream(
        f"SELECT {NAMES} FROM dossier_log WHERE {where} ORDER BY at DESC, id DESC",
        p=portal, since=since, until=until, **values,
    ):  # fmt: skip
        yield Line(**row)


def durations(tx: Tx, portal: str, wanted: Mapping[str, str], since: int, until: int) -> list[Mapping[str, Any]]:
    """Of each question that left: when, set, outcome and how long it took."""
    where, values = _where(wanted)
    return list(
        tx.all(
            f"SELECT at, set_name, outcome, ms FROM dossier_log WHERE {where} AND outcome NOT IN ('joined', 'cached')",
            p=portal, since=since, until=until, **values,
        )
    )  # fmt: skip


def _where(wanted: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    chosen = {name: value for name, value in wanted.items() if name in FILTERS and value}
    least = {name: int(wanted[name]) for name in AT_LEAST if wanted.get(name)}
    parts = [
        "portal = :p",
        "at >= :since",
        "at < :until",
        *(CARD if name == "card" else f"{name} = :f_{name}" for name in chosen),
    ]
    parts += [f"{name} >= :f_{name}" for name in least]
    return " AND ".join(parts), {f"f_{name}": value for name, value in (chosen | least).items()}


def tidy(tx: Tx, portal: str, log_before: int, samples_before: int) -> None:
    tx.run("DELETE FROM dossier_log WHERE portal = :p AND at < :old", p=portal, old=log_before)
    tx.run(
        "UPDATE dossier_log SET sample = '' WHERE portal = :p AND at < :old AND sample <> ''", p=portal, old=samples_before
    )
