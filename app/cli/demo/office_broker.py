"""A broker's staff at work in the emulated Bitrix24, in its own pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from app.cli.demo.portal_bitrix24 import COMPANY, CONTACT, DEAL, LEAD, Staff

SALES, SERVICE = "Отдел продаж", "Отдел сопровождения"
FIRST_PIPELINE, NEXT_PIPELINE = "Продажи", "Сопровождение"
SOURCES = ("WEB", "CALL", "EMAIL")


class BrokerOffice(Staff):
    """The portal as its people use it. A record is named by its kind, `DEAL` or another of these, and its number."""

    LEAD, DEAL, CONTACT, COMPANY = LEAD, DEAL, CONTACT, COMPANY
    CLIENTS: ClassVar[Mapping[str, int]] = {"contact": CONTACT, "company": COMPANY}

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.doors = self.control
        departments = {str(one["NAME"]): one for one in self.ask("1", "department.get", {})}
        self.sales = departments[SALES]
        users = self.ask("1", "user.get", {"FILTER": {"ACTIVE": True}})
        self.names = {str(one["ID"]): f"{one.get('NAME', '')} {one.get('LAST_NAME', '')}".strip() for one in users}
        self.head = str(self.sales["UF_HEAD"])
        self.managers, self.service = (_people(users, departments[name]) for name in (SALES, SERVICE))
        pipelines = self.ask("1", "crm.category.list", {"entityTypeId": DEAL})["categories"]
        numbers = {one["name"]: one["id"] for one in pipelines}
        self.pipeline, self.next_pipeline = numbers[FIRST_PIPELINE], numbers[NEXT_PIPELINE]
        self.stage = self._stages_of(self.pipeline)
        self.label = {
            code: name
            for pipeline in (self.pipeline, self.next_pipeline)
            for name, code in self._stages_of(pipeline).items()
        }

    def _stages_of(self, pipeline: int) -> dict[str, str]:
        found = self.ask("1", "crm.status.list", {"filter": {"ENTITY_ID": f"DEAL_STAGE_{pipeline}"}})
        return {one["NAME"]: one["STATUS_ID"] for one in found}

    def day(self, who: str, status: str) -> None:
        self.doors("workday", {"user": who, "status": status})

    # --- leads and deals ------------------------------------------------------------------------------------------------

    def new_lead(self, number: int) -> int:
        return self.lead_of(SOURCES[number % 3], f"Заявка {number}", phone=f"+7495{number:07d}", name="Клиент")

    def lead_of(self, source: str, title: str, **known: str) -> int:
        """Somebody filled a form, called or wrote, and the portal made a lead; `known`: phone, email, name."""
        return int(self.doors("lead", {"source": source, "title": title, **known})["id"])

    def convert(self, who: str, lead: int, kind: str, client: Mapping[str, Any], title: str) -> tuple[str, int]:
        """Who has the lead makes a "contact" or a "company" of it, and a deal, as the CRM does: what it knows goes along."""
        known = self.item(LEAD, lead)
        communications = [{name: one[name] for name in ("typeId", "valueType", "value")} for one in known["fm"]]
        card = self.add(who, self.CLIENTS[kind], {}, fm=communications, assignedById=who, **client)
        deal = self.new_deal(who, title, **{f"{kind}Id": card})
        self.fill(who, LEAD, lead, {}, stageId="CONVERTED")
        return str(card), deal

    def new_deal(self, who: str, title: str, **client: int) -> int:
        return self.add(who, DEAL, {}, title=title, categoryId=self.pipeline, assignedById=who, **client)

    def move(self, who: str, deal: int, label: str) -> None:
        self.fill(who, DEAL, deal, {}, stageId=self.stage[label])

    def stage_of(self, deal: int) -> str:
        item = self.item(DEAL, deal)
        return str(self.label.get(item["stageId"], item["stageId"]))

    def owner(self, lead: int) -> str:
        return str(self.item(LEAD, lead)["assignedById"])

    def notices(self, who: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.doors(f"notifications?user={who}")["notifications"]
        return found

    def told(self, kind: int, record: int | str) -> list[str]:
        """What stands in the comments of a deal's or a client's card, oldest first."""
        name = {DEAL: "task", CONTACT: "contact"}[kind]
        return [str(one["description"]) for one in self.comments(name, record)]


def _people(users: list[dict[str, Any]], department: Mapping[str, Any]) -> list[str]:
    """Who works there, without who leads them."""
    found = [str(one["ID"]) for one in users if int(department["ID"]) in (one.get("UF_DEPARTMENT") or [])]
    return sorted(set(found) - {str(department["UF_HEAD"])}, key=int)
