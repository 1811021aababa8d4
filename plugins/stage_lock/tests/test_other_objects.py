"""No way round the lock where all tasks are one kind to the CRM, as in Planfix: what stands under another object is no deal
and left alone, unless it was one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kernel.extension import Sweeping
from kernel.extension.sweep import sweep
from plugins.stage_lock.tests.lock import Lock

LockOf = Callable[..., Lock]
TASK_NEW, TASK_DONE = "Завдання: Нова", "Завдання: Завершена"


@pytest.fixture(params=[True, False], ids=["history", "no history"])
def closed(request: pytest.FixtureRequest, lock_of: LockOf) -> Lock:
    return lock_of(history=request.param, starts=["new", "opened"], foreign=True)


def test_a_deal_made_another_thing_is_put_back_and_manager_and_head_are_told(closed: Lock) -> None:
    deal = closed.deal()
    closed.move(deal, "talk", sync=True)
    closed.move(deal, TASK_NEW, TASK_DONE, author="Борис")
    closed.sync(deal, author="Борис")
    assert closed.stage(deal) == "talk" and closed.reverts() == ["talk"]
    [(text, to)] = closed.notes(deal)
    assert set(to) == {closed.boris.id, closed.head.id}
    assert TASK_DONE in text and "такие записи не ведут" in text
    assert [case.outcome for case in closed.cases()] == ["put_back"]
    closed.quiet(deal)


def test_no_line_of_history_is_waited_for_that_will_never_come(closed: Lock) -> None:
    deal = closed.deal()
    closed.move(deal, TASK_NEW)
    closed.deliver(deal)
    closed.run_one()
    assert len(closed.cases()) == 1
    closed.run()
    assert closed.stage(deal) == "new"
    closed.quiet(deal)


def test_there_and_back_again_is_no_way_ahead(closed: Lock) -> None:
    deal = closed.deal()
    closed.move(deal, "talk", sync=True)
    closed.move(deal, TASK_NEW, "won")
    closed.sync(deal)
    assert closed.stage(deal) == "talk" and closed.is_open()[-1:] == [False]
    closed.quiet(deal)


def test_what_never_was_a_deal_is_left_alone(closed: Lock) -> None:
    task = closed.deal(TASK_NEW, sync=False)
    closed.move(task, TASK_DONE)
    closed.sync(task)
    closed.clock.advance(seconds=30)
    assert sweep(closed.portal, closed.plugins, Sweeping()) == 0, "the sweep asks for no task of another object"
    assert closed.cases() == [] and closed.reverts() == [] and closed.notes(task) == []


def test_a_task_made_there_and_won_comes_in_only_at_the_beginning(closed: Lock) -> None:
    won, begun = closed.deal(TASK_NEW, sync=False), closed.deal(TASK_NEW, sync=False)
    closed.move(won, TASK_DONE, "won", author="Анна")
    closed.move(begun, TASK_DONE, "new", author="Анна")
    for task in (won, begun):
        closed.sync(task, author="Анна")
        assert closed.stage(task) == "new"
    assert [case.record_id for case in closed.cases()] == [won], "whoever makes a task a new deal does nothing wrong"
    assert closed.notes(won)[0][0].startswith("Запись переведена на стадию «NEW».") and closed.notes(begun) == []
    closed.quiet(won)


def test_a_copy_begins_at_the_beginning_and_a_restored_deal_where_it_stood(closed: Lock) -> None:
    copy = closed.deal("terms", sync=False)
    closed.sync(copy, author="Анна")
    assert closed.stage(copy) == "new"
    deal = closed.deal()
    closed.move(deal, "talk", sync=True)
    closed.staff.delete("deal", deal)
    closed.sync(deal)
    closed.staff.restore("deal", deal)
    closed.move(deal, TASK_DONE)
    closed.sync(deal)
    assert closed.stage(deal) == "talk"


def test_the_sweep_finds_a_deal_that_nobody_told_of(closed: Lock) -> None:
    """Scripts of the deal's object do not fire for a task that stands under another."""
    deal = closed.deal()
    closed.move(deal, TASK_DONE)
    closed.clock.advance(seconds=30)
    assert sweep(closed.portal, closed.plugins, Sweeping()) == 1
    closed.clock.advance(seconds=5)
    closed.run()
    assert closed.stage(deal) == "new" and len(closed.cases()) == 1
    closed.quiet(deal)


def test_the_head_may_make_it_another_thing(closed: Lock) -> None:
    deal = closed.deal()
    closed.move(deal, TASK_NEW, author="Вера Главная")
    closed.sync(deal, author="Вера Главная")
    assert closed.reverts() == [] and [case.outcome for case in closed.cases()] == ["override"]
    closed.quiet(deal)


def test_an_open_set_lets_it_go_and_come_back(lock_of: LockOf) -> None:
    lock = lock_of(starts=["new"], settings={"other_pipelines": "allow"}, foreign=True)
    deal = lock.deal()
    lock.move(deal, "talk", sync=True)
    lock.move(deal, TASK_DONE, sync=True)
    assert lock.cases() == [] and lock.reverts() == []
    lock.move(deal, "won", sync=True)
    assert lock.stage(deal) == "talk"
