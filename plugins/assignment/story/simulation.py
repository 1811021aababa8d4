"""Leads in a simulation: they come in, people begin and end days, are barred, take leads by hand; one decision each.

Whom a lead may be given to is reckoned here from what staff did, not asked of the product.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from kernel.errors import BadInput
from kernel.extension.staff import STAFF_SECONDS_MAX
from kernel.jobs import call_queries
from kernel.testing.stories import Action, Member, SimulatedStory, World, absent, was_open
from kernel.values import from_micros
from plugins.assignment import api, store
from plugins.assignment.eligibility import settings_of
from plugins.assignment.store import Decision

SOURCES = ("web", "call", "email")
KNOWN_SECONDS = 45  #: who may get a lead is known at most so long: 30 s of our own, 10 s of working days, and the way there


LEFT_SECONDS = 2  #: from the question whether somebody still works here to the decision, and what a person does meanwhile
REGULAR_SECONDS = 60  #: within so long what somebody who has left held goes round again
MEMBERS_LEFT_MIN = 2


@dataclass
class Exclusion:
    """As the head set and lifted it."""

    person: str
    begun: datetime
    lifted: datetime | None = None


class AssignmentSimulation(SimulatedStory):
    typed: Mapping[str, tuple[str, ...]] = {"lead": ("source",)}

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._queues = {name: queue for name, queue in settings_of(world.portal).queue.items() if queue.entity == "lead"}
        groups = {group for queue in self._queues.values() for group in queue.groups}
        people = world.crm.people
        self._members: list[Member] = [one for one in people if groups & set(one.groups) and not groups & set(one.heads)]
        self._heads = [one for one in people if groups & set(one.heads)]
        self._leads: list[str] = []  #: those that the CRM made by itself
        self._typed_in: dict[str, str] = {}  #: by which member: that member's own
        self._by_hand: set[str] = set()
        self._closed: set[str] = set()
        self._bars: list[Exclusion] = []

    def records(self) -> Iterable[tuple[str, str]]:
        return [("lead", lead) for lead in (*self._leads, *self._typed_in)]

    def figures(self) -> Mapping[str, int]:
        return {"leads": len(self._leads), "people who left": len(self.world.crm.absences)}

    def actions(self) -> Mapping[Action, int]:
        if not self._members or "lead" not in self.world.portal.mapping.entities:
            return {}
        return {self.a_lead: 8, self.a_lead_typed_in: 1, self.take: 1, self.close: 2, self.exclude: 1, self.lift: 1,
                self.come_or_go: 3}  # fmt: skip

    # --- what people do -------------------------------------------------------------------------------------------------

    def a_lead(self) -> None:
        number = len(self._leads)
        values = {
            "source": self.world.random.choice(SOURCES).upper(),
            "phone": f"+7495{number:07d}",
            "name": f"Клиент {number}",
        }
        self._leads.append(self.world.crm.arrive("lead", values))
        self.world.note(f"lead {self._leads[-1]}")

    def a_lead_typed_in(self) -> None:
        who = self._somebody()
        lead = self.world.crm.new("lead", {"source": "call", "assigned": who}, by=who.id)
        self._typed_in[lead] = who.id
        self.world.note(f"lead {lead} typed in by {who.id}")

    def take(self) -> None:
        """Somebody takes a lead, given out or not."""
        if self._leads:
            lead, who = self.world.random.choice(self._leads[-5:]), self._somebody()
            self.world.crm.set("lead", lead, {"assigned": who}, by=who.id)
            self._by_hand.add(lead)
            self.world.note(f"lead {lead} taken by {who.id}")

    def close(self) -> None:
        if self._leads:
            lead = self.world.random.choice(self._leads)
            self.world.crm.move("lead", lead, "junk")
            self._closed.add(lead)
            self.world.note(f"lead {lead} closed")

    def exclude(self) -> None:
        person, portal = self.world.random.choice(self._members).id, self.world.portal
        try:
            with portal.unit() as unit:
                api.exclude(unit, person, by=self._heads[0].name, reason="Отпуск")
        except BadInput:  # nobody has asked yet who is in the queue, so the page shows nobody to bar
            return
        self._end_bars(person)
        self._bars.append(Exclusion(person, self.world.clock.now()))
        self.world.note(f"{person} is barred")

    def lift(self) -> None:
        held = [exclusion.person for exclusion in self._bars if exclusion.lifted is None]
        if held:
            person = self.world.random.choice(held)
            try:
                with self.world.portal.unit() as unit:
                    api.lift_exclusion(unit, person, by=self._heads[0].name)
            except BadInput:  # who has left is in no queue, so the page does not show them
                return
            self._end_bars(person)
            self.world.note(f"{person} is barred no longer")

    def come_or_go(self) -> None:
        """A member is dismissed, put into another department, or gets back what they lost."""
        crm, now, one = self.world.crm, self.world.clock.now(), self.world.random.choice(self._members)
        dismissed = self.world.random.random() < 0.6
        gone = any(each.holds(now) for each in crm.absences if (each.person, each.dismissed) == (one.id, dismissed))
        here = {each.id for each in self._members} - absent(crm.absences, now) - {one.id}
        if not gone and len(here) < MEMBERS_LEFT_MIN:
            return
        (crm.set_active if dismissed else crm.set_grouped)(one.id, gone)
        self.world.note(
            f"{one.id} {'is dismissed' if dismissed else 'leaves the department'}{': no longer' if gone else ''}"
        )

    def _somebody(self) -> Member:
        away = absent(self.world.crm.absences, self.world.clock.now())
        return self.world.random.choice([one for one in self._members if one.id not in away])

    def _end_bars(self, person: str) -> None:
        for exclusion in self._bars:
            if exclusion.person == person and exclusion.lifted is None:
                exclusion.lifted = self.world.clock.now()

    # --- what must hold -------------------------------------------------------------------------------------------------

    def at_rest(self) -> None:
        portal, crm = self.world.portal, self.world.crm
        waiting: set[str] = set()
        for lead in self._leads:
            with portal.read() as unit:
                decisions = store.decisions_of(unit.tx, portal.name, "lead", lead)
                waits = store.waiting(unit.tx, portal.name, "lead", lead) is not None
            assert waits or decisions or lead in self._closed, f"lead {lead} neither waits nor was decided"
            if waits:
                waiting.add(lead)
            given = [one for one in decisions if one.outcome == "given"]
            again = [one for one in decisions if one.outcome == "departed"]
            assert len(given) <= 1, f"lead {lead} was given {len(given)} times"
            for one in again:
                self._had_left(one)
            for one in (*again, *given):
                self._was_there(one)
            for one in given:
                owner = crm.value("lead", lead, "assigned")
                assert lead in self._by_hand or owner == one.person, f"lead {lead} was given to {one.person}, {owner} has it"
        self._nothing_waits_in_vain(waiting)
        self._own_leads_are_left_alone()
        self._nobody_who_left_holds_a_new_lead(waiting)

    def _had_left(self, one: Decision) -> None:
        """What is taken from somebody is taken because they were dismissed, and the heads are told of it once."""
        ended = from_micros(one.ended_at or 0, self.world.portal.zone)
        gone = [each for each in self.world.crm.absences if each.dismissed and each.person == one.person]
        assert any(
            each.since <= ended and (each.until is None or each.until > ended - timedelta(seconds=REGULAR_SECONDS))
            for each in gone
        ), f"lead {one.record_id} was taken from {one.person} at {ended:%H:%M:%S}, who had not left"
        with self.world.portal.read() as unit:
            calls = call_queries.keyed(unit.tx, self.world.portal.name, f"assignment:departed:{one.person}:")
        told = [call for call in calls if call["created_at"] == one.ended_at]
        assert [row["state"] for row in told] == ["done"], f"of {one.person}'s leads the heads were told {len(told)} times"

    def _nobody_who_left_holds_a_new_lead(self, waiting: set[str]) -> None:
        portal, crm, now = self.world.portal, self.world.crm, self.world.clock.now()
        starts = [name for name, stage in portal.mapping.entity("lead").stage.items() if stage.start]
        gone = {one.person for one in crm.absences if one.dismissed and one.holds(now)}
        for lead in {*self._leads} - waiting - self._by_hand - self._closed:
            owner = crm.value("lead", lead, "assigned")
            assert owner not in gone or crm.stage_of("lead", lead) not in starts, (
                f"lead {lead} still is with {owner}, who left"
            )

    def _was_there(self, one: Decision) -> None:
        at = from_micros(one.at, self.world.portal.zone)
        assert one.person in {member.id for member in self._members}, f"lead {one.record_id} went to {one.person}, no member"
        since = at - timedelta(seconds=KNOWN_SECONDS)
        assert was_open(self.world.crm.days, one.person, since, at, self.world.portal.zone), (
            f"lead {one.record_id} was given to {one.person}, who was not at work at {at:%H:%M:%S}"
        )
        for each in self.world.crm.absences:
            slack = timedelta(seconds=LEFT_SECONDS if each.dismissed else STAFF_SECONDS_MAX + KNOWN_SECONDS)
            assert each.person != one.person or not each.holds(at) or at < each.since + slack, (
                f"lead {one.record_id} was given to {one.person} at {at:%H:%M:%S}, who had left at {each.since:%H:%M:%S}"
            )
        excluded = [
            exclusion
            for exclusion in self._bars
            if exclusion.person == one.person and exclusion.begun < at and (not exclusion.lifted or at < exclusion.lifted)
        ]
        assert not excluded, f"lead {one.record_id} was given to {one.person}, who was barred at {at:%H:%M:%S}"

    def _nothing_waits_in_vain(self, waiting: set[str]) -> None:
        days = {member.id: self.world.crm.day_of(member.id) for member in self._members}
        excluded = {exclusion.person for exclusion in self._bars if exclusion.lifted is None}
        gone = absent(self.world.crm.absences, self.world.clock.now(), known_after=STAFF_SECONDS_MAX + KNOWN_SECONDS)
        free = [one for one, day in days.items() if day in ("open", "off") and one not in {*excluded, *gone}]
        assert not (waiting and free), f"leads {sorted(waiting)} wait, though {free} may have them"

    def _own_leads_are_left_alone(self) -> None:
        """While their author is a member: whose leads they are when the author has left is not said."""
        portal, left = self.world.portal, {one.person for one in self.world.crm.absences}
        mine = [lead for lead, who in self._typed_in.items() if who not in left]
        with portal.read() as unit:
            found = Counter(lead for lead in mine if store.decisions_of(unit.tx, portal.name, "lead", lead))
        assert not found, f"leads {sorted(found)} were typed in by members, and given out all the same"
