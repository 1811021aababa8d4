"""SQLite or PostgreSQL behind one small face: `write()` and `read()` give a `Tx`, one unit of work each.

SQLite: WAL, synchronous=FULL, one writer at a time (BEGIN IMMEDIATE), so that two units of work never meet half-way.
PostgreSQL: repeatable read is not needed; whoever changes a shared row locks it by `lock` first.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from kernel.errors import Closed, Misconfigured
from kernel.storage.tx import Tx, closed_error

BUSY_TIMEOUT_MS = 30_000
#: A process that was cut off or stands still inside a unit of work holds its rows, the head of the books too, no longer.
ABANDONED_SECONDS = 20
#: How a process learns that the server has gone without a word: after 30 seconds, not after hours.
NOTICE_SILENCE = {
    "connect_timeout": "10", "keepalives_idle": "15", "keepalives_interval": "5", "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}  # fmt: skip


class Database:
    """Opens connections; hands out units of work."""

    def __init__(self, url: str, *, pool_size: int = 16, durable: bool = True) -> None:
        """`durable=False` is for a simulation on SQLite: what was committed need not outlive the machine."""
        self.url = url
        try:
            parsed = sa.make_url(url)
        except sa.exc.ArgumentError as exc:
            raise Misconfigured("ANNEX_DATABASE_URL is not a database address") from exc
        self.dialect = parsed.get_backend_name()
        if self.dialect == "sqlite":
            self.engine = _sqlite(parsed, pool_size, durable)
        elif self.dialect == "postgresql":
            self.engine = _postgresql(parsed, pool_size)
        else:
            raise Misconfigured(f"ANNEX_DATABASE_URL: «{self.dialect}» is not supported; use sqlite or postgresql+psycopg")
        event.listen(self.engine, "handle_error", _tell_if_closed, retval=True)

    @contextmanager
    def write(self) -> Iterator[Tx]:
        """A unit of work that may change things: all of it or nothing. Raises Closed if the database has moved."""
        with self.engine.connect() as connection:
            with connection.begin():
                tx = Tx(connection)
                try:
                    yield tx
                finally:
                    tx.close()
            tx.committed()

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """A consistent reading that changes nothing and, on SQLite, never waits for the writer."""
        with self.engine.connect() as connection:
            if self.dialect == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            else:
                connection = connection.execution_options(annex_read=True)
            with connection.begin():
                tx = Tx(connection)
                try:
                    yield tx
                finally:
                    tx.close()

    def probe(self) -> None:
        """Raises what the driver raises if the database does not answer."""
        with self.read() as tx:
            tx.value("SELECT 1")

    def close(self) -> None:
        self.engine.dispose()


def _tell_if_closed(context: sa.ExceptionContext) -> Closed | None:
    """Whoever writes, however: what the triggers of a closed database say becomes `Closed`."""
    return closed_error(context.original_exception)


def _postgresql(url: sa.URL, pool_size: int) -> sa.Engine:
    """A connection that leads nowhere any more is noticed at both ends, and holds nothing for long."""
    message = {name: value for name, value in NOTICE_SILENCE.items() if name not in url.query}
    engine = sa.create_engine(url.update_query_dict(message), pool_size=pool_size, max_overflow=16, pool_pre_ping=True)

    @event.listens_for(engine, "connect")
    def _settle(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET idle_in_transaction_session_timeout = '{ABANDONED_SECONDS}s'")
        connection.commit()  # else the pool's rollback takes it back

    return engine


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Several processes that open a new file at once all ask for this; SQLite refuses the second without waiting."""
    patience = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as fault:
            if fault.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > patience:
                raise
            time.sleep(0.02)


def _sqlite(url: sa.URL, pool_size: int, durable: bool) -> sa.Engine:
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(
        url, pool_size=pool_size, max_overflow=32, poolclass=sa.QueuePool, connect_args={"check_same_thread": False}
    )

    @event.listens_for(engine, "connect")
    def _settle(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        _write_ahead(connection)
        connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'OFF'}")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        reading = connection.get_execution_options().get("annex_read")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine
