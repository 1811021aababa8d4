"""One unit of work: SQL in plain sight with named parameters, rows as mappings.

Statements go to the driver's own connection: SQLAlchemy's way of running a text takes longer than SQLite takes to carry it
out. Connections, pools, transactions and the kinds of errors stay SQLAlchemy's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain
from typing import Any, cast

import sqlalchemy as sa

from kernel.errors import Closed

CLOSED = "annex: this database is closed: "  #: how the words of kernel/storage/closed.py's triggers begin
STREAMED_AT_ONCE = 2000
UNHURRIED_CACHE_KIB = 32 * 1024
SQLITE_REST_ROWS = 64  #: what fills no statement to the full goes by so many: the driver keeps a hundred statements, no more
PARAMETERS_MAX = {"sqlite": 5_000, "postgresql": 10_000}  #: in one statement; they take 32,766 and 65,535
_NAMED = re.compile(r"(?<![:\w]):(\w+)(?![:\w])")  # as SQLAlchemy reads it: `::` is PostgreSQL's cast
Row = Mapping[str, Any]  #: a row by column names


class Tx:
    """One unit of work. SQL stands in plain sight, with named parameters; rows come as mappings."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self._driver: Any = connection.connection.driver_connection
        self._error = connection.dialect.loaded_dbapi.Error
        self._spelt = _for_psycopg if self.dialect == "postgresql" else _as_it_is
        self._after: list[Callable[[], None]] = []
        self._streams: list[sa.CursorResult[Any]] = []

    @property
    def dialect(self) -> str:
        return self.connection.dialect.name

    def unhurried(self, cache_kib: int = UNHURRIED_CACHE_KIB) -> None:
        """A person waits for this one and it may think for long between two statements: the database is not to end it.

        SQLite sorts in as much memory again as its cache may take: who has written and asks for sums wants less of it.
        """
        if self.dialect == "postgresql":
            self.run("SET LOCAL idle_in_transaction_session_timeout = 0")
        else:
            # Much is written to many places: with the usual 2 MB the same pages would go out and come back all the time.
            self.run(f"PRAGMA cache_size = -{cache_kib}")

    def run(self, sql: str, **values: Any) -> int:
        """Execute a statement; the number of rows it touched."""
        return int(self._cursor(sql, values).rowcount)

    def run_many(self, sql: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Execute a statement for each row."""
        batch = list(rows)
        if batch:
            self._driven(self._driver.cursor().executemany, self._spelt(sql), batch)

    def insert(self, into: str, rows: Sequence[tuple[Any, ...]], tail: str = "") -> None:
        """Insert rows: `into` is "table (columns)" or a table, each row has a value for each column, `tail` what follows.

        Few long statements: to a server each is a way there and back, and SQLite keeps, for each statement that a trigger
        may refuse, a copy of every page it touches, which took longer than the rows themselves.
        """
        for sql, values in self._long(into, rows, tail):
            self._driven(self._driver.execute, sql, values)

    def insert_returning(self, into: str, rows: Sequence[tuple[Any, ...]], tail: str) -> list[tuple[Any, ...]]:
        """The same; `tail` ends in RETURNING, and what the database returned for the rows comes back, in no order."""
        return [
            tuple(row)
            for sql, values in self._long(into, rows, tail)
            for row in self._driven(self._driver.execute, sql, values).fetchall()
        ]

    def _long(self, into: str, rows: Sequence[tuple[Any, ...]], tail: str) -> Iterator[tuple[str, list[Any]]]:
        """Statements of many rows each, with their values."""
        mark, width = "%s" if self.dialect == "postgresql" else "?", len(rows[0]) if rows else 1
        most, start = PARAMETERS_MAX[self.dialect] // width, 0
        while start < len(rows):
            full = len(rows) - start >= most
            at_once = most if full or self.dialect == "postgresql" else min(most, SQLITE_REST_ROWS)
            part = rows[start : start + at_once]
            start += len(part)
            yield _insert(into, len(part), width, tail, mark), list(chain.from_iterable(part))

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """What is executed inside goes to a server together, without waiting for each answer. Nothing is read inside."""
        if self.dialect != "postgresql":
            yield
            return
        try:
            with self._driver.pipeline():
                yield
        except self._error as exc:
            raise self._fault(exc, "one of several statements") from exc

    def all(self, sql: str, **values: Any) -> list[Row]:
        cursor = self._cursor(sql, values)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def stream(self, sql: str, **values: Any) -> Iterator[Row]:
        """Rows one by one, for tables that may be larger than memory."""
        options = {"stream_results": True, "yield_per": STREAMED_AT_ONCE}
        result = self.connection.execute(sa.text(sql), values, execution_options=options)
        self._streams.append(result)  # a reader that stops half-way leaves it open: `close` ends it
        yield from cast("Iterator[Row]", result.mappings())

    def close(self) -> None:
        """End what is still being read; the unit of work is over."""
        for result in self._streams:
            result.close()

    def one(self, sql: str, **values: Any) -> Row | None:
        cursor = self._cursor(sql, values)
        row = cursor.fetchone()
        names = [column[0] for column in cursor.description]
        cursor.close()  # what is read half-way would hold the file
        return None if row is None else dict(zip(names, row, strict=True))

    def value(self, sql: str, **values: Any) -> Any:
        cursor = self._cursor(sql, values)
        row = cursor.fetchone()
        cursor.close()
        return None if row is None else row[0]

    def lock(self, sql: str, **values: Any) -> Row | None:
        """Read one row and hold it until the end. SQLite's writer holds the whole file anyway."""
        return self.one(sql + (" FOR UPDATE" if self.dialect == "postgresql" else ""), **values)

    def share(self, sql: str, **values: Any) -> Row | None:
        """Read one row and keep others from changing it until the end; they may read and share it."""
        return self.one(sql + (" FOR SHARE" if self.dialect == "postgresql" else ""), **values)

    def after_commit(self, action: Callable[[], None]) -> None:
        self._after.append(action)

    def committed(self) -> None:
        """Do what was to be done after the commit."""
        for action in self._after:
            action()

    def _cursor(self, sql: str, values: Mapping[str, Any]) -> Any:
        return self._driven(self._driver.execute, self._spelt(sql), values)

    def _driven(self, execute: Callable[[str, Any], Any], sql: str, values: Any) -> Any:
        try:
            return execute(sql, values)
        except self._error as exc:
            raise self._fault(exc, sql) from exc

    def _fault(self, exc: Exception, sql: str) -> Exception:
        """The driver's error as everybody knows it: `Closed`, or SQLAlchemy's. It names no values: they may be secret."""
        dialect = self.connection.dialect
        gone = dialect.is_disconnect(cast("Any", exc), self._driver, None)
        if gone:
            self.connection.invalidate(exc)
        return closed_error(exc) or sa.exc.DBAPIError.instance(
            sql, None, exc, self._error, connection_invalidated=gone, dialect=dialect
        )


def closed_error(exc: BaseException | None) -> Closed | None:
    """What the triggers of a closed database say becomes `Closed`."""
    _, mark, why = str(exc).partition(CLOSED)
    return Closed(why.partition("\n")[0]) if mark else None


def _as_it_is(sql: str) -> str:
    return sql  # SQLite itself knows `:name`


@lru_cache(maxsize=1000)
def _for_psycopg(sql: str) -> str:
    return _NAMED.sub(r"%(\1)s", sql.replace("%", "%%"))


@lru_cache(maxsize=500)
def _insert(into: str, rows: int, width: int, tail: str, mark: str) -> str:
    one = f"({', '.join([mark] * width)})"
    return f"INSERT INTO {into} VALUES {', '.join([one] * rows)} {tail}"
