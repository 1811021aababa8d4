"""So many at once, whoever asks; a breaker that lets one probe through; and no place held by a process that died."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from kernel.errors import Throttled
from kernel.http import ParallelGate, ParallelLimit
from kernel.http.gate import Overtaken, fenced
from kernel.storage import Database
from kernel.testing import FakeClock

LIMIT = ParallelLimit(2, 20.0)


@pytest.fixture
def gates(database_url: str) -> Iterator[Callable[[], ParallelGate]]:
    """Each one as another process would have it."""
    clock = FakeClock()
    with closing(Database(database_url)) as database:

        def make() -> ParallelGate:
            gate = ParallelGate("backoffice/broker", LIMIT, database, clock)
            gate.clock, gate.database = clock, database  # type: ignore[attr-defined]
            return gate

        yield make


def elsewhere(action: Callable[[], object]) -> object:
    """In another thread, as another request."""
    found: list[object] = []

    def run() -> None:
        try:
            found.append(action())
        except Exception as exc:
            found.append(exc)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    return found[0]


def test_no_more_than_so_many_at_once_over_all_processes(gates):
    one, other = gates(), gates()
    one.acquire()
    assert elsewhere(other.acquire) is None
    assert isinstance(elsewhere(gates().acquire), Throttled)
    one.release()
    assert elsewhere(gates().acquire) is None


def test_a_release_gives_back_only_its_own_place(gates):
    one, other = gates(), gates()
    one.acquire()
    assert elsewhere(other.acquire) is None
    one.release()
    one.release()
    one.acquire()
    assert isinstance(elsewhere(gates().acquire), Throttled)


def test_a_process_that_died_holds_its_place_only_for_a_while(gates):
    for _ in range(2):
        assert elsewhere(gates().acquire) is None
    assert isinstance(elsewhere(gates().acquire), Throttled)
    gates().clock.advance(seconds=21)
    gates().acquire()


def test_a_clock_that_was_set_back_blocks_nobody(gates):
    clock = gates().clock
    clock.advance(days=1)
    for _ in range(2):
        assert elsewhere(gates().acquire) is None
    clock.advance(days=-1)
    gates().acquire()


def test_the_breaker_opens_after_five_and_lets_one_probe_through(gates):
    gate, other = gates(), gates()
    for number in range(5):
        gate.acquire()
        gate.failed(f"no answer {number}")
        gate.release()
    with pytest.raises(Throttled, match="no answer 4") as raised:
        other.acquire()
    assert raised.value.wait_seconds == 30
    gate.clock.advance(seconds=30)
    other.acquire()
    assert isinstance(elsewhere(gate.acquire), Throttled), "the probe goes alone"
    other.failed("still nothing")
    other.release()
    assert isinstance(elsewhere(gate.acquire), Throttled)
    gate.clock.advance(seconds=30)
    gate.acquire()
    gate.succeeded()
    gate.release()
    for _ in range(4):
        other.acquire()
        other.failed("once more")
        other.release()
    other.acquire()


def test_a_probe_that_died_is_followed_by_another(gates):
    gate = gates()
    for _ in range(5):
        gate.failed("no answer")
    gate.clock.advance(seconds=30)
    assert elsewhere(gate.acquire) is None
    gate.clock.advance(seconds=21)
    gate.acquire()


def test_a_good_answer_in_between_begins_the_count_anew(gates):
    gate = gates()
    for _ in range(3):
        for _ in range(4):
            gate.failed("no answer")
        gate.succeeded()
    gate.acquire()


def test_silence_that_was_asked_for_is_kept_but_not_for_ever(gates):
    gate = gates()
    gate.back_off(3600)
    with pytest.raises(Throttled) as raised:
        gates().acquire()
    assert raised.value.wait_seconds == 300
    gate.clock.advance(seconds=301)
    gates().acquire()


def test_what_somebody_else_took_over_does_not_leave(gates):
    gate = gates()
    with pytest.raises(Overtaken), fenced(gate.database, lambda _tx: False):
        gate.acquire()
    for _ in range(2):
        assert elsewhere(gates().acquire) is None
