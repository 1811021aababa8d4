"""The emulated portal's methods called straight, without HTTP: quick enough for thousands of set-ups."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectors.bitrix24.commands import Outcome
from connectors.bitrix24.errors import fault_of
from connectors.bitrix24.setup import BitrixSetup
from connectors.bitrix24.setup_app import Addresses
from kernel.extension import Connection, Plugin
from kernel.mapping import Change, EntityMap, ListMap, MappingSet, PortalMap
from kernel.testing.trouble import Crash
from sandbox.bitrix24 import seed
from sandbox.bitrix24.calls import perform
from sandbox.bitrix24.faults import Faults
from sandbox.bitrix24.registry import Client, RestError
from sandbox.bitrix24.server import import_methods
from sandbox.bitrix24.state import Portal
from sandbox.common.clock import Clock

WRITES = ("add", "update", "delete", "bind", "unbind", "set")
ADDRESS = "https://annex.example.test"


class Drawer:
    """A vault in memory; what is put in must be JSON."""

    def __init__(self) -> None:
        self.held: dict[str, str] = {}

    def get(self, name: str) -> dict[str, Any] | None:
        return json.loads(self.held[name]) if name in self.held else None

    def put(self, name: str, values: Mapping[str, Any]) -> None:
        self.held[name] = json.dumps(dict(values))


class Straight:
    """What the set-up needs of the client."""

    def __init__(self, portal_name: str = "empty") -> None:
        import_methods()
        self.portal = Portal(Clock(1), Faults(0))
        seed.load(self.portal, portal_name, "sandbox")
        app = self.portal.app()
        app.present = app.installed = True
        app.application_token, app.handler = "token", f"{ADDRESS}/hooks/bitrix24/main"
        self._app = Client("app", app.client_id, "1", app.scopes, "member", admin=True)
        self._hook = Client("webhook", "sandbox", "1", frozenset(seed.DEFAULT_SCOPES), admin=True)
        self.writes: list[str] = []
        self.die_at: tuple[int, str] | None = None  #: the nth write from now, "before" or "after" it is carried out

    def call(self, method: str, params: Mapping[str, Any] | None = None, *, writes: bool = False, app: bool = False) -> Any:
        return self._one(method, params or {}, app=app).get()

    def batch(
        self, calls: Sequence[tuple[str, Mapping[str, Any]]], *, writes: bool = False, halt: bool = False, app: bool = False
    ) -> list[Outcome]:
        return [self._one(method, params, app=app) for method, params in calls]

    def all(self, method: str, params: Mapping[str, Any], *, key: str = "items", id_field: str = "id") -> list[Any]:
        found: list[Any] = []
        while True:
            page = self._one(method, {**params, "start": len(found)}, app=False).get()[key]
            found += page
            if len(page) < 50:
                return found

    def _one(self, method: str, params: Mapping[str, Any], *, app: bool) -> Outcome:
        changes = method.rpartition(".")[2] in WRITES
        if changes:
            self.writes.append(method)
            self._point("before")
        try:
            done = perform(self.portal, None, self._app if app else self._hook, method, json.loads(json.dumps(params)))
        except RestError as exc:
            return Outcome(fault=fault_of({"error": exc.code, "error_description": exc.description}, exc.status))
        if changes:
            self._point("after")
        return Outcome(json.loads(json.dumps(done.result)), None, done.total, done.next)

    def _point(self, when: str) -> None:
        if self.die_at and self.die_at[1] == when:
            number = self.die_at[0] - 1
            self.die_at = (number, when) if number else None
            if not number:
                raise Crash(f"{when} {self.writes[-1]}")


class Place:
    """A portal with our memory of it, to which any set may be applied."""

    def __init__(self, portal_name: str = "empty") -> None:
        self.client, self.vault = Straight(portal_name), Drawer()
        self.vault.put("app", {"user_id": "1"})
        self.public = ADDRESS

    def setup(self, mapping: MappingSet, plugins: tuple[Plugin, ...] = ()) -> BitrixSetup:
        connection = Connection({}, mapping, None, None, self.vault, plugins=plugins)  # type: ignore[arg-type]
        return BitrixSetup(self.client, connection, Addresses(self.public, "main", False), webhook=True)  # type: ignore[arg-type]

    def plan(self, mapping: MappingSet, plugins: tuple[Plugin, ...] = ()) -> list[Change]:
        """What is to do; notes apart."""
        return [one for one in self.setup(mapping, plugins).plan() if one.kind != "note"]

    def apply(
        self, mapping: MappingSet, plugins: tuple[Plugin, ...] = (), *, drops: bool = False, cards: bool = False
    ) -> list[Change]:
        """As the command does it; returns what remains."""
        for _round in range(12):
            changes = self.plan(mapping, plugins)
            todo = [one for one in changes if one.make and one.kind in ("create", "change", "rename")]
            todo = todo or [one for one in changes if one.make and one.kind == "drop" and drops]
            todo = todo or [one for one in changes if one.make and one.kind == "arrange" and cards]
            if not todo:
                return changes
            for change in todo:
                assert change.make
                change.make()
        raise AssertionError(f"no end: {todo}")

    def snapshot(self) -> dict[str, Any]:
        return snapshot_of(lambda method, params, app: self.client.call(method, params, app=app))


Ask = Callable[[str, Mapping[str, Any], bool], Any]


def snapshot_of(ask: Ask) -> dict[str, Any]:
    """A portal as staff see it: names and order, no numbers. `ask` takes a method, its parameters, and if by the app."""
    pipelines = {one["id"]: one["name"] for one in ask("crm.category.list", {"entityTypeId": 2}, False)["categories"]}
    types = {str(one["id"]): one["title"] for one in _paged(ask, "crm.type.list", {}, "types")}
    owners = {"CRM_DEAL": "deal", "CRM_LEAD": "lead", "CRM_CONTACT": "contact", "CRM_COMPANY": "company"}
    owners |= {f"CRM_{number}": title for number, title in types.items()}
    lists = ask("lists.get", {"IBLOCK_TYPE_ID": "lists"}, False)
    return {
        "pipelines": sorted(pipelines.values()), "stages": _stages(ask, pipelines), "types": sorted(types.values()),
        "fields": {title: _fields(ask, entity) for entity, title in owners.items()},
        "lists": {one["NAME"]: _list(ask, one["ID"]) for one in lists},
        "events": sorted((one["event"], one["handler"]) for one in ask("event.get", {}, True)),
        "placed": sorted((o["placement"], o["handler"], o["title"]) for o in ask("placement.get", {}, True)),
        "robots": sorted(ask("bizproc.robot.list", {}, True)),
        "field types": sorted((o["USER_TYPE_ID"], o["HANDLER"]) for o in ask("userfieldtype.list", {}, True)),
        "cards": _cards(ask, pipelines),
    }  # fmt: skip


def _cards(ask: Ask, pipelines: Mapping[int, str]) -> dict[str, Any]:
    """How cards are arranged for everybody, where somebody did."""
    cards: dict[str, dict[str, Any]] = {"contact": {"entityTypeId": 3}, "company": {"entityTypeId": 4}}
    cards |= {f"lead {n}": {"entityTypeId": 1, "extras": {"leadCustomerType": n}} for n in (1, 2)}
    cards |= {f"deal {name}": {"entityTypeId": 2, "extras": {"dealCategoryId": n}} for n, name in pipelines.items()}
    found = {
        name: ask("crm.item.details.configuration.get", {**asked, "scope": "C"}, False) for name, asked in cards.items()
    }
    return {
        name: [(one["title"], [(e["name"], e["optionFlags"]) for e in one["elements"]]) for one in view]
        for name, view in found.items()
        if view
    }


def _paged(ask: Ask, method: str, params: Mapping[str, Any], key: str) -> list[Any]:
    found: list[Any] = []
    while True:
        page = ask(method, {**params, "start": len(found)}, False)[key]
        found += page
        if len(page) < 50:
            return found


def _stages(ask: Ask, pipelines: Mapping[int, str]) -> dict[str, list[Any]]:
    names = {f"DEAL_STAGE_{number}": name for number, name in pipelines.items()} | {"DEAL_STAGE": "-", "STATUS": "leads"}
    found: dict[str, list[Any]] = {}
    rows = ask("crm.status.list", {}, False)
    for one in sorted(rows, key=lambda one: (one["ENTITY_ID"], int(one["SORT"]), int(one["ID"]))):
        if one["ENTITY_ID"] in (*names, "SOURCE"):
            where = names.get(one["ENTITY_ID"], "sources")
            found.setdefault(where, []).append((one["NAME"], one["SEMANTICS"], one["COLOR"]))
    return found


def _fields(ask: Ask, entity: str) -> list[Any]:
    asked = {"moduleId": "crm", "select": {"0": "*", "language": "ru"}, "filter": {"entityId": entity}}
    found = _paged(ask, "userfieldconfig.list", asked, "fields")
    full = [ask("userfieldconfig.get", {"moduleId": "crm", "id": one["id"]}, False)["field"] for one in found]
    return sorted(
        (str((one.get("editFormLabel") or {}).get("ru")), one["userTypeId"], one["multiple"], one["mandatory"],
         tuple(sorted(option["value"] for option in one.get("enum") or ())))
        for one in full
    )  # fmt: skip


def _list(ask: Ask, number: str) -> list[Any]:
    found = ask("lists.field.get", {"IBLOCK_TYPE_ID": "lists", "IBLOCK_ID": number}, False)
    return sorted(
        (o["NAME"], o["TYPE"], o["MULTIPLE"], json.dumps(o.get("USER_TYPE_SETTINGS"), sort_keys=True))
        for o in found.values()
    )


def a_set(
    entities: Mapping[str, Mapping[str, Any]], *, lists: Mapping[str, Mapping[str, Any]] | None = None, **portal: Any
) -> MappingSet:
    """A mapping set from plain data, as its files would hold it."""
    return MappingSet(
        "test", PortalMap.model_validate({"connector": "bitrix24", "language": "ru", **portal}),
        {name: EntityMap.model_validate({"entity": name, **one}) for name, one in entities.items()},
        {name: ListMap.model_validate({"name": name, **one}) for name, one in (lists or {}).items()},
    )  # fmt: skip
