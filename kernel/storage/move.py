"""From one database into another while nothing can be written in the first: row by row, whole or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import sqlalchemy as sa

from kernel.errors import BadInput, Unreachable
from kernel.storage.dump import LEFT_OUT, demand_empty, fill, migrations, tables
from kernel.storage.migrate import MigrationSet
from kernel.storage.tx import Tx

# Shorter than PostgreSQL's own wait before it looks for deadlocks (1 s): if two wait for each other, we step back and
# not a delivery that is being stored.
LOCK_TIMEOUT_MS = 500
LOCK_TRIES, LOCK_PAUSE_SECONDS = 40, 0.25


def every_table(migration_sets: Iterable[MigrationSet]) -> list[str]:
    """What is copied, and what only the running machine needs."""
    return [*tables(migration_sets), *LEFT_OUT]


def demand_new(tx: Tx, migration_sets: Iterable[MigrationSet]) -> None:
    """Raises BadInput if a desk is in this database already; asked before anything is changed in it."""
    there = set(sa.inspect(tx.connection).get_table_names())
    for name in tables(migration_sets):
        if name != "ledger_head" and name in there and tx.value(f"SELECT 1 FROM {name} LIMIT 1"):
            raise BadInput(f"the database to move to is not empty ({name} has rows): name a new one")


def hold(tx: Tx, names: Iterable[str]) -> None:
    """Nobody but this unit of work writes until it ends; readers go on. On SQLite that is so from its first moment."""
    if tx.dialect != "postgresql":
        return
    tx.run(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
    tx.unhurried()  # it is silent while the other side is copied and verified
    wanted = f"LOCK TABLE {', '.join(names)} IN EXCLUSIVE MODE"
    for _ in range(LOCK_TRIES):
        try:
            with tx.connection.begin_nested():
                tx.run(wanted)
            return
        except sa.exc.OperationalError:
            time.sleep(LOCK_PAUSE_SECONDS)
    raise Unreachable("the database is too busy to be held still: try again at a quieter time; nothing has changed")


def copy(here: Tx, there: Tx, migration_sets: Iterable[MigrationSet], report: Callable[[str, int], None]) -> int:
    """All rows into a migrated, empty database; returns how many. `said` hears each table with its rows."""
    migration_sets = list(migration_sets)
    names, total = tables(migration_sets), 0
    if migrations(here) != migrations(there):
        raise BadInput("the two databases were made by different versions of Annex")
    demand_empty(there, names, "name a new one")
    for name in names:
        count = fill(there, name, (dict(row) for row in here.stream(f"SELECT * FROM {name}")))
        report(name, count)
        total += count
    return total


def differences(here: Tx, there: Tx, migration_sets: Iterable[MigrationSet]) -> list[str]:
    """Tables that do not hold as many rows here as there."""
    found = []
    for name in tables(migration_sets):
        left, right = (tx.value(f"SELECT COUNT(*) FROM {name}") for tx in (here, there))
        if left != right:
            found.append(f"{name}: {left} rows here, {right} there")
    return found
