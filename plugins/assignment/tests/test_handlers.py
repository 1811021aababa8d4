"""Leads through the real look: who gets them, who waits, who is told; doubled, late and lost deliveries; people's deeds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from kernel.errors import BadInput, Throttled
from kernel.values import to_micros
from plugins.assignment import api, assigning, eligibility, handlers, plugin, store
from plugins.assignment.rules import Reason
from plugins.assignment.tests.conftest import MakeOffice
from plugins.assignment.tests.office import CARE, Office

pytestmark = pytest.mark.row("BR-04")


def test_leads_go_round_and_each_says_why(both: Office) -> None:
    anna, boris, vera = both.hire("Анна", "Борис", "Вера")
    both.crm.late[vera.id] = 6
    leads = [both.lead() for _ in range(4)]
    assert [both.owner(one) for one in leads] == ["Анна", "Борис", "Анна", "Борис"]
    found = both.decision(leads[0])
    assert [one["name"] for one in found.body["candidates"]] == ["Анна", "Борис"]
    assert both.left_out(leads[0]) == {"Вера": ["asg_overdue"]}
    assert both.waiting() == [] and both.faults() == [] and both.crm.comments() == []
    view = both.members()["Анна"]
    assert (view.in_hand, view.today, view.overdue, view.eligible) == (2, 2, 0, True)
    assert both.members()["Вера"].overdue == 6 and not both.members()["Вера"].eligible
    assert anna.id and boris.id


@pytest.mark.parametrize(("count", "gets"), [(5, True), (6, False)])
def test_the_limit_itself_still_fits(office: Office, count: int, gets: bool) -> None:
    [anna] = office.hire("Анна")
    office.crm.late[anna.id] = count
    assert office.owner(office.lead()) == ("Анна" if gets else "Портал")


def test_nobody_fits_then_somebody_begins_the_day(both: Office) -> None:
    anna, boris = both.hire("Анна", "Борис")
    both.not_begun = {anna.id, boris.id}
    leads = [both.lead() for _ in range(3)]
    assert both.waiting() == leads and [both.owner(one) for one in leads] == ["Портал"] * 3
    [notified] = both.crm.comments()
    assert notified.record_id == leads[0] and notified.to == (both.head.id,)
    assert "Анна" in notified.text and "day_not_started" in notified.text and "ждут: 1" in notified.text
    both.begin_day(boris)
    assert [both.owner(one) for one in leads] == ["Борис"] * 3 and both.waiting() == []
    assert [effect.record_id for effect in both.crm.effects if effect.verb == "update"] == leads  # in order
    assert both.left_out(leads[0]) == {"Анна": ["day_not_started"]} and both.faults() == []


def test_heads_are_told_once_a_spell_and_not_too_often(office: Office) -> None:
    [anna] = office.hire("Анна")
    office.not_begun = {anna.id}
    for _ in range(3):
        office.lead()
    assert len(office.crm.comments()) == 1
    office.begin_day(anna)
    office.not_begun = {anna.id}
    office.clock.advance(seconds=20)
    late = office.lead()
    assert len(office.crm.comments()) == 1  # a second spell within the quarter of an hour
    office.clock.advance(minutes=15)
    office.work()
    assert [one.record_id for one in office.crm.comments()][1:] == [late]
    office.clock.advance(minutes=60)
    office.work()
    assert len(office.crm.comments()) == 2  # still the same spell


def test_overdue_falls_and_the_waiting_one_is_given(office: Office) -> None:
    [anna] = office.hire("Анна")
    office.crm.late[anna.id] = 9
    lead = office.lead()
    assert office.waiting() == [lead]
    office.crm.late[anna.id] = 5
    office.clock.advance(seconds=15)
    office.work()
    assert office.owner(lead) == "Анна"


def test_a_bar_and_its_end(both: Office) -> None:
    [anna] = both.hire("Анна")
    both.lead()
    both.exclude(anna)
    lead = both.lead()
    assert both.waiting() == [lead] and both.members()["Анна"].reasons[0].code == "asg_barred"
    both.lift_exclusion(anna)
    assert both.owner(lead) == "Анна" and both.waiting() == []
    both.exclude(anna, until=both.clock.now() + timedelta(minutes=5))
    timed = both.lead()
    assert both.waiting() == [timed]
    both.clock.advance(minutes=6)
    both.work()
    assert both.owner(timed) == "Анна"
    with both.portal.read() as unit:
        past = api.exclusions_of(unit, anna.id)
    assert [(one.by_name, one.reason, one.lifted_by) for one in past] == [
        ("Глава Продаж", "обучение", ""), ("Глава Продаж", "обучение", "Глава Продаж"),
    ]  # fmt: skip


def test_barred_between_prepare_and_decision(office: Office) -> None:
    anna, _boris = office.hire("Анна", "Борис")
    office.ask("sales")
    real = handlers.prepare

    def slow(portal: Any, record: Any) -> Any:
        prepared = real(portal, record)
        with office.portal.unit() as unit:
            if not api.exclusions_of(unit, anna.id):
                api.exclude(unit, anna.id, by="Глава Продаж", reason="")
        return prepared

    watch = office.plugins[0].watches[0]
    office.plugins = [replace(plugin, watches=(replace(watch, prepare=slow),))]
    lead = office.lead()
    assert office.owner(lead) == "Борис" and office.left_out(lead) == {"Анна": ["asg_barred"]}


def test_a_bar_must_make_sense(office: Office) -> None:
    [anna] = office.hire("Анна")
    office.lead()
    with pytest.raises(BadInput, match="over already"):
        office.exclude(anna, until=office.clock.now() - timedelta(minutes=1))
    with office.portal.unit() as unit, pytest.raises(BadInput, match="in no queue"):
        api.exclude(unit, office.head.id, by="x", reason="")
    with office.portal.unit() as unit, pytest.raises(BadInput, match="too long"):
        api.exclude(unit, anna.id, by="x", reason="x" * 301)
    office.exclude(anna)
    office.exclude(anna)  # replaced, not doubled
    office.lift_exclusion(anna)
    assert office.members()["Анна"].exclusion is None


# --- deliveries -------------------------------------------------------------------------------------------------------


def test_doubled_reordered_and_lost_deliveries(both: Office) -> None:
    both.hire("Анна", "Борис")
    leads = [both.lead(sync=False) for _ in range(6)]
    for lead in [*reversed(leads[:5]), *leads[:5], leads[0]]:
        both.deliver(lead, delivery=f"same-{lead}")
    both.run()
    assert sorted(both.writes()) == ["Анна"] * 3 + ["Борис"] * 2 or sorted(both.writes()) == ["Анна"] * 2 + ["Борис"] * 3
    both.sync(leads[5])  # the sweep found it
    assert len(both.writes()) == 6 and both.faults() == []
    for lead in leads:
        both.sync(lead)
        assert len(both.writes(lead)) == 1


def test_those_who_wait_go_by_their_age_in_the_crm(office: Office) -> None:
    [anna] = office.hire("Анна")
    office.not_begun = {anna.id}
    first, second, third = (office.lead(sync=False) for _ in range(3))
    for lead in (third, first, second):
        office.sync(lead)
    assert office.waiting() == [first, second, third]


def test_a_burst_asks_the_crm_once_in_ten_seconds(office: Office) -> None:
    office.hire("Анна", "Борис")
    for _ in range(60):
        office.lead()
        office.clock.advance(milliseconds=140)  # nine seconds in all
    assert office.crm.called.count("overdue") == office.asked == 1
    assert office.crm.called.count("get") == 60 and office.crm.called.count("find") == 0
    office.clock.advance(seconds=2)
    office.lead()
    assert office.crm.called.count("overdue") == office.asked == 2


def test_queues_of_one_department_ask_once(office: Office) -> None:
    office.hire("Анна")
    queue = office.settings.queue["sales"]
    office.configure("assignment", {"queue": {"sales": queue, "more": queue}})
    office.work()
    assert office.crm.called.count("overdue") == 1


def test_a_restart_between_forgets_nothing(office: Office) -> None:
    office.hire("Анна", "Борис", "Вера")
    names = []
    for _ in range(9):
        names.append(office.owner(office.lead()))
        office.restart()
    assert names == ["Анна", "Борис", "Вера"] * 3


# --- which records are ours -------------------------------------------------------------------------------------------


def test_what_a_manager_typed_in_is_their_own(office: Office) -> None:
    anna, _boris = office.hire("Анна", "Борис")
    lead = office.lead(author=anna.id)
    assert office.owner(lead) == "Портал" and office.outcome(lead) == "" and office.waiting() == []


def test_a_robot_may_be_the_author(office: Office) -> None:
    office.hire("Анна")
    lead = office.lead(author=office.default.id, sync=False)
    office.sync(lead, author=office.default.name)
    assert office.owner(lead) == "Анна"


@pytest.mark.parametrize(
    ("source", "stage"), [("hand", "new"), (None, "new"), ("call", "work"), ("call", "won"), ("call", "?")]
)
def test_other_sources_and_stages_are_left_alone(office: Office, source: str | None, stage: str) -> None:
    office.hire("Анна")
    lead = office.lead(source=source, stage=stage)
    assert office.owner(lead) == "Портал" and office.outcome(lead) == "" and office.waiting() == []


def test_every_source_counts_where_none_is_named(office_of: MakeOffice) -> None:
    office = office_of(sources=[], stages=["work"])
    office.hire("Анна")
    assert office.owner(office.lead(source=None, stage="work")) == "Анна"
    assert office.owner(office.lead(source=None)) == "Портал"


def test_deals_have_queues_of_their_own(office_of: MakeOffice) -> None:
    office = office_of(entity="deal", groups=[CARE], people=["Глава Продаж"])
    office.hire("Анна")
    office.hire("Кира", group=CARE)
    deals = [office.lead(entity="deal") for _ in range(2)]
    assert {office.owner(one, "deal") for one in deals} == {"Кира", "Глава Продаж"}
    assert office.outcome(office.lead()) == ""


def test_what_was_there_long_before_is_left_alone(office_of: MakeOffice) -> None:
    office = office_of(backlog_hours=1)
    office.hire("Анна")
    old = office.lead(sync=False)
    office.clock.advance(hours=2)
    assert office.owner(office.lead()) == "Анна"
    office.sync(old)
    assert office.owner(old) == "Портал" and office.outcome(old) == ""


def test_a_lead_taken_by_hand_is_left_and_noted(office: Office) -> None:
    anna, boris = office.hire("Анна", "Борис")
    lead = office.lead(sync=False)
    office.staff.set("lead", lead, assigned=boris, author=boris.id)
    office.sync(lead, author=boris.id)
    assert (office.owner(lead), office.outcome(lead)) == ("Борис", "by_hand") and office.writes() == []
    assert office.decision(lead).person == boris.id
    untold = office.lead(sync=False)
    office.clock.advance(minutes=1)
    office.staff.set("lead", untold, assigned=anna)
    office.sync(untold)  # the CRM did not say who, but it was touched after it was made
    assert (office.owner(untold), office.outcome(untold)) == ("Анна", "by_hand")


def test_a_member_named_by_the_crm_itself_is_nobodys_deed(office: Office) -> None:
    anna, _boris = office.hire("Анна", "Борис")
    leads = [office.lead(assigned=anna) for _ in range(2)]
    assert [office.owner(one) for one in leads] == ["Анна", "Борис"] and office.outcome(leads[0]) == "given"
    assert office.writes(leads[0]) == []  # it was their name already


def test_a_stand_in_never_counts(office_of: MakeOffice) -> None:
    office = office_of(stand_ins=["Анна"])
    anna, _boris = office.hire("Анна", "Борис")
    first = office.lead(sync=False, assigned=anna)
    office.clock.advance(minutes=5)
    office.staff.set("lead", first, name="Иван", author=anna.id)
    office.sync(first, author=anna.id)
    assert office.outcome(first) == "given"


def test_a_later_change_by_a_person_is_noted_and_left(office: Office) -> None:
    anna, boris = office.hire("Анна", "Борис")
    lead = office.lead()
    assert office.owner(lead) == "Анна"
    office.staff.set("lead", lead, assigned=boris, author=boris.id)
    office.sync(lead, author=boris.id)
    found = office.decision(lead)
    assert (found.outcome, found.person, found.changed_to) == ("given", anna.id, "Борис") and office.writes() == ["Анна"]
    assert office.members()["Анна"].in_hand == 0 and office.faults() == []


def test_a_closed_lead_is_no_load(office: Office) -> None:
    office.hire("Анна")
    lead = office.lead()
    office.staff.move(lead, "won", entity="lead")
    office.sync(lead)
    view = office.members()["Анна"]
    assert (view.in_hand, view.today) == (0, 1)


# --- while it waits ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("notified", [True, False])
@pytest.mark.parametrize("deed", ["close", "delete", "take"])
def test_a_waiting_lead_may_leave_by_itself(office: Office, deed: str, notified: bool) -> None:
    anna, boris = office.hire("Анна", "Борис")
    office.not_begun = {anna.id, boris.id}
    lead, behind = office.lead(), office.lead()
    {
        "close": lambda: office.staff.move(lead, "lost", entity="lead"),
        "delete": lambda: office.staff.delete("lead", lead),
        "take": lambda: office.staff.set("lead", lead, assigned=boris, author=boris.id),
    }[deed]()
    if notified:
        office.sync(lead, author=boris.id)
        assert office.waiting() == [behind]
    office.begin_day(anna)
    wanted = {"close": "closed", "delete": "deleted", "take": "by_hand"}[deed]
    assert office.outcome(lead) == wanted and office.writes() == ["Анна"] and office.owner(behind) == "Анна"
    assert office.waiting() == [] and office.faults() == []


def test_a_waiting_lead_keeps_its_place_whatever_else_changes(office: Office) -> None:
    [anna] = office.hire("Анна")
    office.not_begun = {anna.id}
    lead, behind = office.lead(), office.lead()
    office.staff.set("lead", lead, name="Иван", assigned=office.head)
    office.sync(lead)  # a robot passed it on: still nobody's of the queue
    assert office.waiting() == [lead, behind]
    office.begin_day(anna)
    assert [office.owner(one) for one in (lead, behind)] == ["Анна", "Анна"]


def test_a_head_who_takes_a_waiting_lead_for_himself_keeps_it(office: Office) -> None:
    [anna] = office.hire("Анна")
    office.not_begun = {anna.id}
    lead = office.lead()
    office.staff.set("lead", lead, assigned=office.head, author=office.head.id)
    office.sync(lead, author=office.head.id)
    assert office.outcome(lead) == "by_hand" and office.waiting() == []


def test_nothing_is_given_on_an_old_reading_nor_before_its_turn(office: Office) -> None:
    [anna] = office.hire("Анна")
    office.not_begun = {anna.id}
    lead = office.lead()
    office.clock.advance(minutes=2)
    office.staff.move(lead, "lost", entity="lead")  # nobody told us
    office.not_begun = set()
    office.crm.fail_next(Throttled("slow down", wait_seconds=3), on="find")
    behind = office.lead()
    assert (office.outcome(lead), office.owner(lead)) == ("closed", "Портал")
    assert office.owner(behind) == "Анна" and office.writes() == ["Анна"]


def test_a_list_that_lacks_a_record_does_not_lose_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    [anna] = office.hire("Анна")
    office.not_begun = {anna.id}
    lead = office.lead()
    monkeypatch.setattr(office.crm, "find", lambda *_args, **_more: [])
    office.begin_day(anna)
    assert office.owner(lead) == "Анна"


def test_who_was_fit_half_a_minute_ago_is_given_nothing_before_he_is_asked_again(office: Office) -> None:
    [anna] = office.hire("Анна")
    office.not_begun = {anna.id}
    lead = office.lead()
    office.not_begun.clear()
    office.clock.advance(seconds=11)
    office.ask("sales")  # they fit now

    def given_after(seconds: float) -> int:
        office.clock.advance(seconds=seconds)
        with office.portal.unit() as unit:
            [one] = store.front(unit.tx, unit.portal.name, "sales")
            now = to_micros(unit.now)
            store.join(unit.tx, unit.portal.name, replace(one, read_at=now))  # the record itself was read just now
            return assigning.give(unit, "sales", resync=False)

    assert given_after(assigning.ELIGIBILITY_SECONDS_MAX + 1) == 0 and office.waiting() == [lead]
    office.ask("sales")
    assert given_after(assigning.ELIGIBILITY_SECONDS_MAX - 1) == 1


def test_a_lead_that_comes_back_has_its_old_place(office: Office) -> None:
    """Its first owner was not taken by the CRM, or a head asks for another one: it does not wait behind those made later."""
    anna, boris = office.hire("Анна", "Борис")
    first = office.lead()
    office.not_begun = {anna.id, boris.id}
    office.clock.advance(minutes=1)
    later = [office.lead() for _ in range(2)]
    office.act(lambda unit: api.again(unit, "lead", first, by="Глава Продаж"))
    assert office.waiting() == [first, *later]


def test_an_older_reading_of_who_is_fit_never_takes_the_place_of_a_newer_one(office: Office) -> None:
    office.hire("Анна")
    office.ask("sales")
    newer = eligibility.read(office.portal, "sales")
    unfit = tuple(replace(one, reasons=(Reason("asg_overdue"),)) for one in newer.members)
    with office.portal.unit() as unit:
        tx, portal = unit.tx, unit.portal.name
        for before in (1, 60_000_000):  # a slow process, that asked before and comes after
            assert not store.keep_eligibility(
                tx, portal, "sales", replace(newer, read_at=newer.read_at - before, members=unfit)
            )
            assert store.eligibility(tx, portal, "sales") == newer
        assert store.keep_eligibility(tx, portal, "sales", replace(newer, read_at=newer.read_at + 1, members=unfit))
        assert store.eligibility(tx, portal, "sales") != newer
