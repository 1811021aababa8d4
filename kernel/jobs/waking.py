"""When the queue is looked at: as soon as there may be something, and hardly ever while there is nothing.

DBOS asks the database for work twenty times a second at our pace, whether there is any or not. Here its poller waits for a
reason instead: this process enqueued something or ended a job (an event), or the database says in passing that others did
(a probe, a fraction of what a poll costs). Should a reason get lost, it looks every few seconds all the same.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from kernel.storage import Database
from kernel.telemetry import log

LOOKS_APART_SECONDS = 0.05  #: at least so long between two polls
PROBE_SECONDS = 0.1  #: how often the database is asked whether anything happened
BLOCKED_SECONDS_MAX = 0.25  #: between polls while all that waits is behind something that still runs
SAFETY_SECONDS = 5.0
AWAY_SECONDS = 0.5

_COME = threading.Event()  # there is at most one engine in a process


def wake() -> None:
    """Something was enqueued, or a job ended: whoever runs jobs in this process looks now."""
    _COME.set()


def own_connection(database: Database) -> Any:
    """A connection of the driver's that belongs to no pool."""
    connection = database.engine.raw_connection()
    driver = connection.driver_connection
    connection.detach()
    return driver


class Probe(Protocol):
    """Says cheaply whether the queue is worth a poll."""

    def happened(self) -> bool: ...

    def close(self) -> None: ...


class SqliteProbe:
    """`data_version` of a connection that writes nothing: it changes with every commit of anybody else."""

    def __init__(self, database: Database) -> None:
        self._connection = own_connection(database)
        self._version = -1

    def happened(self) -> bool:
        version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        before, self._version = self._version, version
        return bool(before != version)

    def close(self) -> None:
        self._connection.close()


class PostgresProbe:
    """Whether any job waits at all, by the queue's own index, without a transaction around it."""

    def __init__(self, database: Database, queue: str) -> None:
        self._connection = own_connection(database)
        self._connection.autocommit = True
        self._queue = queue

    def happened(self) -> bool:
        found = self._connection.execute(
            "SELECT 1 FROM dbos.workflow_status WHERE queue_name = %s AND status = 'ENQUEUED' LIMIT 1", (self._queue,)
        ).fetchone()
        return found is not None

    def close(self) -> None:
        self._connection.close()


def probe_of(database: Database, queue: str) -> Probe:
    return PostgresProbe(database, queue) if database.dialect == "postgresql" else SqliteProbe(database)


class Pauses:
    """Stands in for the event on which the poller waits between two polls: `wait` returns when there is a reason to poll.

    Everything that happened before `wait` returns is seen by the poll that follows; what comes later makes it return again.
    """

    def __init__(self, stop: threading.Event, make_probe: Callable[[], Probe]) -> None:
        self._stop, self._make = stop, make_probe
        self._probe: Probe | None = None
        self._blocked = LOOKS_APART_SECONDS

    def is_set(self) -> bool:
        return self._stop.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """True when it is to stop. `timeout` is the poller's own pace, which is not ours."""
        began = time.monotonic()
        if self._stop.wait(LOOKS_APART_SECONDS):
            return True
        while not self._stop.is_set():
            if _COME.is_set():
                _COME.clear()
                self._blocked = LOOKS_APART_SECONDS
                break
            waited = time.monotonic() - began
            if waited >= SAFETY_SECONDS or (waited >= self._blocked and self._happened()):
                self._blocked = min(self._blocked * 1.5, BLOCKED_SECONDS_MAX)
                break
            _COME.wait(PROBE_SECONDS)
        return self._stop.is_set()

    def close(self) -> None:
        if self._probe is not None:
            self._probe.close()
            self._probe = None

    def _happened(self) -> bool:
        """What cannot be told is a reason to poll: the poll finds out, and says so in the log."""
        try:
            if self._probe is None:
                self._probe = self._make()
            return self._probe.happened()
        except Exception as exc:  # the database is away
            log.warning("jobs.probe", error=str(exc).partition("\n")[0])
            self.close()
            self._stop.wait(AWAY_SECONDS)
            return True
