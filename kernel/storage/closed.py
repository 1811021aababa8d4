"""A database that takes no change any more: after it has moved elsewhere, or before a copy into it is complete.

The database itself refuses, by triggers: a process that was started long ago and knows nothing of the move is stopped as
well, and a normal day pays nothing for it. `Database` turns the refusal into `Closed`.
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from kernel.errors import BadInput
from kernel.storage.tx import CLOSED, Tx

MARK = "annex_closed"  #: a table of one row that says why; where it stands, the triggers stand
SQLITE_VERBS = ("INSERT", "UPDATE", "DELETE")


def why_closed(tx: Tx) -> str:
    """Why the database takes no change; empty if it does."""
    if not sa.inspect(tx.connection).has_table(MARK):
        return ""
    return str(tx.value(f"SELECT why FROM {MARK}"))


def close(tx: Tx, tables: Iterable[str], why: str) -> None:
    """From the end of this unit of work on, no row of these tables can be added, changed or removed."""
    if "\n" in why:
        raise BadInput("a reason is one line")
    tx.run(f"CREATE TABLE {MARK} (why TEXT NOT NULL)")
    tx.run(f"INSERT INTO {MARK} VALUES (:why)", why=why)
    message = f"{CLOSED}{why}".replace("'", "''")
    if tx.dialect == "postgresql":
        tx.connection.exec_driver_sql(
            f"CREATE FUNCTION {MARK}() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION USING MESSAGE = TG_ARGV[0]; END $$"
        )
    for table in tables:
        for statement in _triggers(tx.dialect, table, message):
            # psycopg reads % as the start of a parameter, even in a statement that has none.
            tx.connection.exec_driver_sql(statement.replace("%", "%%") if tx.dialect == "postgresql" else statement)


def _triggers(dialect: str, table: str, message: str) -> list[str]:
    if dialect == "postgresql":
        return [
            f"CREATE TRIGGER {MARK} BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {MARK}('{message}')"
        ]
    return [
        f"CREATE TRIGGER {MARK}_{table}_{verb.lower()} BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, '{message}'); END"
        for verb in SQLITE_VERBS
    ]


def reopen(tx: Tx) -> None:
    """The database takes changes again."""
    if tx.dialect == "postgresql":
        tx.run(f"DROP FUNCTION {MARK}() CASCADE")  # with all triggers that call it
    else:
        for row in tx.all("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE :n", n=f"{MARK}%"):
            tx.run(f"DROP TRIGGER {row['name']}")
    tx.run(f"DROP TABLE {MARK}")
