"""Staff at work: people who use the emulated Planfix as themselves, over its REST API and its buttons."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import requests

from kernel.errors import Unreachable


class Office:
    """The portal as staff see it: everything by its label."""

    def __init__(self, address: str, accounts: list[Mapping[str, str]], robot: str) -> None:
        self._address, self._session = address.rstrip("/"), requests.Session()
        self._session.trust_env = False
        self._tokens = {account["id"]: account["token"] for account in accounts}
        self.people = [account["id"] for account in accounts]
        self._robot = robot
        boss = self._tokens["user:1"]
        objects = self._ask(boss, "POST", "/rest/object/list", {"fields": "id,name"})["objects"]
        self._objects = {one["name"]: one["id"] for one in objects}
        self.object = self._objects["Заявка"]
        found = self._ask(boss, "GET", f"/rest/object/{self.object}/statuses?fields=id,name")["statuses"]
        self._status = {one["name"]: one["id"] for one in found}
        fields = self._ask(boss, "GET", "/rest/customfield/task?fields=id,name")["customfields"]
        self._field = {one["name"]: one["id"] for one in fields}
        tags = self._ask(boss, "POST", "/rest/datatag/list", {"fields": "id,name,fields"})["dataTags"]
        self._tag = next(one["id"] for one in tags if one["name"] == "Операція")
        columns = self._ask(boss, "GET", f"/rest/customfield/datatag/{self._tag}?fields=id,name")["customfields"]
        self._column = {one["name"]: one["id"] for one in columns}

    def contact_field(self, contact: str, label: str) -> Any:
        """One field of a card as it stands."""
        boss = self._tokens["user:1"]
        fields = self._ask(boss, "GET", "/rest/customfield/contact?fields=id,name")["customfields"]
        number = next(one["id"] for one in fields if one["name"] == label)
        card = self._ask(boss, "GET", f"/rest/contact/{contact}?fields=id,{number}")["contact"]
        return next((item["value"] for item in card.get("customFieldData", ()) if item["field"]["id"] == number), None)

    def rows_of(self, tag: str, contact: str) -> list[dict[str, Any]]:
        """The rows of a data tag on a card, by label."""
        boss = self._tokens["user:1"]
        tags = self._ask(boss, "POST", "/rest/datatag/list", {"fields": "id,name"})["dataTags"]
        number = next(one["id"] for one in tags if one["name"] == tag)
        columns = self._ask(boss, "GET", f"/rest/customfield/datatag/{number}?fields=id,name")["customfields"]
        body = {
            "fields": ",".join(["key", *(str(one["id"]) for one in columns)]),
            "contactId": int(contact.partition(":")[2]),
        }
        found = self._ask(boss, "POST", f"/rest/datatag/{number}/entry/list", body)["dataTagEntries"]
        return [{item["field"]["name"]: item["value"] for item in entry.get("customFieldData", ())} for entry in found]

    def close(self) -> None:
        self._session.close()

    def new_deal(self, who: str, name: str, fields: Mapping[str, Any], *, client: str = "") -> int:
        body: dict[str, Any] = {
            "name": name, "object": {"id": self.object}, "template": {"id": self.object},
            "customFieldData": self._data(self._field, fields),
        }  # fmt: skip
        if client:
            body["counterparty"] = {"id": client}
        return int(self._ask(self._tokens[who], "POST", "/rest/task/", body)["id"])

    def add_row(self, who: str, task: int, values: Mapping[str, Any]) -> int:
        body = {"dataTag": {"id": self._tag}, "items": [{"customFieldData": self._data(self._column, values)}]}
        return int(self._ask(self._tokens[who], "POST", f"/rest/task/{task}/datatags/", body)["keys"][0])

    def delete(self, who: str, task: int) -> None:
        self._ask(self._tokens[who], "POST", f"/rest/task/{task}", {"isDeleted": True})

    def edit_row(self, who: str, key: int, values: Mapping[str, Any]) -> None:
        body = {"customFieldData": self._data(self._column, values)}
        self._ask(self._tokens[who], "POST", f"/rest/datatag/entry/{key}", body)

    def move(self, who: str, task: int, status: str) -> None:
        self._ask(self._tokens[who], "POST", f"/rest/task/{task}", {"status": {"id": self._status[status]}})

    def new_contact(self, who: str, template: str, values: Mapping[str, Any], fields: Mapping[str, Any]) -> str:
        """A card made from that template; `values` are the system's own fields, `fields` those with a label."""
        boss = self._tokens["user:1"]
        templates = self._ask(boss, "GET", "/rest/contact/templates?fields=id,name")["templates"]
        known = self._ask(boss, "GET", "/rest/customfield/contact?fields=id,name")["customfields"]
        ids = {one["name"]: one["id"] for one in known}
        body = {
            **values, "template": {"id": next(one["id"] for one in templates if one["name"] == template)},
            "customFieldData": self._data(ids, fields),
        }  # fmt: skip
        return str(self._ask(self._tokens[who], "POST", "/rest/contact/", body)["id"])

    def merge_contacts(self, _who: str, survivor: str, gone: str) -> None:
        self.control("merge-contacts", {"survivor": int(survivor), "gone": int(gone)})

    def press_on_card(self, who: str, contact: str, button: str) -> Any:
        return self.control("button", {"contact": contact, "button": button, "user": who})

    def comment(
        self, who: str, kind: str, number: str | int, text: str, files: Mapping[str, bytes] | None = None
    ) -> str:  # fmt: skip
        """Somebody writes a comment on a "task" or a "contact", with these files by name; its id."""
        put = [{"id": self._upload(self._tokens[who], *one)} for one in (files or {}).items()]
        body = {"description": text.replace("\n", "<br>"), **({"files": put} if put else {})}
        return str(self._ask(self._tokens[who], "POST", f"/rest/{kind}/{number}/comments/", body)["id"])

    def edit_comment(self, who: str, kind: str, number: str | int, comment: str, text: str) -> None:
        self._ask(self._tokens[who], "POST", f"/rest/{kind}/{number}/comments/{comment}", {"description": text})

    def _upload(self, token: str, name: str, content: bytes) -> int:
        put = {"file": (name, content, "application/octet-stream")}
        answer = self._session.post(
            f"{self._address}/rest/file/", files=put, headers={"Authorization": f"Bearer {token}"}, timeout=60
        )  # fmt: skip
        return int(answer.json()["id"])

    def comments(self, kind: str, number: str | int) -> list[Mapping[str, Any]]:
        """All comments of a record, with their texts as the portal keeps them."""
        found: list[Mapping[str, Any]] = []
        while True:
            body = {"offset": len(found), "pageSize": 100, "fields": "id,description,owner,files,isHidden"}
            page = self._ask(self._tokens["user:1"], "POST", f"/rest/{kind}/{number}/comments/list", body)["comments"]
            found += page
            if len(page) < 100:
                return found

    def put_under(self, who: str, task: int, label: str) -> None:
        """Another object in the card of a task."""
        number = {"id": self._objects[label]}
        self._ask(self._tokens[who], "POST", f"/rest/task/{task}", {"object": number, "template": number})

    def new_task(self, who: str, label: str, name: str) -> int:
        """A task of that object."""
        number = {"id": self._objects[label]}
        body = {"name": name, "object": number, "template": number}
        return int(self._ask(self._tokens[who], "POST", "/rest/task/", body)["id"])

    def task_with(self, who: str, contact: str, name: str, due: date) -> int:
        """Somebody gives themselves a task with that card as its counterparty."""
        body = {
            "name": name, "object": {"id": self._objects["Завдання"]}, "counterparty": {"id": f"contact:{contact}"},
            "assignees": {"users": [{"id": who}]}, "endDateTime": {"date": f"{due:%d-%m-%Y}"},
        }  # fmt: skip
        return int(self._ask(self._tokens[who], "POST", "/rest/task/", body)["id"])

    def press(self, who: str, task: int, button: str) -> Any:
        return self.control("button", {"task": task, "button": button, "user": who})

    def read_field(self, task: int, label: str) -> Any:
        """One field of a deal as it stands."""
        path = f"/rest/task/{task}?fields=id,{self._field[label]}"
        return self.field_of(self._ask(self._tokens["user:1"], "GET", path)["task"], label)

    def deals(self) -> list[Mapping[str, Any]]:
        """Every deal with status, counterparty and the fields that Annex writes."""
        wanted = ("Прибуток", "Аналітика", "Перевірка", "Менеджер", "Наступний контакт")
        ids = ",".join(str(self._field[name]) for name in wanted)
        found: list[Mapping[str, Any]] = []
        while True:
            body = {
                "offset": len(found), "pageSize": 100, "fields": f"id,name,status,counterparty,{ids}",
                "filters": [{"type": 51, "operator": "equal", "value": [self.object]}],
            }  # fmt: skip
            page = self._ask(self._tokens["user:1"], "POST", "/rest/task/list", body)["tasks"]
            found += page
            if len(page) < 100:
                return found

    def field_of(self, deal: Mapping[str, Any], label: str) -> Any:
        for item in deal.get("customFieldData", ()):
            if item["field"]["id"] == self._field[label]:
                return item["value"]
        return None

    def control(self, door: str, body: Mapping[str, Any] | None = None) -> Any:
        """The sandbox's own door: faults, clock, waiting."""
        url = f"{self._address}/sandbox/{door}"
        response = (
            self._session.post(url, json=body or {}, timeout=90) if body is not None else self._session.get(url, timeout=30)
        )
        if response.status_code >= 400:
            raise Unreachable(f"sandbox door {door}: {response.status_code} {response.text[:200]}")
        return response.json()

    def _data(self, ids: Mapping[str, int], values: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [{"field": {"id": ids[name]}, "value": value} for name, value in values.items()]

    def _ask(self, token: str, method: str, path: str, body: Any = None) -> Any:
        text = json.dumps(body, default=_number) if body is not None else None
        response = self._session.request(
            method, self._address + path, data=text.encode() if text else None, timeout=60,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )  # fmt: skip
        answer = response.json() if response.content else {}
        if response.status_code >= 300 or answer.get("result") == "fail":
            raise Unreachable(f"{method} {path}: {response.status_code} {response.text[:300]}")
        return answer


def _number(value: Any) -> Any:
    """Staff type numbers; Planfix keeps them as doubles anyway."""
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(type(value).__name__)
