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


@dataclass(eq=False)
class _Waiting:
    job: Job
    arrived: int
    not_before: datetime | None = None
    crashes: int = 0
    claim: Claim | None = None  #: by whom it is being run


@dataclass(eq=False)
class Claim:
    """A worker's hold on a job."""

    queue: MemoryQueue
    _one: _Waiting

    def run(self, handlers: Mapping[str, Handler]) -> Job:
        try:
            self.queue._run(self._one, handlers, self)
        finally:
            self.give_back()
        return self._one.job

    def give_back(self) -> None:
        """Whoever holds it counts as dead, rightly or not: another may claim the job now, and both may be at it. What the
        first one comes to is no longer asked for."""
        if self._one.claim is self:
            self._one.claim = None


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

    def claim(self) -> Claim | None:
        """Take the next job that may run now, so that several can be at work at once, each in a thread of its own. Until
        it has run, its lane waits; if it dies by Crash the job is there again."""
        one = self._next(self.clock.now())
        if one is None:
            return None
        one.claim = Claim(self, one)
        return one.claim

    def next_at(self) -> datetime | None:
        """When the next waiting job may run; None if none waits."""
        moments = [one.not_before or self.clock.now() for one in self._heads()]
        return min(moments, default=None)

    def _run(self, one: _Waiting, handlers: Mapping[str, Handler], claim: Claim | None = None) -> None:
        self.runs.append(one.job)
        try:
            handlers[one.job.name](one.job.args)
        except Again as again:
            if one.claim is claim:
                one.not_before = self.clock.now() + timedelta(seconds=again.seconds)
            return
        except Exception as exc:
            self.broken.append((one.job, exc))
        lane = self._lanes.get(one.job.lane, [])
        if one.claim is claim and one in lane:
            lane.remove(one)
            if not lane:
                del self._lanes[one.job.lane]

    def _heads(self) -> list[_Waiting]:
        """Of each lane the job whose turn it is, unless it is at work already."""
        heads = [min(lane, key=lambda one: (one.job.number, one.arrived)) for lane in self._lanes.values() if lane]
        busy = {one.job.lane for lane in self._lanes.values() for one in lane if one.claim}
        return [one for one in heads if one.job.lane not in busy]

    def _next(self, stop_at: datetime | None) -> _Waiting | None:
        heads = self._heads()
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
