"""Staff at work: people who use the emulated Bitrix24 in its own pages. Everything by its label, as they see it.

The story is the same whichever CRM it is played in, so values have the shapes that story.py uses: dates as `{"date": …}`,
people and cards as `{"id": …}`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import requests

from kernel.errors import Unreachable

DEAL, CONTACT = 2, 3
PIPELINE = "Обмін валют"
CARDS = {
    "contact:801": "Партнер Альфа", "contact:802": "Партнер Бета", "contact:803": "Партнер Гамма",
    "contact:811": "Олена Коваленко", "contact:812": "Тарас Шевчук", "contact:813": "ТОВ «Гранд»",
}  # fmt: skip
PAGE = 50
CONTACT_TYPES = {"Клієнт": "CLIENT", "Партнер": "PARTNER"}
TIMELINES = {"task": "deal", "contact": "contact"}


class Doors:
    """The sandbox's own doors: faults, clock, waiting, and staff at work."""

    def __init__(self, address: str) -> None:
        self._address, self.session = address.rstrip("/"), requests.Session()
        self.session.trust_env = False

    def __call__(self, door: str, body: Mapping[str, Any] | None = None) -> Any:
        url = f"{self._address}/sandbox/{door}"
        response = (
            self.session.post(url, json=body or {}, timeout=150) if body is not None else self.session.get(url, timeout=30)
        )
        if response.status_code >= 400:
            raise Unreachable(f"sandbox door {door}: {response.status_code} {response.text[:200]}")
        return response.json()

    def ask(self, who: str, method: str, params: Mapping[str, Any]) -> Any:
        """A REST method as that person's own page would call it."""
        answer = self("as-user", {"user": who.rpartition(":")[2], "method": method, "params": dict(params)})
        if "error" in answer:
            raise Unreachable(f"{method}: {answer}")
        return answer["result"]


