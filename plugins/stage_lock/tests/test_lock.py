"""A deal goes only where its pool allows: each case as it happens in life, through the real look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from kernel.crm import Record
from kernel.errors import Rejected, Unreachable
from kernel.extension.portal import Unit
from kernel.values import to_micros
from plugins.stage_lock import store
from plugins.stage_lock.api import HOLD, OBJECTION, Objection, grant, open_cases, stands
from plugins.stage_lock.tests.lock import Lock

LockOf = Callable[..., Lock]


def test_a_jump_is_put_back_told_once_and_kept(both: Lock) -> None:
    deal = both.deal()
    both.move(deal, "won", author="Борис", sync=True)
    assert both.stage(deal) == "new"
    [(text, to)] = both.notes(deal)
    assert to == (both.boris.id,)
    assert text.splitlines() == [
        "Стадия возвращена: «NEW».", "Со стадии «NEW» нельзя перейти на «WON».",
        "Отсюда открыты: «TALK», «LOST». Если нужна другая стадия, обратитесь к руководителю.",
    ]  # fmt: skip
    [case] = both.cases()
    assert (case.person_name, case.from_stage, case.to_stage, case.outcome) == ("Борис", "new", "won", "put_back")
    assert case.settled_at is not None and case.times == 1
    both.quiet(deal)


def test_the_stage_is_put_back_before_the_mover_is_told(lock: Lock) -> None:
    """They read it and look: then the record has to stand where the comment says."""
    deal = lock.deal()
    lock.move(deal, "won", author="Борис", sync=True)
    assert [effect.verb for effect in lock.crm.effects] == ["update", "comment"]


def test_what_was_put_back_is_counted_record_by_record(lock: Lock) -> None:
    with lock.database.write() as tx:
        for portal, entity, record, moment in (
            ("p", "deal", "1", 10), ("p", "deal", "1", 20), ("p", "deal", "2", 30), ("p", "lead", "1", 40),
            ("q", "deal", "1", 50),
        ):  # fmt: skip
            store.put_back(tx, portal, entity, record, moment)
        assert [store.reversals(tx, "p", "deal", "1", since) for since in (0, 10, 20)] == [2, 1, 0]
        assert store.reversals(tx, "p", "deal", "2", 0) == store.reversals(tx, "p", "lead", "1", 0) == 1


def test_allowed_moves_are_no_case_and_cost_one_reading_of_the_history(lock: Lock) -> None:
    deal = lock.deal()
    lock.crm.called.clear()
    lock.move(deal, "talk", "terms", "won", "opened", sync=True)
    assert lock.crm.called.count("moves") == 4 and lock.crm.called.count("get") == 4
    lock.crm.called.clear()
    lock.sync(deal)
    assert lock.crm.called == ["get", "moves"] and lock.cases() == [] and lock.crm.effects == []


@pytest.mark.parametrize("back", ["new", "talk"])
def test_no_way_back(lock: Lock, back: str) -> None:
    deal = lock.deal()
    lock.move(deal, "talk", "terms", sync=True)
    lock.move(deal, back, sync=True)
    assert lock.stage(deal) == "terms" and lock.outcomes() == [("terms", back, "put_back")]


def test_a_pipeline_is_left_only_where_the_pool_says(lock: Lock) -> None:
    deal = lock.deal()
    lock.move(deal, "opened", sync=True)
    assert lock.stage(deal) == "new"
    lock.move(deal, "talk", "terms", "won", "opened", "served", sync=True)
    assert lock.stage(deal) == "served"


def test_two_allowed_moves_within_a_second_are_no_case(lock: Lock) -> None:
    deal = lock.deal()
    lock.move(deal, "talk", "terms", "won")
    lock.sync(deal)
    assert lock.stage(deal) == "won" and lock.cases() == []


def test_a_detour_that_ends_well_is_kept_but_nothing_is_put_back(lock: Lock) -> None:
    deal = lock.deal()
    lock.move(deal, "won", "talk")
    lock.sync(deal, author="Анна")
    assert lock.stage(deal) == "talk" and lock.crm.effects == []
    assert lock.outcomes() == [("new", "won", "left")] and lock.cases()[0].person_name == "Анна"


def test_what_he_undid_himself_is_not_told(lock: Lock) -> None:
    deal = lock.deal()
    lock.move(deal, "talk", sync=True)
    lock.move(deal, "won", "talk")
    lock.sync(deal)
    assert lock.outcomes() == [("talk", "won", "undone")] and lock.crm.effects == []


def test_there_and_back_again_between_two_looks_is_still_no_way_back(lock: Lock) -> None:
    deal = lock.deal()
    lock.move(deal, "talk", "new")
    lock.sync(deal)
    assert lock.stage(deal) == "talk" and lock.outcomes() == [("talk", "new", "put_back")]
    lock.quiet(deal)


def test_a_stage_nobody_mapped(lock: Lock) -> None:
    deal = lock.deal()
    lock.move(deal, "Архив", sync=True)
    assert lock.stage(deal) == "new" and "«Архив» не входит" in lock.notes(deal)[0][0]
    assert lock.cases()[0].to_label == "Архив"
    odd = lock.staff.new("deal", stage="Архив", author="Анна")
    lock.sync(odd)
    lock.move(odd, "Другое", sync=True)
    lock.move(odd, "won", sync=True)  # left alone until it comes to a stage of ours
    assert lock.stage(odd) == "won" and len(lock.cases()) == 1
    lock.move(odd, "new", sync=True)
    assert lock.stage(odd) == "won"


def test_our_own_writes_are_never_a_case(lock: Lock) -> None:
    deal = lock.deal()
    lock.write(deal, "won")
    lock.run()
    lock.sync(deal)
    assert lock.stage(deal) == "won" and lock.cases() == []
    lock.move(deal, "opened", sync=True)
    assert lock.stage(deal) == "opened" and lock.cases() == []
    lock.move(deal, "won", sync=True)  # that we once wrote it allows nobody to go there
    assert lock.stage(deal) == "opened" and lock.outcomes() == [("opened", "won", "put_back")]


def test_a_forbidden_move_while_our_write_is_on_its_way_ends_at_our_write(lock: Lock) -> None:
    deal = lock.deal()
    lock.write(deal, "terms")
    lock.crm.fail_next(Unreachable("no answer"), on="update", times=2)
    lock.run_one()
    lock.move(deal, "served")
    lock.sync(deal)
    assert lock.stage(deal) == "terms" and lock.reverts() == ["terms"]
    lock.work()
    assert lock.is_open() == [False]
    lock.quiet(deal)


def test_a_head_may_override_and_it_is_kept(lock: Lock) -> None:
    deal = lock.deal()
    lock.move(deal, "won", author="Вера Главная", sync=True)
    assert lock.stage(deal) == "won" and lock.crm.effects == []
    [case] = lock.cases()
    assert (case.outcome, case.person_name, case.settled_at is not None) == ("override", "Вера Главная", True)


def test_a_head_between_two_people_keeps_their_right(lock: Lock) -> None:
    deal = lock.deal()
    lock.move(deal, "won", author="Вера Главная")
    lock.deliver(deal, author="Вера Главная")
    lock.move(deal, "opened", author="Анна")
    lock.sync(deal, author="Анна")
    assert lock.stage(deal) == "opened" and lock.outcomes() == [("new", "won", "override")]


def test_a_name_may_override_too(lock_of: LockOf) -> None:
    lock = lock_of(settings={"override": ["борис"]})
    deal = lock.deal()
    lock.move(deal, "won", author="Борис", sync=True)
    assert lock.stage(deal) == "won"
    lock.move(deal, "new", author="Вера Главная", sync=True)
    assert lock.stage(deal) == "won"


def test_a_permission_is_good_for_one_move(lock: Lock) -> None:
    deal = lock.deal()
    with lock.portal.unit() as unit:
        grant(unit, "deal", deal, "won", person="Вера Главная", note="просил клиент")
    lock.run()
    lock.move(deal, "won", sync=True)
    assert lock.stage(deal) == "won" and lock.outcomes() == [("new", "won", "granted")]
    with lock.portal.unit() as unit:
        unit.update("deal", deal, {}, stage="new")
    lock.run()
    lock.sync(deal)
    lock.move(deal, "won", sync=True)
    assert lock.stage(deal) == "new"


def test_a_robot_that_fights_is_left_after_some_rounds_and_the_head_is_told_once(lock_of: LockOf) -> None:
    lock = lock_of(settings={"reversals_per_hour": 3})
    deal = lock.deal()
    for _ in range(9):
        lock.move(deal, "won", author="", sync=True)
        lock.clock.advance(seconds=5)
    assert lock.stage(deal) == "won" and lock.reverts() == ["new"] * 3
    notes = lock.notes(deal)
    assert len(notes) == 2 and notes[0][1] == () and notes[1][1] == (lock.head.id,), (
        "one note for the bounces, one for heads"
    )
    [case] = lock.cases()
    assert (case.outcome, case.times, case.settled_at) == ("gave_up", 4, None)
    lock.clock.advance(hours=2)
    lock.quiet(deal)
    with lock.portal.read() as unit:
        assert [one.number for one in open_cases(unit)] == [1] and not stands(unit, "deal", deal, "won")
    lock.move(deal, "talk", author="", sync=True)  # allowed from where it may stand
    assert lock.is_open() == [False] and lock.stage(deal) == "talk"
    lock.move(deal, "won", author="Анна", sync=True)
    assert lock.stage(deal) == "talk"


@pytest.mark.parametrize("history", [True, False])
def test_a_head_lets_stand_what_was_given_up(lock_of: LockOf, history: bool) -> None:
    lock = lock_of(settings={"reversals_per_hour": 1}, history=history)
    deal = lock.deal()
    lock.move(deal, "won", sync=True)
    lock.move(deal, "won", sync=True)
    assert lock.stage(deal) == "won" and lock.is_open()[-1]
    with lock.portal.unit() as unit:
        grant(unit, "deal", deal, "won", person="Вера Главная")
    lock.run()
    assert not any(lock.is_open()) and lock.stage(deal) == "won"
    lock.quiet(deal)


def test_a_write_that_the_crm_refuses_is_tried_some_times_and_shown(lock_of: LockOf) -> None:
    lock = lock_of(settings={"reversals_per_hour": 2})
    deal = lock.deal()
    lock.crm.fail_next(Rejected("fill in the contract first"), on="update", times=99)
    lock.move(deal, "won", sync=True)
    for _ in range(5):
        lock.work()
    assert lock.crm.called.count("update") == 2 and lock.is_open() == [True] and len(lock.notes(deal)) == 2
    lock.crm.repair()
    lock.quiet(deal)


def test_people_are_told_again_of_another_attempt_later(lock: Lock) -> None:
    deal = lock.deal()
    lock.move(deal, "won", sync=True)
    lock.clock.advance(minutes=5)
    lock.move(deal, "won", sync=True)
    assert len(lock.notes(deal)) == 2 and len(lock.cases()) == 2


def test_what_was_there_before_the_lock_is_adopted_and_what_came_after_is_judged(lock_of: LockOf) -> None:
    lock = lock_of(starts=["new"])
    old = lock.staff.new("deal", stage="terms")
    kept = lock.crm._kept["deal", old]
    kept.created_at = kept.created_at.replace(year=2020)
    kept.moves[0] = kept.moves[0].__class__("1", "terms", "TERMS", kept.created_at, True)
    lock.move(old, "new", sync=True)  # the first that is seen of it
    assert lock.stage(old) == "terms"
    wrong = lock.deal("talk")
    assert lock.stage(wrong) == "new" and lock.outcomes()[-1] == ("", "talk", "put_back")
    assert "создать нельзя" in lock.notes(wrong)[0][0]
    other = lock.deal("new", sync=False)
    lock.move(other, "talk", "terms")
    lock.sync(other)
    assert lock.stage(other) == "terms"


def test_moves_from_before_the_lock_are_nobodys_case(lock: Lock) -> None:
    """Whatever way an old record went, it may stand where it stood when the lock was switched on."""
    old = lock.deal(sync=False)
    lock.move(old, "won", "new", "won", "talk")
    kept = lock.crm._kept["deal", old]
    kept.created_at -= timedelta(days=30)
    kept.moves[:] = [replace(one, at=one.at - timedelta(days=20 - n)) for n, one in enumerate(kept.moves)]
    lock.sync(old)
    assert lock.cases() == [] and lock.stage(old) == "talk"
    lock.move(old, "won", sync=True)
    assert lock.outcomes() == [("talk", "won", "put_back")] and lock.stage(old) == "talk"


def test_a_record_we_made_ourselves_may_begin_anywhere(lock_of: LockOf) -> None:
    lock = lock_of(starts=["new"])
    with lock.portal.unit() as unit:
        unit.create("deal", {"name": "Договор"}, key="k1", done="x", context={})
    lock.plugins.append(
        lock.plugins[0].__class__("x", "X", done={"x": lambda unit, _p, made: unit.update("deal", made, {}, stage="opened")})
    )
    lock.run()
    [record] = lock.crm.records("deal")
    lock.sync(record.id)
    assert lock.stage(record.id) == "opened" and lock.cases() == []


def test_an_objection_forbids_what_the_pool_allows_but_not_to_a_head(lock_of: LockOf) -> None:
    asked: list[tuple[str, str, str, str]] = []

    def object_to(_portal: Any, person: str, record: Record, start: str, to: str) -> Objection | None:
        asked.append((person, record.id, start, to))
        return Objection("stage_lock_nowhere")

    lock = lock_of(hooks={OBJECTION.name: (lambda *_move: None, object_to)})
    deal = lock.deal()
    lock.sync(deal)
    assert asked == [], "nobody moved it"
    lock.move(deal, "talk", sync=True)
    assert lock.stage(deal) == "new" and "ничего" in lock.notes(deal)[0][0]
    assert asked[0] == (lock.anna.id, deal, "new", "talk")
    lock.move(deal, "talk", author="Вера Главная", sync=True)
    assert lock.stage(deal) == "talk"
    asked.clear()
    lock.move(deal, "terms", "won")
    lock.sync(deal, author="Анна")
    assert lock.stage(deal) == "talk", "both moves were theirs"


def test_each_of_several_movers_is_asked_about(lock_of: LockOf) -> None:
    """Boris may not move, and Anna moved on what was moved before anybody looked."""

    def object_to(_portal: Any, person: str, *_move: Any) -> Objection | None:
        return Objection("stage_lock_nowhere") if person == lock.boris.id else None

    lock = lock_of(names_people=True, hooks={OBJECTION.name: (object_to,)})
    deal = lock.deal()
    lock.move(deal, "talk", author="Борис")
    lock.move(deal, "terms")
    lock.sync(deal)
    assert lock.stage(deal) == "new"
    assert lock.outcomes() == [("new", "talk", "put_back"), ("new", "terms", "put_back")]


@pytest.mark.parametrize("history", [True, False])
def test_a_record_is_held_for_what_stands_in_it_and_no_head_may_override(lock_of: LockOf, history: bool) -> None:
    def hold(unit: Unit, record: Record, start: str, to: str) -> Objection | None:
        unit.tx.all("SELECT 1")  # what a plugin keeps can be read
        empty = not record.values.get("name")
        return Objection("stage_lock_nowhere", no_override=True) if empty and to == "terms" else None

    lock = lock_of(history=history, hooks={HOLD.name: (hold,)})
    deal = lock.deal()
    lock.move(deal, "talk", sync=True)
    lock.crm.staff.set("deal", deal, name="", author="Анна")
    for author in ("Анна", "Вера Главная"):
        lock.move(deal, "terms", author=author, sync=True)
        assert lock.stage(deal) == "talk", author
        text, _to = lock.notes(deal)[-1]
        assert "ничего" in text and "руководител" not in text, "no head can help"
    lock.crm.staff.set("deal", deal, name="Сделка", author="Анна")
    lock.clock.advance(seconds=90)
    lock.move(deal, "terms", sync=True)
    assert lock.stage(deal) == "terms" and lock.is_open() == [False, False]
    lock.quiet(deal)


def test_the_history_is_newer_than_the_record(lock: Lock) -> None:
    deal = lock.deal()
    lock.move(deal, "talk")
    lock.crm.before_history.append(lambda: lock.move(deal, "terms", author="Борис"))
    lock.sync(deal)
    assert lock.stage(deal) == "terms" and lock.cases() == []


@pytest.mark.parametrize("readings", [1, 2, 3, 6])
def test_the_history_is_late(lock: Lock, readings: int) -> None:
    deal = lock.deal()
    lock.move(deal, "talk", "terms")
    lock.crm.hidden = [2] * readings
    lock.sync(deal)
    assert lock.stage(deal) == "terms" and lock.cases() == []
    lock.quiet(deal)


def test_a_history_that_never_comes_does_not_hold_up_the_lock(lock: Lock) -> None:
    deal = lock.deal()
    lock.move(deal, "won")
    lock.crm.hidden = [1] * 10
    began = lock.clock.monotonic()
    lock.sync(deal)
    assert lock.stage(deal) == "new" and lock.clock.monotonic() - began < 5
    lock.crm.hidden = []
    lock.move(deal, "talk", sync=True)  # now the late line is there, too: the same case, told once
    assert lock.stage(deal) == "talk" and lock.outcomes() == [("new", "won", "put_back")] and len(lock.notes(deal)) == 1
    lock.quiet(deal)


def test_without_a_history_as_many_moves_are_believed_as_were_told_of(lock_of: LockOf) -> None:
    lock = lock_of(history=False)
    deal = lock.deal()
    lock.move(deal, "talk", "terms")
    for _ in range(2):
        lock.deliver(deal, event="deal.stage", author="Анна")
    lock.run()
    assert lock.stage(deal) == "terms" and lock.cases() == []
    lock.move(deal, "won", "opened")
    lock.sync(deal, event="deal.stage", author="Анна")
    assert lock.stage(deal) == "terms" and lock.outcomes() == [("terms", "opened", "put_back")]
    lock.quiet(deal)


def test_without_a_history_a_move_beside_our_write_is_judged_when_it_has_arrived(lock_of: LockOf) -> None:
    lock = lock_of(history=False)
    deal = lock.deal()
    lock.write(deal, "talk")
    lock.crm.fail_next(Unreachable("lost", maybe_done=True), on="update", after_commit=True)
    lock.run_one()  # it arrived, but we do not know
    lock.move(deal, "served")
    lock.deliver(deal)
    lock.run_one()
    assert lock.cases() == []
    lock.run()
    lock.work()
    assert lock.stage(deal) == "talk"
    lock.quiet(deal)


def test_without_a_history_our_write_that_arrives_during_the_look_is_no_reason_to_judge(lock_of: LockOf) -> None:
    lock = lock_of(history=False)
    deal = lock.deal()
    lock.move(deal, "served")
    lock.deliver(deal)
    lock.write(deal, "talk")
    [call] = [job for job in lock.queue.waiting if job.name == "call"]
    lock.crm.after_get = [lambda: None, lambda: lock.handlers["call"](call.args)]
    lock.run()
    assert lock.stage(deal) == "talk" and lock.cases() == []
    lock.work()
    lock.quiet(deal)


def test_without_a_history_our_own_write_is_believed_and_the_way_back_from_it_is_not(lock_of: LockOf) -> None:
    lock = lock_of(history=False)
    deal = lock.deal()
    lock.write(deal, "won")
    lock.run()
    lock.move(deal, "new", sync=True)
    assert lock.stage(deal) == "won"
    lock.quiet(deal)


def test_a_person_moves_it_on_while_we_put_it_back(lock: Lock) -> None:
    deal = lock.deal()
    lock.crm.before_update.append(lambda: lock.move(deal, "opened", author="Борис"))
    lock.move(deal, "won", sync=True)
    assert lock.stage(deal) == "new" and lock.reverts() == ["new"]
    lock.quiet(deal)


def test_a_record_that_is_gone_leaves_no_open_case(lock: Lock) -> None:
    deal = lock.deal()
    lock.crm.fail_next(Rejected("no"), on="update")
    lock.move(deal, "won", sync=True)
    assert lock.is_open() == [True]
    lock.staff.delete("deal", deal)
    lock.sync(deal)
    assert lock.is_open() == [False]


def test_other_entities_are_left_alone(lock_of: LockOf) -> None:
    lock = lock_of(settings={"entities": ["lead"]})
    deal = lock.deal()
    lock.move(deal, "won", sync=True)
    assert lock.stage(deal) == "won" and lock.crm.called.count("moves") == 0


def test_it_takes_less_than_five_seconds(lock: Lock) -> None:
    deal = lock.deal()
    lock.move(deal, "won")
    began = to_micros(lock.clock.now())
    lock.sync(deal)
    assert to_micros(lock.clock.now()) - began < 5_000_000 and lock.stage(deal) == "new"
