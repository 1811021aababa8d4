"""An emulated Bitrix24 with its staff, set up by our own set-up as code."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from urllib.parse import urlencode

from app.bootstrap import Annex
from app.simulation.machine import Application, ask
from app.simulation.office import Card, Typed, Weather, choose
from kernel.errors import Unreachable
from kernel.mapping import FieldMap, MappingSet
from kernel.testing import FakeClock
from sandbox.bitrix24.params import flatten
from sandbox.bitrix24.server import Options, Still
from sandbox.common.clock import LedClock

ADDRESS, DOOR = "https://desk.bitrix24.ru", "https://annex.example.com/hooks/bitrix24/main"
DEAL, CONTACT = 2, 3
PARTNERS, CLIENTS = ("Партнер Альфа", "Партнер Бета", "Партнер Гамма"), ("Олена Коваленко", "Тарас Шевчук", "ТОВ «Гранд»")
UNCONFIRMED = {
    "old_refresh": ("dies", "lives"), "expires_in_events": ("on", "off"), "robot_moves": ("technical", "last"),
    "no_match": ("list", "object"), "no_deadline": ("far", "null"), "timeline_events": ("on", "off"),
    "tag_replaces": ("user", "all"), "tag_without_client": ("ignore", "refuse"),
}  # fmt: skip
ROUGH = {"cut_after_commit_rate": 0.05, "drop_rate": 0.15, "duplicate_rate": 0.15, "reorder_rate": 0.15}
ONCE = ("error_500_next", "html_error_next", "cut_next", "cut_after_commit_next", "refresh_fails_next", "notify_false_next")
ROUNDS_MAX = 8


class Bitrix24Office:
    """Keeps app.simulation.office.Office."""

    set_name = "exchange-desk-bitrix24"
    tells_of_rows = True

    def __init__(self, seed: int, dice: Any, clock: FakeClock, mapping: MappingSet) -> None:
        faults = choose(dice, UNCONFIRMED)
        options = Options(
            seed=seed, post_to="https://annex.example.com", portal="empty-exchange", faults=(("plan", "standard"), *faults)
        )
        self._still = Still(options, LedClock(clock.now))
        self._portal, self._map, self._dice = self._still.portal, mapping, dice
        self._portal.address = ADDRESS
        self.weather = Weather(self._portal.faults, ROUGH, ONCE)
        self.application: Application = self._still.serve
        app = self._portal.app()
        self.settings: Mapping[str, str] = {
            "BITRIX24_URL": f"{ADDRESS}/", "BITRIX24_CLIENT_ID": app.client_id, "BITRIX24_CLIENT_SECRET": app.client_secret,
        }  # fmt: skip
        technical = self._portal.technical().id
        self.people = [Card(one.id, one.full_name) for one in self._portal.people.values() if one.id != technical]
        self.clients, self.partners = [], []  # type: list[Card], list[Card]

    def set_up(self, annex: Annex) -> None:
        """Install the application, let our own set-up make the portal what the set says, and give it its first cards."""
        self._door("app/install", {"handler": DOOR, "kind": "script", "user": "1"})
        while self.step():
            pass
        setup = annex.running.connector.setup
        assert setup is not None
        for _round in range(ROUNDS_MAX):
            makes = [one.make for one in setup(annex.running.connection).plan() if one.make and one.kind != "drop"]
            for make in makes:
                make()
            if not makes:
                break
        else:
            raise AssertionError("the portal never becomes what the set says")
        for names, cards in ((PARTNERS, self.partners), (CLIENTS, self.clients)):
            for name in names:
                made = self._as("1", "crm.item.add", {"entityTypeId": CONTACT, "fields": {"name": name}})["item"]
                cards.append(Card(str(made["id"]), name))
        self._learn()
        while self.step():
            pass

    def deliver_to(self, door: Callable[[str, str, Mapping[str, str], bytes], tuple[int, str]]) -> None:
        def post(url: str, form: Mapping[str, Any]) -> tuple[int, str]:
            body = urlencode(flatten(form)).encode()
            return door("POST", url, {"Content-Type": "application/x-www-form-urlencoded"}, body)

        self._still.delivery.post, self._answered = post, post

    def step(self) -> bool:
        return self._still.delivery.step()

    def due_in(self) -> float | None:
        due = self._still.delivery.due()
        return None if due is None else due - self._portal.clock.ticks()

    # --- what staff do --------------------------------------------------------------------------------------------------

    def new_deal(self, values: Mapping[str, Typed]) -> str:
        fields = {"title": "Обмін", "categoryId": self._pipeline, **self._deal(values)}
        return str(self._write("crm.item.add", DEAL, fields=fields)["item"]["id"])

    def set(self, deal: str, values: Mapping[str, Typed]) -> None:
        self._write("crm.item.update", DEAL, id=deal, fields=self._deal(values))

    def move(self, deal: str, stage_label: str) -> None:
        self._write("crm.item.update", DEAL, id=deal, fields={"stageId": self._stages[stage_label]})

    def add_row(self, deal: str, values: Mapping[str, Typed]) -> None:
        self._write("crm.item.add", self._operations, fields={"parentId2": deal, **self._row(values)})

    def edit_row(self, deal: str, key: str, values: Mapping[str, Typed]) -> None:
        self._write("crm.item.update", self._operations, id=key, fields=self._row(values))

    def delete_row(self, deal: str, key: str) -> None:
        self._write("crm.item.delete", self._operations, id=key)

    def recalculate(self, deal: str) -> None:
        robots = self._door("robots", None)["offered"]
        found = next(one for one in robots if "перерахувати" in str(one["name"]).lower())
        self._door("robot/run", {"code": found["code"], "deal": int(deal)})

    def open_annex(self) -> None:
        """The page's own proof brings tokens: this is how a connection comes back whose renewal was cut short."""
        asked = self._door("open", {"placement": "LEFT_MENU", "user": "1", "options": {}})
        self._answered(asked["url"], asked["fields"])

    # --- what stands there ----------------------------------------------------------------------------------------------

    def row_keys(self, deal: str) -> list[str]:
        return [str(one["id"]) for one in self._items(self._operations, {"parentId2": deal})]

    def stage_of(self, deal: str) -> str:
        item = self._as("1", "crm.item.get", {"entityTypeId": DEAL, "id": deal})["item"]
        return next(str(label) for label, code in self._stages.items() if code == item["stageId"])

    def comments_of_ours(self) -> int:
        """Staff write no comments here: all are ours."""
        kinds = {"deal": DEAL, "contact": CONTACT, **{f"dynamic_{one}": one for one in self._types.values()}}
        found = 0
        for kind, number in kinds.items():
            for item in self._items(number, {}):
                body = {"filter": {"ENTITY_ID": item["id"], "ENTITY_TYPE": kind}}
                found += len(self._as("1", "crm.timeline.comment.list", body))
        return found

    def records_of_ours(self) -> list[str]:
        known = {card.id for card in (*self.partners, *self.clients)}
        contacts = [str(one["id"]) for one in self._items(CONTACT, {}) if str(one["id"]) not in known]
        journals = [number for name, number in self._types.items() if name not in ("Операція", "Зберігання")]
        return contacts + [str(one["id"]) for number in journals for one in self._items(number, {})]

    def custody_rows(self) -> list[tuple[str, str]]:
        key = self._known[self._types["Зберігання"]]["Ключ Annex"]["code"]
        return [(str(one["parentId3"]), str(one.get(key) or "")) for one in self._items(self._types["Зберігання"], {})]

    def refused(self) -> int:
        return self._portal.counters.refused

    # --- inside ---------------------------------------------------------------------------------------------------------

    def _learn(self) -> None:
        """Numbers and codes by label, as somebody who looks at the portal sees them."""
        pipelines = self._as("1", "crm.category.list", {"entityTypeId": DEAL})["categories"]
        label = next(iter(self._map.entity("deal").pipeline.values())).label
        self._pipeline = next(one["id"] for one in pipelines if one["name"] == label)
        stages = self._as("1", "crm.status.list", {"filter": {"ENTITY_ID": f"DEAL_STAGE_{self._pipeline}"}})
        self._stages = {one["NAME"]: one["STATUS_ID"] for one in stages}
        self._types = {one["title"]: int(one["entityTypeId"]) for one in self._as("1", "crm.type.list", {})["types"]}
        self._operations = self._types["Операція"]
        self._known = {number: self._fields(number) for number in (DEAL, CONTACT, *self._types.values())}

    def _fields(self, number: int) -> dict[str, dict[str, Any]]:
        body = {"entityTypeId": number, "useOriginalUfNames": "Y"}
        return {
            str(one["title"]): {**one, "code": code}
            for code, one in self._as("1", "crm.item.fields", body)["fields"].items()
        }

    def _deal(self, values: Mapping[str, Typed]) -> dict[str, Any]:
        plans = self._map.entity("deal").field
        return dict(self._one(DEAL, plans[name], value) for name, value in values.items())

    def _row(self, values: Mapping[str, Typed]) -> dict[str, Any]:
        plans = self._map.entity("deal").table["operation"].field
        return dict(self._one(self._operations, plans[name], value) for name, value in values.items())

    def _one(self, number: int, plan: FieldMap, value: Typed) -> tuple[str, Any]:
        if plan.system:
            return plan.system, value.id if isinstance(value, Card) else value or ""
        field = self._known[number][plan.label]
        wire: Any = value
        if value is None:
            wire = ""
        elif isinstance(value, bool):
            wire = "Y" if value else "N"
        elif isinstance(value, Card):
            wire = value.id
        elif isinstance(value, date):
            wire = value.isoformat()
        elif plan.type == "choice":
            label = plan.values.get(value, value)
            wire = next((str(item["ID"]) for item in field.get("items") or [] if item["VALUE"] == label), label)
        return str(field["code"]), wire

    def _write(self, method: str, number: int, **more: Any) -> Any:
        who = self._dice.choice(self.people).id
        return self._as(who, method, {"entityTypeId": number, "useOriginalUfNames": "Y", **more})

    def _items(self, number: int, filters: Mapping[str, Any]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            last = found[-1]["id"] if found else 0
            body = {
                "entityTypeId": number, "filter": {**filters, ">id": last}, "order": {"id": "ASC"}, "start": -1,
                "useOriginalUfNames": "Y", "select": ["*", "UF_*"],
            }  # fmt: skip
            page = self._as("1", "crm.item.list", body)["items"]
            found += page
            if len(page) < 50:
                return found

    def _as(self, who: str, method: str, params: Mapping[str, Any]) -> Any:
        answer = self._door("as-user", {"user": who, "method": method, "params": dict(params)})
        if "error" in answer:
            raise Unreachable(f"{method} {params}: {answer}")
        return answer["result"]

    def _door(self, name: str, body: Mapping[str, Any] | None) -> Any:
        raw = b"" if body is None else json.dumps(body).encode()
        verb = "GET" if body is None else "POST"
        status, _shown, content, _cut = ask(
            self.application, verb, f"{ADDRESS}/sandbox/{name}", {"Content-Type": "application/json"}, raw
        )
        if status >= 400:
            raise Unreachable(f"sandbox door {name}: {status} {content[:300]!r}")
        return json.loads(content)
