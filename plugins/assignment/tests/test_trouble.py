"""Two workers at once, a death at every point, and long random days against an oracle that knows nothing of our code."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from kernel.crm import Ref
from kernel.errors import Unreachable
from kernel.extension.sync import sync
from kernel.storage import Tx
from kernel.storage.tests.meeting import meet
from kernel.testing import Crash, at_once
from plugins.assignment import api, assigning, handlers, store
from plugins.assignment.tests.conftest import MakeOffice
from plugins.assignment.tests.office import PORTAL, Office

pytestmark = pytest.mark.row("BR-04", "PL-02")


def test_two_workers_never_decide_at_once(both: Office) -> None:
    both.hire("Анна", "Борис", "Вера")
    leads = [both.lead(sync=False) for _ in range(24)]
    for lead in leads:
        both.deliver(lead)
    jobs = [dict(job.args) for job in both.queue.waiting]

    def worker(mine: list[dict[str, Any]]) -> Callable[[], None]:
        portal = both.fresh_portal()
        return lambda: [sync(portal, both.plugins, args) for args in mine] and None

    at_once(*(worker(jobs[n::4]) for n in range(4)))
    both.run()
    assert Counter(both.owner(one) for one in leads) == {"Анна": 8, "Борис": 8, "Вера": 8}
    assert all(len(both.writes(one)) == 1 for one in leads) and both.faults() == []


def test_who_opens_a_queue_waits_for_who_has_it_open_and_sees_what_he_decided(both: Office) -> None:
    seen: list[int] = []

    def another() -> None:
        with both.database.write() as tx:
            seen.append(store.open_queue(tx, PORTAL, "sales", 2)["turn"])

    def decide(tx: Tx) -> None:
        store.open_queue(tx, PORTAL, "sales", 1)
        store.keep_turn(tx, PORTAL, "sales", 7)

    with both.database.write() as tx:
        store.open_queue(tx, PORTAL, "sales", 0)
    meet(both.database, decide, another)
    assert seen == [7]


def test_what_waits_is_given_out_once_by_two_workers(both: Office) -> None:
    anna, boris = both.hire("Анна", "Борис")
    both.not_begun = {anna.id, boris.id}
    leads = [both.lead() for _ in range(10)]
    both.not_begun = set()
    both.clock.advance(seconds=11)
    at_once(*(lambda: assigning.give_out(both.fresh_portal(), "sales") for _ in range(3)))
    both.run()
    assert Counter(both.owner(one) for one in leads) == {"Анна": 5, "Борис": 5} and len(both.writes()) == 10
    assert both.faults() == []


def test_a_bar_and_a_burst_at_once(both: Office) -> None:
    """Whatever the order, what is given after the bar is not given to the barred one."""
    anna, _boris = both.hire("Анна", "Борис")
    leads = [both.lead(sync=False) for _ in range(12)]
    for lead in leads:
        both.deliver(lead)
    jobs = [dict(job.args) for job in both.queue.waiting]

    def syncs() -> None:
        portal = both.fresh_portal()
        for args in jobs:
            sync(portal, both.plugins, args)

    def exclude() -> None:
        with both.fresh_portal().unit() as unit:
            api.exclude(unit, anna.id, by="Глава Продаж", reason="")

    sync(both.portal, both.plugins, jobs[0])
    at_once(syncs, exclude)
    both.run()
    turns = [both.decision(one) for one in leads]
    out = {one.body["turn"]: "Анна" in {each["name"] for each in one.body["left_out"]} for one in turns}
    excluded_from = min((turn for turn, left in out.items() if left), default=99)
    assert all(out[turn] == (turn >= excluded_from) for turn in out)
    assert len(both.writes()) == 12 and both.faults() == []


def story(office: Office) -> None:
    """A little of everything; may be broken off and begun again at any point."""
    office.run()
    handlers.give_out_all(office.portal)
    office.run()


@pytest.mark.parametrize("refuse", [False, True])
def test_a_death_at_every_point_changes_nothing(office_of: MakeOffice, refuse: bool) -> None:
    """The same day with a process that dies at the nth commit or call, for every n there is."""
    reached, nth = True, 0
    while reached:
        nth += 1
        office = office_of()
        anna, boris = office.hire("Анна", "Борис")
        office.not_begun = {anna.id, boris.id}
        leads = [office.lead(sync=False) for _ in range(3)]
        for lead in leads:
            office.deliver(lead)
        office.run()
        assert office.waiting() == leads
        office.not_begun = set()
        office.clock.advance(seconds=20)
        leads.append(office.lead(sync=False))
        office.deliver(leads[-1])
        if refuse:
            office.crm.fail_next(Unreachable("no answer", maybe_done=True), on="update", after_commit=True)
        office.trouble.crash_at(nth)
        crashes = office.queue.crashes
        for _ in range(3):
            try:
                story(office)
                break
            except Crash:
                office.restart()
        reached = office.queue.crashes > crashes or office.trouble._crash_in is None
        office.trouble.calm()
        story(office)
        assert Counter(office.owner(one) for one in leads) == {"Анна": 2, "Борис": 2}, nth
        assert [office.outcome(one) for one in leads] == ["given"] * 4 and office.waiting() == [], nth
        assert office.crm.doubled() == [] and len(office.crm.comments()) == 1 and office.faults() == [], nth
        turns = [office.decision(one).body["turn"] for one in leads]
        assert turns == sorted(turns), nth  # the oldest first
        office.database.close()
    assert nth > 12  # there were that many points


class Oracle:
    """What the specification says of any day, told from the outside: who could take a lead when, and who had it."""

    def __init__(self, office: Office) -> None:
        self.office, self.left_waiting = office, 0

    def able(self) -> set[str]:
        office, now = self.office, self.office.clock.now()
        excluded = {who for who, until in self.exclusions.items() if until is None or until > now}
        active = {one.id for one in office.crm.persons if one.active}
        return {
            one.id for one in self.staff
            if one.id in active and one.id not in office.not_begun and office.crm.late.get(one.id, 0) <= 5
            and one.id not in excluded
        }  # fmt: skip

    staff: list[Ref]
    exclusions: dict[str, Any]


@pytest.mark.parametrize("seed", range(6))
def test_random_days(office_of: MakeOffice, seed: int) -> None:
    rng = random.Random(seed)
    office = office_of(seed=seed)
    oracle = Oracle(office)
    oracle.staff, oracle.exclusions = office.hire(*"АБВГДЕ"[: rng.randint(2, 6)]), {}
    leads, by_hand, last_writes = [], set(), 0
    for _ in range(120):
        person = rng.choice(oracle.staff)
        match rng.choice(["lead"] * 6 + ["day", "late", "bar", "take", "double", "restart", "work"]):
            case "lead":
                leads.append(office.lead(rng.choice(["call", "web"]), sync=rng.random() < 0.7))
                if rng.random() < 0.5:
                    office.deliver(leads[-1])
            case "day":
                if person.id in office.not_begun:
                    office.begin_day(person)
                else:
                    office.not_begun.add(person.id)
                    office.clock.advance(seconds=11)
            case "late":
                office.crm.late[person.id] = rng.randint(3, 8)
                office.clock.advance(seconds=11)
            case "bar":
                if oracle.exclusions.pop(person.id, 0) is None:
                    office.lift_exclusion(person)
                elif any(one.id == person.id for one in office.members().values()):
                    office.exclude(person)
                    oracle.exclusions[person.id] = None
            case "take" if leads and office.outcome(leads[-1]) == "":
                office.staff.set("lead", leads[-1], assigned=person, author=person.id)
                office.sync(leads[-1], author=person.id)
                by_hand.add(leads[-1])
            case "double" if leads:
                office.sync(rng.choice(leads))
            case "restart":
                office.restart()
            case "work":
                office.work()
        able = oracle.able()
        for effect in [one for one in office.crm.effects if one.verb == "update"][last_writes:]:
            assert effect.values["assigned"].id in able | {""}, effect
        last_writes = sum(1 for one in office.crm.effects if one.verb == "update")
    office.not_begun, office.crm.late = set(), {}
    for person in [one for one in oracle.staff if one.id in oracle.exclusions]:
        office.lift_exclusion(person)
    for lead in leads:
        office.sync(lead)  # the sweep brings what was never delivered
    office.clock.advance(seconds=61)
    office.work()
    for lead in leads:
        writes = office.writes(lead)
        assert len(writes) <= 1 and office.waiting() == []
        assert office.outcome(lead) == ("by_hand" if lead in by_hand else "given"), lead
        assert office.owner(lead) in {one.name for one in oracle.staff}  # never none
        assert lead in by_hand or office.owner(lead) == office.decision(lead).person_name
    assert office.faults() == [] and office.crm.doubled() == []