class Office:
    """The portal as staff see it."""

    def __init__(self, address: str, accounts: list[Mapping[str, Any]]) -> None:
        self.control = Doors(address)
        self._ask = self.control.ask
        self._names = {str(account["id"]): str(account["name"]) for account in accounts}
        self.people = [f"user:{account['id']}" for account in accounts]
        pipelines = self._ask("1", "crm.category.list", {"entityTypeId": DEAL})["categories"]
        self._pipeline = next(one["id"] for one in pipelines if one["name"] == PIPELINE)
        stages = self._ask("1", "crm.status.list", {"filter": {"ENTITY_ID": f"DEAL_STAGE_{self._pipeline}"}})
        self._stage = {one["NAME"]: one["STATUS_ID"] for one in stages}
        self._label = {code: label for label, code in self._stage.items()}
        types = self._ask("1", "crm.type.list", {})["types"]
        self._table = {one["title"]: int(one["entityTypeId"]) for one in types}
        self._fields = {number: self._fields_of(number) for number in (DEAL, CONTACT, *self._table.values())}
        self._choices: dict[str, dict[str, str]] = {}
        self._cards: dict[str, str] = {}
        for known, name in CARDS.items():
            made = self._ask("1", "crm.item.add", {"entityTypeId": CONTACT, "fields": {"name": name}})
            self._cards[known] = str(made["item"]["id"])
        # Of the numbers that stand for those cards none may be another card's own.
        while int(made["item"]["id"]) < max(int(known.rpartition(":")[2]) for known in CARDS):
            made = self._ask("1", "crm.item.add", {"entityTypeId": CONTACT, "fields": {"name": "-"}})
            self._ask("1", "crm.item.delete", {"entityTypeId": CONTACT, "id": made["item"]["id"]})

    def close(self) -> None:
        self.control.session.close()

    # --- what staff do --------------------------------------------------------------------------------------------------

    def new_deal(self, who: str, name: str, fields: Mapping[str, Any], *, client: str = "") -> int:
        values = {"title": name, "categoryId": self._pipeline, **self._wire(DEAL, fields)}
        if client:
            values["contactId"] = self._card(client)
        made = self._ask(who, "crm.item.add", {"entityTypeId": DEAL, "fields": values, "useOriginalUfNames": "Y"})
        return int(made["item"]["id"])

    def add_row(self, who: str, deal: int, values: Mapping[str, Any]) -> int:
        number = self._table["Операція"]
        body = {"parentId2": deal, **self._wire(number, values)}
        made = self._ask(who, "crm.item.add", {"entityTypeId": number, "fields": body, "useOriginalUfNames": "Y"})
        return int(made["item"]["id"])

    def delete(self, who: str, deal: int) -> None:
        self._ask(who, "crm.item.delete", {"entityTypeId": DEAL, "id": deal})

    def edit_row(self, who: str, key: int, values: Mapping[str, Any]) -> None:
        number = self._table["Операція"]
        body = {"entityTypeId": number, "id": key, "fields": self._wire(number, values), "useOriginalUfNames": "Y"}
        self._ask(who, "crm.item.update", body)

    def move(self, who: str, deal: int, stage: str) -> None:
        body = {"entityTypeId": DEAL, "id": deal, "fields": {"stageId": self._stage[stage]}}
        self._ask(who, "crm.item.update", body)

    def press(self, who: str, deal: int, button: str) -> Any:
        """A robot of ours, run by hand on the deal."""
        found = next(one for one in self.control("robots")["offered"] if button.lower() in str(one["name"]).lower())
        return self.control("robot/run", {"code": found["code"], "deal": deal})

    def new_contact(self, who: str, template: str, values: Mapping[str, Any], fields: Mapping[str, Any]) -> str:
        """A card of that type; `values` are the system's own fields, `fields` those with a label."""
        body = {**values, "typeId": CONTACT_TYPES[template], **self._wire(CONTACT, fields)}
        made = self._ask(who, "crm.item.add", {"entityTypeId": CONTACT, "fields": body, "useOriginalUfNames": "Y"})
        return str(made["item"]["id"])

    def merge_contacts(self, who: str, survivor: str, gone: str) -> None:
        """As the CRM does it: what names the one card names the other, then the one is deleted."""
        number, code = self._table["Операція"], self._fields[self._table["Операція"]]["Партнер"]["code"]
        for item in list(self._items(number, {code: self._card(gone)})):
            self.edit_row(who, int(item["id"]), {"Партнер": {"id": f"contact:{survivor}"}})
        self._ask(who, "crm.item.delete", {"entityTypeId": CONTACT, "id": self._card(gone)})

    def press_on_card(self, who: str, contact: str, button: str) -> Any:
        """A card has no buttons here: what to do is chosen in a field."""
        fields = self._wire(CONTACT, {"Дія з чатом": button})
        body = {"entityTypeId": CONTACT, "id": self._card(contact), "fields": fields, "useOriginalUfNames": "Y"}
        return self._ask(who, "crm.item.update", body)

    def task_with(self, who: str, contact: str, name: str, due: date) -> int:
        """Somebody gives themselves a task that is bound to that card."""
        fields = {
            "TITLE": name, "RESPONSIBLE_ID": who.rpartition(":")[2], "UF_CRM_TASK": [f"C_{self._card(contact)}"],
            "DEADLINE": f"{due}T19:00:00+03:00",
        }  # fmt: skip
        return int(self._ask(who, "tasks.task.add", {"fields": fields})["task"]["id"])

    def comment(
        self, who: str, kind: str, number: str | int, text: str, files: Mapping[str, bytes] | None = None
    ) -> str:  # fmt: skip
        """Somebody writes a comment in the timeline of a "task" (a deal) or a "contact", with these files; its id."""
        fields: dict[str, Any] = {"ENTITY_ID": number, "ENTITY_TYPE": TIMELINES[kind], "COMMENT": text}
        if files:
            fields["FILES"] = [[name, base64.b64encode(content).decode()] for name, content in files.items()]
        return str(self._ask(who, "crm.timeline.comment.add", {"fields": fields}))

    def edit_comment(self, who: str, kind: str, number: str | int, comment: str, text: str) -> None:
        self._ask(who, "crm.timeline.comment.update", {"id": comment, "fields": {"COMMENT": text}})

    def comments(self, kind: str, number: str | int) -> list[Mapping[str, Any]]:
        """The comments of a record as the portal keeps them, oldest first."""
        where = {"ENTITY_ID": number, "ENTITY_TYPE": TIMELINES[kind]}
        body = {"filter": where, "order": {"ID": "ASC"}, "select": ["ID", "COMMENT", "AUTHOR_ID", "FILES"]}
        found = self._ask("1", "crm.timeline.comment.list", body)
        return [{"id": one["ID"], "description": one["COMMENT"], "files": one.get("FILES") or ()} for one in found]

    def open_page(self, who: str, place: str, **options: str) -> requests.Response:
        """A page of ours as the portal opens it for that person: in the browser this happens inside a frame."""
        asked = self.control("open", {"placement": place, "user": who.rpartition(":")[2], "options": options})
        return self.control.session.post(asked["url"], data=asked["fields"], timeout=30)

    # --- what staff see -------------------------------------------------------------------------------------------------

    def read_field(self, deal: int, label: str) -> Any:
        item = self._ask("1", "crm.item.get", {"entityTypeId": DEAL, "id": deal, "useOriginalUfNames": "Y"})["item"]
        return self._displayed(DEAL, label, item.get(self._fields[DEAL][label]["code"]))

    def contact_field(self, contact: str, label: str) -> Any:
        body = {"entityTypeId": CONTACT, "id": self._card(contact), "useOriginalUfNames": "Y"}
        item = self._ask("1", "crm.item.get", body)["item"]
        return self._displayed(CONTACT, label, item.get(self._fields[CONTACT][label]["code"]))

    def rows_of(self, table: str, contact: str) -> list[dict[str, Any]]:
        number = self._table[table]
        filters = {"parentId3": self._card(contact)}
        fields = self._fields[number]
        return [
            {label: self._displayed(number, label, item.get(field["code"])) for label, field in fields.items()}
            for item in self._items(number, filters)
        ]

    def deals(self) -> list[dict[str, Any]]:
        """Every deal with its stage, its client's card and the fields that Annex writes."""
        names = {str(one["id"]): str(one.get("name") or "") for one in self._items(CONTACT, {})}
        found = []
        for item in self._items(DEAL, {"categoryId": self._pipeline}):
            fields = {
                label: self._displayed(DEAL, label, item.get(one["code"])) for label, one in self._fields[DEAL].items()
            }
            card = str(item.get("contactId") or "")
            client = {"id": card, "name": names.get(card, "")} if card not in ("", "0") else None
            status = {"name": self._label.get(item["stageId"], item["stageId"])}
            found.append({"id": item["id"], "status": status, "counterparty": client, "fields": fields})
        return found

    def field_of(self, deal: Mapping[str, Any], label: str) -> Any:
        return deal["fields"].get(label)

    # --- inside ---------------------------------------------------------------------------------------------------------

    def _items(self, number: int, filters: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        last = 0
        while True:
            body = {
                "entityTypeId": number, "filter": {**filters, ">id": last}, "order": {"id": "ASC"}, "start": -1,
                "useOriginalUfNames": "Y", "select": ["*", "UF_*", "uf_*"],
            }  # fmt: skip
            page = self._ask("1", "crm.item.list", body)["items"]
            yield from page
            if len(page) < PAGE:
                return
            last = page[-1]["id"]

    def _fields_of(self, number: int) -> dict[str, dict[str, Any]]:
        """Custom fields by label: code, type and the choices."""
        body = {"entityTypeId": number, "useOriginalUfNames": "Y"}
        fields = self._ask("1", "crm.item.fields", body)["fields"]
        return {
            str(one["title"]): {
                "code": name, "type": one["type"],
                "choices": {str(item["VALUE"]): str(item["ID"]) for item in one.get("items") or []},
            }
            for name, one in fields.items()
            if name.upper().startswith("UF_")
        }  # fmt: skip

    def _wire(self, number: int, values: Mapping[str, Any]) -> dict[str, Any]:
        return {self._fields[number][label]["code"]: self._one(number, label, value) for label, value in values.items()}

    def _one(self, number: int, label: str, value: Any) -> Any:
        field = self._fields[number][label]
        if field["type"] == "enumeration":
            return field["choices"].get(value, value)
        match value:
            case bool():
                return "Y" if value else "N"
            case Decimal():
                return format(value, "f")
            case {"id": str(card)}:
                return self._card(card)
            case {"date": str(day)}:
                return f"{day[6:10]}-{day[3:5]}-{day[0:2]}"
        return value

    def _displayed(self, number: int, label: str, value: Any) -> Any:
        field = self._fields[number][label]
        if value in (None, "", [], False):
            return None
        if field["type"] == "employee":
            return {"id": str(value), "name": self._names.get(str(value), "")}
        if field["type"] in ("date", "datetime"):
            return {"date": date.fromisoformat(str(value)[:10]).strftime("%d-%m-%Y")}
        if field["type"] == "enumeration":
            return next((text for text, one in field["choices"].items() if one == str(value)), value)
        if label in ("Сума",):
            return Decimal(str(value).replace(" ", "").replace("\u00a0", "").replace(",", "."))
        return value

    def _card(self, contact: str) -> str:
        return self._cards.get(contact, contact.rpartition(":")[2])
