"""The offline queue: the latest state per object, reserved by a reader under a process id (28)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.bitrix24 import filters, formats
from sandbox.bitrix24.apps import App, Binding
from sandbox.bitrix24.paging import page
from sandbox.bitrix24.registry import Call, Listed, RestError, method
from sandbox.bitrix24.state import Portal


@dataclass(eq=False)
class Row:
    id: int
    client_id: str
    connector: str
    event: str
    data: Any
    message_id: str
    stamp: Any
    process_id: str = ""
    error: int = 0

    def shown(self, portal: Portal, more: bool = False) -> dict[str, Any]:
        data = self.data if self.data and portal.faults.word("offline_data") == "object" else False
        row = {
            "ID": str(self.id), "TIMESTAMP_X": formats.iso(self.stamp), "EVENT_NAME": self.event,
            "EVENT_DATA": data, "EVENT_ADDITIONAL": False, "MESSAGE_ID": self.message_id,
        }  # fmt: skip
        return row | ({"PROCESS_ID": self.process_id, "ERROR": str(self.error)} if more else {})


@dataclass
class Queue:
    rows: dict[tuple[str, str, str], Row] = field(default_factory=dict)
    signalled: dict[str, float] = field(default_factory=dict)


def put(portal: Portal, app: App, binding: Binding, name: str, data: Mapping[str, Any]) -> None:
    """A later change of the same object overwrites the earlier row, unless somebody has reserved that one."""
    rows = portal.area(Queue).rows
    message = hashlib.md5(f"{name}{json.dumps(data, sort_keys=True, default=str)}".encode(), usedforsecurity=False)
    key = (app.client_id, binding.connector, message.hexdigest())
    old = rows.pop(key, None)
    if old and old.process_id:
        rows[(*key[:2], f"{key[2]}|{old.id}")] = old
    tree = json.loads(json.dumps(data, default=str))
    rows[key] = Row(
        portal.next_id("offline"), app.client_id, binding.connector, name, tree, message.hexdigest(), portal.now()
    )


def signal_due(portal: Portal, app: App, pause_s: float) -> bool:
    """May another signal go out? Not sooner than the time asked for at the binding."""
    marks, now = portal.area(Queue).signalled, portal.clock.ticks()
    if app.client_id in marks and now - marks[app.client_id] < pause_s:
        return False
    marks[app.client_id] = now
    return True


def _mine(call: Call) -> dict[tuple[str, str, str], Row]:
    connector = str(call.get("auth_connector", "") or "")
    rows = call.portal.area(Queue).rows
    return {key: row for key, row in rows.items() if key[0] == call.client.id and key[1] == connector}


def _filtered(call: Call, rows: list[Row]) -> list[Row]:
    tree = formats.mapping(call.get("filter"), "filter")
    shown = {id(row): row.shown(call.portal, True) for row in rows}
    test = filters.compile_filter(tree, lambda row, name: shown[id(row)].get(name), call.portal.zone)
    return [row for row in rows if test(row)]


@method("event.offline.get", app="wrong_auth_type", admin=True)
def get(call: Call) -> Any:
    keys = _mine(call)
    rows = _filtered(call, [row for row in keys.values() if not row.process_id or _asked(call, row)])
    rows.sort(key=lambda row: row.id)
    rows = rows[: formats.integer(call.get("limit")) or 50]
    clear = call.get("clear")
    if clear is None or formats.flag(clear):
        wanted = {row.id for row in rows}
        for key, row in keys.items():
            if row.id in wanted:
                del call.portal.area(Queue).rows[key]
        return {"process_id": None, "events": [row.shown(call.portal) for row in rows]}
    process = str(call.get("process_id") or "") or call.portal.secret("process", call.portal.next_id("process"))
    for row in rows:
        row.process_id = process
    return {"process_id": process, "events": [row.shown(call.portal) for row in rows]}


def _asked(call: Call, row: Row) -> bool:
    """A reader that names its process id gets its own rows again; failed ones come back to everybody."""
    return bool(row.error) or (bool(call.get("process_id")) and row.process_id == str(call.get("process_id")))


@method("event.offline.list", app="wrong_auth_type", admin=True)
def listing(call: Call) -> Listed:
    rows = _filtered(call, list(_mine(call).values()))
    wanted = formats.mapping(call.get("order"), "order") or {"ID": "ASC"}
    shown = filters.order([row.shown(call.portal, True) for row in rows], wanted)
    return page(call, shown)


def _named(call: Call) -> list[tuple[tuple[str, str, str], Row]]:
    process = str(call.get("process_id") or "")
    if not process:
        raise RestError(400, "ERROR_ARGUMENT", "Argument 'process_id' is null or empty", argument="process_id")
    ids = {str(item) for item in formats.items(call.get("id"))}
    messages = {str(item) for item in formats.items(call.get("message_id"))}
    found = [(key, row) for key, row in _mine(call).items() if row.process_id == process]
    if ids:
        return [(key, row) for key, row in found if str(row.id) in ids]
    return [(key, row) for key, row in found if not messages or row.message_id in messages]


@method("event.offline.clear", app="wrong_auth_type", admin=True)
def clear(call: Call) -> bool:
    for key, _ in _named(call):
        del call.portal.area(Queue).rows[key]
    return True


@method("event.offline.error", app="wrong_auth_type", admin=True)
def failed(call: Call) -> bool:
    for _, row in _named(call):
        row.error = 1
    return True
