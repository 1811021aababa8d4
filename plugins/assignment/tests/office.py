"""A sales office for tests: a CRM in memory with leads, deals and staff; real database, look and calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kernel.crm import Ref
from kernel.extension import Plugin
from kernel.extension.portal import Portal
from kernel.mapping import EntityMap, FieldMap, MappingSet, PortalMap, StageMap
from kernel.testing import World, roles
from plugins.assignment import api, check, eligibility, plugin
from plugins.assignment.hooks import ELIGIBILITY_CHANGED, UNFIT
from plugins.assignment.rules import Reason
from plugins.assignment.settings import AssignmentSettings

PORTAL = "memory/main"
SALES, CARE = "Отдел продаж", "Отдел заботы"
SOURCES = {"call": "Звонок", "web": "Сайт", "email": "Почта", "portal": "Госуслуги", "hand": "Вручную"}


def entity(name: str) -> EntityMap:
    return EntityMap(
        entity=name,
        stage={
            "new": StageMap(label="Новый", start=True, next=["work"]),
            "work": StageMap(label="В работе", next=["won", "lost"]),
            "won": StageMap(label="Успех", outcome="won"),
            "lost": StageMap(label="Отказ", outcome="lost"),
        },
        field={
            "name": FieldMap(system="name", write=True),
            "assigned": FieldMap(system="assigned", type="user", write=True),
            "source": FieldMap(label="Источник", type="choice", values=SOURCES),
            "phone": FieldMap(system="phone", write=True),
            "email": FieldMap(system="email", write=True),
        },
    )


SET = MappingSet(
    "office",
    PortalMap(
        connector="memory",
        language="ru",
        time_zone="Europe/Moscow",
        role=roles(head=("heads", "stage_lock", "workday", "workday.team"), staff=("workday",)),
    ),
    {"lead": entity("lead"), "deal": entity("deal")},
)


class Office(World):
    """`not_begun` says whose working day is not open; who is not in it has begun."""

    entity = "lead"

    def __init__(
        self, url: str, plugins: Sequence[Plugin] = (plugin,), *, seed: int | None = None, hooks: Any = None,
        others: Mapping[str, Any] | None = None, **queue: Any,
    ) -> None:  # fmt: skip
        """`queue`: single settings of the one queue; `others`: settings by plugin."""
        self.not_begun: set[str] = set()
        self.asked = 0
        settings = {"assignment": self.made(**queue), **(others or {})}
        unfit = {UNFIT.name: (self.unfit,)} if hooks is None else hooks
        super().__init__(url, SET, plugins, settings=settings, seed=seed, hooks=unfit)
        self.staff = self.crm.staff
        self.default = self.staff.hire("Портал", "robot")
        self.head = self.staff.hire("Глава Продаж", groups=[SALES], heads=[SALES])

    @staticmethod
    def made(**changed: Any) -> AssignmentSettings:
        queue = {"entity": "lead", "groups": [SALES], "sources": ["call", "web", "email", "portal"], **changed}
        return AssignmentSettings.model_validate({"queue": {"sales": queue}})

    @property
    def settings(self) -> AssignmentSettings:
        return self.portal.settings("assignment", AssignmentSettings)

    def unfit(self, _portal: Portal, ids: Sequence[str]) -> Mapping[str, Reason]:
        self.asked += 1
        return {one: Reason("day_not_started") for one in ids if one in self.not_begun}

    # --- people and records ---------------------------------------------------------------------------------------------

    def hire(self, *names: str, group: str = SALES) -> list[Ref]:
        return [self.staff.hire(name, groups=[group]) for name in names]

    def dismiss(self, person: Ref) -> None:
        self.staff.dismiss(person.id)

    def lead(self, source: str = "call", *, sync: bool = True, entity: str = "lead", **more: Any) -> str:
        """One that the CRM makes by itself, standing on the portal's own name."""
        filled = {"name": "Лид", "assigned": self.default, "source": source, **more}
        self.clock.advance(milliseconds=10)
        made = self.staff.new(entity, stage=filled.pop("stage", "new"), author=filled.pop("author", ""), **filled)
        if sync:
            self.sync(made, entity=entity)
        return made

    def ask(self, queue: str) -> None:
        """Who is eligible is read and kept; nothing is given out."""
        found = eligibility.read(self.portal, queue)
        with self.portal.unit() as unit:
            eligibility.keep(unit, queue, found)

    def begin_day(self, person: Ref) -> None:
        self.not_begun.discard(person.id)
        for hook in ELIGIBILITY_CHANGED.functions(self.portal):
            hook(self.portal, [person.id])
        self.run()

    def exclude(self, person: Ref, **more: Any) -> None:
        self.act(lambda unit: api.exclude(unit, person.id, by="Глава Продаж", reason="обучение", **more))

    def lift_exclusion(self, person: Ref) -> None:
        self.act(lambda unit: api.lift_exclusion(unit, person.id, by="Глава Продаж"))

    # --- what a test asks -----------------------------------------------------------------------------------------------

    def owner(self, record: str, entity: str = "lead") -> str:
        value = self.crm.record(entity, record).values["assigned"]
        return value.name if isinstance(value, Ref) else ""

    def decision(self, record: str, entity: str = "lead") -> Any:
        with self.portal.read() as unit:
            return api.decision(unit, entity, record)

    def outcome(self, record: str, entity: str = "lead") -> str:
        found = self.decision(record, entity)
        return found.outcome if found else ""

    def waiting(self, queue: str = "sales") -> list[str]:
        with self.portal.read() as unit:
            return [one.record_id for one in api.waiting(unit, queue, most=100_000)]

    def members(self, queue: str = "sales") -> dict[str, Any]:
        with self.portal.read() as unit:
            return {one.name: one for each in api.queues(unit) if each.name == queue for one in each.members}

    def left_out(self, record: str) -> dict[str, list[str]]:
        body = self.decision(record).body
        return {one["name"]: [reason["code"] for reason in one["reasons"]] for one in body["left_out"]}

    def writes(self, record: str = "") -> list[str]:
        """Names written as responsible, in order."""
        return [
            effect.values["assigned"].name
            for effect in self.crm.effects
            if effect.verb == "update" and record in ("", effect.record_id)
        ]

    def faults(self) -> list[str]:
        with self.portal.read() as unit:
            return list(check.faults(unit))
