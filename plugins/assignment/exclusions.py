"""Bars: a head says that a person gets nothing for now. All their SQL; past bars are kept."""

from __future__ import annotations

from dataclasses import dataclass

from kernel.storage import Row, Tx


@dataclass(frozen=True)
class Exclusion:
    """Times are microseconds; `until` None: till somebody lifts it."""

    id: str
    person: str
    by_name: str
    reason: str
    at: int
    until: int | None
    lifted_at: int | None = None
    lifted_by: str = ""

    def holds(self, now: int) -> bool:
        return self.lifted_at is None and (self.until is None or self.until > now)


_HOLDS = "lifted_at IS NULL AND (until IS NULL OR until > :now)"


def standing(tx: Tx, portal: str, now: int) -> dict[str, Exclusion]:
    """By person: the bar that holds now; of several the newest."""
    rows = tx.all(f"SELECT * FROM assignment_bar WHERE portal = :p AND {_HOLDS} ORDER BY at, id", p=portal, now=now)
    return {row["person"]: _exclusion(row) for row in rows}


def past(tx: Tx, portal: str, person: str, most: int = 50) -> list[Exclusion]:
    """All of a person, newest first, those that hold among them."""
    rows = tx.all(
        "SELECT * FROM assignment_bar WHERE portal = :p AND person = :who ORDER BY at DESC, id DESC LIMIT :most",
        p=portal, who=person, most=most,
    )  # fmt: skip
    return [_exclusion(row) for row in rows]


def add(tx: Tx, portal: str, exclusion: Exclusion) -> None:
    tx.run(
        "INSERT INTO assignment_bar (id, portal, person, by_name, reason, at, until) "
        "VALUES (:id, :p, :who, :by, :why, :at, :until)",
        id=exclusion.id,
        p=portal,
        who=exclusion.person,
        by=exclusion.by_name,
        why=exclusion.reason,
        at=exclusion.at,
        until=exclusion.until,
    )


def lift(tx: Tx, portal: str, person: str, by: str, now: int) -> int:
    """How many bars that held are lifted by this."""
    return tx.run(
        f"UPDATE assignment_bar SET lifted_at = :now, lifted_by = :by WHERE portal = :p AND person = :who AND {_HOLDS}",
        now=now, by=by, p=portal, who=person,
    )  # fmt: skip


def _exclusion(row: Row) -> Exclusion:
    return Exclusion(**{name: row[name] for name in Exclusion.__dataclass_fields__})
