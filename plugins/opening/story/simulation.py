"""Registrations in a simulation: one client at the back office per person, whatever dies, gets lost or is moved meanwhile.

After every step: nobody is registered twice, and we have put no deal to «won» whose client's card holds no ClientID.
At rest, after people did what they are asked to: every registration is definite, each hand-over is whole, each note stands
once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from kernel.crm import Ref
from kernel.testing.stories import Action, EmulatedAccounts, SimulatedStory, World
from plugins.opening import registering, store
from plugins.opening.settings import push_of, settings_of
from plugins.opening.store import ACCEPTED, ASKING, KNOWN, OPEN, REFUSED, WAITING, Deal
from plugins.opening.story.staff import CONTACT, RIGHT_DEAL, Person, Staff
from plugins.opening.telling import in_words

FIRST_MAX = 6  #: deals begun before the first step
CARD = ("last_name", "first_name", "inn", "birth_date")
#: Texts that may stand in a deal once for each request, and once at all.
VALUES, HOLE = ("client", "contract", "day", "link", "person", "text", "name"), "\0"
ONCE_A_REQUEST, ONCE = ("opn_slow", "opn_uncertain"), ("opn_accepted", "opn_told")


class OpeningSimulation(SimulatedStory):
    typed: Mapping[str, tuple[str, ...]] = {"deal": (*RIGHT_DEAL, "amount"), CONTACT: CARD}

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._portal, self._crm = world.portal, world.crm
        self._settings = settings_of(world.portal)
        self._office: EmulatedAccounts | None = world.systems.get(self._settings.source)
        push = push_of(world.portal)
        self._staff = Staff(world, self._office) if self._office is not None and push is not None else None
        self._won: set[str] = set()  #: deals that we have put there

    def begin(self) -> None:
        if self._staff is not None:
            self.world.settle()  # what stood before the lock was switched on stays where it stands
            self.world.clock.advance(seconds=2)
            for _ in range(self.world.random.randint(1, FIRST_MAX)):
                self._staff.new_deal()

    def actions(self) -> Mapping[Action, int]:
        return self._staff.actions() if self._staff is not None else {}

    def records(self) -> Iterable[tuple[str, str]]:
        if self._staff is not None:
            yield from ((self._staff.entity, deal) for deal in self._staff.deals)
            yield from ((CONTACT, person.card.id) for person in self._staff.clients)

    def deleted(self) -> Iterable[tuple[str, str]]:
        if self._staff is not None:
            yield from ((self._staff.entity, deal) for deal in self._staff.deleted if self._staff.known(deal))

    def figures(self) -> Mapping[str, int]:
        with self._portal.read() as unit:
            states = [row["state"] for row in store.all_deals(unit.tx, self._portal.name)]
            asked = len(self._requests())
        promise = self._office.promise if self._office is not None else "no"
        return {f"stories with {promise} promise": 1, "clients pushed": len(states), "requests to open": asked,
                "accounts opened": states.count(ACCEPTED)}  # fmt: skip

    # --- what must hold ---------------------------------------------------------------------------------------------------

    def after_each_step(self) -> None:
        if self._staff is None:
            return
        for person in self._staff.clients:
            numbers = [one.client_id for one in self._staff.at_the_office(person)]
            assert len(numbers) <= 1, f"client {person.card.id} is registered {len(numbers)} times: {numbers}"
        for deal, client in self._staff.deals.items():
            if client is not None and deal not in self._won and self._put_to_won(deal):
                self._won.add(deal)
                number = self._crm.value(CONTACT, client.card.id, self._settings.client_id)
                assert number, f"deal {deal} is won, and the card of {client.card.id} holds no ClientID"

    def _put_to_won(self, deal: str) -> bool:
        assert self._staff is not None
        return any(not one.by and one.stage == self._settings.won for one in self._crm.history(self._staff.entity, deal))

    def repair(self) -> None:
        if self._staff is not None:
            self._staff.put_right()

    def at_rest(self) -> None:
        if self._staff is None or self._office is None:
            return
        for request in self._requests():
            done = self._office.done(request)
            assert done <= 1, f"request {request} was carried out {done} times"
        assert not (left := list(self._staff.waiting_for_people())), f"deals {left} still wait for somebody"
        for deal, person in {**self._staff.deals, **self._staff.deleted}.items():
            self._is_definite(deal, person, alive=deal in self._staff.deals)

    def _requests(self) -> list[str]:
        with self._portal.read() as unit:
            rows = unit.tx.all("SELECT request_id FROM opening_request WHERE body <> '' ORDER BY request_id")
        return [row["request_id"] for row in rows]

    def _is_definite(self, deal: str, person: Person | None, *, alive: bool) -> None:
        push, staff = push_of(self._portal), self._staff
        assert push is not None and staff is not None
        one = staff.known(deal)
        at_push = alive and self._crm.stage_of(push.entity, deal) == push.stage
        if one is None:
            assert not at_push, f"deal {deal} stands at the push, and nobody has looked at it"
            return
        with self._portal.read() as unit:
            phase = registering.phase(unit.tx, self._portal, one)
        assert one.state not in (ASKING, OPEN, REFUSED), f"deal {deal} of {one.client} is {phase} for ever: {one.reason}"
        assert one.state != WAITING or not at_push, f"deal {deal} waits for deal {one.reason}, which is over"
        assert one.gone is not alive, f"deal {deal} is {'there' if alive else 'deleted'}, and that is not known"
        if one.state == ACCEPTED:
            assert person is not None
            self._is_handed_over(one, person)
        elif at_push:
            # All is put right: whoever still stands there is a client of the back office, by another deal of theirs.
            assert one.state == KNOWN and person is not None and staff.at_the_office(person), (
                f"deal {deal} stands at the push, corrected, and is {phase}: {[finding.code for finding in one.findings]}"
            )

    def _is_handed_over(self, one: Deal, person: Person) -> None:
        """The card says what the back office says, and the deal has gone on, once."""
        assert self._staff is not None
        entity = self._staff.entity
        [client] = self._staff.at_the_office(person)
        card = self._portal.crm.get(CONTACT, person.card.id).values
        said = (card[self._settings.client_id], card[self._settings.status])
        assert said == (client.client_id, self._settings.active), (
            f"client {person.card.id} is {client.client_id} at the back office, their card says {said}"
        )
        with self._portal.read() as unit:
            steps = store.steps(unit.tx, self._portal.name, one.deal)
        states = {name: step.state for name, step in steps.items()}
        if one.gone:
            assert one.finished_at is not None, f"deal {one.deal} is deleted, and its hand-over goes on: {states}"
            return
        made = self._made_of(one.deal)
        waits = steps["responsible"].state == "doing"
        assert not waits or not self._somebody_fits(), f"the deal after {one.deal} waits, though somebody may have it"
        assert waits or one.finished_at is not None, f"the hand-over of {one.deal} never ends: {states}"
        old = self._portal.crm.get(entity, one.deal)
        ahead = old.values[self._settings.next_deal]
        assert len(made) == 1 and isinstance(ahead, Ref) and ahead.id == made[0], (
            f"deal {one.deal} names {ahead} as the next one; made were {made}"
        )
        moved_since = self._put_to_won(one.deal) and bool(self._crm.history(entity, one.deal)[-1].by)  # by a head, who may
        assert old.stage == self._settings.won or moved_since, f"deal {one.deal} is handed over and stands at {old.stage}"
        self._notes(one, waits=waits)

    def _made_of(self, deal: str) -> list[str]:
        """The deals that name that one as what they came from."""
        assert self._staff is not None
        entity, name = self._staff.entity, self._settings.base_deal
        return [one for one in self._crm.records_of_ours() if self._crm.value(entity, one, name).removeprefix("D_") == deal]

    def _somebody_fits(self) -> bool:
        queues: Any = self._portal.plugin_settings["assignment"]
        groups = {*queues.queue[self._settings.queue].groups}
        members = [one.id for one in self._crm.people if groups & {*one.groups} and not groups & {*one.heads}]
        return any(self._crm.day_of(person) in ("open", "off") for person in members)

    def _notes(self, one: Deal, *, waits: bool) -> None:
        assert self._staff is not None
        notes = self._crm.notes_of_ours(self._staff.entity, one.deal)
        with self._portal.read() as unit:
            asked = len(store.requests(unit.tx, self._portal.name, one.deal))
        for code in (*ONCE, *ONCE_A_REQUEST):
            times = sum(self._says(code).search(note) is not None for note in notes)
            if code in ONCE:
                wanted = 0 if code == "opn_told" and waits else 1
                assert times == wanted, f"deal {one.deal} was told {code} {times} times: {notes}"
            else:
                assert times <= asked, f"deal {one.deal} was told {code} {times} times, of {asked} requests"

    def _says(self, code: str) -> re.Pattern[str]:
        """That text, whatever stands in it."""
        parts = in_words(self._portal, code, **dict.fromkeys(VALUES, HOLE)).split(HOLE)
        return re.compile(".+".join(map(re.escape, parts)), re.DOTALL)
