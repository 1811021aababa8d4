"""Windows: never more at one address within a window than allowed, whoever sends, however late the answers come."""

from __future__ import annotations

import itertools

import pytest

from kernel.clock import SystemClock
from kernel.errors import Throttled
from kernel.http import OpenGate, OpenWindow, WindowedGate, WindowGate, WindowLimit
from kernel.http.gate import Overtaken, fenced
from kernel.http.windows import ASKED_AGAIN_SECONDS, FORGOTTEN_AFTER_SECONDS, UNANSWERED_SECONDS_MAX
from kernel.storage import Database
from kernel.testing import FakeClock, at_once

LIMITS = (WindowLimit(1, 1.0), WindowLimit(4, 60.0))


def sent_at(window: WindowGate, clock: FakeClock, took: float = 0.0, count: int = 1) -> float:
    with window.turn(count):
        leaves = clock.monotonic()
        clock.advance(seconds=took)
    return leaves


def test_the_next_one_waits_for_the_window_and_a_margin(database: Database) -> None:
    clock = FakeClock()
    one, other = (WindowGate("chat", LIMITS, database, clock) for _ in range(2))
    assert [sent_at(gate, clock) for gate in (one, other, one)] == pytest.approx([0, 1.25, 2.5])


def test_a_late_answer_counts_from_when_it_came(database: Database) -> None:
    clock = FakeClock()
    window = WindowGate("chat", LIMITS, database, clock)
    assert sent_at(window, clock, took=5) == 0
    assert sent_at(window, clock) == pytest.approx(6)


def test_a_long_wait_is_given_back_with_its_length(database: Database) -> None:
    clock = FakeClock()
    window = WindowGate("chat", LIMITS, database, clock)
    for _ in range(4):
        sent_at(window, clock)
    with pytest.raises(Throttled) as caught:
        sent_at(window, clock)
    assert caught.value.wait_seconds == pytest.approx(60.25 - clock.monotonic()) and not caught.value.maybe_done
    clock.advance(seconds=caught.value.wait_seconds)
    assert sent_at(window, clock) == pytest.approx(60.25)


def test_addresses_do_not_wait_for_each_other(database: Database) -> None:
    clock = FakeClock()
    assert [sent_at(WindowGate(name, LIMITS, database, clock), clock) for name in ("a", "b", "c")] == [0, 0, 0]


def test_several_at_once_count_as_so_many(database: Database) -> None:
    clock = FakeClock()
    window = WindowGate("chat", LIMITS, database, clock)
    sent_at(window, clock, count=3)
    assert sent_at(window, clock) == pytest.approx(1.25)
    with pytest.raises(Throttled):
        sent_at(window, clock, count=2)
    clock.advance(seconds=120)
    sent_at(window, clock, count=10)  # more than the window holds: they go together once it is empty
    with pytest.raises(Throttled):
        sent_at(window, clock)


def test_a_clock_that_is_set_back_does_not_close_the_window(database: Database) -> None:
    clock = FakeClock()
    window = WindowGate("chat", LIMITS, database, clock)
    start = clock.now()
    clock.advance(hours=3)
    sent_at(window, clock)
    clock.set(start)
    assert sent_at(window, clock) == 0


def test_addresses_that_were_silent_for_long_are_forgotten(database: Database) -> None:
    clock = FakeClock()
    for name in ("old", "older"):
        sent_at(WindowGate(name, LIMITS, database, clock), clock)
    clock.advance(seconds=FORGOTTEN_AFTER_SECONDS + 10)
    sent_at(WindowGate("new", LIMITS, database, clock), clock)
    with database.read() as tx:
        assert [row["name"] for row in tx.all("SELECT name FROM http_window")] == ["new"]


def test_several_threads_of_several_processes_keep_the_window(database_url: str) -> None:
    """Real time, two databases' connections (two processes): what counts is when each leaves."""
    limits, clock, left = (WindowLimit(2, 0.2),), SystemClock(), []
    databases = [Database(database_url) for _ in range(2)]
    gates = [WindowGate("chat", limits, one, clock, margin_seconds=0.0) for one in databases]

    def work(number: int) -> None:
        for _ in range(3):
            with gates[number % 2].turn():
                left.append(clock.monotonic())

    at_once(*(lambda n=n: work(n) for n in range(4)))
    for one in databases:
        one.close()
    left.sort()
    closest = min(third - first for first, third in itertools.pairwise(left[::2]))
    assert len(left) == 12 and closest >= 0.2 - 0.05, closest


def test_a_windowed_gate_counts_from_the_answers(database: Database) -> None:
    clock = FakeClock()
    one, other = (WindowedGate(OpenGate(), "bot", WindowLimit(2, 1.0), database, clock) for _ in range(2))
    one.acquire()
    other.acquire()
    clock.advance(seconds=0.3)
    one.release()  # arrived within these 0.3 s, at the latest now; the other is still on the network
    one.acquire()
    assert clock.monotonic() == pytest.approx(1.3, abs=ASKED_AGAIN_SECONDS)
    other.release()
    one.release()
    both = clock.monotonic()
    other.acquire()
    assert clock.monotonic() == pytest.approx(both + 1, abs=ASKED_AGAIN_SECONDS)


def test_a_request_that_is_never_answered_holds_its_place_for_a_while_only(database: Database) -> None:
    clock = FakeClock()
    WindowedGate(OpenGate(), "bot", WindowLimit(1, 1.0), database, clock).acquire()  # its process dies
    WindowedGate(OpenGate(), "bot", WindowLimit(1, 1.0), database, clock).acquire()
    assert clock.monotonic() == pytest.approx(UNANSWERED_SECONDS_MAX + 1, abs=ASKED_AGAIN_SECONDS)


def test_what_was_taken_over_during_the_wait_does_not_leave(database: Database) -> None:
    clock = FakeClock()
    gate = WindowedGate(OpenGate(), "bot", WindowLimit(1, 1.0), database, clock)
    gate.acquire()
    gate.release()
    ours = iter((True, False))
    with fenced(database, lambda tx: next(ours)), pytest.raises(Overtaken):
        gate.acquire()
    gate.acquire()  # the place it took is free again
    assert clock.monotonic() < 3


def test_who_stood_still_with_a_place_leaves_only_if_nobody_took_the_work_over(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    gate = WindowedGate(OpenGate(), "bot", WindowLimit(3, 1.0), database, clock)
    real, naps, ours = gate._window.claim, iter((60.0, 60.0)), iter((True, True, True, False))
    monkeypatch.setattr(gate._window, "claim", lambda: (real(), clock.advance(seconds=next(naps)))[0])
    with fenced(database, lambda tx: next(ours)):
        gate.acquire()
        gate.release()
        with pytest.raises(Overtaken):
            gate.acquire()


def test_an_open_window_lets_all_through() -> None:
    for _ in range(100):
        with OpenWindow().turn(10):
            pass
