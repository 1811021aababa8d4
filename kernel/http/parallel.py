"""A gate for a system that names no rate but must not be flooded: so many requests at once, and a breaker with one probe.

Both are kept in the database, so all processes share them. A request in flight has a deadline there: a process that died
does not hold its place for ever. After several answers in a row that were none, nothing is asked for a while; then one
request goes alone, and only a good answer to it lets the others through again.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from kernel.clock import Clock
from kernel.ending import ending
from kernel.errors import Throttled
from kernel.http.gate import demand_ours
from kernel.storage import Database, Tx
from kernel.storage.tx import Row
from kernel.telemetry import mask
from kernel.values import to_micros

ASKED_AGAIN_SECONDS = 0.05
WAIT_SECONDS_MAX = 10.0  #: longer waits are given back to whoever asks
BACK_OFF_SECONDS_MAX = 300.0
CLOCK_SLACK_MICROS = 5_000_000  #: machines' clocks differ a little


@dataclass(frozen=True)
class ParallelLimit:
    """How many at once, how long one of them may take, and when the breaker opens."""

    count: int
    seconds_max: float  #: after so long a request in flight is taken for lost
    failures_max: int = 5
    open_seconds: float = 30.0


class ParallelGate:
    """The gate of one connection, kept in the database."""

    def __init__(self, name: str, limit: ParallelLimit, database: Database, clock: Clock) -> None:
        self._name, self._limit, self._database, self._clock = name, limit, database, clock
        self._slots = f"{name}#parallel"
        self._mine = threading.local()  #: the deadline by which this thread's request is known

    def acquire(self) -> None:
        until = self._clock.monotonic() + WAIT_SECONDS_MAX
        while not self._claim():
            ended = ending()
            if ended is not None and ended.is_set():
                raise Throttled(f"{self._name}: this process stops", wait_seconds=1.0)
            if self._clock.monotonic() + ASKED_AGAIN_SECONDS > until:
                raise Throttled(f"{self._name}: {self._limit.count} requests are in flight already", wait_seconds=1.0)
            self._clock.sleep(ASKED_AGAIN_SECONDS)

    def _claim(self) -> bool:
        """Whether the request may leave now. Raises Throttled while the breaker is open."""
        with self._database.write() as tx:
            row = self._row(tx)
            now = to_micros(self._clock.now())
            if row["quiet_until"] > now:
                why = row["last_failure"] or "it asked us to be quiet"
                raise Throttled(f"{self._name}: {why}", wait_seconds=(row["quiet_until"] - now) / 1e6)
            deadline = now + int(self._limit.seconds_max * 1e6)
            flying = [one for one in self._flying(tx) if now < one <= deadline + CLOCK_SLACK_MICROS]
            if len(flying) >= self._limit.count:
                return False
            demand_ours(tx)
            while deadline in flying:
                deadline += 1
            self._save(tx, [*flying, deadline])
            if row["failures"] >= self._limit.failures_max:  # the probe: nobody else until it has an answer
                tx.run("UPDATE http_gate SET quiet_until = :u WHERE name = :n", n=self._name, u=deadline)
            self._mine.deadline = deadline
        return True

    def release(self) -> None:
        with self._database.write() as tx:
            self._row(tx)  # claims and releases take turns
            mine = getattr(self._mine, "deadline", 0)
            self._save(tx, [one for one in self._flying(tx) if one != mine])

    def succeeded(self) -> None:
        with self._database.read() as tx:
            row = tx.one("SELECT failures FROM http_gate WHERE name = :n", n=self._name)
        if row is not None and row["failures"]:
            with self._database.write() as tx:
                tx.run("UPDATE http_gate SET failures = 0, last_failure = '', quiet_until = 0 WHERE name = :n", n=self._name)

    def failed(self, reason: str) -> None:
        with self._database.write() as tx:
            failures = self._row(tx)["failures"] + 1
            until = 0
            if failures >= self._limit.failures_max:
                until = to_micros(self._clock.now()) + int(self._limit.open_seconds * 1e6)
            tx.run(
                "UPDATE http_gate SET failures = :f, last_failure = :why, "
                "quiet_until = CASE WHEN :until > 0 THEN :until ELSE quiet_until END WHERE name = :n",
                n=self._name, f=failures, why=mask(reason)[:300], until=until,
            )  # fmt: skip

    def back_off(self, seconds: float) -> None:
        until = to_micros(self._clock.now()) + int(min(seconds, BACK_OFF_SECONDS_MAX) * 1e6)
        with self._database.write() as tx:
            self._row(tx)
            tx.run("UPDATE http_gate SET quiet_until = :u WHERE name = :n AND quiet_until < :u", n=self._name, u=until)

    def _row(self, tx: Tx) -> Row:
        ask = "SELECT * FROM http_gate WHERE name = :n"
        row = tx.lock(ask, n=self._name)
        if row is None:
            tx.run("INSERT INTO http_gate VALUES (:n, 0, '', 0, 0, 0, '') ON CONFLICT (name) DO NOTHING", n=self._name)
            row = tx.lock(ask, n=self._name)
            assert row is not None
        return row

    def _flying(self, tx: Tx) -> list[int]:
        """Deadlines of what is in flight."""
        ask = "SELECT moments FROM http_window WHERE name = :n"
        row = tx.lock(ask, n=self._slots)
        return [int(one) for one in row["moments"].split()] if row is not None else []

    def _save(self, tx: Tx, deadlines: list[int]) -> None:
        last = max(deadlines, default=to_micros(self._clock.now()))
        tx.run(
            "INSERT INTO http_window VALUES (:n, :m, :at) ON CONFLICT (name) DO UPDATE "
            "SET moments = excluded.moments, last_at = excluded.last_at",
            n=self._slots, m=" ".join(map(str, deadlines)), at=last,
        )  # fmt: skip
