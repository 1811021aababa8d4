"""A World with the shipped broker's set whose answers are kept as the dossier keeps them, and what the lists hold then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from kernel.crm import ListElement
from kernel.datasets import Answer, Cell, pack_answer
from kernel.mapping import load_set
from kernel.testing import FakeClock, MemorySource, World
from kernel.testing.lists import MemoryLists
from kernel.values import from_micros, to_micros
from plugins.dossier import plugin as dossier
from plugins.dossier import store as dossier_store
from plugins.dossier.api import ANSWER_KEPT, CLIENT_CHANGED, CLIENT_FORGOTTEN
from plugins.dossier_lists import plugin

SET = load_set(Path(__file__).parents[3] / "mappings" / "broker-bitrix24")
CLIENT = "1000417"
Rows = Sequence[Mapping[str, Cell]]


def cash(count: int, *, amount: str = "1.10", first: int = 0) -> list[dict[str, Cell]]:
    """Rows of as many contracts."""
    return [
        {"contract": f"B-{number:05}", "market": "MOEX", "currency": "RUB", "balance": Decimal(amount) + number,
         "blocked": Decimal("0.00"), "available": Decimal(amount) + number}
        for number in range(first, first + count)
    ]  # fmt: skip


class Lists(World):
    entity = "contact"

    def __init__(self, url: str, **how: Any) -> None:
        clock = how.pop("clock", None) or FakeClock(datetime(2026, 11, 21, 11, 2, tzinfo=UTC))
        super().__init__(url, how.pop("mapping", SET), [dossier, plugin], clock=clock, **how)
        self.source = MemorySource(self.mapping, clock)
        self.card = self.crm.staff.new("contact", name="Пётр Ильин", client_id=CLIENT)
        self.lists.every_seconds = 5.0

    @property
    def lists(self) -> MemoryLists:
        found: MemoryLists = self.crm.lists
        return found

    @property
    def start(self) -> str:
        return f"C_{self.card.rpartition(':')[2]}:"

    # --- the back office ------------------------------------------------------------------------------------------------

    def answered(
        self, set_name: str = "position", *, client: str = CLIENT, card: str = "", entity: str = "contact", **tables: Rows
    ) -> Answer:
        """A good answer comes in; nothing of what follows from it is done yet."""
        self.clock.advance(milliseconds=1)
        self.source.put(set_name, client, **tables)
        answer = self.source.read(set_name, client)
        with self.portal.unit() as unit:
            dossier_store.keep(unit.tx, self.portal.name, answer, pack_answer(answer), to_micros(self.clock.now()))
            for run in ANSWER_KEPT.functions(self.portal):
                run(unit, entity, card or self.card, client, set_name)
        return answer

    def changed(self, client: str = CLIENT) -> None:
        with self.portal.unit() as unit:
            for run in CLIENT_CHANGED.functions(self.portal):
                run(unit, "contact", self.card, client)

    def forgotten(self, client: str = CLIENT) -> None:
        with self.portal.unit() as unit:
            for run in CLIENT_FORGOTTEN.functions(self.portal):
                run(unit, client, [("contact", self.card)])

    # --- time passes ----------------------------------------------------------------------------------------------------

    def settle(self, seconds: float = 3600) -> int:
        """Whatever is to be done within so long is done, each thing at its moment; how many requests left."""
        before, until = self.requests, to_micros(self.clock.now()) + int(seconds * 1e6)
        while (due := self.next_step()) is not None and due <= until:
            self.clock.set(max(self.clock.now(), from_micros(due)))
            self.timers()
        return self.requests - before

    def stored(self, set_name: str = "position", **tables: Any) -> int:
        """A good answer comes in after a while, and is stored; how many requests that took."""
        self.advance(seconds=61)
        self.answered(set_name, **tables)
        return self.settle()

    def next_step(self) -> int | None:
        rows = self.rows("SELECT MIN(due_at) AS at FROM timer WHERE owner = 'dossier_lists'")
        return rows[0]["at"]

    # --- what the lists hold --------------------------------------------------------------------------------------------

    @property
    def requests(self) -> int:
        return len(self.lists.writes) + len(self.lists.asked)

    def held(self, name: str = "cash") -> list[ListElement]:
        """Rows, without what a summary says."""
        found = [one for (kept, _code), one in self.lists.kept.items() if kept == name]
        return sorted((one for one in found if not one.code.endswith(":total")), key=lambda one: one.name)

    def total(self, name: str = "cash") -> ListElement:
        return self.lists.kept[name, f"{self.start}total"]

    def sent(self) -> list[str]:
        """Codes of the last request, without the card's beginning."""
        return [code.removeprefix(self.start) for code in self.lists.writes[-1].codes]
