"""Timers of plugins: each is asked once when its moment has come, however many workers look, whatever restarts between."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from kernel.extension.tests.talks import Talks
from kernel.extension.timing import run_due
from kernel.testing import Crash, at_once


def put(talks: Talks, key: str, seconds: float, *, keep: bool = False, **body: Any) -> None:
    with talks.portal.unit() as unit:
        unit.set_timer("toy", key, talks.clock.now() + timedelta(seconds=seconds), body, keep=keep)


@pytest.mark.row("PT-03")
def test_it_is_asked_once_when_its_moment_has_come(talks: Talks) -> None:
    put(talks, "a", 30, n=1)
    talks.passes(29)
    assert talks.timed == []
    talks.passes(120)
    assert talks.timed == [("a", {"n": 1})]


@pytest.mark.row("PT-03")
def test_moved_kept_and_cancelled(talks: Talks) -> None:
    put(talks, "moved", 10)
    put(talks, "kept", 10)
    put(talks, "gone", 10)
    talks.advance(seconds=5)
    put(talks, "moved", 20)
    put(talks, "kept", 20, keep=True)
    with talks.portal.unit() as unit:
        unit.cancel_timer("toy", "gone")
        assert [one.key for one in unit.timers("toy", "")] == ["kept", "moved"]
    talks.advance(seconds=5)
    talks.timers()
    assert [key for key, _body in talks.timed] == ["kept"]
    talks.advance(seconds=15)
    talks.timers()
    assert [key for key, _body in talks.timed] == ["kept", "moved"]


@pytest.mark.row("PT-03")
def test_many_workers_at_once_ask_once(talks_on_both: Talks) -> None:
    talks = talks_on_both
    kept: list[str] = []
    talks.on_timer = lambda unit, key, _body: unit.tx.after_commit(lambda: kept.append(key))
    for n in range(10):
        put(talks, f"{n}", 1)
    talks.advance(seconds=1)
    others = [talks.portal, *(talks.fresh_portal() for _ in range(3))]
    for portal in others:
        portal.staff.warm()
    at_once(*(partial(run_due, portal, talks.plugins) for portal in others))
    assert sorted(kept) == [f"{n}" for n in range(10)]


@pytest.mark.row("PT-03")
def test_one_that_fails_comes_again_and_holds_up_no_other(talks: Talks) -> None:
    faults = [ValueError("once"), ValueError("twice")]

    def fails(unit: Any, key: str, _body: Any) -> None:
        if key == "bad" and faults:
            unit.set_timer("toy", "undone", unit.now, {})
            raise faults.pop(0)

    talks.on_timer = fails
    put(talks, "bad", 1)
    put(talks, "good", 2)
    talks.advance(seconds=2)
    talks.timers()
    assert [key for key, _body in talks.timed] == ["bad", "good"]
    talks.advance(seconds=2)
    talks.timers()
    talks.advance(seconds=3)
    talks.timers()
    assert [key for key, _body in talks.timed] == ["bad", "good", "bad"], "the pause has grown"
    talks.passes(600)
    assert [key for key, _body in talks.timed] == ["bad", "good", "bad", "bad"]


@pytest.mark.row("PT-03")
def test_it_survives_whatever_dies(talks: Talks) -> None:
    kept: list[str] = []
    talks.on_timer = lambda unit, key, _body: unit.tx.after_commit(lambda: kept.append(key))
    for nth in range(1, 20):
        put(talks, f"{nth}", 5)
        talks.restart()
        talks.trouble.crash_at(nth)
        for _ in range(3):
            try:
                talks.passes(5)
            except Crash:
                talks.restart()
        reached = talks.trouble._crash_in is None
        talks.trouble.calm()
        assert kept[-1:] == [f"{nth}"] and len(kept) == nth
        if not reached:
            break
    assert nth > 2


@pytest.mark.row("PT-03")
def test_one_whose_plugin_is_switched_off_is_let_go(talks: Talks) -> None:
    put(talks, "a", 1)
    talks.advance(seconds=1)
    assert run_due(talks.portal, []) == 1 and run_due(talks.portal, talks.plugins) == 0 and talks.timed == []
