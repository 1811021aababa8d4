"""Requests in a simulation: strangers write, some of them twice; each gets one card, a manager, an executor and a date."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from kernel.crm import Ref
from kernel.extension.staff import STAFF_SECONDS_MAX
from kernel.testing.stories import Action, SimulatedStory, World, absent
from plugins.reception.handlers import NAME
from plugins.reception.settings import ReceptionSettings

DISMISSED_SHARE = 0.6
AGAIN_SHARE = 0.4
FIRST_PHONE = 380670000000  #: other numbers than those of any other story


class ReceptionSimulation(SimulatedStory):
    typed: Mapping[str, tuple[str, ...]] = {"deal": ("client_phone",)}

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._phones: dict[str, str] = {}  #: by request
        self._came: dict[str, datetime] = {}
        names = world.portal.settings(NAME, ReceptionSettings).managers
        self._managers = [one for one in world.crm.people if one.name in names]

    def records(self) -> Iterable[tuple[str, str]]:
        return [("deal", request) for request in self._phones]

    def actions(self) -> Mapping[Action, int]:
        return {self.request: 2, self.come_or_go: 1}

    def request(self) -> None:
        known = sorted(set(self._phones.values()))
        again = known and self.world.random.random() < AGAIN_SHARE
        phone = self.world.random.choice(known) if again else f"+{FIRST_PHONE + len(known)}"
        made = self.world.crm.new("deal", {"client_name": f"Незнайомець {phone[-3:]}", "client_phone": phone}, stage="new")
        self._phones[made], self._came[made] = phone, self.world.clock.now()
        self.world.note(f"request {made} of {phone}")

    def come_or_go(self) -> None:
        """A manager is dismissed, loses their groups, or gets back what they lost; one of them always stays."""
        crm, now, one = self.world.crm, self.world.clock.now(), self.world.random.choice(self._managers)
        dismissed = self.world.random.random() < DISMISSED_SHARE
        gone = any(each.holds(now) for each in crm.absences if (each.person, each.dismissed) == (one.id, dismissed))
        if not gone and {each.id for each in self._managers} <= {*absent(crm.absences, now), one.id}:
            return
        (crm.set_active if dismissed else crm.set_grouped)(one.id, gone)
        self.world.note(f"{one.name} {'is dismissed' if dismissed else 'loses the groups'}{': no longer' if gone else ''}")

    def at_rest(self) -> None:
        cards: defaultdict[str, set[str]] = defaultdict(set)
        for request, phone in self._phones.items():
            values = self.world.portal.crm.get("deal", request).values
            empty = [name for name in ("client", "manager", "executor", "next_contact") if not values.get(name)]
            assert not empty, f"request {request} has no {', '.join(empty)}"
            self._had_not_left(request, values["manager"])
            client = values["client"]
            assert isinstance(client, Ref)
            cards[phone].add(client.id)
        several = {phone: sorted(found) for phone, found in cards.items() if len(found) > 1}
        assert not several, f"people with several cards: {several}"

    def _had_not_left(self, request: str, manager: object) -> None:
        assert isinstance(manager, Ref)
        came = self._came[request]
        for one in self.world.crm.absences:
            left = one.since + timedelta(seconds=STAFF_SECONDS_MAX)
            assert not (one.dismissed and one.person == manager.id and one.until is None and left < came), (
                f"request {request} came at {came:%H:%M:%S} and went to {manager.name}, who had left at {one.since:%H:%M:%S}"
            )


simulation = ReceptionSimulation
