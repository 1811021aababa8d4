"""The gate: never two requests closer than allowed, whoever asks, however late the answers come."""

from __future__ import annotations

import itertools
import random
import threading
import time
from datetime import UTC, datetime
from functools import partial

import pytest

from kernel.clock import SystemClock
from kernel.ending import ended_by
from kernel.errors import Throttled
from kernel.http import RateLimit, SharedGate, background
from kernel.http.gate import BREAKER_AFTER_FAILURES, BREAKER_OPEN_SECONDS, Overtaken, fenced
from kernel.storage import Database
from kernel.testing import FakeClock, at_once

SLOW = RateLimit(per_second=2, arrival_seconds_max=0.1)


def leaves_at(gate: SharedGate, clock: FakeClock) -> float:
    gate.acquire()
    return clock.monotonic()


@pytest.mark.row("PL-03")
def test_the_pause_runs_from_the_answer_or_from_the_latest_arrival(database: Database) -> None:
    clock = FakeClock()
    gate = SharedGate("p", SLOW, database, clock)
    assert leaves_at(gate, clock) == 0
    clock.advance(seconds=0.02)
    gate.release()  # answered after 0.02 s: it arrived by then
    assert leaves_at(gate, clock) == pytest.approx(0.52)
    clock.advance(seconds=3)
    gate.release()  # answered late: it arrived long ago
    assert leaves_at(gate, clock) == pytest.approx(3.52)


@pytest.mark.row("PL-03")
def test_a_late_answer_says_nothing_about_the_request_after_it(database: Database) -> None:
    """A leaves, B leaves; A's answer comes: B may still be in flight, so C waits from B's latest arrival."""
    clock = FakeClock()
    one, other = (SharedGate("p", SLOW, database, clock) for _ in range(2))
    one.acquire()
    clock.advance(seconds=0.6)
    assert leaves_at(other, clock) == pytest.approx(0.6)
    one.release()
    assert leaves_at(SharedGate("p", SLOW, database, clock), clock) == pytest.approx(1.2)


@pytest.mark.row("PL-03", "PL-07")
def test_several_threads_of_several_processes_never_come_closer_than_allowed(database_url: str) -> None:
    """Real time, two databases' connections (two processes), late and lost answers: what counts is when they arrive."""
    rate_limit, arrivals, clock = RateLimit(per_second=40, arrival_seconds_max=0.02), [], SystemClock()
    databases = [Database(database_url) for _ in range(2)]
    gates = [SharedGate("p", rate_limit, database, clock) for database in databases]

    def work(gate: SharedGate, seed: int) -> None:
        chosen = random.Random(seed)
        for _ in range(5):
            gate.acquire()
            # A thread that is not let run long after its turn would be the machine's delay, not the network's.
            arrived = time.monotonic() + chosen.choice((0.0, 0.01, 0.015))
            time.sleep(max(0.0, arrived - time.monotonic()))
            arrivals.append(arrived)
            time.sleep(chosen.choice((0.0, 0.0, 0.06)))
            gate.release()

    at_once(*(partial(work, gates[n % 2], n) for n in range(6)))
    for database in databases:
        database.close()
    arrivals.sort()
    closest = min(later - earlier for earlier, later in itertools.pairwise(arrivals))
    assert len(arrivals) == 30 and closest >= 1 / 40 - 0.006, closest


@pytest.mark.row("PL-03")
def test_the_days_quota_is_shared_and_comes_back_at_midnight(database: Database) -> None:
    clock = FakeClock(datetime(2026, 11, 23, 23, 59, tzinfo=UTC))
    gates = [SharedGate("p", RateLimit(per_second=100, per_day=3), database, clock) for _ in range(2)]
    for n in range(3):
        gates[n % 2].acquire()
        gates[n % 2].release()
    with pytest.raises(Throttled, match="3 requests are used up") as caught:
        gates[1].acquire()
    assert 55 < caught.value.wait_seconds <= 60
    clock.advance(seconds=caught.value.wait_seconds)
    gates[0].acquire()


@pytest.mark.row("PL-03")
def test_silence_that_was_asked_for_is_kept_by_all(database: Database) -> None:
    clock = FakeClock()
    one, other = (SharedGate("p", SLOW, database, clock) for _ in range(2))
    one.acquire()
    one.release()
    one.back_off(20)
    assert leaves_at(other, clock) == pytest.approx(20)
    other.release()
    other.back_off(60)
    with pytest.raises(Throttled) as caught:
        one.acquire()
    assert caught.value.wait_seconds == pytest.approx(60)


