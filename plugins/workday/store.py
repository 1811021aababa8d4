"""The plugin's table: all its SQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kernel.crm import Workday
from kernel.storage import Tx


@dataclass(frozen=True)
class Status:
    person: str
    status: Workday
    since: int  #: microseconds
    read_at: int


def all_of(tx: Tx, portal: str) -> dict[str, Status]:
    rows = tx.all("SELECT person, status, since, read_at FROM workday_status WHERE portal = :p", p=portal)
    return {row["person"]: Status(**row) for row in rows}


def one_of(tx: Tx, portal: str, person: str) -> Status | None:
    row = tx.one(
        "SELECT person, status, since, read_at FROM workday_status WHERE portal = :p AND person = :who", p=portal, who=person
    )
    return Status(**row) if row else None


def keep(tx: Tx, portal: str, found: Mapping[str, Workday], now: int) -> None:
    tx.run_many(
        "INSERT INTO workday_status VALUES (:p, :who, :status, :now, :now) ON CONFLICT (portal, person) DO UPDATE SET "
        "since = CASE WHEN workday_status.status = excluded.status THEN workday_status.since ELSE excluded.since END, "
        "status = excluded.status, read_at = excluded.read_at",
        [{"p": portal, "who": person, "status": status, "now": now} for person, status in found.items()],
    )


def drop(tx: Tx, portal: str, people: Iterable[str]) -> None:
    tx.run_many(
        "DELETE FROM workday_status WHERE portal = :p AND person = :who", [{"p": portal, "who": one} for one in people]
    )


def version(tx: Tx) -> str:
    """Changes when somebody's status does."""
    return str(tx.value("SELECT MAX(since) FROM workday_status") or "")
