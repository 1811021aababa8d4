"""Requests in a simulation: strangers write, some of them twice; each gets one card, a manager, an executor and a date."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from kernel.crm import Ref
from kernel.testing.stories import Action, SimulatedStory, World

AGAIN_SHARE = 0.4
FIRST_PHONE = 380670000000  #: other numbers than those of any other story


class ReceptionSimulation(SimulatedStory):
    typed: Mapping[str, tuple[str, ...]] = {"deal": ("client_phone",)}

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._phones: dict[str, str] = {}  #: by request

    def records(self) -> Iterable[tuple[str, str]]:
        return [("deal", request) for request in self._phones]

    def actions(self) -> Mapping[Action, int]:
        return {self.request: 2}

    def request(self) -> None:
        known = sorted(set(self._phones.values()))
        again = known and self.world.random.random() < AGAIN_SHARE
        phone = self.world.random.choice(known) if again else f"+{FIRST_PHONE + len(known)}"
        made = self.world.crm.new("deal", {"client_name": f"Незнайомець {phone[-3:]}", "client_phone": phone}, stage="new")
        self._phones[made] = phone
        self.world.note(f"request {made} of {phone}")

    def at_rest(self) -> None:
        cards: defaultdict[str, set[str]] = defaultdict(set)
        for request, phone in self._phones.items():
            values = self.world.portal.crm.get("deal", request).values
            empty = [name for name in ("client", "manager", "executor", "next_contact") if not values.get(name)]
            assert not empty, f"request {request} has no {', '.join(empty)}"
            client = values["client"]
            assert isinstance(client, Ref)
            cards[phone].add(client.id)
        several = {phone: sorted(found) for phone, found in cards.items() if len(found) > 1}
        assert not several, f"people with several cards: {several}"


simulation = ReceptionSimulation
