"""A day with the lock: deals are moved as they should and as they should not, by hand, in a hurry, with the head's right."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from kernel.testing.demo import DemoStory, Desk, Result

ROUNDS = 3
ROUGH = {"drop_rate": 0.3, "duplicate_rate": 0.1, "reorder_rate": 0.2}
CALM = dict.fromkeys(ROUGH, 0)
NEW, CONTACT, NEED, OFFER = "Новое обращение", "Контакт установлен", "Потребность выявлена", "Предложение отправлено"
WON, LOST = "Счёт открыт", "Отказ клиента"
Moves = Sequence[tuple[str, tuple[str, ...]]]


@dataclass
class Deal:
    """One deal: who moves it where, where it must end, and how many cases it must leave."""

    title: str
    owner: str
    moves: list[tuple[str, tuple[str, ...]]]  #: who, and the stages they go through without a pause
    ends: str
    refused: int = 0
    overrides: int = 0
    id: int = 0


class StageLockDemo(DemoStory):
    after = ("assignment",)
    connectors = frozenset({"bitrix24"})
    agreement = "stages, cases and messages"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._random = random.Random(desk.seed)  # noqa: S311 - a story, not a secret
        self._deals: list[Deal] = []

    def work(self, day: date, number: int) -> None:
        desk, office = self.desk, self.desk.office
        new = [deal for turn in range(ROUNDS) for deal in self._planned(turn)]
        for deal in new:
            deal.id = office.new_deal(deal.owner, deal.title)
        self._deals += new
        desk.quiet()
        desk.announce(f"{len(new)} deals stand at their first stage")
        desk.faults(ROUGH)
        mishaps: list[Callable[[], None]] = [desk.kill_worker, desk.silence]
        while moving := [deal for deal in new if deal.moves]:
            self._random.shuffle(moving)
            desk.announce(f"{len(moving)} deals are moved, some of them where they may not go")
            for deal in moving:
                who, stages = deal.moves.pop(0)
                for stage in stages:
                    office.move(who, deal.id, stage)
            if mishaps:
                mishaps.pop(0)()
            desk.quiet(self._as_meant)
        desk.faults(CALM)

    def _planned(self, turn: int) -> list[Deal]:
        ready, head = self.desk.ready(), self.desk.office.head
        who = ready[turn % len(ready)]
        cases: list[tuple[str, Moves, str, int, int]] = [
            ("as it should be", [(who, (CONTACT,)), (who, (NEED,)), (who, (OFFER,))], OFFER, 0, 0),
            ("two stages in a hurry", [(who, (CONTACT, NEED))], NEED, 0, 0),
            ("jumps ahead", [(who, (OFFER,))], NEW, 1, 0),
            ("jumps to the end", [(who, (WON,))], NEW, 1, 0),
            ("goes back", [(who, (CONTACT,)), (who, (NEED,)), (who, (NEW,))], NEED, 1, 0),
            ("jumps, then does it right", [(who, (NEED,)), (who, (CONTACT,))], CONTACT, 1, 0),
            ("the head may jump", [(head, (OFFER,))], OFFER, 0, 1),
            ("lost at once", [(who, (LOST,))], LOST, 0, 0),
        ]
        if self.desk.absent:
            cases.append(("moved by somebody who is absent", [(self.desk.absent[0], (CONTACT,))], NEW, 1, 0))
        return [
            Deal(f"{title} {turn}", who, list(moves), ends, refused, overrides)
            for title, moves, ends, refused, overrides in cases
        ]

    def _as_meant(self) -> bool:
        return all(self.desk.office.stage_of(deal.id) == deal.ends for deal in self._deals if not deal.moves)

    def checks(self) -> Iterable[Result]:
        stages = {deal.id: self.desk.office.stage_of(deal.id) for deal in self._deals}
        wrong = [f"{d.title}: {stages[d.id]}, meant {d.ends}" for d in self._deals if stages[d.id] != d.ends]
        yield f"{len(self._deals)} deals stand where the pool allows", "; ".join(wrong[:5])
        found: Counter[tuple[str, str]] = Counter()
        with self.desk.database.read() as tx:
            for row in tx.all("SELECT record_id, outcome FROM stage_lock_case"):
                found[row["record_id"], row["outcome"]] += 1
        wrong = []
        for deal in self._deals:
            put_back = sum(n for (record, outcome), n in found.items() if record == str(deal.id) and outcome != "override")
            overrides = found[str(deal.id), "override"]
            if (put_back, overrides) != (deal.refused, deal.overrides):
                wrong.append(f"{deal.title}: {put_back} put back, {overrides} by the head's right")
        meant = sum(deal.refused for deal in self._deals)
        yield f"{meant} forbidden moves put back once each, none of the allowed ones", "; ".join(wrong[:5])
