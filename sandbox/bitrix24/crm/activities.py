"""Activities: crm.activity.* and its todo family (38). Telephony makes calls through `create`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.bitrix24 import filters, formats
from sandbox.bitrix24.crm import changes
from sandbox.bitrix24.crm.store import DEAL, LEAD, Kind, Record, crm
from sandbox.bitrix24.paging import PAGE, page, start
from sandbox.bitrix24.registry import Call, Listed, RestError, method
from sandbox.bitrix24.state import Portal

MEETING, CALL, TASK, EMAIL, PROVIDER = 1, 2, 3, 4, 6
Activity = dict[str, Any]
#: name, kind, what it is at first
TABLE: tuple[tuple[str, str, Any], ...] = (
    ("ID", "integer", None), ("OWNER_ID", "integer", 0), ("OWNER_TYPE_ID", "integer", 0), ("TYPE_ID", "integer", 0),
    ("PROVIDER_ID", "string", None), ("PROVIDER_TYPE_ID", "string", None), ("PROVIDER_GROUP_ID", "string", None),
    ("ASSOCIATED_ENTITY_ID", "integer", 0), ("SUBJECT", "string", ""), ("CREATED", "datetime", None),
    ("LAST_UPDATED", "datetime", None), ("START_TIME", "datetime", None), ("END_TIME", "datetime", None),
    ("DEADLINE", "datetime", None), ("COMPLETED", "char", "N"), ("STATUS", "integer", 1), ("RESPONSIBLE_ID", "integer", 0),
    ("PRIORITY", "integer", 2), ("NOTIFY_TYPE", "integer", 0), ("NOTIFY_VALUE", "integer", 0), ("DESCRIPTION", "string", ""),
    ("DESCRIPTION_TYPE", "integer", 1), ("DIRECTION", "integer", 0), ("LOCATION", "string", ""), ("SETTINGS", "tree", []),
    ("ORIGINATOR_ID", "string", None), ("ORIGIN_ID", "string", None), ("AUTHOR_ID", "integer", 0),
    ("EDITOR_ID", "integer", 0), ("PROVIDER_PARAMS", "tree", []), ("PROVIDER_DATA", "string", None),
    ("RESULT_MARK", "integer", 0), ("RESULT_VALUE", "double", None), ("RESULT_SUM", "double", None),
    ("RESULT_CURRENCY_ID", "string", None), ("RESULT_STATUS", "integer", 0), ("RESULT_STREAM", "integer", 0),
    ("RESULT_SOURCE_ID", "string", None), ("AUTOCOMPLETE_RULE", "integer", 0),
)  # fmt: skip
KINDS = {name: kind for name, kind, _ in TABLE}
READ_ONLY = {"ID", "CREATED", "LAST_UPDATED", "AUTHOR_ID", "EDITOR_ID"}


@dataclass
class Activities:
    rows: dict[int, Activity] = field(default_factory=dict)


def attach(sandbox: Any) -> None:
    sandbox.counts.append(lambda portal: {"activities": len(portal.area(Activities).rows)})

    def forget(portal: Portal, kind: Kind, record: Record) -> None:
        """A record takes along the activities that belong to it alone."""
        area, gone = portal.area(Activities), (kind.type_id, record["ID"])
        for ident, row in list(area.rows.items()):
            if gone in row["BINDINGS"]:
                row["BINDINGS"].remove(gone)
                if not row["BINDINGS"]:
                    del area.rows[ident]

    sandbox.portal.area(changes.Hooks).deleted.append(forget)
    sandbox.portal.area(changes.Hooks).moved.append(_complete)


def _complete(portal: Portal, kind: Kind, record: Record, actor: changes.Actor) -> None:
    """With a lead or deal that is closed, its open activities are done, as a setting of the portal has it at first."""
    if kind.type_id not in (LEAD, DEAL) or changes.semantics(portal, kind, record) == "P":
        return
    if portal.faults.word("closing") != "completes":
        return
    for row in list(portal.area(Activities).rows.values()):
        if row["COMPLETED"] != "Y" and (kind.type_id, record["ID"]) in row["BINDINGS"]:
            change(portal, row, {"COMPLETED": "Y"}, actor.user, actor.connector)


def create(portal: Portal, values: Mapping[str, Any], actor: str | None, connector: str = "") -> Activity:
    """A new activity from read values; BINDINGS may add further owners as pairs of entityTypeId and id."""
    now = portal.now()
    row: Activity = {name: (list(first) if isinstance(first, list) else first) for name, _, first in TABLE}
    row |= {"COMMUNICATIONS": [], "BINDINGS": [], **values}
    row |= {"ID": portal.next_id("activity"), "CREATED": now, "LAST_UPDATED": now}
    author = int(actor or 0) or row["RESPONSIBLE_ID"]
    row |= {"AUTHOR_ID": row["AUTHOR_ID"] or author, "EDITOR_ID": author}
    owner = (row["OWNER_TYPE_ID"], row["OWNER_ID"])
    row["BINDINGS"] = list(dict.fromkeys([owner, *(tuple(pair) for pair in row["BINDINGS"])]))
    _times(portal, row)
    portal.area(Activities).rows[row["ID"]] = row
    for type_id, ident in row["BINDINGS"]:
        changes.touch(portal, type_id, ident, author)
    portal.raise_event("ONCRMACTIVITYADD", {"FIELDS": {"ID": row["ID"]}}, actor, connector)
    return row


def _times(portal: Portal, row: Activity) -> None:
    """Without a deadline of its own: the end, the start, or a day far away."""
    row["DEADLINE"] = row["DEADLINE"] or row["END_TIME"] or row["START_TIME"]
    if row["DEADLINE"] is None and portal.faults.word("no_deadline") == "far":
        row["DEADLINE"] = datetime(9999, 12, 31, 0, 0, 0, tzinfo=portal.zone)
    row["START_TIME"] = row["START_TIME"] or row["DEADLINE"]
    row["END_TIME"] = row["END_TIME"] or row["DEADLINE"]
    row["STATUS"] = 2 if row["COMPLETED"] == "Y" else 1


def change(portal: Portal, row: Activity, values: Mapping[str, Any], actor: str | None, connector: str = "") -> bool:
    changed = {name: value for name, value in values.items() if row.get(name) != value}
    if not changed:
        return False
    row.update(changed)
    row |= {"LAST_UPDATED": portal.now(), "EDITOR_ID": int(actor or 0)}
    _times(portal, row)
    portal.raise_event("ONCRMACTIVITYUPDATE", {"FIELDS": {"ID": row["ID"]}}, actor, connector)
    return True


# -- reading and showing


def read(portal: Portal, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Written fields as they are kept."""
    values: dict[str, Any] = {}
    for key, value in sent.items():
        name = str(key).upper()
        kind = KINDS.get(name)
        if kind is None or name in READ_ONLY:
            continue
        if kind == "integer":
            values[name] = formats.integer(value) or 0
        elif kind == "datetime":
            values[name] = formats.parse_time(value, portal.zone)
        elif kind == "char":
            values[name] = formats.yn(value)
        elif kind == "tree":
            values[name] = value if isinstance(value, dict) and value else []
        else:
            values[name] = None if value is None else str(value)
    if "COMMUNICATIONS" in sent:
        values["COMMUNICATIONS"] = [item for item in formats.items(sent["COMMUNICATIONS"]) if isinstance(item, dict)]
    if "BINDINGS" in sent:
        values["BINDINGS"] = _pairs(sent["BINDINGS"])
    return values


