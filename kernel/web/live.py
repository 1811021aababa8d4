"""Live pages: who listens is told within a fraction of a second that something changed; the page then fetches itself.

One watcher thread per process reads a cheap version while somebody listens, so any process notices what any other one
booked. A stream holds a thread of the server: `listeners_max` must stay below the server's threads.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from kernel.errors import AnnexError
from kernel.storage import Database, Tx
from kernel.telemetry import log

POLL_SECONDS = 0.2
HEARTBEAT_SECONDS = 15.0
LISTENERS_MAX = 16  #: per process; whoever comes later polls, which holds no thread
STREAM_SECONDS_MAX = 3600.0  #: then the browser connects anew, and its session is checked again
Version = Callable[[Tx], str]


class TooMany(AnnexError):
    """Too many pages listen already."""


def books_version(tx: Tx) -> str:
    """Changes with every row of the books, and with what waits for a person."""
    head = tx.value("SELECT seq FROM ledger_head WHERE id = 1")
    failed = tx.value("SELECT COUNT(*) FROM outgoing WHERE state IN ('failed', 'uncertain')")
    lost = tx.value("SELECT COUNT(*) FROM inbox WHERE state = 'failed'")
    unread = tx.value("SELECT COUNT(*) FROM incoming_message WHERE state = 'failed'")
    return f"{head}-{failed}-{lost}-{unread}"


@dataclass(eq=False)
class Listener:
    """One open stream: an iterator of server-sent events that ends when the browser leaves or the server stops."""

    live: Live
    name: str = ""
    topic: str = ""  #: it hears of this alone; empty: of whatever has no topic
    allowed: Callable[[], bool] = lambda: True  #: asked before each message: nobody hears on whose right was taken away
    seen: str | None = None
    until: float = field(default_factory=lambda: time.monotonic() + STREAM_SECONDS_MAX)

    def __iter__(self) -> Listener:
        return self

    def __next__(self) -> bytes:
        version = self.live.wait(self)
        if version is None or not self.allowed():
            raise StopIteration
        if version == self.seen:
            return b": still here\n\n"
        self.seen = version
        return f"retry: 2000\nevent: changed\ndata: {version}\n\n".encode()

    def close(self) -> None:
        self.live.leave(self)


class Live:
    """Tells open pages that something changed."""

    def __init__(
        self,
        database: Database,
        *,
        versions: Iterable[Version] = (books_version,),
        listeners_max: int = LISTENERS_MAX,
        poll_seconds: float = POLL_SECONDS,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._database = database
        self._versions: dict[str, list[Version]] = {"": list(versions)}
        self._listeners_max, self._poll_seconds, self._heartbeat_seconds = listeners_max, poll_seconds, heartbeat_seconds
        self._listeners: set[Listener] = set()
        self._changed = threading.Condition()
        self._nudged = threading.Event()
        self._watcher: threading.Thread | None = None
        self._version: dict[str, str] = {}
        self._closed = False

    def add(self, version: Version, topic: str = "") -> None:
        """A plugin's own part of the version, or of its topic's."""
        self._versions.setdefault(topic, []).append(version)

    def version(self, topic: str = "") -> str:
        """What the version is now."""
        with self._database.read() as tx:
            return self.version_in(tx, topic)

    def version_in(self, tx: Tx, topic: str = "") -> str:
        return ".".join(version(tx) for version in self._versions.get(topic, ()))

    def nudge(self) -> None:
        """Something was booked in this very process: look now (for Portal.changed)."""
        self._nudged.set()

    def listen(
        self, name: str = "", instead: str = "", allowed: Callable[[], bool] = lambda: True, topic: str = ""
    ) -> Listener:
        """A new stream. It takes the place of one of its own name, and of `instead`: the page that was left for this one,
        whose closed connection the server would only notice at the next heartbeat. Raises TooMany."""
        now = self.version(topic)
        with self._changed:
            self._listeners -= {one for one in self._listeners if one.name and one.name in (name, instead)}
            self._changed.notify_all()
            if self._closed or len(self._listeners) >= self._listeners_max:
                raise TooMany
            self._version[topic] = now
            listener = Listener(self, name, topic, allowed)
            self._listeners.add(listener)
            if self._watcher is None:
                self._watcher = threading.Thread(target=self._watch, name="annex-live", daemon=True)
                self._watcher.start()
        return listener

    def wait(self, listener: Listener) -> str | None:
        """Until there is something new for this listener, or a heartbeat is due; None when the stream should end."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or listener not in self._listeners or listener.seen != self._version[listener.topic],
                self._heartbeat_seconds,
            )
            if self._closed or listener not in self._listeners or time.monotonic() > listener.until:
                return None
            return self._version[listener.topic]

    def leave(self, listener: Listener) -> None:
        with self._changed:
            self._listeners.discard(listener)
            self._changed.notify_all()
        self._nudged.set()

    def close(self) -> None:
        """End all streams; called when the server stops."""
        with self._changed:
            self._closed = True
            self._listeners.clear()
            self._changed.notify_all()
            watcher = self._watcher
        self._nudged.set()
        if watcher is not None and watcher is not threading.current_thread():
            watcher.join(timeout=5)

    def close_on_stop(self, also: Callable[[], object] = lambda: None) -> None:
        """End all streams as soon as the process is told to stop, so that a graceful stop has nothing to wait for; and begin
        with whatever `also` stops.

        To be called in the main thread once the server has set its own handlers, which still run after ours.
        """
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, self._closing_first(signal.getsignal(number), also))

    def _closing_first(self, then: Any, also: Callable[[], object]) -> Callable[[int, FrameType | None], None]:
        def handler(number: int, frame: FrameType | None) -> None:
            for stop in (self.close, also):
                threading.Thread(target=stop, name="annex-live-close", daemon=True).start()
            if callable(then):
                then(number, frame)
            elif then == signal.SIG_DFL:
                signal.signal(number, signal.SIG_DFL)
                signal.raise_signal(number)

        return handler

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    def _watch(self) -> None:
        pause = self._poll_seconds
        while True:
            self._nudged.wait(pause)
            self._nudged.clear()
            with self._changed:
                if self._closed or not self._listeners:
                    self._watcher = None
                    return
                topics = {one.topic for one in self._listeners}
            try:
                with self._database.read() as tx:
                    found = {topic: self.version_in(tx, topic) for topic in topics}
                pause = self._poll_seconds
            except Exception as exc:  # the database may be away for a while: the pages wait, the thread goes on
                pause = min(pause * 2, 5.0)
                log.warning("live.unreadable", error=str(exc))
                continue
            with self._changed:
                if any(self._version.get(topic) != version for topic, version in found.items()):
                    self._version.update(found)
                    self._changed.notify_all()
