"""Staff at work: people who use the emulated Bitrix24 in its own pages. Everything by its label, as they see it.

The story is the same whichever CRM it is played in, so values have the shapes that story.py uses: dates as `{"date": …}`,
people and cards as `{"id": …}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import requests

from app.cli.demo.portal_bitrix24 import CONTACT, DEAL, Staff

PIPELINE = "Обмін валют"
CARDS = {
    "contact:801": "Партнер Альфа", "contact:802": "Партнер Бета", "contact:803": "Партнер Гамма",
    "contact:811": "Олена Коваленко", "contact:812": "Тарас Шевчук", "contact:813": "ТОВ «Гранд»",
}  # fmt: skip
CONTACT_TYPES = {"Клієнт": "CLIENT", "Партнер": "PARTNER"}


class Office(Staff):
    """The portal as staff see it."""

    def __init__(self, address: str, accounts: list[Mapping[str, Any]]) -> None:
        super().__init__(address)
        self.names = {str(account["id"]): str(account["name"]) for account in accounts}
        self.people = [f"user:{account['id']}" for account in accounts]
        pipelines = self.ask("1", "crm.category.list", {"entityTypeId": DEAL})["categories"]
        self._pipeline = next(one["id"] for one in pipelines if one["name"] == PIPELINE)
        stages = self.ask("1", "crm.status.list", {"filter": {"ENTITY_ID": f"DEAL_STAGE_{self._pipeline}"}})
        self._stage = {one["NAME"]: one["STATUS_ID"] for one in stages}
        self._label = {code: label for label, code in self._stage.items()}
        types = self.ask("1", "crm.type.list", {})["types"]
        self._table = {one["title"]: int(one["entityTypeId"]) for one in types}
        self._cards: dict[str, str] = {}
        for known, name in CARDS.items():
            made = self.ask("1", "crm.item.add", {"entityTypeId": CONTACT, "fields": {"name": name}})
            self._cards[known] = str(made["item"]["id"])
        # Of the numbers that stand for those cards none may be another card's own.
        while int(made["item"]["id"]) < max(int(known.rpartition(":")[2]) for known in CARDS):
            made = self.ask("1", "crm.item.add", {"entityTypeId": CONTACT, "fields": {"name": "-"}})
            self.ask("1", "crm.item.delete", {"entityTypeId": CONTACT, "id": made["item"]["id"]})

    # --- what staff do --------------------------------------------------------------------------------------------------

    def new_deal(self, who: str, name: str, fields: Mapping[str, Any], *, client: str = "") -> int:
        system = {"contactId": self._card(client)} if client else {}
        return self.add(who, DEAL, fields, title=name, categoryId=self._pipeline, **system)

    def add_row(self, who: str, deal: int, values: Mapping[str, Any]) -> int:
        return self.add(who, self._table["Операція"], values, parentId2=deal)

    def delete(self, who: str, deal: int) -> None:
        self.delete_record(who, DEAL, deal)

    def edit_row(self, who: str, key: int, values: Mapping[str, Any]) -> None:
        self.fill(who, self._table["Операція"], key, values)

    def move(self, who: str, deal: int, stage: str) -> None:
        body = {"entityTypeId": DEAL, "id": deal, "fields": {"stageId": self._stage[stage]}}
        self.ask(who, "crm.item.update", body)

    def press(self, who: str, deal: int, button: str) -> Any:
        """A robot of ours, run by hand on the deal."""
        found = next(one for one in self.control("robots")["offered"] if button.lower() in str(one["name"]).lower())
        return self.control("robot/run", {"code": found["code"], "deal": deal})

    def new_contact(self, who: str, template: str, values: Mapping[str, Any], fields: Mapping[str, Any]) -> str:
        """A card of that type; `values` are the system's own fields, `fields` those with a label."""
        return str(self.add(who, CONTACT, fields, **values, typeId=CONTACT_TYPES[template]))

    def merge_contacts(self, who: str, survivor: str, gone: str) -> None:
        """As the CRM does it: what names the one card names the other, then the one is deleted."""
        number = self._table["Операція"]
        code = self.fields_of(number)["Партнер"]["code"]
        for item in list(self.items(number, {code: self._card(gone)})):
            self.edit_row(who, int(item["id"]), {"Партнер": {"id": f"contact:{survivor}"}})
        self.delete_record(who, CONTACT, self._card(gone))

    def press_on_card(self, who: str, contact: str, button: str) -> None:
        """A card has no buttons here: what to do is chosen in a field."""
        self.fill(who, CONTACT, self._card(contact), {"Дія з чатом": button})

    def task_with(self, who: str, contact: str, name: str, due: date) -> int:
        """Somebody gives themselves a task that is bound to that card."""
        fields = {
            "TITLE": name, "RESPONSIBLE_ID": who.rpartition(":")[2], "UF_CRM_TASK": [f"C_{self._card(contact)}"],
            "DEADLINE": f"{due}T19:00:00+03:00",
        }  # fmt: skip
        return int(self.ask(who, "tasks.task.add", {"fields": fields})["task"]["id"])

    def open_page(self, who: str, place: str, **options: str) -> requests.Response:
        """A page of ours as the portal opens it for that person: in the browser this happens inside a frame."""
        asked = self.control("open", {"placement": place, "user": who.rpartition(":")[2], "options": options})
        return self.control.session.post(asked["url"], data=asked["fields"], timeout=30)

    # --- what staff see -------------------------------------------------------------------------------------------------

    def read_field(self, deal: int, label: str) -> Any:
        return self.shown(DEAL, self.item(DEAL, deal))[label]

    def contact_field(self, contact: str, label: str) -> Any:
        return self.shown(CONTACT, self.item(CONTACT, self._card(contact)))[label]

    def rows_of(self, table: str, contact: str) -> list[dict[str, Any]]:
        number = self._table[table]
        return [self.shown(number, item) for item in self.items(number, {"parentId3": self._card(contact)})]

    def deals(self) -> list[dict[str, Any]]:
        """Every deal with its stage, its client's card and the fields that Annex writes."""
        names = {str(one["id"]): str(one.get("name") or "") for one in self.items(CONTACT, {})}
        found = []
        for item in self.items(DEAL, {"categoryId": self._pipeline}):
            card = str(item.get("contactId") or "")
            client = {"id": card, "name": names.get(card, "")} if card not in ("", "0") else None
            status = {"name": self._label.get(item["stageId"], item["stageId"])}
            fields = self.shown(DEAL, item)
            found.append({"id": item["id"], "status": status, "counterparty": client, "fields": fields})
        return found

    def field_of(self, deal: Mapping[str, Any], label: str) -> Any:
        return deal["fields"].get(label)

    # --- inside ---------------------------------------------------------------------------------------------------------

    def _card(self, contact: str) -> str:
        return self._cards.get(contact, contact.rpartition(":")[2])
