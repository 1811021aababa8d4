"""Limits by time windows, per address of a vendor: so many in so many seconds into one chat, whoever sends.

The gate (kernel.http.gate) keeps the pace of a whole connection; a window keeps that of one address behind it. The vendor
counts when a message arrives, which is some time between its leaving and its answer. So a claim counts as if it arrived
`margin_seconds` later, and one whose answer takes longer than that counts from its answer.

`WindowedGate` puts such a window behind the gate of a whole connection, for vendors that count the requests of a moving
second. There every answer is noted, and what is unanswered counts as not arrived yet: neither the network's jitter nor a
process that stood still makes more arrive within a second than are allowed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from kernel.clock import Clock
from kernel.errors import Throttled
from kernel.http.gate import LONGEST_WAIT_SECONDS, Gate, leaving
from kernel.storage import Database, Tx
from kernel.values import to_micros

MARGIN_SECONDS = 0.25
UNANSWERED_SECONDS_MAX = 5.0  #: of a windowed gate: after so long an unanswered request counts as arrived
ASKED_AGAIN_SECONDS = 0.05  #: of a windowed gate: an answer may come earlier than the window says
AT_ONCE_SECONDS = 0.1  #: of a windowed gate: after so long somebody else may have taken the work over
ASKED_MAX = 6  #: of a windowed gate: how often it asks whether they have
WAIT_SECONDS_MAX = 3.0  #: longer waits are given back to the job, which sleeps without holding a thread
FORGOTTEN_AFTER_SECONDS = 86_400
CLOCK_SLACK_MICROS = 5_000_000  #: machines' clocks differ a little


@dataclass(frozen=True)
class WindowLimit:
    """At most `count` within any `seconds`."""

    count: int
    seconds: float


class Window(Protocol):
    def turn(self, count: int = 1) -> AbstractContextManager[None]:
        """Wait until `count` may be sent; they leave inside. Raises Throttled if that is far off."""


class OpenWindow:
    """No limits: for systems that have none, and for tests."""

    @contextmanager
    def turn(self, count: int = 1) -> Iterator[None]:
        yield


class WindowGate:
    """The windows of one address, kept in the database."""

    def __init__(
        self,
        name: str,
        limits: Sequence[WindowLimit],
        database: Database,
        clock: Clock,
        *,
        margin_seconds: float = MARGIN_SECONDS,
    ) -> None:
        self._name, self._limits, self._database, self._clock = name, tuple(limits), database, clock
        self._margin = int(margin_seconds * 1_000_000)
        self._kept = max(limit.count for limit in limits)

    @contextmanager
    def turn(self, count: int = 1) -> Iterator[None]:
        claimed = self._wait(count)
        try:
            yield
        finally:
            if to_micros(self._clock.now()) > claimed:
                self.settle(claimed)

    def _wait(self, count: int) -> int:
        until = self._clock.monotonic() + WAIT_SECONDS_MAX
        while True:
            claimed, wait = self.claim(count)
            if not wait:
                return claimed
            if self._clock.monotonic() + wait > until:
                raise Throttled(f"{self._name}: its pace is kept", wait_seconds=wait)
            self._clock.sleep(wait)

    def claim(self, count: int = 1) -> tuple[int, float]:
        """The moment that counts, or the seconds to wait before asking again."""
        with self._database.write() as tx:
            moments = self._moments(tx)
            now = to_micros(self._clock.now())  # only now: waiting for the row took its time
            # One far ahead means that the clock was set back.
            moments = [one for one in moments if one <= now + self._margin + CLOCK_SLACK_MICROS]
            ready = max(self._free_at(moments, limit, count) for limit in self._limits)
            if ready > now:
                return 0, (ready - now) / 1e6
            claimed = now + self._margin
            while claimed in moments:
                claimed += 1  # each claim is settled by itself
            self._save(tx, [*moments, *[claimed] * count])
            return claimed, 0.0

    def _free_at(self, moments: Sequence[int], limit: WindowLimit, count: int) -> int:
        """From when on `count` more keep that limit. More than the limit has go as one burst into an empty window."""
        over = len(moments) + min(count, limit.count) - limit.count
        return moments[over - 1] + int(limit.seconds * 1_000_000) if over > 0 else 0

    def settle(self, claimed: int) -> None:
        """It was answered: it arrived by now."""
        with self._database.write() as tx:
            moments = self._moments(tx)
            now = to_micros(self._clock.now())
            self._save(tx, [now if one == claimed else one for one in moments])

    def _moments(self, tx: Tx) -> list[int]:
        row = tx.lock("SELECT moments FROM http_window WHERE name = :n", n=self._name)
        if row is None:
            old = to_micros(self._clock.now()) - FORGOTTEN_AFTER_SECONDS * 1_000_000
            tx.run("DELETE FROM http_window WHERE last_at < :old", old=old)
            tx.run("INSERT INTO http_window VALUES (:n, '', :at) ON CONFLICT (name) DO NOTHING", n=self._name, at=old + 1)
            row = tx.lock("SELECT moments FROM http_window WHERE name = :n", n=self._name)
            assert row is not None
        return [int(one) for one in row["moments"].split()]

    def _save(self, tx: Tx, moments: Sequence[int]) -> None:
        last = sorted(moments)[-self._kept :]
        tx.run(
            "UPDATE http_window SET moments = :m, last_at = :at WHERE name = :n",
            n=self._name, m=" ".join(map(str, last)), at=last[-1],
        )  # fmt: skip


class WindowedGate:
    """A gate that also keeps a window over all requests of a connection."""

    def __init__(self, gate: Gate, name: str, limit: WindowLimit, database: Database, clock: Clock) -> None:
        self._gate, self._clock = gate, clock
        self._window = WindowGate(name, (limit,), database, clock, margin_seconds=UNANSWERED_SECONDS_MAX)
        self._turn = threading.Lock()  #: one waiter of a process at a time asks the database; the others wait here
        self._mine = threading.local()

    def acquire(self) -> None:
        self._gate.acquire()
        try:
            since = self._clock.monotonic()
            with self._turn:
                self._claimed()
            # Who waited, or stood still: what this was for may have been taken over meanwhile. Where the database is slow
            # all the time, the answer is good for longer.
            for asked in range(ASKED_MAX):
                if self._clock.monotonic() - since <= AT_ONCE_SECONDS * 2**asked:
                    break
                since = self._clock.monotonic()
                leaving()
            else:
                raise Throttled("this process stands still again and again", wait_seconds=1.0)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        self._gate.release()
        if claimed := getattr(self._mine, "claimed", 0):
            self._mine.claimed = 0
            self._window.settle(claimed)

    def succeeded(self) -> None:
        self._gate.succeeded()

    def failed(self, reason: str) -> None:
        self._gate.failed(reason)

    def back_off(self, seconds: float) -> None:
        self._gate.back_off(seconds)

    def _claimed(self) -> None:
        """Take the next place."""
        until = self._clock.monotonic() + LONGEST_WAIT_SECONDS
        while True:
            self._mine.claimed, wait = self._window.claim()
            if not wait:
                return
            if self._clock.monotonic() > until:
                raise Throttled("none of the requests before this one was answered", wait_seconds=wait)
            self._clock.sleep(min(wait, ASKED_AGAIN_SECONDS))
