"""Whether it was the database that failed, not the work: it went away, is starting, is full, or held by somebody else."""

from __future__ import annotations

import sqlite3

from sqlalchemy import exc

# Of SQLite's codes, those that say nothing about the statement.
SQLITE_AWAY = {
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN,
}  # fmt: skip
SESSION_ENDED = "25P03"  #: the server ended a session that had been silent inside a unit of work


def is_away(error: BaseException) -> bool:
    """Whether the same unit of work makes sense once more, as it stands."""
    if isinstance(error, exc.TimeoutError):  # no connection became free
        return True
    if not isinstance(error, exc.DBAPIError):
        return False
    if error.connection_invalidated or getattr(error.orig, "sqlstate", None) == SESSION_ENDED:
        return True
    if isinstance(error.orig, sqlite3.Error):
        return (getattr(error.orig, "sqlite_errorcode", 0) & 0xFF) in SQLITE_AWAY
    return isinstance(error, exc.OperationalError | exc.InterfaceError)
