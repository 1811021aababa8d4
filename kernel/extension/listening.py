"""Listening on connections that have a socket of their own: one worker at a time, started again when the socket is lost.

The row of the connection is the lock, held by a lease. Whoever loses it, having stood still, ends, and what it hears after
that it cannot store any more; the vendor brings it to the next one.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from kernel.errors import AnnexError
from kernel.extension.connector import Connection, Received
from kernel.extension.model import Plugin
from kernel.extension.portal import Portal
from kernel.extension.receiving import Arrival, keep_many
from kernel.jobs import listeners
from kernel.telemetry import bind_trace, log, mask

PAUSE_SECONDS_MIN, PAUSE_SECONDS_MAX = 1.0, 60.0
STOP_SECONDS_MAX = 10.0


class NotOurs(AnnexError):
    """Another worker listens by now."""


class Listener:
    """One connection's listener in this process: waits for its turn, listens, and starts again."""

    def __init__(self, portal: Portal, plugins: Sequence[Plugin], connection: Connection, worker_id: str) -> None:
        self._portal, self._plugins, self._connection = portal, plugins, connection
        self._owner = f"{worker_id}:{secrets.token_hex(4)}"
        self._stop = threading.Event()
        self._session: Session | None = None
        self._names = f"listen {connection.full_name}"
        self._threads = [
            threading.Thread(target=self._run, name=self._names, daemon=True),
            threading.Thread(target=self._keep_lease, name=f"{self._names}, lease", daemon=True),
        ]
        self._ours = threading.Event()

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Close the socket, wait for what is being stored, and let another worker follow at once."""
        self._stop.set()
        self._ours.set()  # nobody waits for it any more
        if (session := self._session) is not None:
            session.stop()
        until = time.monotonic() + STOP_SECONDS_MAX
        for thread in self._threads:
            thread.join(timeout=max(0.1, until - time.monotonic()))
        try:
            with self._portal.database.write() as tx:
                listeners.release(tx, self._connection.full_name, self._owner)
        except Exception as exc:  # the lease ends by itself
            log.warning("listener.release", connection=self._connection.full_name, error=mask(str(exc)))

    def _keep_lease(self) -> None:
        """Become the owner when nobody is, and stay it."""
        while not self._stop.is_set():
            try:
                with self._portal.database.write() as tx:
                    ours = listeners.claim(tx, self._connection.full_name, self._owner, self._portal.clock)
            except Exception as exc:  # the database is away; whoever cannot renew must not go on for ever
                log.warning("listener.lease", connection=self._connection.full_name, error=mask(str(exc)))
            else:
                if ours:
                    self._ours.set()
                elif self._ours.is_set():
                    self._ours.clear()
                    log.warning("listener.overtaken", connection=self._connection.full_name)
                    if (session := self._session) is not None:
                        session.stop()
            self._stop.wait(listeners.RENEWED_EVERY_SECONDS)

    def _run(self) -> None:
        pause = PAUSE_SECONDS_MIN
        while not self._stop.is_set():
            self._ours.wait()
            if self._stop.is_set():
                return
            session = self._session = Session(self._portal, self._plugins, self._connection, self._owner)
            with bind_trace("", connection=self._connection.full_name):
                reason = session.run()
            if self._stop.is_set() or not self._ours.is_set():
                continue
            pause = PAUSE_SECONDS_MIN if session.was_connected else min(2 * pause, PAUSE_SECONDS_MAX)
            log.warning("listener.lost", connection=self._connection.full_name, reason=reason, pause=pause)
            self._stop.wait(pause)


class Session:
    """One life of the socket; what a connector's `listen` gets as `deliver` (see `Deliver`)."""

    def __init__(self, portal: Portal, plugins: Sequence[Plugin], connection: Connection, owner: str) -> None:
        self._portal, self._plugins, self._connection, self._owner = portal, plugins, connection, owner
        self._close: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self.stopped = threading.Event()
        self.was_connected = False

    def run(self) -> str:
        """Listen until the socket is lost or it is time to end; why it ended."""
        connector, reason = self._connection.connector, ""
        assert connector.listen is not None
        self._note(None, "")
        try:
            connector.listen(self._connection, self)
            reason = "the other side closed the connection"
        except NotOurs as exc:
            reason = str(exc)
        except Exception as exc:  # a vendor's library raises what it likes
            if not self.stopped.is_set():
                log.exception("listener.broken")
            reason = self._connection.in_words(f"{type(exc).__name__}: {exc}")
        finally:
            self.stop()
        self._note(None, reason)
        return reason

    def __call__(self, received: Received) -> None:
        arrival = Arrival.of(received)
        if not arrival:
            return
        with self._portal.database.write() as tx:
            if not listeners.owns(tx, self._connection.full_name, self._owner):
                raise NotOurs
            keep_many(tx, self._portal, self._plugins, self._connection, [arrival])

    def connected(self) -> None:
        self.was_connected = True
        self._note(self._portal.clock.now(), "")
        log.info("listener.connected")
        if self._connection.connector.catch_up is not None:
            self(self._connection.connector.catch_up(self._connection))

    def on_stop(self, close: Callable[[], None]) -> None:
        with self._lock:
            self._close.append(close)
        if self.stopped.is_set():
            close()

    def stop(self) -> None:
        self.stopped.set()
        with self._lock:
            closing, self._close = self._close, []
        for close in closing:
            try:
                close()
            except Exception as exc:  # it is closed, then
                log.debug("listener.close", error=mask(str(exc)))

    def _note(self, connected_at: datetime | None, reason: str) -> None:
        try:
            with self._portal.database.write() as tx:
                listeners.note(tx, self._connection.full_name, self._owner, connected_at, reason)
        except Exception as exc:  # nothing but the page depends on it
            log.warning("listener.note", error=mask(str(exc)))


def catch_up(portal: Portal, plugins: Sequence[Plugin], connection: Connection) -> None:
    """What came while we were away, for a connection without a listener."""
    assert connection.connector.catch_up is not None
    if arrival := Arrival.of(connection.connector.catch_up(connection)):
        with portal.database.write() as tx:
            keep_many(tx, portal, plugins, connection, [arrival])
