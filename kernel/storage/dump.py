"""A whole database as one file, and back: the same file for SQLite and PostgreSQL, taken while everything runs.

Gzipped lines of JSON: a header with the migrations, then `{"t": table, "r": {column: value}}` a row, then a line that counts
them. Without that last line the file is cut short, and is refused.
"""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from kernel.clock import Clock
from kernel.errors import BadInput
from kernel.storage.database import Database
from kernel.storage.migrate import MigrationSet, Step, migrate_in
from kernel.storage.tx import Tx

FORMAT = 1
ROWS_AT_ONCE = 2000
MIGRATIONS = "annex_migration"
FIRST = ("ledger_leg",)  #: the database lets a journal row in only after its legs
LEFT_OUT = ("http_gate", "http_window", MIGRATIONS)  #: of the running machine only; made by the migrations themselves


def tables(migration_sets: Iterable[MigrationSet]) -> list[str]:
    """Every table that the rooms' migrations make, in the order in which a copy has to fill them."""
    found = [
        name
        for migration_set in migration_sets
        for path in sorted(migration_set.folder.glob("[0-9]*.sql"))
        for name in re.findall(r"^CREATE TABLE (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    return sorted({*found} - {*LEFT_OUT}, key=lambda name: (name not in FIRST, name))


def dump(database: Database, migration_sets: Iterable[MigrationSet], target: Path) -> int:
    """Write a consistent copy; returns the number of rows. Nothing is left behind if it fails half-way."""
    half, count = target.with_name(target.name + ".part"), 0
    names = tables(migration_sets)
    try:
        handle = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # it holds what the books hold
        with database.read() as tx, os.fdopen(handle, "wb") as raw, gzip.open(raw, "wt", encoding="utf-8") as file:
            tx.unhurried()
            file.write(_line({"annex": FORMAT, "migrations": migrations(tx)}))
            for name in names:
                for row in tx.stream(f"SELECT * FROM {name}"):
                    file.write(_line({"t": name, "r": dict(row)}))
                    count += 1
            file.write(_line({"rows": count}))
        half.replace(target)
    finally:
        half.unlink(missing_ok=True)
    return count


def load(database: Database, migration_sets: Iterable[MigrationSet], source: Path, clock: Clock) -> int:
    """Fill a new, empty database from a copy; all of it or nothing. Raises BadInput saying what is wrong.

    A copy made by an older release is filled into the schema of that release, and then brought to today's as any upgrade is.
    """
    migration_sets = list(migration_sets)
    lines = _lines(source)
    head = next(lines, {})
    if head.get("annex") != FORMAT:
        raise BadInput(f"{source.name} is not a copy made by `annex backup`")
    schema = [(str(migration_set), int(number)) for migration_set, number in head.get("migrations", ())]
    _demand_known(schema, migration_sets, source)
    with database.write() as tx:
        tx.unhurried()
        migrate_in(tx, migration_sets, clock, only=schema)
        names = _present(tx, migration_sets)
        demand_empty(tx, names, "restore into a new one")
        if {(migration_set, number) for migration_set, number in migrations(tx)} != set(schema):
            raise BadInput(
                f"{source.name} is older than the database, which has been set up already: restore into a new one"
            )
        count, stated = 0, None
        for name, group in groupby(lines, key=lambda line: line.get("t")):
            if name is None:
                stated = next(group)["rows"]
                break
            if name not in names:
                raise BadInput(f"{source.name} holds a table «{name}» that is not known")
            count += fill(tx, name, (line["r"] for line in group))
        if stated != count:
            raise BadInput(f"{source.name} is cut short: {count} rows, its end says {stated}")
        migrate_in(tx, migration_sets, clock)
    return count


def _demand_known(schema: Iterable[Step], migration_sets: Iterable[MigrationSet], source: Path) -> None:
    """Raises BadInput if the copy has a schema that we do not know how to make."""
    known = {migration_set.name: set(migration_set.files()) for migration_set in migration_sets}
    for migration_set, number in schema:
        if migration_set not in known:
            raise BadInput(f"{source.name} holds tables of «{migration_set}», which is not installed here")
        if number not in known[migration_set]:
            raise BadInput(
                f"{source.name} was made by a newer version of Annex ({migration_set} {number}): upgrade Annex first"
            )


def _present(tx: Tx, migration_sets: Iterable[MigrationSet]) -> list[str]:
    """The rooms' tables that stand in this schema, in the order in which a copy has to fill them."""
    there = set(sa.inspect(tx.connection).get_table_names())
    return [name for name in tables(migration_sets) if name in there]


def demand_empty(tx: Tx, names: Iterable[str], instead: str) -> None:
    """Make a freshly migrated database ready for a copy. Raises BadInput if anything stands in it."""
    for name in names:
        if name != "ledger_head" and tx.value(f"SELECT 1 FROM {name} LIMIT 1"):
            raise BadInput(f"the database is not empty ({name} has rows): {instead}")
    tx.run("DELETE FROM ledger_head")


def fill(tx: Tx, name: str, rows: Iterable[dict[str, Any]]) -> int:
    """Put rows into a table; returns how many."""
    count = 0
    for batch in _batches(rows):
        columns = ", ".join(batch[0])
        marks = ", ".join(f":{column}" for column in batch[0])
        tx.run_many(f"INSERT INTO {name} ({columns}) VALUES ({marks})", batch)
        count += len(batch)
    return count


def migrations(tx: Tx) -> list[list[Any]]:
    return [[row["room"], row["number"]] for row in tx.all(f"SELECT room, number FROM {MIGRATIONS} ORDER BY room, number")]


def _line(data: dict[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")) + "\n"


def _lines(source: Path) -> Iterator[dict[str, Any]]:
    try:
        with gzip.open(source, "rt", encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)
    except (OSError, EOFError, ValueError) as exc:
        raise BadInput(f"{source.name} cannot be read as a copy: {type(exc).__name__}") from exc


def _batches(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) >= ROWS_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch
