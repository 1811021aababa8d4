"""Whatever people, robots and other plugins do, and however deliveries come: the end is allowed, nobody's allowed move is
put back, no forbidden move is put back twice, and then there is quiet.

The oracle knows the true sequence of moves and shares no code with the rules.
"""

from __future__ import annotations

import itertools
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kernel.errors import Throttled, Unreachable
from plugins.stage_lock.tests.lock import Lock
from tests.harness.databases import sqlite_copy

STAGES = ("a", "b", "c", "d", "e")
UNKNOWN = "Архив"
OUTSIDE = ("HR: Новая", "HR: Успех")  #: stages of a pipeline that the set does not name
PEOPLE = ("Анна", "Борис", "")  #: the last is a robot that nobody names
HEAD = "Вера Главная"

pools = st.fixed_dictionaries({stage: st.lists(st.sampled_from(STAGES), max_size=3, unique=True) for stage in STAGES})
QUICK = settings(
    max_examples=40,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class Oracle:
    """Replays what truly happened."""

    def __init__(self, lock: Lock, deal: str) -> None:
        self.lock, self.deal = lock, deal
        self.head = lock.head.id

    def replay(self) -> tuple[str | None, str | None, int]:
        """Where it may stand, where it stands, and how many moves were forbidden so far; «elsewhere» is one place."""
        here: Any = "nothing yet"  #: where it may stand, or where it left the pipelines that the set names
        stage, forbidden, away, outside = None, 0, False, False
        for record, stage, label, who in self.lock.crm.truth:
            if record != self.deal:
                continue
            outside, ours = ":" in label, who == self.lock.crm.annex
            free = ours or who == self.head
            if outside:
                forbidden += not (free or away)
                here = here if free or away or here is not None else next(iter(self.lock.pool))
                away = away or free
            elif free or here == "nothing yet" or (here is None and not away):
                here, away = stage, False
            elif stage == here:
                away = False
            elif here is not None and stage in self.lock.pool[here]:
                here, away = stage, False
            else:
                forbidden, away = forbidden + 1, False
        return "elsewhere" if away else here, "elsewhere" if outside else stage, forbidden


class Story:
    """A deal, what happens to it, and a check of each put-back."""

    def __init__(self, lock: Lock) -> None:
        self.lock = lock
        self.deal = lock.deal("a")
        self.oracle = Oracle(lock, self.deal)
        self.waiting: list[dict[str, Any]] = []
        self.seen, self.count = 0, itertools.count()
        self.others: list[str] = []

    def watched(self) -> None:
        """Every stage write that is new, and not one of the other plugins', must undo a move that is truly forbidden."""
        with self.lock.database.read() as tx:
            rows = tx.all("SELECT trace, payload FROM outgoing WHERE verb = 'update' ORDER BY number")
        for row in rows[self.seen :]:
            if row["trace"] in self.others:
                continue
            here, stage, forbidden = self.oracle.replay()
            assert stage != here, f"an allowed move to {stage} was put back"
            assert f'"stage": "{here}"' in row["payload"], f"put back elsewhere than to {here}: {row['payload']}"
            assert forbidden > 0
        self.seen = len(rows)

    def do(self, step: tuple[str, Any]) -> None:
        kind, what = step
        lock = self.lock
        match kind:
            case "move":
                who, stage, reported, event = what
                if stage == lock.stage(self.deal):
                    return
                lock.move(self.deal, stage, author=who)
                for _ in range(reported):
                    self.waiting.append({"author": who, "event": event, "delivery": f"told{next(self.count)}"})
            case "deliver":
                if self.waiting:
                    one = self.waiting.pop(what % len(self.waiting))
                    lock.deliver(self.deal, **one)
                    if what % 3 == 0:
                        lock.deliver(self.deal, **one)  # the same once more
            case "write":
                self.write(what)
            case "run":
                for _ in range(what):
                    lock.run_one()
                    self.watched()
            case "trouble":
                lock.crm.fail_next(what)
            case "later":
                lock.clock.advance(seconds=what)

    def write(self, stage: str) -> None:
        with self.lock.portal.unit() as unit:
            self.others.append(unit.trace)
            unit.update("deal", self.deal, {}, stage=stage)
        self.watched()

    def run(self) -> None:
        while self.lock.queue.waiting:
            before = len(self.lock.queue.runs)
            self.lock.run_one()
            self.watched()
            if len(self.lock.queue.runs) == before:
                self.lock.clock.advance(seconds=1)

    def end(self) -> None:
        """The sweep looks at it; then all is as it should be."""
        self.lock.crm.repair()
        self.run()
        self.lock.deliver(self.deal, event="annex.sweep")
        self.run()
        for _ in range(2):
            self.lock.work()
        here, stage, forbidden = self.oracle.replay()
        assert stage == here, f"it stands at {stage} and may stand at {here}"
        with self.lock.database.read() as tx:
            reverts = tx.value("SELECT COUNT(*) FROM stage_lock_reversal")
        assert reverts <= forbidden
        assert self.lock.crm.doubled() == []
        assert not any(self.lock.is_open())
        self.lock.quiet(self.deal)


@pytest.fixture(scope="module")
def folder() -> Any:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def a_database(folder: Path) -> str:
    """One for each example: a test function's own fixtures serve all of its examples."""
    return sqlite_copy(folder / f"lock{len(list(folder.iterdir()))}.db")


def tell(lock: Lock, steps: Sequence[tuple[str, Any]]) -> None:
    try:
        story = Story(lock)
        for step in steps:
            story.do(step)
        story.end()
    finally:
        lock.close()


def moves(people: Sequence[str], reported: st.SearchStrategy[int]) -> st.SearchStrategy[tuple[str, Any]]:
    return st.tuples(
        st.just("move"),
        st.tuples(
            st.sampled_from(people), st.sampled_from((*STAGES, UNKNOWN, *OUTSIDE)), reported,
            st.sampled_from(["deal.changed", "deal.stage"]),
        ),
    )  # fmt: skip


faults = st.sampled_from([Unreachable("lost"), Throttled("slowly", wait_seconds=2)])
common = [
    st.tuples(st.just("deliver"), st.integers(0, 8)),
    st.tuples(st.just("write"), st.sampled_from(STAGES)),
    st.tuples(st.just("run"), st.integers(1, 3)),
    st.tuples(st.just("later"), st.sampled_from([0.2, 3, 70])),
]
reported = st.integers(
    0, 2
)  #: a move whose deliveries are lost, come once, or doubled; `deliver` sends them late and shuffled
LIMIT = {"reversals_per_hour": 1000}


@QUICK
@given(
    pools,
    st.integers(0, 3),
    st.lists(st.one_of(moves((*PEOPLE, HEAD), reported), moves(PEOPLE, reported), *common), max_size=24),
)
def test_with_a_history_that_names_people(folder: Path, pool: Any, seed: int, steps: Any) -> None:
    lock = Lock(a_database(folder), pool=pool, names_people=True, seed=seed, settings=LIMIT)
    tell(lock, steps)


@QUICK
@given(
    pools, st.integers(0, 3),
    st.lists(st.one_of(moves(PEOPLE, reported), *common, st.tuples(st.just("trouble"), faults)), max_size=24),
)  # fmt: skip
def test_with_a_history_that_names_nobody(folder: Path, pool: Any, seed: int, steps: Any) -> None:
    lock = Lock(a_database(folder), pool=pool, seed=seed, settings=LIMIT)
    tell(lock, steps)


@QUICK
@given(
    pools, st.booleans(),
    st.lists(
        st.one_of(moves((*PEOPLE, HEAD), st.just(1)), moves(PEOPLE, st.just(2)), *common[1:2], *common[3:]), max_size=16
    ),
)  # fmt: skip
def test_without_a_history_and_each_move_told_of_in_time(folder: Path, pool: Any, tells_mover: bool, steps: Any) -> None:
    """Nothing shows what lay between, so each move is looked at before the next, as it is where deliveries arrive."""
    lock = Lock(a_database(folder), pool=pool, history=False, tells_mover=tells_mover, settings=LIMIT)
    try:
        story = Story(lock)
        for kind, what in steps:
            story.do((kind, what))
            for one in story.waiting:
                lock.deliver(story.deal, **{**one, "event": "deal.changed"})
            story.waiting.clear()
            story.run()
        story.end()
    finally:
        lock.close()


@pytest.mark.parametrize("seed", range(12))
def test_without_a_history_and_deliveries_lost_and_late(folder: Path, seed: int) -> None:
    """Here a move may be misjudged, since nobody can know better; but there is no loop, no double, and an end."""
    rng = random.Random(seed)
    pool = {stage: rng.sample(STAGES, rng.randint(0, 3)) for stage in STAGES}
    lock = Lock(a_database(folder), pool=pool, history=False, seed=seed, settings=LIMIT)
    story = Story(lock)
    story.watched = lambda: None  # type: ignore[method-assign]
    moved = 0
    for _ in range(60):
        if rng.random() < 0.4:
            moved += 1
            lock.move(story.deal, rng.choice((*STAGES, UNKNOWN, *OUTSIDE)), author=rng.choice(PEOPLE))
            for _ in range(rng.randint(0, 2)):
                lock.deliver(story.deal, author=rng.choice(PEOPLE), event=rng.choice(["deal.stage", "deal.changed"]))
        elif rng.random() < 0.2:
            story.write(rng.choice(STAGES))
        else:
            lock.run_one()
    story.run()
    lock.sync(story.deal)
    lock.work()
    lock.quiet(story.deal)
    assert lock.crm.doubled() == [] and not any(lock.is_open())
    with lock.database.read() as tx:
        assert tx.value("SELECT COUNT(*) FROM stage_lock_reversal") <= moved
    lock.close()
