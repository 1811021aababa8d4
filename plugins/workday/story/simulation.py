"""Working days in a simulation: people begin, interrupt and end them in the CRM; what we keep of them must be what is so."""

from __future__ import annotations

from collections.abc import Mapping

from kernel.extension.staff import STAFF_SECONDS_MAX
from kernel.testing.stories import Action, DayStatus, SimulatedStory, World, absent
from plugins.workday import store
from plugins.workday.days import members_of

AT_WORK_FIRST_SHARE = 0.8
POLLED_SECONDS = 60
CHANGES: tuple[DayStatus, ...] = ("open", "open", "open", "paused", "closed")


class WorkdaySimulation(SimulatedStory):
    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._people = [person.id for person in members_of(world.portal)]

    def begin(self) -> None:
        for person in self._people:
            if self.world.random.random() < AT_WORK_FIRST_SHARE:
                self.world.crm.set_day(person, "open")

    def actions(self) -> Mapping[Action, int]:
        return {self.change_a_day: 2}

    def change_a_day(self) -> None:
        away = absent(self.world.crm.absences, self.world.clock.now())
        person = self.world.random.choice([one for one in self._people if one not in away])
        status = self.world.random.choice(CHANGES)
        self.world.crm.set_day(person, status)
        self.world.note(f"day of {person}: {status}")

    def at_rest(self) -> None:
        portal = self.world.portal
        with portal.read() as unit:
            kept = {person: one.status for person, one in store.all_of(unit.tx, portal.name).items()}
        # Nobody asks for the day of those; nor yet of who has just come back.
        away = absent(self.world.crm.absences, self.world.clock.now(), known_after=STAFF_SECONDS_MAX + POLLED_SECONDS)
        there = {person: self.world.crm.day_of(person) for person in self._people if person not in away}
        wrong = {person: (kept.get(person), day) for person, day in there.items() if kept.get(person) != day}
        assert not wrong, f"working days kept, and as they are: {wrong}"
