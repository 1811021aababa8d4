"""Cards and deals of the emulated portal, by the labels that its staff see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DEAL, CONTACT = 2, 3
YES_NO = {"да", "нет"}


class Cards:
    def __init__(self, office: Any) -> None:
        self._ask = office.ask
        self._fields = {kind: self._fields_of(kind) for kind in (DEAL, CONTACT)}
        self.terms = [label for label, one in self._fields[DEAL].items() if set(one["answers"]) == YES_NO]
        pipelines = self._ask("1", "crm.category.list", {"entityTypeId": DEAL})["categories"]
        self._pipelines = {one["name"]: one["id"] for one in pipelines}
        self._stages = {
            (pipeline, one["NAME"]): one["STATUS_ID"]
            for pipeline, number in self._pipelines.items()
            for one in self._ask("1", "crm.status.list", {"filter": {"ENTITY_ID": f"DEAL_STAGE_{number}"}})
        }
        self._labels = {code: label for (_, label), code in self._stages.items()}

    def _fields_of(self, kind: int) -> dict[str, dict[str, Any]]:
        asked = self._ask("1", "crm.item.fields", {"entityTypeId": kind, "useOriginalUfNames": "Y"})["fields"]
        return {
            str(one["title"]): {
                "code": code,
                "answers": {str(item["VALUE"]): str(item["ID"]) for item in one.get("items") or ()},
            }
            for code, one in asked.items()
        }

    def new_contact(self, who: str, phone: str, system: Mapping[str, str], values: Mapping[str, str]) -> int:
        """`system`: the CRM's own fields; `values`: those with a label."""
        lines = {"n0": {"typeId": "PHONE", "valueType": "WORK", "value": phone}}
        return self._new(who, CONTACT, {**system, "fm": lines, **self._wire(CONTACT, values)})

    def new_deal(self, who: str, title: str, contact: int, values: Mapping[str, str]) -> int:
        body = {"title": title, "contactId": contact, "assignedById": who, "categoryId": self._pipelines["Продажи"]}
        return self._new(who, DEAL, {**body, **self._wire(DEAL, values)})

    def _new(self, who: str, kind: int, fields: Mapping[str, Any]) -> int:
        body = {"entityTypeId": kind, "fields": fields, "useOriginalUfNames": "Y"}
        return int(self._ask(who, "crm.item.add", body)["item"]["id"])

    def set(self, who: str, kind: int, record: int, values: Mapping[str, str]) -> None:
        body = {"entityTypeId": kind, "id": record, "fields": self._wire(kind, values), "useOriginalUfNames": "Y"}
        self._ask(who, "crm.item.update", body)

    def move(self, who: str, deal: int, label: str) -> None:
        body = {"entityTypeId": DEAL, "id": deal, "fields": {"stageId": self._stages["Продажи", label]}}
        self._ask(who, "crm.item.update", body)

    def read(self, kind: int, record: int) -> dict[str, str]:
        """By label; of a deal also «stage», and both with «id»."""
        body = {"entityTypeId": kind, "id": record, "useOriginalUfNames": "Y"}
        return self._shown(kind, self._ask("1", "crm.item.get", body)["item"])

    def deals_named(self, title: str) -> list[dict[str, str]]:
        body = {
            "entityTypeId": DEAL, "filter": {"title": title}, "order": {"id": "ASC"}, "useOriginalUfNames": "Y",
            "select": ["*", "UF_*"],
        }  # fmt: skip
        return [self._shown(DEAL, one) for one in self._ask("1", "crm.item.list", body)["items"]]

    def notes(self, deal: int) -> list[str]:
        where = {"ENTITY_ID": deal, "ENTITY_TYPE": "deal"}
        found = self._ask("1", "crm.timeline.comment.list", {"filter": where, "select": ["ID", "COMMENT"]})
        return [str(one["COMMENT"]) for one in found]

    def _shown(self, kind: int, item: Mapping[str, Any]) -> dict[str, str]:
        found = {"id": str(item["id"])}
        for label, one in self._fields[kind].items():
            raw = str(item.get(one["code"]) or "")
            found[label] = next((text for text, code in one["answers"].items() if code == raw), raw)
        if kind == DEAL:
            found["stage"] = self._labels.get(str(item["stageId"]), str(item["stageId"]))
        return found

    def _wire(self, kind: int, values: Mapping[str, str]) -> dict[str, str]:
        fields = self._fields[kind]
        return {fields[name]["code"]: fields[name]["answers"].get(value, value) for name, value in values.items()}