def _pairs(bindings: Any) -> list[tuple[int, int]]:
    found = []
    for item in formats.items(bindings):
        if isinstance(item, dict):
            pair = formats.integer(item.get("OWNER_TYPE_ID")), formats.integer(item.get("OWNER_ID"))
            if pair[0] and pair[1]:
                found.append((pair[0], pair[1]))
    return found


def _one(row: Activity, name: str) -> Any:
    if name == "COMMUNICATIONS":
        return [
            {"ID": str(number), "TYPE": str(item.get("TYPE") or "PHONE"), "VALUE": str(item.get("VALUE") or ""),
             "ENTITY_ID": str(item.get("ENTITY_ID") or row["OWNER_ID"]),
             "ENTITY_TYPE_ID": str(item.get("ENTITY_TYPE_ID") or row["OWNER_TYPE_ID"]), "ENTITY_SETTINGS": []}
            for number, item in enumerate(row["COMMUNICATIONS"], 1)
        ]  # fmt: skip
    if name == "BINDINGS":
        return [{"OWNER_TYPE_ID": str(kind), "OWNER_ID": str(ident)} for kind, ident in row["BINDINGS"]]
    return formats.text(row.get(name)) if KINDS.get(name) != "tree" else row.get(name)


def _by_id(call: Call, words: RestError | None = None) -> Activity:
    row = call.portal.area(Activities).rows.get(formats.integer(call.get("id")) or 0)
    if row is None:
        raise words or RestError(400, "", "Activity is not found")
    return row


def _connector(call: Call) -> str:
    return str(call.get("auth_connector") or "")


