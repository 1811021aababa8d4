"""SQLite or PostgreSQL behind one small face: `write()` and `read()` give a `Tx`, one unit of work each.

SQLite: WAL, synchronous=FULL, one writer at a time (BEGIN IMMEDIATE), so that two units of work never meet half-way.
PostgreSQL: repeatable read is not needed; whoever changes a shared row locks it by `lock` first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import event

from kernel.errors import Closed, Misconfigured

BUSY_TIMEOUT_MS = 30_000
CLOSED = "annex: this database is closed: "  #: how the words of kernel/storage/closed.py's triggers begin
Row = Mapping[str, Any]  #: a row by column names


class Tx:
    """One unit of work. SQL stands in plain sight, with named parameters; rows come as mappings."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self._after: list[Callable[[], None]] = []
        self._streams: list[sa.CursorResult[Any]] = []

    @property
    def dialect(self) -> str:
        return self.connection.dialect.name

    def run(self, sql: str, **values: Any) -> int:
        """Execute a statement; the number of rows it touched."""
        return self.connection.execute(sa.text(sql), values).rowcount

    def run_many(self, sql: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Execute a statement for each row."""
        batch = list(rows)
        if batch:
            self.connection.execute(sa.text(sql), batch)

    def all(self, sql: str, **values: Any) -> list[Row]:
        return cast("list[Row]", list(self.connection.execute(sa.text(sql), values).mappings()))

    def stream(self, sql: str, **values: Any) -> Iterator[Row]:
        """Rows one by one, for tables that may be larger than memory."""
        result = self.connection.execute(sa.text(sql), values, execution_options={"stream_results": True, "yield_per": 2000})
        self._streams.append(result)  # a reader that stops half-way leaves it open: `close` ends it
        yield from cast("Iterator[Row]", result.mappings())

    def close(self) -> None:
        """End what is still being read; the unit of work is over."""
        for result in self._streams:
            result.close()

    def one(self, sql: str, **values: Any) -> Row | None:
        return cast("Row | None", self.connection.execute(sa.text(sql), values).mappings().first())

    def value(self, sql: str, **values: Any) -> Any:
        return self.connection.execute(sa.text(sql), values).scalar()

    def lock(self, sql: str, **values: Any) -> Row | None:
        """Read one row and hold it until the end. SQLite's writer holds the whole file anyway."""
        return self.one(sql + (" FOR UPDATE" if self.dialect == "postgresql" else ""), **values)

    def after_commit(self, action: Callable[[], None]) -> None:
        self._after.append(action)


class Database:
    """Opens connections; hands out units of work."""

    def __init__(self, url: str, *, pool_size: int = 16) -> None:
        self.url = url
        try:
            parsed = sa.make_url(url)
        except sa.exc.ArgumentError as exc:
            raise Misconfigured("ANNEX_DATABASE_URL is not a database address") from exc
        self.dialect = parsed.get_backend_name()
        if self.dialect == "sqlite":
            self.engine = _sqlite(parsed, pool_size)
        elif self.dialect == "postgresql":
            self.engine = sa.create_engine(parsed, pool_size=pool_size, max_overflow=16, pool_pre_ping=True)
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
            for action in tx._after:
                action()

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """A consistent look that changes nothing and, on SQLite, never waits for the writer."""
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

    def close(self) -> None:
        self.engine.dispose()


def _tell_if_closed(context: sa.ExceptionContext) -> Closed | None:
    """Whoever writes, however: what the triggers of a closed database say becomes `Closed`."""
    _, mark, why = str(context.original_exception).partition(CLOSED)
    return Closed(why.partition("\n")[0]) if mark else None


def _sqlite(url: sa.URL, pool_size: int) -> sa.Engine:
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(
        url, pool_size=pool_size, max_overflow=32, poolclass=sa.QueuePool, connect_args={"check_same_thread": False}
    )

    @event.listens_for(engine, "connect")
    def _settle(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        for pragma in (
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        reading = connection.get_execution_options().get("annex_read")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine
