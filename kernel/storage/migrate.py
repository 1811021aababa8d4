"""Numbered migrations: each room brings `migrations/0001_what.sql`; a file may have a section per database.

A section starts with a line `-- sqlite` or `-- postgresql` and ends with `-- end`; all else runs on both. A statement ends
with a line that is just `;` or ends in `;` outside a `$$ … $$` body or a trigger's BEGIN … END.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from kernel.clock import Clock
from kernel.errors import Misconfigured
from kernel.storage.database import Database
from kernel.storage.tx import Tx
from kernel.values import from_micros, to_micros

Step = tuple[str, int]  #: a migration by its room and number


@dataclass(frozen=True)
class MigrationSet:
    """Who brings migrations: a name that never changes, and the folder they lie in."""

    name: str
    folder: Path

    def files(self) -> dict[int, Path]:
        """Its migrations by number, in their order. Raises ValueError where two have the same: one would never run."""
        found: dict[int, Path] = {}
        for path in sorted(self.folder.glob("[0-9][0-9][0-9][0-9]_*.sql")):
            if (other := found.setdefault(int(path.name[:4]), path)) is not path:
                raise ValueError(f"{self.folder}: {other.name} and {path.name} have the same number")
        return found


def migrate(database: Database, migration_sets: Iterable[MigrationSet], clock: Clock) -> list[str]:
    """Bring the database to the newest schema; returns what was applied. Safe to run twice and side by side.

    All of it is one unit of work: whoever dies in the middle leaves the schema that was there before.
    """
    with database.write() as tx:
        return migrate_in(tx, migration_sets, clock)


def installed_at(tx: Tx) -> datetime | None:
    """When this database was first given tables of ours: no webhook was taken in before."""
    moment = tx.value("SELECT MIN(applied_at) FROM annex_migration")
    return from_micros(moment) if moment else None


def migrate_in(
    tx: Tx, migration_sets: Iterable[MigrationSet], clock: Clock, *, only: Collection[Step] | None = None
) -> list[str]:
    """The same inside a unit of work. With `only`, no further than these: the schema of an older release."""
    done: list[str] = []
    if tx.dialect == "postgresql":
        tx.run("SELECT pg_advisory_xact_lock(727274)")  # two processes starting at once: one waits here
    tx.run("CREATE TABLE IF NOT EXISTS annex_migration (room TEXT, number INTEGER, name TEXT, applied_at BIGINT, "
           "PRIMARY KEY (room, number))")  # fmt: skip
    for migration_set in migration_sets:
        applied = {
            row["number"] for row in tx.all("SELECT number FROM annex_migration WHERE room = :r", r=migration_set.name)
        }
        files = migration_set.files()
        if newer := applied - set(files):
            raise Misconfigured(
                f"the database was made by a newer version ({migration_set.name} {max(newer)}): "
                "upgrade Annex, do not go back"
            )
        for number, path in files.items():
            if number not in applied and (only is None or (migration_set.name, number) in only):
                _apply(tx, migration_set, number, path, clock)
                done.append(f"{migration_set.name}/{path.stem}")
    return done


def _apply(tx: Tx, migration_set: MigrationSet, number: int, path: Path, clock: Clock) -> None:
    for statement in statements(path.read_text(encoding="utf-8"), tx.dialect):
        # psycopg reads % as the start of a parameter, even in a statement that has none.
        plain = statement.replace("%", "%%") if tx.dialect == "postgresql" else statement
        tx.connection.exec_driver_sql(plain)
    tx.run(
        "INSERT INTO annex_migration VALUES (:r, :n, :name, :at)",
        r=migration_set.name, n=number, name=path.stem, at=to_micros(clock.now()),
    )  # fmt: skip


def statements(sql: str, dialect: str) -> list[str]:
    """The statements of a migration file that are meant for this database."""
    kept: list[str] = []
    section = ""
    for line in sql.splitlines():
        if mark := re.match(r"-- (sqlite|postgresql|end)\s*$", line):
            section = "" if mark[1] == "end" else mark[1]
        elif section in ("", dialect) and not line.strip().startswith("--"):
            kept.append(line)
    found: list[str] = []
    current: list[str] = []
    for line in kept:
        current.append(line)
        text = "\n".join(current)
        in_body = text.count("$$") % 2 == 1 or (
            "CREATE TRIGGER" in text and dialect == "sqlite" and not re.search(r"\bEND;\s*$", text)
        )
        if line.rstrip().endswith(";") and not in_body:
            found.append(text.strip().rstrip(";") + (";" if text.strip().endswith("END;") else ""))
            current = []
    if "".join(current).strip():
        raise Misconfigured(f"a migration ends in the middle of a statement: {current[0][:60]}")
    return found
