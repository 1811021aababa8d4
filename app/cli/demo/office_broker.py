"""A broker's staff at work in the emulated Bitrix24, in its own pages."""

from __future__ import annotations

from typing import Any

from app.cli.demo.office_bitrix24 import Doors

SALES = "Отдел продаж"
SOURCES = ("WEB", "CALL", "EMAIL")


class BrokerOffice:
    """The portal as its people use it."""

    def __init__(self, address: str) -> None:
        self.doors = self.control = Doors(address)
        self.ask = self.doors.ask
        departments = {str(one["ID"]): one for one in self.ask("1", "department.get", {})}
        self.sales = next(one for one in departments.values() if one["NAME"] == SALES)
        users = self.ask("1", "user.get", {"FILTER": {"ACTIVE": True}})
        self.names = {str(one["ID"]): f"{one.get('NAME', '')} {one.get('LAST_NAME', '')}".strip() for one in users}
        self.head = str(self.sales["UF_HEAD"])
        mine = [str(one["ID"]) for one in users if int(self.sales["ID"]) in (one.get("UF_DEPARTMENT") or [])]
        self.managers = sorted(set(mine) - {self.head}, key=int)
        pipelines = self.ask("1", "crm.category.list", {"entityTypeId": 2})["categories"]
        self.pipeline = next(one["id"] for one in pipelines if one["name"] == "Продажи")
        stages = self.ask("1", "crm.status.list", {"filter": {"ENTITY_ID": f"DEAL_STAGE_{self.pipeline}"}})
        self.stage = {one["NAME"]: one["STATUS_ID"] for one in stages}
        self.label = {code: name for name, code in self.stage.items()}

    def close(self) -> None:
        self.doors.session.close()

    def day(self, who: str, status: str) -> None:
        self.doors("workday", {"user": who, "status": status})

    def new_deal(self, who: str, title: str) -> int:
        body = {"title": title, "categoryId": self.pipeline, "assignedById": who}
        return int(self.ask(who, "crm.item.add", {"entityTypeId": 2, "fields": body})["item"]["id"])

    def move(self, who: str, deal: int, label: str) -> None:
        self.ask(who, "crm.item.update", {"entityTypeId": 2, "id": deal, "fields": {"stageId": self.stage[label]}})

    def stage_of(self, deal: int) -> str:
        item = self.ask("1", "crm.item.get", {"entityTypeId": 2, "id": deal})["item"]
        return str(self.label.get(item["stageId"], item["stageId"]))

    def new_lead(self, number: int) -> int:
        phone = f"+7495{number:07d}"
        made = self.doors(
            "lead", {"source": SOURCES[number % 3], "title": f"Заявка {number}", "phone": phone, "name": "Клиент"}
        )
        return int(made["id"])

    def owner(self, lead: int) -> str:
        return str(self.ask("1", "crm.item.get", {"entityTypeId": 1, "id": lead})["item"]["assignedById"])

    def notices(self, who: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.doors(f"notifications?user={who}")["notifications"]
        return found
