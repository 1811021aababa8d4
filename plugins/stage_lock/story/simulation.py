"""The lock in a simulation: deals move as they may and as they may not; where each must stand is told from its history.

Three kinds of deals. Those moved only by people whose right is plain (nobody objects to them, and they may not override) are
judged to the letter. Of those moved by people who may not have begun their day, more may have been put back. Of those that a
head has moved nothing is said: a CRM whose history names no author makes a head's move cover others'.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from kernel.crm import Record
from kernel.testing.stories import Action, Member, SimulatedStory, StageChange, World, absent
from kernel.values import from_micros
from plugins.stage_lock.hooks import HOLD, OBJECTION
from plugins.stage_lock.people import overriding, settings_of
from plugins.stage_lock.store import cases

DEAL = "deal"
LEGAL_SHARE, ODD_START_SHARE = 0.55, 0.1
KINDS = ("plain", "plain", "plain", "members", "members", "heads")
SINCE = "SELECT since FROM stage_lock_portal WHERE portal = :p"


class StageLockSimulation(SimulatedStory):
    typed: Mapping[str, tuple[str, ...]] = {DEAL: ()}

    def __init__(self, world: World) -> None:
        super().__init__(world)
        portal = world.portal
        self._plan = portal.mapping.entity(DEAL)
        self._starts = [name for name, stage in self._plan.stage.items() if stage.start] or list(self._plan.stage)[:1]
        override = settings_of(portal).override
        heads = {person.id for person in overriding(portal.people(), override)}
        # Nobody has begun a working day yet: whom somebody objects to now may be objected to later.
        some = Record(DEAL, "")
        asked = OBJECTION.functions(portal)
        bound = {one.id for one in world.crm.people if any(ask(portal, one.id, some, "", "") for ask in asked)}
        free = [one for one in world.crm.people if one.id not in heads | bound]
        members = [one for one in world.crm.people if one.id not in heads and one not in free]
        self._movers: dict[str, Sequence[Member]] = {
            "plain": free, "members": members or free,
            "heads": [*(one for one in world.crm.people if one.id in heads), *free],
        }  # fmt: skip
        self._kinds: dict[str, str] = {}

    def records(self) -> Iterable[tuple[str, str]]:
        return [(DEAL, deal) for deal in self._kinds]

    def figures(self) -> Mapping[str, int]:
        with self.world.portal.read() as unit:
            return {"deals": len(self._kinds), "cases": len(cases(unit.tx, self.world.portal.name, limit=10_000))}

    def actions(self) -> Mapping[Action, int]:
        return {self.new_deal: 3, self.move: 12}

    def new_deal(self) -> None:
        chance = self.world.random
        kind = chance.choice(KINDS)
        stage = chance.choice(list(self._plan.stage) if chance.random() < ODD_START_SHARE else self._starts)
        deal = self.world.crm.new(DEAL, {}, stage=stage, by=self._mover(kind))
        self._kinds[deal] = kind
        self.world.note(f"deal {deal} at {stage}, {kind}")

    def move(self) -> None:
        """One stage on, or anywhere."""
        chance = self.world.random
        if not self._kinds:
            return
        deal = chance.choice(list(self._kinds)[-6:] if chance.random() < 0.7 else list(self._kinds))
        here = self.world.crm.stage_of(DEAL, deal)
        legal = self._plan.stage[here].next if here else []
        stage = chance.choice(legal if legal and chance.random() < LEGAL_SHARE else list(self._plan.stage))
        who = self._mover(self._kinds[deal])
        self.world.crm.move(DEAL, deal, stage, by=who)
        self.world.note(f"move {deal} {here} -> {stage} by {who}")

    def _mover(self, kind: str) -> str:
        """Who has left moves nothing; whoever nobody may object to has not left for another department either."""
        away = absent(self.world.crm.absences, self.world.clock.now())
        return self.world.random.choice([one for one in self._movers[kind] if one.id not in away]).id

    # --- what must hold -------------------------------------------------------------------------------------------------

    def at_rest(self) -> None:
        portal = self.world.portal
        with portal.read() as unit:
            since = from_micros(int(unit.tx.value(SINCE, p=portal.name)), portal.zone)
            found = cases(unit.tx, portal.name, limit=10_000)
        times: Counter[str] = Counter()
        for case in found:
            times[case.record_id] += case.times
        left_alone = {case.record_id for case in found if case.outcome == "gave_up" and case.settled_at is None}
        for deal, kind in self._kinds.items():
            record = portal.crm.get(DEAL, deal)
            if record.created_at is None or record.created_at <= since or deal in left_alone:
                continue  # what stood before the lock stays; whom nobody could stop is left alone
            lines = self.world.crm.history(DEAL, deal)
            announcement = " ".join(f"{line.stage}({line.by or 'annex'})" for line in lines)
            if kind == "heads":
                continue
            here, forbidden, unseen, corrected = self._told_again(deal, lines)
            sure = kind == "plain"
            if sure or times[deal] == forbidden:
                assert record.stage == here, f"deal {deal} stands at {record.stage}, may stand at {here}: {announcement}"
            most = forbidden + corrected if sure else times[deal]
            assert forbidden - unseen <= times[deal] <= most, (
                f"deal {deal}: {forbidden} forbidden moves, {times[deal]} in cases: {announcement}"
            )

    def _told_again(self, deal: str, lines: Sequence[StageChange]) -> tuple[str, int, int, int]:
        """Where the record may stand after these moves, by the pool alone, and how many of them were forbidden. Then what
        docs/limits.md allows: how often people moved there and back again, which nobody notices where the events of both
        moves are lost; how often a history that came too late had us correct what we had put back: it counts once more."""
        here, forbidden, unseen, corrected = "", 0, 0, 0
        for line, following in zip(lines, [*lines[1:], None], strict=True):
            if not line.by:  # ours
                here = line.stage
                corrected += following is not None and not following.by
            elif line.created:
                legal = line.stage in self._starts
                forbidden += not legal
                here = line.stage if legal else self._start_near(line.stage)
            elif line.stage == here:
                continue
            elif line.stage in self._plan.stage[here].next and not self._held(deal, here, line.stage):
                here = line.stage
            else:
                forbidden += 1
                unseen += following is not None and bool(following.by) and following.stage == here
        return here, forbidden, unseen, corrected

    def _held(self, deal: str, start: str, to: str) -> bool:
        """Whether another plugin forbids everybody this move. Nobody fills anything into these deals, so what would be held
        now was held then."""
        with self.world.portal.read() as unit:
            return any(ask(unit, Record(DEAL, deal), start, to) for ask in HOLD.functions(self.world.portal))

    def _start_near(self, stage: str) -> str:
        pipeline = self._plan.stage[stage].pipeline
        return next((one for one in self._starts if self._plan.stage[one].pipeline == pipeline), self._starts[0])
