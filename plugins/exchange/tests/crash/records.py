"""The portal as it stands, read over its own REST API by a member of staff: what our effects came to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

BOSS = "staff-1"
MARK = re.compile(r"№\s*([0-9a-f]{12})\b")
Cells = Mapping[str, Any]


class Records:
    def __init__(self, office: Any) -> None:
        self._office = office
        tags = self._ask("POST", "/rest/datatag/list", {"fields": "id,name"})["dataTags"]
        self._tags = {tag["name"]: tag["id"] for tag in tags}
        fields = self._ask("GET", "/rest/customfield/contact?fields=id,name")["customfields"]
        self._card = {field["name"]: field["id"] for field in fields}

    def deals(self) -> dict[int, Mapping[str, Any]]:
        return {int(deal["id"]): deal for deal in self._office.deals()}

    def operations(self, task: int) -> list[Cells]:
        """The rows staff typed, in their order."""
        return self._rows("Операція", {"taskId": task})

    def kept(self) -> list[Cells]:
        """Every row of custody on any card."""
        return self._rows("Зберігання", {})

    def cards(self) -> list[Cells]:
        wanted = ("Ключ Annex", "Операції за місяць")
        fields = ",".join(["id", "name", "telegram", *(str(self._card[name]) for name in wanted)])
        found: list[Cells] = []
        for card in self._pages("/rest/contact/list", {"fields": fields}, "contacts"):
            cells = {item["field"]["name"]: item["value"] for item in card.get("customFieldData", ())}
            found.append({"id": card["id"], "name": card["name"], "telegram": card.get("telegram"), **cells})
        return found

    def marks(self, task: int) -> list[str]:
        """Our mark on each comment that carries one."""
        body = {"fields": "id,description"}
        found = self._pages(f"/rest/task/{task}/comments/list", body, "comments")
        return [mark for comment in found for mark in MARK.findall(str(comment.get("description") or ""))]

    def _rows(self, tag: str, of: Mapping[str, Any]) -> list[Cells]:
        number = self._tags[tag]
        columns = self._ask("GET", f"/rest/customfield/datatag/{number}?fields=id,name")["customfields"]
        body = {"fields": ",".join(["key", *(str(one["id"]) for one in columns)]), **of}
        found = list(self._pages(f"/rest/datatag/{number}/entry/list", body, "dataTagEntries"))
        found.sort(key=lambda row: int(row["key"]))
        return [{item["field"]["name"]: item["value"] for item in row.get("customFieldData", ())} for row in found]

    def _pages(self, path: str, body: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
        offset = 0
        while True:
            page = self._ask("POST", path, {**body, "offset": offset, "pageSize": 100})[name]
            yield from page
            if len(page) < 100:
                return
            offset += len(page)

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        return self._office._ask(BOSS, method, path, body)
