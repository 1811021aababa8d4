"""The gate before each outgoing request: an exact rate shared by all processes, a daily quota, and a circuit breaker.

A token is a row of ours, moved on in a short transaction just before the request leaves; retries take one, too. The other
side counts when a request arrives, which is some time between its leaving and its answer. So the pause to the next request
runs from the answer, or from the longest time a request may take to arrive if the answer takes longer than that: however
the network delays them, no two requests can arrive closer together than allowed.

A vendor that counts by a leaky bucket lets a burst through at once. There `next_at` says when the bucket will have run
empty: a request may leave while less than a full bucket is ahead of it, and the network's jitter is a share of that bucket.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from kernel.clock import Clock
from kernel.ending import ending
from kernel.errors import Throttled
from kernel.storage import Database, Tx
from kernel.telemetry import mask
from kernel.values import from_micros, to_micros

CLAIMED_ANEW_MAX = 5
SPARE_SECONDS_MAX = 5.0  #: how long, at most, a token is good for where the database is slow
CLOCK_SLACK_MICROS = 1_000_000  #: machines' clocks differ a little
BREAKER_AFTER_FAILURES = 5
BREAKER_OPEN_SECONDS = 15.0
LONGEST_WAIT_SECONDS = 30.0  #: longer waits are given back to the job, which sleeps without holding a thread


@dataclass(frozen=True)
class RateLimit:
    """What the vendor allows, and how long a request may take to arrive there."""

    per_second: float
    per_day: int = 0  #: 0: no daily quota
    arrival_seconds_max: float = 0.1
    burst: int = 0  #: a leaky bucket of that size, which `per_second` drains; 0: an even pace without any burst


@dataclass(frozen=True)
class _Fence:
    database: Database
    still_ours: Callable[[Tx], bool]


_fence: ContextVar[_Fence | None] = ContextVar("fence", default=None)


class Overtaken(Exception):
    """Somebody else has taken over what this request was for: it must not leave."""


@contextmanager
def fenced(database: Database, still_ours: Callable[[Tx], bool]) -> Iterator[None]:
    """Requests in here leave only if that says so at the last moment, in the unit of work that lets them go.

    A process may stand still at any point: frozen, cut off from the database, moved by its host. Others may have taken its
    work over by the time it goes on, and it cannot know. Raises Overtaken instead of sending.
    """
    token = _fence.set(_Fence(database, still_ours))
    try:
        yield
    finally:
        _fence.reset(token)


_background: ContextVar[bool] = ContextVar("background", default=False)


@contextmanager
def background() -> Iterator[None]:
    """Requests in here wait for nobody's turn: they leave while half of the vendor's bucket is free, or raise Throttled at
    once. What people wait for, and the work of the day, find room whatever is written in the background."""
    token = _background.set(True)
    try:
        yield
    finally:
        _background.reset(token)


def demand_ours(tx: Tx) -> None:
    """The same for a gate that lets something go in that unit of work."""
    if (fence := _fence.get()) is not None and not fence.still_ours(tx):
        raise Overtaken


def leaving() -> None:
    """Right before something leaves that no gate lets go, over a socket of a connector's own: raises Overtaken where it must
    not leave any more."""
    if (fence := _fence.get()) is not None:
        with fence.database.write() as tx:
            demand_ours(tx)


class Gate(Protocol):
    def acquire(self) -> None:
        """Wait for the next free moment. Raises Throttled if that is far off."""

    def release(self) -> None:
        """The request was answered, or given up."""

    def succeeded(self) -> None: ...

    def failed(self, reason: str) -> None:
        """The other side did not answer usably; after several in a row the gate closes for a while."""

    def back_off(self, seconds: float) -> None:
        """The other side asked for silence."""


class OpenGate:
    """No limits: for systems that have none, and for tests."""

    def acquire(self) -> None:
        leaving()

    def release(self) -> None: ...

    def succeeded(self) -> None: ...

    def failed(self, reason: str) -> None: ...

    def back_off(self, seconds: float) -> None: ...


class SharedGate:
    """The gate of one portal, kept in the database."""

    def __init__(self, name: str, rate_limit: RateLimit, database: Database, clock: Clock) -> None:
        self._name, self._rate_limit, self._database, self._clock = name, rate_limit, database, clock
        self._turn = threading.Lock()  #: one waiter of a process at a time asks the database; the others queue here
        self._freed = threading.Event()
        self._flying = 0  #: requests of this process that left and are not answered; changed under `_count`
        self._count = threading.Lock()
        self._mine = threading.local()  #: until when this thread's request keeps the next one back
        self._spare = 0.0  #: seconds that a token is good for beyond the usual; under `_turn`
        self._failing = True  #: until a good answer says otherwise: another process may have left the breaker open

    def acquire(self) -> None:
        with self._turn:
            for _ in range(CLAIMED_ANEW_MAX):
                self._freed.clear()
                while wait := self._claim():
                    if _background.get():
                        raise Throttled(f"{self._name}: others come first", wait_seconds=max(wait, 1.0))
                    self._pause(wait)
                # Who stood still since then has let the moment pass: it is somebody else's by now, and so may be what the
                # request is for. A bucket has no such moments, so there the latter alone counts.
                if self._rate_limit.burst and _fence.get() is None:
                    break
                if self._in_time(self._clock.monotonic() - self._mine.claimed_at):
                    break
            else:
                raise Throttled(f"{self._name}: this process stands still again and again", wait_seconds=1.0)
            with self._count:
                self._flying += 1

    def _pause(self, seconds: float) -> None:
        """Raises Throttled where the work that waits is cut short: its request has not left."""
        ended = ending()
        if self._flying:
            self._freed.wait(seconds)  # the answer in flight may make the wait shorter
            self._freed.clear()
        elif ended is not None:
            ended.wait(seconds)
        else:
            self._clock.sleep(seconds)
        if ended is not None and ended.is_set():
            raise Throttled(f"{self._name}: this process stops", wait_seconds=1.0)

    def _in_time(self, took: float) -> bool:
        """Whether the token is still good after so many seconds. Where the database is slow all the time, the next ones
        are taken for longer, so that requests leave more seldom, but leave."""
        usual, spare = self._rate_limit.arrival_seconds_max / 2, self._spare  # the other half is the way's
        self._spare = min(2 * took, SPARE_SECONDS_MAX) if took > usual else spare / 2
        return took <= usual + spare

    def release(self) -> None:
        """An answer shortens the pause only while nobody left after its request: the other may still be in flight."""
        if self._rate_limit.burst:
            with self._count:
                self._flying -= 1
            return
        following = to_micros(self._clock.now()) + int(1_000_000 / self._rate_limit.per_second)
        try:
            with self._database.write() as tx:
                tx.run(
                    "UPDATE http_gate SET next_at = :n WHERE name = :name AND next_at = :mine AND next_at > :n",
                    n=following, name=self._name, mine=getattr(self._mine, "next_at", 0),
                )  # fmt: skip
        finally:
            with self._count:
                self._flying -= 1
            self._freed.set()

    def _claim(self) -> float:
        """0 if the token is ours and the request may leave now, else the seconds to wait before asking again.

        A token is only given out at the moment it is good for: a waiter that wakes late cannot leave together with the
        next one.
        """
        step = int((1 / self._rate_limit.per_second + self._rate_limit.arrival_seconds_max + self._spare) * 1_000_000)
        with self._database.write() as tx:
            row = tx.lock("SELECT * FROM http_gate WHERE name = :n", n=self._name)
            now = to_micros(self._clock.now())  # only now: waiting for the row took its time
            today = from_micros(now).date().isoformat()
            if row is None:
                tx.run(
                    "INSERT INTO http_gate VALUES (:n, 0, :day, 0, 0, 0, '') ON CONFLICT (name) DO NOTHING",
                    n=self._name, day=today,
                )  # fmt: skip
                row = tx.lock("SELECT * FROM http_gate WHERE name = :n", n=self._name)
                assert row is not None
            used = row["used"] if row["day"] == today else 0
            if self._rate_limit.per_day and used >= self._rate_limit.per_day:
                midnight = from_micros(now).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
                raise Throttled(
                    f"{self._name}: the day's {self._rate_limit.per_day} requests are used up",
                    wait_seconds=(to_micros(midnight) - now) / 1e6,
                )
            # A token is never given out ahead of its time: one that seems so means that the clock was set back.
            ahead = self._ahead()
            set_back = row["next_at"] > now + ahead + step + int(SPARE_SECONDS_MAX * 1_000_000) + CLOCK_SLACK_MICROS
            empty_at = now if set_back else row["next_at"]
            ahead = ahead // 2 if _background.get() else ahead
            slot = max(empty_at - ahead, row["quiet_until"])
            if slot - now > LONGEST_WAIT_SECONDS * 1_000_000:
                raise Throttled(f"{self._name}: {row['last_failure'] or 'busy'}", wait_seconds=(slot - now) / 1e6)
            if slot > now:
                return float((slot - now) / 1e6)
            demand_ours(tx)
            self._mine.claimed_at = self._clock.monotonic()
            following = to_micros(self._clock.now()) + step
            if self._rate_limit.burst:
                following = max(empty_at, now) + int(1_000_000 / self._rate_limit.per_second)
            tx.run(
                "UPDATE http_gate SET next_at = :next, day = :day, used = :used WHERE name = :n",
                n=self._name, next=following, day=today, used=used + 1,
            )  # fmt: skip
        self._mine.next_at = following
        return 0.0

    def _ahead(self) -> int:
        """Microseconds of draining that may already be in the bucket when a request leaves."""
        return int(max(self._rate_limit.burst - 1, 0) / self._rate_limit.per_second * 1_000_000)

    def succeeded(self) -> None:
        if self._failing:
            with self._database.write() as tx:
                tx.run("UPDATE http_gate SET failures = 0, last_failure = '' WHERE name = :n", n=self._name)
            self._failing = False

    def failed(self, reason: str) -> None:
        self._failing = True
        with self._database.write() as tx:
            row = tx.lock("SELECT failures FROM http_gate WHERE name = :n", n=self._name)
            failures = (row["failures"] if row else 0) + 1
            until = 0
            if failures >= BREAKER_AFTER_FAILURES:
                until = to_micros(self._clock.now()) + int(BREAKER_OPEN_SECONDS * 1_000_000)
            tx.run(
                "UPDATE http_gate SET failures = :f, last_failure = :why, "
                "quiet_until = CASE WHEN quiet_until > :until THEN quiet_until ELSE :until END WHERE name = :n",
                n=self._name, f=failures, why=mask(reason)[:300], until=until,
            )  # fmt: skip

    def back_off(self, seconds: float) -> None:
        until = to_micros(self._clock.now()) + int(seconds * 1_000_000)
        with self._database.write() as tx:
            tx.run("UPDATE http_gate SET quiet_until = :u WHERE name = :n AND quiet_until < :u", n=self._name, u=until)
