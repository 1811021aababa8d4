"""Who has not started their day moves nothing and gets nothing; and nothing is done on a guess."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from kernel.errors import Unreachable
from plugins.workday.api import all_of, standing_of, status
from plugins.workday.days import unfit
from plugins.workday.tests.day import Day


def test_a_move_without_a_started_day_is_put_back_and_told(day: Day) -> None:
    deal = day.crm.staff.new("deal", stage="new", author="Анна")
    day.sync(deal)
    day.move(deal, "talk", "Борис")
    assert day.crm.record("deal", deal).stage == "new"
    [note] = day.crm.comments(deal)
    assert note.to == (day.boris,)
    assert "рабочий день не начат" in note.text and "https://annex.example/workday/" in note.text
    day.crm.days[day.boris] = "open"
    day.move(deal, "talk", "Борис")
    assert day.crm.record("deal", deal).stage == "talk" and len(day.crm.comments(deal)) == 1


def test_who_started_who_is_not_tracked_and_who_may_override_move_freely(day: Day) -> None:
    day.crm.days[day.boris] = "off"
    for author in ("Анна", "Борис", "Вера", "Глеб"):
        deal = day.crm.staff.new("deal", stage="new", author="Анна")
        day.sync(deal)
        day.move(deal, "talk", author)
        assert day.crm.record("deal", deal).stage == "talk", author


def test_a_crm_that_does_not_tell_puts_nothing_back_and_gives_nobody_anything(day: Day) -> None:
    deal = day.crm.staff.new("deal", stage="new", author="Анна")
    day.sync(deal)
    day.crm.silent = Unreachable("no answer")
    day.move(deal, "talk", "Борис")
    assert day.crm.record("deal", deal).stage == "talk"
    found = unfit(day.portal, [day.anna, day.boris, day.other])
    assert {person: one.code for person, one in found.items()} == {day.anna: "workday_unknown", day.boris: "workday_unknown"}
    day.crm.silent = None
    day.clock.advance(seconds=11)
    found = unfit(day.portal, [day.anna, day.boris, day.other])
    assert {person: one.code for person, one in found.items()} == {day.boris: "workday_closed"}


def test_a_day_that_the_crm_leaves_out_puts_nothing_back(day: Day) -> None:
    deal = day.crm.staff.new("deal", stage="new", author="Анна")
    day.sync(deal)
    day.crm.days[day.boris] = "unknown"
    day.move(deal, "talk", "Борис")
    assert day.crm.record("deal", deal).stage == "talk"


def test_a_question_that_got_lost_is_asked_once_more_before_a_move_stands(day: Day) -> None:
    deal = day.crm.staff.new("deal", stage="new", author="Анна")
    day.sync(deal)
    asked = iter([Unreachable("no answer"), None])
    day.crm.ask_anew = lambda: next(asked)
    day.move(deal, "talk", "Борис")
    assert day.crm.record("deal", deal).stage == "new"


def test_who_was_dismissed_and_came_back_is_known_again_when_they_move_something(day: Day) -> None:
    place = next(n for n, person in enumerate(day.crm.persons) if person.id == day.boris)
    there = day.crm.persons[place]
    deal = day.crm.staff.new("deal", stage="new", author="Анна")
    day.crm.persons[place] = replace(there, active=False)
    day.portal.staff.forget()
    day.sync(deal)
    assert not next(person for person in day.portal.people() if person.id == day.boris).active
    day.crm.persons[place] = there
    day.move(deal, "talk", "Борис")
    assert day.crm.record("deal", deal).stage == "new"


def test_a_pause(day_of: Callable[..., Day]) -> None:
    strict = day_of()
    strict.crm.days[strict.anna] = "paused"
    assert standing_of(strict.portal, strict.anna) == "not_started"
    mild = day_of(paused_counts=True)
    mild.crm.days[mild.anna] = "paused"
    assert standing_of(mild.portal, mild.anna) == "started"


def test_the_crm_is_asked_once_in_ten_seconds(day: Day) -> None:
    for _ in range(5):
        assert status(day.portal, day.anna) == "open"
    assert day.crm.called.count("workdays") == 1
    day.clock.advance(seconds=11)
    assert status(day.portal, day.anna) == "open" and day.crm.called.count("workdays") == 2
    assert standing_of(day.portal, day.other) == "started" and day.crm.called.count("workdays") == 2, (
        "no member, no question"
    )


def test_the_poll_asks_for_all_in_one_call_and_tells_whose_day_changed(day: Day) -> None:
    day.poll()
    assert day.crm.called.count("workdays") == 1 and day.notified == [sorted([day.anna, day.boris, day.head])]
    began = day.clock.now()
    day.clock.advance(seconds=60)
    day.poll()
    assert len(day.notified) == 1
    day.crm.days[day.boris] = "open"
    day.clock.advance(seconds=60)
    day.poll()
    assert day.notified[1:] == [[day.boris]]
    with day.database.read() as tx:
        kept = all_of(tx, day.portal.name)
    assert kept[day.boris].status == "open" and kept[day.boris].since > kept[day.anna].since
    assert kept[day.anna].since == int(began.timestamp() * 1e6) and kept[day.anna].read_at > kept[day.anna].since
    assert status(day.portal, day.boris) == "open" and day.crm.called.count("workdays") == 3


def test_who_leaves_the_group_is_forgotten(day: Day) -> None:
    day.poll()
    day.crm.persons = [one for one in day.crm.persons if one.id != day.boris]
    day.portal.staff.forget()
    day.poll()
    with day.database.read() as tx:
        assert day.boris not in all_of(tx, day.portal.name)
    assert day.notified[-1] == [day.boris]


def test_a_poll_without_an_answer_leaves_what_is_known(day: Day) -> None:
    day.poll()
    day.crm.silent = Unreachable("no answer")
    day.poll()
    with day.database.read() as tx:
        assert all_of(tx, day.portal.name)[day.anna].status == "open"
    assert len(day.notified) == 1
