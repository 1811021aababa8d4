"""A World with the stage lock and the terms, and its people."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask.testing import FlaskClient

from kernel.crm import Ref
from kernel.mapping import EntityMap, FieldMap, MappingSet, PortalMap, StageMap
from kernel.testing import World, roles
from plugins.stage_lock import plugin as stage_lock
from plugins.terms import plugin as terms
from plugins.terms import store
from plugins.terms.model import Fill, Question

YES_NO = {"yes": "да", "no": "нет"}
TERMS = {"terms_margin": "Маржинальная торговля", "terms_derivatives": "Срочный рынок", "terms_iis": "ИИС"}
ALL = dict.fromkeys(TERMS, "да")
ANSWERED = dict.fromkeys(TERMS, "yes")
TEMPLATE = "Условия договора"
STAGES = {
    "offer": ("Предложение", ["terms", "refused"]), "terms": ("Условия договора", ["push", "offer", "refused"]),
    "push": ("Передача", ["opened", "terms"]), "opened": ("Счёт открыт", []), "refused": ("Отказ", []),
}  # fmt: skip
PORTAL = "memory/main"


def the_set() -> MappingSet:
    fields = {
        "name": FieldMap(system="name", write=True),
        "assigned": FieldMap(system="assigned", type="user", write=True),
        **{name: FieldMap(label=label, type="choice", values=YES_NO, write=True) for name, label in TERMS.items()},
    }
    stages = {name: StageMap(label=label, next=after) for name, (label, after) in STAGES.items()}
    portal = PortalMap(
        connector="memory", language="ru", time_zone="Europe/Moscow", role=roles(head=("terms",), staff=("terms",))
    )
    return MappingSet("terms", portal, {"deal": EntityMap(entity="deal", stage=stages, field=fields)})


class Office(World):
    def __init__(self, url: str, *, template: bool = False, **more: Any) -> None:
        super().__init__(
            url, the_set(), [stage_lock, terms], public_url="https://annex.example",
            settings={"stage_lock": {"override": ["Продажи"]}, "terms": {"template": TEMPLATE}}, **more,
        )  # fmt: skip
        self.irina, self.boris = self._hire("Ирина Белова"), self._hire("Борис")
        self.head = self._hire("Вера Главная", heads=("Продажи",))
        self.stranger = self._hire("Глеб", groups=("Склад",))
        self.template = self.crm.processes.design("deal", TEMPLATE) if template else ""
        self.work("stage_lock.settle")
        self.advance(seconds=1)

    def _hire(self, name: str, **more: Any) -> str:
        found = self.crm.staff.hire(name)
        self.crm.persons[-1] = replace(self.crm.persons[-1], **{"groups": ("Продажи",), **more})
        return str(found.id)

    # --- hands ----------------------------------------------------------------------------------------------------------

    def deal(self, stage: str = "terms", owner: str = "", **values: Any) -> str:
        """A deal that came to that stage; `values` as staff type them."""
        assigned = Ref(owner or self.irina)
        made = self.crm.staff.new("deal", stage="offer", author="Ирина Белова", name="Счёт", assigned=assigned, **values)
        self.sync(made)
        if stage != "offer":
            self.move(made, stage)
        return str(made)

    def move(self, deal: str, *stages: str, author: str = "Ирина Белова") -> None:
        for stage in stages:
            self.advance(seconds=90)
            self.crm.staff.move(deal, stage, author=author)
            self.sync(deal, author=author)

    def fill(self, deal: str, *, author: str = "Ирина Белова", **values: Any) -> None:
        """Somebody types answers into the card."""
        self.crm.staff.set("deal", deal, author=author, **values)
        self.sync(deal, author=author)

    def browser(self, person: str, role: str = "staff") -> FlaskClient:
        return self.client(person, role)

    def send(self, browser: FlaskClient, deal: str, seen: int = 0, **answers: str) -> Any:
        form = {"csrf": self.served.csrf(browser), "seen": str(seen), **answers}
        return browser.post(f"/terms/deal/{deal}", data=form)

    # --- what a test asks -----------------------------------------------------------------------------------------------

    def stage(self, deal: str) -> str | None:
        return self.crm.record("deal", deal).stage

    def question(self, deal: str) -> Question:
        with self.tx() as tx:
            found = store.load(tx, PORTAL, deal)
        assert found is not None
        return found

    def fills(self, deal: str) -> list[Fill]:
        with self.tx() as tx:
            return store.fills(tx, PORTAL, deal)

    def told(self, person: str) -> list[str]:
        return list(self.crm.notices.of(person))

    def running(self, deal: str) -> list[str]:
        return [one.person for one in self.crm.processes.begun if one.record_id == deal and not one.ended]

    def answers(self, deal: str) -> dict[str, Any]:
        return {name: self.crm.record("deal", deal).values[name] for name in TERMS}