@method("crm.activity.add", scope="crm")
def add(call: Call) -> int:
    sent = call.get("fields")
    if not isinstance(sent, dict):
        raise RestError(400, "", "Parameter 'fields' must be array.")
    values = read(call.portal, sent)
    if not values.get("SUBJECT"):
        raise RestError(400, "", "The field SUBJECT is not defined or empty")
    values["RESPONSIBLE_ID"] = values.get("RESPONSIBLE_ID") or int(call.client.user_id)
    if str(values["RESPONSIBLE_ID"]) not in call.portal.people:
        raise RestError(400, "", "The field RESPONSIBLE_ID is not defined or invalid")
    if values.get("TYPE_ID") in (CALL, MEETING, EMAIL) and not values.get("COMMUNICATIONS"):
        raise RestError(400, "", "The field COMMUNICATIONS is not defined or invalid")
    pairs = values.get("BINDINGS") or []
    if not values.get("OWNER_ID") and pairs:
        values["OWNER_TYPE_ID"], values["OWNER_ID"] = pairs[0]
    if _owner(call.portal, values.get("OWNER_TYPE_ID"), values.get("OWNER_ID")) is None:
        raise RestError(400, "", "Could not find or resolve owner of activity")
    if values.get("TYPE_ID") == CALL:
        values = {"PROVIDER_ID": "VOXIMPLANT_CALL", "PROVIDER_TYPE_ID": "CALL", **values}
    return int(create(call.portal, values, call.client.user_id, _connector(call))["ID"])


def _owner(portal: Portal, type_id: Any, ident: Any) -> Record | None:
    kind = crm(portal).kinds.get(formats.integer(type_id) or 0)
    return kind.get(ident) if kind else None


@method("crm.activity.get", scope="crm")
def get(call: Call) -> dict[str, Any]:
    row = _by_id(call)
    return {name: _one(row, name) for name, _, _ in TABLE}


@method("crm.activity.list", scope="crm")
def listing(call: Call) -> Listed:
    tree = formats.mapping(call.get("filter"), "filter")
    bindings = next((tree.pop(key) for key in list(tree) if key.upper() == "BINDINGS"), None)
    known = {key: value for key, value in tree.items() if filters.split(key)[1] in KINDS}
    test = filters.compile_filter(known, filters.get_key, call.portal.zone)
    rows = [row for row in call.portal.area(Activities).rows.values() if test(row)]
    if bindings is not None:  # finds secondary links, and repeats a row that has several
        pairs = _pairs(bindings)
        rows = [row for row in rows for pair in pairs if pair in row["BINDINGS"]]
    order = {k: v for k, v in formats.mapping(call.get("order"), "order").items() if k in KINDS} or {"ID": "ASC"}
    if list(order) != ["ID"] or str(order["ID"]).upper() != "ASC":
        rows = filters.order(rows, order)
    if start(call) < 0:
        rows = rows[:PAGE]
    select = [str(name).upper() for name in formats.items(call.get("select"))]
    names = ["ID"]
    for name in select or ["*"]:
        names += [name for name, _, _ in TABLE] if name == "*" else [name]
    wanted = [name for name in dict.fromkeys(names) if name in KINDS or name in ("COMMUNICATIONS", "BINDINGS")]
    return page(call, rows, lambda row: {name: _one(row, name) for name in wanted})


@method("crm.activity.update", scope="crm")
def update(call: Call) -> bool:
    row, sent = _by_id(call), call.get("fields")
    if not isinstance(sent, dict):
        raise RestError(400, "", "Parameter 'fields' must be array.")
    change(call.portal, row, read(call.portal, sent), call.client.user_id, _connector(call))
    return True


@method("crm.activity.delete", scope="crm")
def delete(call: Call) -> bool:
    row = _by_id(call)
    del call.portal.area(Activities).rows[row["ID"]]
    data = {"FIELDS": {"ID": row["ID"]}}
    call.portal.raise_event("ONCRMACTIVITYDELETE", data, call.client.user_id, _connector(call))
    return True


@method("crm.activity.fields", scope="crm")
def fields(call: Call) -> dict[str, Any]:
    return {
        name: {"type": kind, "isRequired": name == "SUBJECT", "isReadOnly": name in READ_ONLY, "isImmutable": False,
               "isMultiple": False, "isDynamic": False, "title": name}
        for name, kind, _ in TABLE
    }  # fmt: skip


@method("crm.activity.binding.list", scope="crm")
def binding_list(call: Call) -> list[dict[str, int]]:
    row = call.portal.area(Activities).rows.get(formats.integer(call.get("activityId")) or 0)
    if row is None:
        raise RestError(400, "NOT_FOUND", "Not found.")
    return [{"entityTypeId": kind, "entityId": ident} for kind, ident in row["BINDINGS"]]


@method("crm.activity.binding.add", scope="crm")
def binding_add(call: Call) -> bool:
    row = call.portal.area(Activities).rows.get(formats.integer(call.get("activityId")) or 0)
    type_id, ident = formats.integer(call.get("entityTypeId")), formats.integer(call.get("entityId"))
    if row is None or type_id is None or ident is None or _owner(call.portal, type_id, ident) is None:
        raise RestError(400, "NOT_FOUND", "Not found.")
    if (type_id, ident) in row["BINDINGS"]:
        raise RestError(400, "ACTIVITY_IS_ALREADY_BOUND", "Activity already binded to this entity")
    row["BINDINGS"].append((type_id, ident))
    return True


