"""The queue in memory: what DBOS does for us, without its threads, tables and pauses."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from kernel.clock import Clock
from kernel.jobs import Again, Handler, Job
from kernel.storage import Tx
from kernel.testing.trouble import Crash

RUNS_MAX = 100_000


@dataclass
class _Waiting:
    job: Job
    arrived: int
    not_before: datetime | None = None
    crashes: int = 0


@dataclass
class MemoryQueue:
    """Keeps kernel.jobs.Queue. A job counts as enqueued when its unit of work is committed, and only then; a key that was
    ever enqueued is not enqueued again. Jobs of one lane run one after another by their number; a job that says Again
    keeps its place. `seed` shuffles the order among lanes."""

    clock: Clock
    seed: int | None = None
    runs: list[Job] = field(default_factory=list)  #: every start of a job, in order
    broken: list[tuple[Job, Exception]] = field(default_factory=list)  #: what ended in an error: DBOS would show ERROR
    crashes: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed) if self.seed is not None else None  # noqa: S311 - not for secrets
        self._keys: set[str] = set()
        self._lanes: dict[str, list[_Waiting]] = defaultdict(list)
        self._arrived = 0

    # --- the interface --------------------------------------------------------------------------------------------------

    def enqueue(self, tx: Tx, job: Job) -> None:
        """Takes effect with the commit of `tx`, or not at all."""
        tx.after_commit(lambda: self._take(job))

    # --- running --------------------------------------------------------------------------------------------------------

    @property
    def waiting(self) -> list[Job]:
        return [one.job for lane in self._lanes.values() for one in lane]

    def run_until_quiet(
        self,
        handlers: Mapping[str, Handler],
        *,
        stop_at: datetime | None = None,
        on_crash: Callable[[], Mapping[str, Handler]] | None = None,
    ) -> int:
        """Run jobs until none is left; returns how many starts there were. While all wait, the clock moves on (not beyond
        `stop_at`). A job that dies by Crash is run again; `on_crash` may give the handlers of the new process."""
        before = len(self.runs)
        while one := self._next(stop_at):
            if len(self.runs) - before > RUNS_MAX:
                raise AssertionError(f"the jobs never end: {one.job}")
            try:
                self._run(one, handlers)
            except Crash:
                one.crashes += 1
                self.crashes += 1
                one.not_before = None
                handlers = on_crash() if on_crash else handlers
        return len(self.runs) - before

    def run_one(self, handlers: Mapping[str, Handler]) -> Job | None:
        """Start the next job that may run now, if there is one. A Crash comes out; the job is then still there."""
        one = self._next(self.clock.now())
        if one is None:
            return None
        self._run(one, handlers)
        return one.job

    def _run(self, one: _Waiting, handlers: Mapping[str, Handler]) -> None:
        self.runs.append(one.job)
        try:
            handlers[one.job.name](one.job.args)
        except Again as again:
            one.not_before = self.clock.now() + timedelta(seconds=again.seconds)
            return
        except Exception as exc:
            self.broken.append((one.job, exc))
        lane = self._lanes[one.job.lane]
        lane.remove(one)
        if not lane:
            del self._lanes[one.job.lane]

    def _next(self, stop_at: datetime | None) -> _Waiting | None:
        heads = [min(lane, key=lambda one: (one.job.number, one.arrived)) for lane in self._lanes.values() if lane]
        if not heads:
            return None
        now = self.clock.now()
        ready = [one for one in heads if one.not_before is None or one.not_before <= now]
        if not ready:
            moment = min(one.not_before for one in heads if one.not_before is not None)
            if stop_at is not None and moment > stop_at:
                return None
            self.clock.sleep((moment - now).total_seconds())
            return self._next(stop_at)
        if self._random:
            return self._random.choice(ready)
        return min(ready, key=lambda one: one.arrived)

    def _take(self, job: Job) -> None:
        if job.key not in self._keys:
            self._keys.add(job.key)
            self._arrived += 1
            self._lanes[job.lane].append(_Waiting(job, self._arrived))
