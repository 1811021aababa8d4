"""Contract terms in a simulation: deals come to their stage, are answered a term or all at once, pushed too early, handed
to others, moved on and deleted. At rest a question waits exactly where a deal does, and for whoever has the deal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kernel.testing.stories import Action, Member, SimulatedStory, Typed, World, absent
from plugins.stage_lock.api import open_cases
from plugins.terms import store
from plugins.terms.plan import DEAL, settings_of, term_fields

EMPTY = ("", "0", "None")
LAST_SHARE = 0.7
FIRST_MAX = 3  #: deals before the first step


class TermsSimulation(SimulatedStory):
    typed: Mapping[str, tuple[str, ...]] = {DEAL: ()}

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._portal, self._crm, self._settings = world.portal, world.crm, settings_of(world.portal)
        self._terms = term_fields(world.portal)
        stages = world.portal.mapping.entity(DEAL).stage
        self._way = list(stages)[: list(stages).index(self._settings.stage) + 1]  #: a set declares them in their order
        self._stages = [name for name, stage in stages.items() if stage.pipeline == stages[self._settings.stage].pipeline]
        self._deals: list[str] = []
        self._deleted: list[str] = []

    def begin(self) -> None:
        self.world.settle()  # what stood before the lock was switched on stays where it stands
        self.world.clock.advance(seconds=2)
        for _ in range(self.world.random.randint(1, FIRST_MAX)):
            self.new_deal()

    def records(self) -> Iterable[tuple[str, str]]:
        return [(DEAL, deal) for deal in self._deals]

    def figures(self) -> Mapping[str, int]:
        return {"deals with terms": len(self._deals)}

    def actions(self) -> Mapping[Action, int]:
        return {self.new_deal: 3, self.answer: 6, self.push: 5, self.move: 2, self.give_away: 2, self.delete: 1}

    # --- what people do -------------------------------------------------------------------------------------------------

    def new_deal(self) -> None:
        """Brought to the stage of the terms, or near it."""
        who = self._somebody()
        deal = self._crm.new(DEAL, {"assigned": who}, stage=self._way[0], by=who.id)
        for stage in self._way[1 : self.world.random.choice((len(self._way), len(self._way) - 1))]:
            self.world.clock.advance(seconds=self.world.random.choice((0.01, 0.6)))
            self._crm.move(DEAL, deal, stage, by=who.id)
        self._deals.append(deal)
        self.world.note(f"terms: deal {deal} of {who.id}")

    def answer(self) -> None:
        """Some terms, or all of them."""
        if deal := self._some_deal():
            asked = self._unanswered(deal)
            some = asked if self.world.random.random() < 0.5 else asked[: self.world.random.randint(1, len(self._terms))]
            answers: dict[str, Typed] = {name: self.world.random.choice([*self._terms[name].values]) for name in some}
            if answers:
                self._crm.set(DEAL, deal, answers, by=self._somebody().id)
                self.world.note(f"terms: {len(some)} of {len(asked)} answers in {deal}")

    def push(self) -> None:
        self._move(self._settings.holds[0])

    def move(self) -> None:
        self._move(self.world.random.choice([*self._stages, self._settings.stage, self._settings.stage]))

    def _move(self, stage: str) -> None:
        if deal := self._some_deal():
            who = self._somebody().id
            self._crm.move(DEAL, deal, stage, by=who)
            self.world.note(f"terms: {deal} -> {stage} by {who}")

    def give_away(self) -> None:
        if deal := self._some_deal():
            who = self._somebody()
            self._crm.set(DEAL, deal, {"assigned": who}, by=who.id)
            self.world.note(f"terms: {deal} is {who.id}'s now")

    def delete(self) -> None:
        if deal := self._some_deal():
            self._crm.delete(DEAL, deal, by=self._somebody().id)
            self._deals.remove(deal)
            self._deleted.append(deal)
            self.world.note(f"terms: {deal} is deleted")

    def _some_deal(self) -> str:
        if not self._deals:
            return ""
        return self.world.random.choice(self._deals[-4:] if self.world.random.random() < LAST_SHARE else self._deals)

    def _somebody(self) -> Member:
        away = absent(self._crm.absences, self.world.clock.now())
        return self.world.random.choice([one for one in self._crm.people if one.id not in away])

    # --- what must hold -------------------------------------------------------------------------------------------------

    def at_rest(self) -> None:
        portal = self._portal
        with portal.read() as unit:
            questions = {deal: store.load(unit.tx, portal.name, deal) for deal in (*self._deals, *self._deleted)}
            left_alone = {case.record_id for case in open_cases(unit) if case.outcome == "gave_up"}
        asked = {deal: one for deal, one in questions.items() if one is not None and one.state == "open"}
        for deal in self._deals:
            stage, missing = self._crm.stage_of(DEAL, deal), self._unanswered(deal)
            assert not missing or stage not in self._settings.holds or deal in left_alone, (
                f"deal {deal} stands at {stage}, and {missing} are not answered"
            )
            if missing and stage == self._settings.stage:
                owner = self._crm.value(DEAL, deal, "assigned")
                assert deal in asked, f"deal {deal} waits for {missing}, and nobody is asked"
                assert asked[deal].owner == owner, f"deal {deal} is {owner}'s, and {asked[deal].owner} is asked"
            else:
                assert deal not in asked, f"deal {deal} stands at {stage}, without {missing}, and is asked about still"
        assert not (gone := [deal for deal in self._deleted if deal in asked]), f"deals {gone} are deleted and asked about"

    def _unanswered(self, deal: str) -> list[str]:
        return [name for name in self._terms if self._crm.value(DEAL, deal, name) in EMPTY]
