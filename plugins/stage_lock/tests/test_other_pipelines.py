"""No way round the lock: a pipeline that the set does not name is closed, and neither deleting nor copying opens a stage."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kernel.crm import Person
from plugins.stage_lock.tests.lock import Lock

LockOf = Callable[..., Lock]
HR_NEW, HR_WON = "HR: Новая", "HR: Успех"


@pytest.fixture(params=[True, False], ids=["history", "no history"])
def closed(request: pytest.FixtureRequest, lock_of: LockOf) -> Lock:
    return lock_of(history=request.param, starts=["new", "opened"])


def test_a_deal_won_in_another_pipeline_is_put_back_and_manager_and_head_are_told(closed: Lock) -> None:
    deal = closed.deal()
    closed.move(deal, "talk", sync=True)
    closed.move(deal, HR_NEW, HR_WON, author="Борис")
    closed.sync(deal, author="Борис")
    assert closed.stage(deal) == "talk"
    [(text, to)] = closed.notes(deal)
    assert set(to) == {closed.boris.id, closed.head.id}
    assert "«TALK»" in text and "в этой воронке такие записи не ведут" in text
    assert {case.to_label for case in closed.cases()} <= {HR_NEW, HR_WON}
    assert all(case.outcome in ("put_back", "undone", "left") for case in closed.cases())
    closed.quiet(deal)


def test_a_deal_made_in_another_pipeline_goes_to_the_first_stage_of_the_main_one(closed: Lock) -> None:
    deal = closed.deal(HR_NEW, sync=False)
    closed.sync(deal, author="Анна")
    assert closed.stage(deal) == "new" and len(closed.cases()) == 1
    assert closed.notes(deal)[0][0].startswith("Запись переведена на стадию «NEW».")
    won = closed.deal(HR_NEW, sync=False)
    closed.move(won, HR_WON)
    closed.sync(won)
    assert closed.stage(won) == "new"
    closed.quiet(won)


def test_there_and_back_again_is_no_way_ahead(lock_of: LockOf) -> None:
    lock = lock_of(starts=["new", "opened"])
    deal = lock.deal()
    lock.move(deal, "talk", sync=True)
    lock.move(deal, HR_NEW, "won")
    lock.sync(deal)
    assert lock.stage(deal) == "talk"
    lock.move(deal, HR_NEW, "terms")
    lock.sync(deal)
    assert lock.stage(deal) == "terms", "from talk it might go there; the way round is a case and no more"
    assert [case.outcome for case in lock.cases()][-1] == "left"


def test_what_stood_there_before_the_lock_stays_and_comes_in_only_at_a_start(closed: Lock) -> None:
    deals = []
    for _ in range(2):
        deals.append(closed.staff.new("deal", stage=HR_NEW, author="Анна", name="Старая"))
        kept = closed.crm._find("deal", deals[-1])
        kept.created_at = kept.created_at.replace(year=2020)
        kept.moves[:] = [
            closed_line.__class__(**{**closed_line.__dict__, "at": kept.created_at}) for closed_line in kept.moves
        ]
        closed.sync(deals[-1])
        closed.move(deals[-1], HR_WON, sync=True)
    first, second = deals
    assert closed.cases() == [] and closed.reverts() == []
    closed.move(first, "won", sync=True)
    assert closed.stage(first) == "new", "it begins where deals begin"
    closed.move(second, "new", sync=True)
    assert closed.stage(second) == "new" and len(closed.cases()) == 1
    closed.quiet(first)


def test_an_open_set_lets_deals_leave_and_come_back_to_where_they_were(lock_of: LockOf) -> None:
    lock = lock_of(starts=["new", "opened"], settings={"other_pipelines": "allow"})
    deal = lock.deal()
    lock.move(deal, "talk", sync=True)
    lock.move(deal, HR_NEW, HR_WON, sync=True)
    assert lock.cases() == [] and lock.reverts() == []
    lock.quiet(deal)
    lock.move(deal, "won", sync=True)
    assert lock.stage(deal) == "talk", "from there it leads nowhere but back"
    lock.move(deal, HR_NEW, sync=True)
    lock.move(deal, "talk", sync=True)
    assert lock.stage(deal) == "talk" and len(lock.cases()) == 1
    made = lock.deal(HR_NEW)
    assert lock.reverts() == ["talk"]
    lock.move(made, "won", sync=True)
    assert lock.stage(made) == "new"


def test_the_head_may_move_it_there_and_it_stays(closed: Lock) -> None:
    deal = closed.deal()
    closed.move(deal, HR_NEW, author="Вера Главная")
    closed.sync(deal, author="Вера Главная")
    assert closed.reverts() == [] and [case.outcome for case in closed.cases()] == ["override"]
    closed.quiet(deal)
    closed.move(deal, HR_WON, sync=True)
    closed.move(deal, "won", sync=True)
    assert closed.stage(deal) == "new"


def test_a_copy_and_a_converted_lead_begin_at_the_beginning(closed: Lock) -> None:
    for stage in ("terms", "won"):
        made = closed.deal(stage, sync=False)
        closed.sync(made, author="Анна")
        assert closed.stage(made) == "new"
    assert len(closed.cases()) == 2


@pytest.mark.parametrize("anew", [False, True], ids=["same number", "new number"])
def test_a_restored_deal_stands_where_it_stood_and_nowhere_else(lock_of: LockOf, anew: bool) -> None:
    lock = lock_of(starts=["new", "opened"])
    deal = lock.deal()
    lock.move(deal, "talk", "terms", sync=True)
    kept = lock.crm._find("deal", deal)
    lock.staff.delete("deal", deal)
    lock.sync(deal)

    def restore(stage: str) -> str:
        if anew:
            return lock.deal(stage)
        lock.crm._kept["deal", deal] = kept
        if stage != "terms":
            lock.move(deal, stage)
        lock.sync(deal)
        return deal

    back = restore("terms")
    assert lock.stage(back) == "terms" and lock.cases() == []
    again = lock.deal("terms") if anew else restore("new")
    assert lock.stage(again) == ("new" if anew else "terms") and len(lock.cases()) == 1


def test_a_move_that_nobody_told_of_is_found_by_the_sweep(lock_of: LockOf) -> None:
    from kernel.extension import Sweeping
    from kernel.extension.sweep import sweep

    lock = lock_of(starts=["new", "opened"])
    deal = lock.deal()
    lock.move(deal, HR_WON)
    lock.clock.advance(seconds=30)
    assert sweep(lock.portal, lock.plugins, Sweeping()) == 1
    lock.clock.advance(seconds=5)
    lock.run()
    assert lock.stage(deal) == "new" and len(lock.cases()) == 1
    lock.clock.advance(minutes=10)
    assert sweep(lock.portal, lock.plugins, Sweeping()) in (0, 1)
    lock.run()
    lock.quiet(deal)


def test_people_who_may_not_are_told_even_if_nobody_knows_the_mover(lock_of: LockOf) -> None:
    lock = lock_of(tells_mover=False)
    lock.crm.persons.append(Person("user:77", "Второй Глава", "staff", heads=("Продажи",)))
    lock.portal._people = None
    deal = lock.deal()
    lock.move(deal, HR_WON, author="")
    lock.sync(deal)
    [(_, to)] = lock.notes(deal)
    assert set(to) == {lock.head.id, "user:77"}


def test_a_lock_that_is_older_adopts_what_was_moved_before_it_watched(lock_of: LockOf) -> None:
    lock = lock_of(starts=["new", "opened"])
    deal = lock.deal(HR_NEW, sync=False)
    with lock.database.write() as tx:
        tx.run("UPDATE stage_lock_portal SET others_since = NULL")
    lock.clock.advance(seconds=5)
    lock.work()
    lock.sync(deal)
    assert lock.cases() == [] and lock.reverts() == []
