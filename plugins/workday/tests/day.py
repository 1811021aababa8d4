"""A World with the working day and the stage lock, and its people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from kernel.crm import Workday
from kernel.errors import Fault
from kernel.extension.hooks import collect
from kernel.mapping import EntityMap, FieldMap, MappingSet, PortalMap, StageMap
from kernel.testing import MemoryCRM, World, roles
from kernel.testing.crm_parts import MemoryWorkdays
from kernel.testing.served import Served
from plugins.assignment import plugin as assignment
from plugins.assignment.api import ELIGIBILITY_CHANGED
from plugins.stage_lock import plugin as stage_lock
from plugins.workday import plugin as workday

SET = MappingSet(
    "day",
    PortalMap(
        connector="memory", language="ru", role=roles(head=("stage_lock", "workday", "workday.team"), staff=("workday",))
    ),
    {
        "deal": EntityMap(
            entity="deal",
            stage={"new": StageMap(label="Новая", next=["talk"]), "talk": StageMap(label="Разговор")},
            field={"name": FieldMap(system="name", write=True)},
        )
    },
)


class Crm(MemoryCRM):
    """Working days can be out of reach."""

    silent: Fault | None = None
    ask_anew: Callable[[], Fault | None] | None = None  #: what each question meets, in turn

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.workdays = Days(self)


class Days(MemoryWorkdays):
    def __init__(self, crm: Crm) -> None:
        super().__init__(crm)
        self.office = crm

    def statuses(self, people: Any) -> Any:
        fault = self.office.ask_anew() if self.office.ask_anew else self.office.silent
        if fault:
            self.office.called.append("workdays")
            raise fault
        return super().statuses(people)


class Day(World):
    def __init__(self, url: str, *, paused_counts: bool = False) -> None:
        self.notified: list[list[str]] = []
        hooks = dict(collect([assignment, stage_lock, workday]))
        hooks[ELIGIBILITY_CHANGED.name] = (lambda _portal, people: self.notified.append(sorted(people)),)
        super().__init__(
            url, SET, [stage_lock, workday], installed=[assignment], hooks=hooks, crm=Crm, public_url="https://annex.example",
            settings={
                "stage_lock": {"override": ["Продажи"]},
                "workday": {"groups": ["продажи"], "paused_counts": paused_counts},
            },
        )  # fmt: skip
        self.anna = self.hire("Анна", "open", groups=("Продажи",))
        self.boris = self.hire("Борис", "closed", groups=("Продажи",))
        self.head = self.hire("Вера", "closed", heads=("Продажи",))
        self.other = self.hire("Глеб", "closed", groups=("Склад",))
        stage_lock.every[0].run(self.portal)
        self.clock.advance(seconds=1)

    def hire(self, name: str, day: Workday, **more: Any) -> str:
        ref = self.crm.staff.hire(name)
        self.crm.persons[-1] = replace(self.crm.persons[-1], **more)
        self.crm.days[ref.id] = day
        return ref.id

    def poll(self) -> None:
        workday.every[0].run(self.portal)

    def move(self, deal: str, stage: str, author: str) -> None:
        self.clock.advance(seconds=30)
        self.crm.staff.move(deal, stage, author=author)
        self.sync(deal)

    def serve(self, **more: Any) -> Served:
        return super().serve(framed_by=("https://crm.example",), **more)

    def browser(self, person: str, role: str = "staff") -> Any:
        """A signed-in test client."""
        return self.client(person, role)
