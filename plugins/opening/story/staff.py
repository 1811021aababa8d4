"""A sales department that opens accounts: clients with and without mistakes in their cards, deals that go to the push,
people who correct, move, delete, and decide about answers that got lost.

How a client stands at the back office is looked up there, as a person would; nothing is taken from the product.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date

from kernel.crm import Record
from kernel.datasets import FoundClient
from kernel.errors import BadInput
from kernel.mapping import client_fields
from kernel.testing.stories import Action, Card, EmulatedAccounts, Member, Typed, World, absent
from plugins.opening import registering, store
from plugins.opening.settings import push_of, settings_of
from plugins.opening.store import ACCEPTED, CHECKED_BAD, OPEN, REFUSED, REJECTED, Deal
from plugins.stage_lock.api import OBJECTION

CONTACT = "contact"  #: clients are persons here
INN_WEIGHTS = ((7, 2, 4, 10, 3, 5, 9, 4, 6, 8), (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8))
TYPED_BY_MISTAKE = "777777"  #: a ClientID that nobody has
MISTAKE_SHARE, SECOND_DEAL_SHARE, LAST_SHARE = 0.35, 0.25, 0.7
LOOKS_ON = 3  #: minutes in which a hand-over comes to its end
WRONG_CARD: tuple[Mapping[str, Typed], ...] = (
    {"inn": "770987654340"}, {"birth_date": None}, {"last_name": ""}, {"birth_date": date(2020, 2, 3)}, {"inn": "12"},
)  # fmt: skip
RIGHT_DEAL: Mapping[str, Typed] = {"tariff": "TRADER", "markets": "MOEX_STOCK, MOEX_FX"}
WRONG_DEAL: tuple[Mapping[str, Typed], ...] = (
    {"tariff": "BASE", "markets": "MOEX_STOCK, SPB_STOCK"}, {"markets": ""}, {"tariff": None},
)  # fmt: skip


@dataclass
class Person:
    """A client. `right`: what their card should say; `wrong`: what it says instead."""

    card: Card
    phone: str
    right: Mapping[str, Typed]
    wrong: dict[str, Typed] = field(default_factory=dict)


class Staff:
    """All clients and deals of the story, and what may be done with them."""

    def __init__(self, world: World, office: EmulatedAccounts) -> None:
        self._world, self._crm, self._office, self.portal = world, world.crm, office, world.portal
        push = push_of(self.portal)
        assert push is not None
        self._push = push
        of_deal = client_fields(self.portal.mapping.entity(push.entity))
        self._client = CONTACT, next(name for entity, name in of_deal if entity == CONTACT)
        self.entity = push.entity
        self._plan = self.portal.mapping.entity(push.entity)
        self._way = _way_to(push.stage, {name: stage.next for name, stage in self._plan.stage.items()})
        self._answers = [
            one.source for part in push.part if part.of == push.entity for one in part.fields
            if one.required and one.source not in RIGHT_DEAL
        ]  # fmt: skip
        asked, some = OBJECTION.functions(self.portal), Record(push.entity, "")
        free = [one for one in self._crm.people if not any(ask(self.portal, one.id, some, "", "") for ask in asked)]
        self._movers = free or list(self._crm.people)
        self.clients: list[Person] = []
        self.deals: dict[str, Person | None] = {}
        self.deleted: dict[str, Person | None] = {}
        self._wrong: dict[str, Mapping[str, Typed]] = {}  #: by deal: what it says instead of what it should

    def actions(self) -> Mapping[Action, int]:
        return {
            self.new_deal: 12, self.go_on: 24, self.correct: 6, self.change: 3, self.wander: 4, self.decide: 8,
            self.mistype: 1, self.delete: 1,
        }  # fmt: skip

    # --- clients and deals ------------------------------------------------------------------------------------------------

    def new_deal(self) -> None:
        """Of a new client, or of one that has a deal already; some way up to the push."""
        chance = self._world.random
        person = chance.choice(self.clients) if self.clients and chance.random() < SECOND_DEAL_SHARE else self._new_client()
        wrong = chance.choice(WRONG_DEAL) if chance.random() < MISTAKE_SHARE else {}
        owner, nobody = self._somebody(), chance.random() < 0.05
        client: dict[str, Typed] = {} if nobody else {self._client[1]: person.card}
        deal = self._crm.new(
            self.entity, {**client, "assigned": owner, "amount": "250000", **RIGHT_DEAL, **wrong},
            stage=next(iter(self._way)), by=owner.id,
        )  # fmt: skip
        self.deals[deal], self._wrong[deal] = (None if nobody else person), wrong
        self._world.note(f"deal {deal} of {'nobody' if nobody else person.card.id}, wrong: {[*wrong]}")
        for _ in range(chance.choice((0, 2, len(self._way) + 1, len(self._way) + 1))):
            self._one_stage_on(deal)

    def _new_client(self) -> Person:
        number, chance = len(self.clients), self._world.random
        right: dict[str, Typed] = {
            "last_name": f"Новиков-{number}", "first_name": "Иван", "birth_date": date(1990, 5, 4), "client_type": "person",
        }  # fmt: skip
        if chance.random() < 0.8:
            right["inn"] = inn_of(7709800000 + number)
        wrong = dict(chance.choice(WRONG_CARD)) if chance.random() < MISTAKE_SHARE else {}
        phone = f"8 (901) {number:03d}-00-11"
        made = self._crm.new(self._client[0], {"phone": phone, **right, **wrong})
        self.clients.append(Person(Card(made, f"Иван Новиков-{number}"), phone, right, wrong))
        self._world.note(f"client {made}, wrong: {[*wrong]}")
        return self.clients[-1]

    def go_on(self) -> None:
        """A deal goes some stages on."""
        if deal := self._some_deal():
            for _ in range(self._world.random.choice((1, len(self._way) + 1))):
                self._one_stage_on(deal)

    def _one_stage_on(self, deal: str) -> None:
        """As far as the push; before that all that it wants is answered."""
        here = self._crm.stage_of(self.entity, deal)
        ahead = self._way.get(here)
        if ahead is None:
            return
        self._world.clock.advance(seconds=self._world.random.choice((0.01, 0.6, 2)))
        if ahead == self._push.stage and (asked := self._unanswered(deal)):
            self._crm.set(self.entity, deal, asked, by=self._mover())
            self._world.note(f"deal {deal}: {len(asked)} answers")
            return
        self._crm.move(self.entity, deal, ahead, by=self._mover())
        self._world.note(f"deal {deal} {here} -> {ahead}")

    def _unanswered(self, deal: str) -> dict[str, Typed]:
        choose, fields = self._world.random.choice, self._plan.field
        empty = [name for name in self._answers if self._crm.value(self.entity, deal, name) in ("", "0", "None")]
        return {name: choose([*fields[name].values]) for name in empty}

    # --- corrections, and what is in the way -------------------------------------------------------------------------------

    def correct(self) -> None:
        if deal := self._some_deal():
            self._correct(deal)

    def _correct(self, deal: str) -> None:
        """What the deal and its client's card say is right from now on."""
        person, wrong = self.deals[deal], self._wrong[deal]
        if wrong:
            self._crm.set(self.entity, deal, {name: RIGHT_DEAL[name] for name in wrong}, by=self._mover())
            self._wrong[deal] = {}
        if person is None:
            person = self.deals[deal] = self._new_client()
            self._crm.set(self.entity, deal, {self._client[1]: person.card}, by=self._mover())
        self._correct_card(person)
        self._world.note(f"deal {deal} and its client are put right")

    def _correct_card(self, person: Person) -> None:
        if person.wrong:
            right = {name: person.right.get(name) for name in person.wrong}
            self._crm.set(self._client[0], person.card.id, {name: value or "" for name, value in right.items()})
            person.wrong = {}
        there = self._crm.value(self._client[0], person.card.id, settings_of(self.portal).client_id)
        if there == TYPED_BY_MISTAKE:
            known = self.at_the_office(person)
            number = known[0].client_id if known else ""
            self._crm.set(self._client[0], person.card.id, {settings_of(self.portal).client_id: number})

    def change(self) -> None:
        """Something else is written into the card, or into the deal."""
        chance = self._world.random
        if self.clients and chance.random() < 0.6:
            person = chance.choice(self.clients)
            self._crm.set(self._client[0], person.card.id, {"second_name": chance.choice(("Ильич", "Петрович", ""))})
            self._world.note(f"another name in the card of {person.card.id}")
        elif deal := self._some_deal():
            self._crm.set(self.entity, deal, {"amount": str(chance.randint(1, 90) * 1000)}, by=self._mover())

    def wander(self) -> None:
        """Somebody moves a deal anywhere, or back and to the push again."""
        if deal := self._some_deal():
            chance = self._world.random
            stage = chance.choice([*self._plan.stage, settings_of(self.portal).won, self._push.stage])
            self._crm.move(self.entity, deal, stage, by=self._mover())
            self._world.note(f"deal {deal} is put to {stage} by hand")

    def mistype(self) -> None:
        """Somebody types a number into the card of a client who has none yet."""
        free = [one for one in self.clients if not self.at_the_office(one)]
        if free:
            person = self._world.random.choice(free)
            field_name = settings_of(self.portal).client_id
            self._crm.set(self._client[0], person.card.id, {field_name: TYPED_BY_MISTAKE})
            self._world.note(f"a wrong number in the card of {person.card.id}")

    def delete(self) -> None:
        if deal := self._some_deal():
            self._crm.delete(self.entity, deal, by=self._mover())
            self.deleted[deal] = self.deals.pop(deal)
            self._world.note(f"deal {deal} is deleted")

    # --- decisions on the tab ---------------------------------------------------------------------------------------------

    def decide(self) -> None:
        """Somebody opens the tab of a deal and does what it asks for."""
        asked = [deal for deal in (*self.deals, *self.deleted) if (one := self.known(deal)) and one.state != ACCEPTED]
        if asked:
            self.press(self._world.random.choice(asked))

    def press(self, deal: str) -> bool:
        """Whether there was anything to press, and somebody did."""
        one, person = self.known(deal), self.deals.get(deal) or self.deleted.get(deal)
        if one is None or person is None:
            return False
        known, by = self.at_the_office(person), "Вера Главная"
        with suppress(BadInput), self.portal.unit(author=by) as unit:  # somebody, or the answer, was quicker
            confirms = registering.may_confirm(unit.tx, self.portal, one)
            denies = registering.may_deny(unit.tx, self.portal, one)
            if one.state == REFUSED and self._world.random.random() < 0.5:
                denies = confirms = False  # they have the access repaired, and try again
            if confirms and known:
                there = known[0]
                registering.confirm(unit, deal, there.client_id, there.contract_number, there.opened_on, by=by)
                self._world.note(f"deal {deal} is {there.client_id} at the back office, somebody says")
            elif denies:
                registering.deny(unit, deal, by=by)
                self._world.note(f"deal {deal} is not at the back office, somebody says")
            elif one.state == REFUSED or (one.state in (REJECTED, CHECKED_BAD) and not one.gone):
                registering.try_again(unit, deal)
                self._world.note(f"deal {deal}: once more")
            else:
                return False
            return True
        return False

    def put_right(self) -> None:
        """All is well again: everything is corrected, and what waits for a person gets its decision."""
        for deal in self.deals:
            self._correct(deal)
        for person in self.clients:
            self._correct_card(person)
        self._world.settle()
        while (waiting := list(self.waiting_for_people())) and sum(map(self.press, waiting)):
            self._world.settle()
        for _ in range(LOOKS_ON):  # what is not over is looked at each minute
            self._world.clock.advance(seconds=61)
            self._world.settle()

    def waiting_for_people(self) -> Iterator[str]:
        """Deals about which somebody has to do something, so that they go on."""
        for deal in (*self.deals, *self.deleted):
            one = self.known(deal)
            if one is None or one.state not in (OPEN, REFUSED, REJECTED, CHECKED_BAD):
                continue
            with self.portal.read() as unit:
                stuck = one.state != OPEN or registering.needs_person(unit.tx, self.portal, one)
            at_push = deal in self.deals and self._crm.stage_of(self.entity, deal) == self._push.stage
            if stuck and (at_push or one.state in (OPEN, REFUSED)):
                yield deal

    # --- inside -----------------------------------------------------------------------------------------------------------

    def known(self, deal: str) -> Deal | None:
        with self.portal.read() as unit:
            return store.load(unit.tx, self.portal.name, deal)

    def at_the_office(self, person: Person) -> list[FoundClient]:
        return self._office.clients_with(person.phone)

    def _some_deal(self) -> str:
        if not self.deals:
            return ""
        chance, every = self._world.random, list(self.deals)
        return str(chance.choice(every[-5:] if chance.random() < LAST_SHARE else every))

    def _somebody(self) -> Member:
        away = absent(self._crm.absences, self._world.clock.now())
        return self._world.random.choice([one for one in self._crm.people if one.id not in away])

    def _mover(self) -> str:
        """Mostly somebody to whose moves nobody objects."""
        away = absent(self._crm.absences, self._world.clock.now())
        free = [one for one in self._movers if one.id not in away]
        return (self._world.random.choice(free) if free and self._world.random.random() < 0.9 else self._somebody()).id


def _way_to(stage: str, following: Mapping[str, list[str]]) -> dict[str, str]:
    """The stages from the first one to that one, the shortest way, each with the next."""
    ahead: dict[str, str] = {}
    edge = [stage]
    while edge:
        here = edge.pop(0)
        for before, allowed in following.items():
            if here in allowed and before != stage and before not in ahead:
                ahead[before] = here
                edge.append(before)
    found: dict[str, str] = {}
    here = next(name for name in following if name in ahead)
    while here != stage:
        found[here] = ahead[here]
        here = ahead[here]
    return found


def inn_of(ten: int) -> str:
    """A person's ИНН that begins with these ten digits, with the two check digits that belong to them."""
    text = str(ten)
    for weights in INN_WEIGHTS:
        text += str(sum(int(digit) * weight for digit, weight in zip(text, weights, strict=True)) % 11 % 10)
    return text