@pytest.mark.row("PL-03")
def test_the_breaker_opens_after_failures_in_a_row_and_closes_after_a_good_answer(database: Database) -> None:
    clock = FakeClock()
    one, other = (SharedGate("p", SLOW, database, clock) for _ in range(2))
    for _ in range(BREAKER_AFTER_FAILURES - 1):
        one.acquire()
        one.failed("no answer")
        one.release()
    one.acquire()
    one.succeeded()
    one.release()
    for n in range(BREAKER_AFTER_FAILURES):
        one.acquire()
        opened_at = clock.monotonic()
        one.failed(f"no answer {n}")
        one.release()
    assert leaves_at(other, clock) == pytest.approx(opened_at + BREAKER_OPEN_SECONDS)
    with database.read() as tx:
        assert tx.value("SELECT last_failure FROM http_gate") == "no answer 4"
    other.failed("again")  # still failing: open at once
    other.release()
    assert leaves_at(one, clock) == pytest.approx(opened_at + 2 * BREAKER_OPEN_SECONDS)
    one.succeeded()
    one.release()
    assert leaves_at(other, clock) == pytest.approx(opened_at + 2 * BREAKER_OPEN_SECONDS + 0.5)


def test_portals_do_not_wait_for_each_other(database: Database) -> None:
    clock = FakeClock()
    for name in ("a", "b"):
        assert leaves_at(SharedGate(name, SLOW, database, clock), clock) == 0


def test_a_clock_that_is_set_back_does_not_close_the_gate(database: Database) -> None:
    clock = FakeClock()
    gate = SharedGate("p", SLOW, database, clock)
    gate.acquire()
    gate.release()
    clock.advance(days=-23)
    gate.acquire()  # would be refused, or wait for weeks, if the row's time were believed
    gate.release()


BUCKET = RateLimit(per_second=2, burst=50)


class LeakyBucket:
    """The vendor's side: counts each request as it arrives and leaks all the time."""

    def __init__(self, size: int, leak: float) -> None:
        self.size, self.leak, self.level, self.at, self.refused = size, leak, 0.0, 0.0, 0

    def arrive(self, at: float) -> None:
        self.level = max(0.0, self.level - (at - self.at) * self.leak) + 1
        self.at = at
        self.refused += self.level > self.size


@pytest.mark.row("PL-03")
def test_a_bucket_lets_a_burst_through_and_then_drips(database: Database) -> None:
    clock = FakeClock()
    gates = [SharedGate("p", BUCKET, database, clock) for _ in range(3)]
    vendor = LeakyBucket(50, 2)
    for number in range(130):
        gate = gates[number % 3]
        vendor.arrive(leaves_at(gate, clock))
        gate.release()
        if number == 49:
            assert clock.monotonic() == 0
    assert vendor.refused == 0
    assert clock.monotonic() == pytest.approx((130 - 50) / 2, abs=0.6)  # the least time there is, and hardly more
    clock.advance(seconds=25)  # runs empty: the next burst may leave at once
    began = clock.monotonic()
    for _ in range(50):
        vendor.arrive(leaves_at(gates[0], clock))
        gates[0].release()
    assert clock.monotonic() == began and vendor.refused == 0


@pytest.mark.row("PL-03")
def test_a_bucket_survives_a_clock_set_back_and_asks_for_patience_when_full(database: Database) -> None:
    clock = FakeClock()
    gate = SharedGate("p", RateLimit(per_second=2, burst=50), database, clock)
    for _ in range(60):
        gate.acquire()
        gate.release()
    clock.set(datetime(2026, 11, 20, 10, 0, tzinfo=UTC))
    gate.acquire()  # three days back: not three days of waiting
    gate.release()
    gate.back_off(40)
    with pytest.raises(Throttled):
        gate.acquire()


