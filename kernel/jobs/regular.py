"""Regular work, once per due time however many workers there are: the row of the work is the lock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from kernel.clock import Clock
from kernel.ending import ended_by
from kernel.storage import Database
from kernel.telemetry import bind_trace, log
from kernel.values import to_micros

TICK_SECONDS = 1.0
FIRST_RUN_DELAY = timedelta(seconds=2)  #: work that never ran begins so soon after the first start


@dataclass(frozen=True)
class Work:
    name: str
    every: timedelta
    run: Callable[[], None]


class Ticker:
    """A thread that runs what is due."""

    def __init__(
        self, database: Database, clock: Clock, works: list[Work], *, each_tick: Callable[[], object] = lambda: None
    ) -> None:
        """`each_tick` runs every second in every worker: it is to ask one short question."""
        self._database, self._clock, self._works, self._each_tick = database, clock, works, each_tick
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="regular", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=10)

    def _loop(self) -> None:
        while not self._stop.wait(TICK_SECONDS):
            try:
                self._each_tick()
                due = self.due()
            except Exception:  # the next tick tries again; a dead database must not end the thread
                log.exception("regular.broken", work="")
                continue
            for work in due:
                try:
                    if not self._stop.is_set() and self.claim(work):
                        with ended_by(self._stop):
                            self.run(work)
                except Exception:
                    log.exception("regular.broken", work=work.name)

    def due(self) -> list[Work]:
        """What is due or was never seen, by one short question: it is asked each second, also while nothing happens."""
        now = to_micros(self._clock.now())
        with self._database.read() as tx:
            known = {row["name"]: row["next_at"] for row in tx.all("SELECT name, next_at FROM regular")}
        return [work for work in self._works if work.name not in known or known[work.name] <= now]

    def claim(self, work: Work) -> bool:
        """Whether it is due and ours: moves the due time on, so that nobody else takes it."""
        now = to_micros(self._clock.now())
        with self._database.read() as tx:
            due = tx.value("SELECT next_at FROM regular WHERE name = :n", n=work.name)
        if due is not None and due > now:
            return False
        following = now + int(work.every.total_seconds() * 1e6)
        with self._database.write() as tx:
            if due is None:
                first = now + int(FIRST_RUN_DELAY.total_seconds() * 1e6)
                tx.run("INSERT INTO regular VALUES (:n, :at, NULL, '') ON CONFLICT (name) DO NOTHING", n=work.name, at=first)
                return False
            return (
                tx.run("UPDATE regular SET next_at = :f WHERE name = :n AND next_at = :d", f=following, n=work.name, d=due)
                == 1
            )

    def run(self, work: Work) -> None:
        outcome = "done"
        with bind_trace("", work=work.name):
            try:
                work.run()
            except Exception as exc:
                outcome = f"{type(exc).__name__}: {exc}"[:300]
                log.exception("regular.failed")
        with self._database.write() as tx:
            tx.run(
                "UPDATE regular SET last_at = :at, outcome = :o WHERE name = :n",
                at=to_micros(self._clock.now()), o=outcome, n=work.name,
            )  # fmt: skip