@method("crm.activity.binding.delete", scope="crm")
def binding_delete(call: Call) -> bool:
    """The only one stays; where the owner goes, the next one is the owner."""
    row = call.portal.area(Activities).rows.get(formats.integer(call.get("activityId")) or 0)
    type_id, ident = formats.integer(call.get("entityTypeId")), formats.integer(call.get("entityId"))
    if type_id is None or ident is None:
        name = "entityTypeId" if type_id is None else "entityId"
        raise RestError(400, "100", f"Could not find value for parameter {{{name}}}")
    if row is None:
        raise RestError(400, "NOT_FOUND", "Not found.")
    if (type_id, ident) not in row["BINDINGS"]:
        raise RestError(400, "BINDING_NOT_FOUND", "Activity is not bound to this entity")
    if len(row["BINDINGS"]) == 1:
        raise RestError(400, "LAST_BINDING_CANNOT_BE_DELETED", "The only binding of an activity cannot be deleted")
    row["BINDINGS"].remove((type_id, ident))
    row["OWNER_TYPE_ID"], row["OWNER_ID"] = row["BINDINGS"][0]
    return True


# -- todo


def _moment(call: Call, needed: bool) -> datetime | None:
    sent = call.get("deadline")
    if sent is None:
        if needed:
            raise RestError(400, "100", "Could not find value for parameter {deadline}")
        return None
    moment = formats.parse_time(sent, call.portal.zone)
    if moment is None:
        raise RestError(400, "WRONG_DATETIME_FORMAT", "Incorrect date format")
    return moment


def _todo_owner(call: Call) -> tuple[int, int]:
    pair = formats.integer(call.get("ownerTypeId")), formats.integer(call.get("ownerId"))
    if pair[0] is None or pair[1] is None:
        name = "ownerTypeId" if pair[0] is None else "ownerId"
        raise RestError(400, "100", f"Could not find value for parameter {{{name}}}")
    if _owner(call.portal, *pair) is None:
        raise RestError(400, "OWNER_NOT_FOUND", "Owner of the entity not found")
    return pair[0], pair[1]


@method("crm.activity.todo.add", scope="crm")
def todo_add(call: Call) -> dict[str, int]:
    owner, deadline = _todo_owner(call), _moment(call, True)
    settings = {"COLOR_ID": str(call.get("colorId"))} if call.get("colorId") else []
    pings = [number for item in formats.items(call.get("pingOffsets")) if (number := formats.integer(item)) is not None]
    row = create(call.portal, {
        "OWNER_TYPE_ID": owner[0], "OWNER_ID": owner[1], "TYPE_ID": PROVIDER, "PROVIDER_ID": "CRM_TODO",
        "PROVIDER_TYPE_ID": "TODO", "SUBJECT": str(call.get("title") or ""),
        "DESCRIPTION": str(call.get("description") or ""), "DEADLINE": deadline, "SETTINGS": settings, "pings": pings,
        "RESPONSIBLE_ID": formats.integer(call.get("responsibleId")) or int(call.client.user_id),
    }, call.client.user_id, _connector(call))  # fmt: skip
    return {"id": int(row["ID"])}


def _todo(call: Call) -> Activity:
    row = _by_id(call, RestError(400, "NOT_FOUND", "Not found."))
    if row["PROVIDER_ID"] != "CRM_TODO":
        raise RestError(400, "NOT_FOUND", "Not found.")
    if row["COMPLETED"] == "Y":
        raise RestError(400, "CAN_NOT_UPDATE_COMPLETED_TODO", "Completed activity cannot be modified")
    return row


@method("crm.activity.todo.update", scope="crm")
def todo_update(call: Call) -> dict[str, int]:
    if call.get("ownerId") is not None:
        _todo_owner(call)
    row, deadline = _todo(call), _moment(call, False)
    values: dict[str, Any] = {"START_TIME": deadline, "END_TIME": deadline, "DEADLINE": deadline} if deadline else {}
    for name, upper in (("title", "SUBJECT"), ("description", "DESCRIPTION")):
        if call.get(name) is not None:
            values[upper] = str(call.get(name))
    if formats.integer(call.get("responsibleId")):
        values["RESPONSIBLE_ID"] = formats.integer(call.get("responsibleId"))
    change(call.portal, row, values, call.client.user_id, _connector(call))
    return {"id": int(row["ID"])}


for _part in ("Deadline", "Description", "ResponsibleUser"):
    method(f"crm.activity.todo.update{_part}", scope="crm")(todo_update)