@pytest.mark.row("PL-03", "PL-07")
@pytest.mark.parametrize("naps", [(5.0, 0.0), (0.3, 0.3), (9_000.0, 60.0, 4.0)])
def test_who_stood_still_after_their_turn_came_waits_for_a_new_one(
    database: Database, monkeypatch: pytest.MonkeyPatch, naps: tuple[float, ...]
) -> None:
    """Frozen between the claim and the request: meanwhile the turn has passed to others. A slow database is no reason to
    wait for ever: the next token is good for longer, and the others wait for longer, too."""
    clock = FakeClock()
    gate, other = (SharedGate("p", SLOW, database, clock) for _ in range(2))
    real, left = gate._claim, iter(naps)

    def claim() -> float:
        wait = real()
        if not wait:
            clock.advance(seconds=next(left))
        return wait

    monkeypatch.setattr(gate, "_claim", claim)
    left_at = leaves_at(gate, clock)
    with database.read() as tx:
        assert tx.value("SELECT used FROM http_gate WHERE name = 'p'") == len(naps)
    assert leaves_at(other, clock) >= left_at + 1 / SLOW.per_second, "the turn it left at is its own"


@pytest.mark.row("PL-03", "PL-07")
def test_who_stands_still_again_and_again_gives_the_work_back(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock()
    gate, other = (SharedGate("p", SLOW, database, clock) for _ in range(2))
    real = gate._claim
    monkeypatch.setattr(gate, "_claim", lambda: (real(), clock.advance(seconds=60))[0])
    with pytest.raises(Throttled):
        gate.acquire()
    before = clock.monotonic()
    assert leaves_at(other, clock) <= before + 20, "and keeps nobody else back"
    monkeypatch.setattr(gate, "_claim", real)
    gate.acquire()


@pytest.mark.row("PL-03", "PL-07")
def test_who_stood_still_at_a_bucket_leaves_only_if_nobody_took_the_work_over(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    gate = SharedGate("p", BUCKET, database, clock)
    real, ours = gate._claim, [True, True, False]
    monkeypatch.setattr(gate, "_claim", lambda: (real(), clock.advance(seconds=60))[0])
    gate.acquire()  # a reading is nobody else's work: it may leave late
    gate.release()
    with fenced(database, lambda tx: ours.pop(0)), pytest.raises(Overtaken):
        gate.acquire()
    monkeypatch.setattr(gate, "_claim", real)
    with fenced(database, lambda tx: True):
        gate.acquire()


@pytest.mark.row("PL-03")
def test_a_database_that_goes_away_with_the_answer_leaves_no_request_flying(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = SharedGate("p", SLOW, database, FakeClock())
    gate.acquire()
    with monkeypatch.context() as patch:
        patch.setattr(database, "write", lambda: (_ for _ in ()).throw(OSError("gone")))
        with pytest.raises(OSError, match="gone"):
            gate.release()
    assert gate._flying == 0


@pytest.mark.row("PL-03")
@pytest.mark.parametrize("wishes", [(20, 5), (5, 20), (20, 5, 1)])
def test_of_several_wishes_for_silence_the_longest_holds(database: Database, wishes: tuple[int, ...]) -> None:
    clock = FakeClock()
    gate = SharedGate("p", SLOW, database, clock)
    gate.acquire()
    gate.release()
    for seconds in wishes:
        gate.back_off(seconds)
    assert leaves_at(gate, clock) == pytest.approx(20)


@pytest.mark.row("PL-03", "PL-13")
@pytest.mark.parametrize("flying", [False, True])
def test_work_of_a_process_that_stops_gives_up_its_turn_and_nobody_else_does(database: Database, flying: bool) -> None:
    stop = threading.Event()
    gate = SharedGate("p", SLOW, database, SystemClock())
    gate.acquire()
    if not flying:
        gate.release()
    stop.set()
    with ended_by(stop), pytest.raises(Throttled, match="this process stops") as given_up:
        gate.acquire()
    assert given_up.value.wait_seconds > 0 and not given_up.value.maybe_done, "its request has not left"
    if flying:
        gate.release()
    gate.acquire()  # who waits for an answer gets it all the same
    gate.release()


def test_the_background_leaves_half_of_the_bucket_to_others_and_never_waits(database: Database) -> None:
    clock = FakeClock()
    gate = SharedGate("p", BUCKET, database, clock)
    before = clock.monotonic()
    with background():
        for _ in range(25):
            gate.acquire()
            gate.release()
        with pytest.raises(Throttled) as caught:
            gate.acquire()
    assert caught.value.wait_seconds > 0 and clock.monotonic() == before
    for _ in range(25):  # somebody waits in front of a page: the other half is theirs
        gate.acquire()
        gate.release()
    assert clock.monotonic() == before
    with background(), pytest.raises(Throttled):
        gate.acquire()
    clock.advance(seconds=13)
    with background():
        gate.acquire()
        gate.release()
