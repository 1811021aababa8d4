"""The emulated Bitrix24 as its staff see it: its doors, its pages, and records whose fields go by their labels.

Values have the shapes that a story has in any CRM: dates as `{"date": …}`, people and cards as `{"id": …}`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import requests

from kernel.errors import Unreachable

LEAD, DEAL, CONTACT, COMPANY = 1, 2, 3, 4
PAGE = 50
TIMELINES = {"task": "deal", "contact": "contact"}
PAGE_SECONDS = 120


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


class Staff:
    """People at work in that portal."""

    def __init__(self, address: str) -> None:
        self.control = Doors(address)
        self.ask = self.control.ask
        self.names: dict[str, str] = {}
        self._fields: dict[int, dict[str, dict[str, Any]]] = {}

    def close(self) -> None:
        self.control.session.close()

    # --- records --------------------------------------------------------------------------------------------------------

    def add(self, who: str, number: int, fields: Mapping[str, Any], **system: Any) -> int:
        """A record of that kind; `fields` by label, the system's own by their names."""
        body = {"entityTypeId": number, "fields": {**system, **self._wire(number, fields)}, "useOriginalUfNames": "Y"}
        return int(self.ask(who, "crm.item.add", body)["item"]["id"])

    def fill(self, who: str, number: int, record: int | str, fields: Mapping[str, Any], **system: Any) -> None:
        body = {"entityTypeId": number, "id": record, "fields": {**system, **self._wire(number, fields)}}
        self.ask(who, "crm.item.update", {**body, "useOriginalUfNames": "Y"})

    def delete_record(self, who: str, number: int, record: int | str) -> None:
        self.ask(who, "crm.item.delete", {"entityTypeId": number, "id": record})

    def item(self, number: int, record: int | str) -> dict[str, Any]:
        body = {"entityTypeId": number, "id": record, "useOriginalUfNames": "Y"}
        found: dict[str, Any] = self.ask("1", "crm.item.get", body)["item"]
        return found

    def shown(self, number: int, item: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a record, by label."""
        return {
            label: self._displayed(number, label, item.get(one["code"])) for label, one in self.fields_of(number).items()
        }

    def items(self, number: int, filters: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        last = 0
        while True:
            body = {
                "entityTypeId": number, "filter": {**filters, ">id": last}, "order": {"id": "ASC"}, "start": -1,
                "useOriginalUfNames": "Y", "select": ["*", "UF_*", "uf_*"],
            }  # fmt: skip
            page = self.ask("1", "crm.item.list", body)["items"]
            yield from page
            if len(page) < PAGE:
                return
            last = page[-1]["id"]

    # --- comments and pages ---------------------------------------------------------------------------------------------

    def comment(
        self, who: str, kind: str, number: str | int, text: str, files: Mapping[str, bytes] | None = None
    ) -> str:  # fmt: skip
        """Somebody writes a comment in the timeline of a "task" (a deal) or a "contact", with these files; its id."""
        fields: dict[str, Any] = {"ENTITY_ID": number, "ENTITY_TYPE": TIMELINES[kind], "COMMENT": text}
        if files:
            fields["FILES"] = [[name, base64.b64encode(content).decode()] for name, content in files.items()]
        return str(self.ask(who, "crm.timeline.comment.add", {"fields": fields}))

    def edit_comment(self, who: str, kind: str, number: str | int, comment: str, text: str) -> None:
        self.ask(who, "crm.timeline.comment.update", {"id": comment, "fields": {"COMMENT": text}})

    def comments(self, kind: str, number: str | int) -> list[Mapping[str, Any]]:
        """The comments of a record as the portal keeps them, oldest first."""
        where = {"ENTITY_ID": number, "ENTITY_TYPE": TIMELINES[kind]}
        body = {"filter": where, "order": {"ID": "ASC"}, "select": ["ID", "COMMENT", "AUTHOR_ID", "FILES"]}
        found = self.ask("1", "crm.timeline.comment.list", body)
        return [{"id": one["ID"], "description": one["COMMENT"], "files": one.get("FILES") or ()} for one in found]

    def browse(
        self, who: str, place: str, *, handler: str = "", forged: Mapping[str, str] | None = None, **options: Any
    ) -> tuple[requests.Session, requests.Response]:
        """That person opens a page of ours, as the portal opens it in a frame, in a browser of their own, which the caller
        closes. `handler`: which of the pages at that place; `forged` in place of what the portal sends."""
        asked = self.control(
            "open", {"placement": place, "user": who.rpartition(":")[2], "handler": handler, "options": options}
        )
        browser = requests.Session()
        browser.trust_env = False
        return browser, browser.post(asked["url"], data={**asked["fields"], **(forged or {})}, timeout=PAGE_SECONDS)

    def fields_of(self, number: int) -> dict[str, dict[str, Any]]:
        """Custom fields by label: code, type and the choices."""
        if number in self._fields:
            return self._fields[number]
        body = {"entityTypeId": number, "useOriginalUfNames": "Y"}
        fields = self.ask("1", "crm.item.fields", body)["fields"]
        self._fields[number] = found = {
            str(one["title"]): {
                "code": name, "type": one["type"],
                "choices": {str(item["VALUE"]): str(item["ID"]) for item in one.get("items") or []},
            }
            for name, one in fields.items()
            if name.upper().startswith("UF_")
        }  # fmt: skip
        return found

    def _wire(self, number: int, values: Mapping[str, Any]) -> dict[str, Any]:
        fields = self.fields_of(number)
        return {fields[label]["code"]: self._one(number, label, value) for label, value in values.items()}

    def _one(self, number: int, label: str, value: Any) -> Any:
        field = self.fields_of(number)[label]
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
        field = self.fields_of(number)[label]
        if value in (None, "", [], False):
            return None
        if field["type"] == "employee":
            return {"id": str(value), "name": self.names.get(str(value), "")}
        if field["type"] in ("date", "datetime"):
            return {"date": date.fromisoformat(str(value)[:10]).strftime("%d-%m-%Y")}
        if field["type"] == "enumeration":
            return next((text for text, one in field["choices"].items() if one == str(value)), value)
        if label in ("Сума",):
            return Decimal(str(value).replace(" ", "").replace("\u00a0", "").replace(",", "."))
        return value

    def _card(self, contact: str) -> str:
        """The number of a card that a story names."""
        return contact.rpartition(":")[2]
