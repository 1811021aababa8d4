"""Working days in a simulation: people begin, interrupt and end them in the CRM; what we keep of them must be what is so."""

from __future__ import annotations

from collections.abc import Mapping

from kernel.testing.stories import Action, DayStatus, SimulatedStory, World
from plugins.workday import store
from plugins.workday.days import members_of

AT_WORK_FIRST_SHARE = 0.8
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
        person, status = self.world.random.choice(self._people), self.world.random.choice(CHANGES)
        self.world.crm.set_day(person, status)
        self.world.note(f"day of {person}: {status}")

    def at_rest(self) -> None:
        portal = self.world.portal
        with portal.read() as unit:
            kept = {person: one.status for person, one in store.all_of(unit.tx, portal.name).items()}
        there = {person: self.world.crm.day_of(person) for person in self._people}
        wrong = {person: (kept.get(person), there[person]) for person in self._people if kept.get(person) != there[person]}
        assert not wrong, f"working days kept, and as they are: {wrong}"
