"""Smart processes: crm.type.*. A new one is a new kind of record with a pipeline, stages and links to its parents."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.bitrix24 import filters, formats
from sandbox.bitrix24.crm import categories, statuses, tables, userfields
from sandbox.bitrix24.crm.fields import Field, table
from sandbox.bitrix24.crm.rights import admin_only
from sandbox.bitrix24.crm.store import COMPANY, CONTACT, Kind, crm
from sandbox.bitrix24.paging import page
from sandbox.bitrix24.registry import Call, Listed, RestError, method
from sandbox.bitrix24.state import Portal

SWITCHES = (
    "isCategoriesEnabled", "isStagesEnabled", "isBeginCloseDatesEnabled", "isClientEnabled", "isUseInUserfieldEnabled",
    "isLinkWithProductsEnabled", "isMycompanyEnabled", "isDocumentsEnabled", "isSourceEnabled", "isObserversEnabled",
    "isRecyclebinEnabled", "isAutomationEnabled", "isBizProcEnabled", "isSetOpenPermissions", "isPaymentsEnabled",
    "isCountersEnabled",
)  # fmt: skip
LINKED = ("CALENDAR_EVENT|UF_CRM_CAL_EVENT", "TASKS_TASK|UF_CRM_TASK", "TASKS_TASK_TEMPLATE|UF_CRM_TASK")
Relation = dict[str, Any]


@dataclass(eq=False)
class Type:
    id: int
    type_id: int
    title: str
    created_by: int
    created: datetime
    updated: datetime
    updated_by: int
    code: str = ""
    switches: dict[str, bool] = field(default_factory=dict)
    parent: list[Relation] = field(default_factory=list)
    child: list[Relation] = field(default_factory=list)
    linked: dict[str, bool] = field(default_factory=dict)


@dataclass
class Types:
    rows: dict[int, Type] = field(default_factory=dict)


def _shown(row: Type, relations: bool = True) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": row.id, "createdBy": row.created_by, "entityTypeId": row.type_id, "code": row.code,
        **{name: formats.yn(row.switches[name]) for name in SWITCHES}, "createdTime": formats.iso(row.created),
        "updatedTime": formats.iso(row.updated), "updatedBy": row.updated_by, "title": row.title,
    }  # fmt: skip
    if not relations:
        return shown
    predefined = [_relation(n, True, True) for n in (CONTACT, COMPANY)] if row.switches["isClientEnabled"] else []
    return shown | {
        "relations": {"parent": predefined + row.parent, "child": list(row.child)},
        "linkedUserFields": {name: formats.yn(row.linked.get(name, False)) for name in LINKED},
        "customSections": [], "customSectionId": None,
    }  # fmt: skip


def _relation(type_id: int, listed: bool, predefined: bool = False) -> Relation:
    return {
        "entityTypeId": type_id, "isChildrenListEnabled": formats.yn(listed), "isPredefined": formats.yn(predefined)
    }  # fmt: skip


def _true(value: Any) -> bool:
    """In relations only true and "true" count; Y does nothing (docs of crm.type.add)."""
    return value is True or str(value).lower() == "true" or value in (1, "1")


def _row(call: Call) -> Type:
    number = formats.integer(call.get("id"))
    row = call.portal.area(Types).rows.get(number or 0)
    if row is None:
        raise RestError(400, "NOT_FOUND", "Smart process not found")
    return row


@method("crm.type.list", scope="crm")
def listing(call: Call) -> Listed:
    rows = [_shown(row, relations=False) for row in call.portal.area(Types).rows.values()]
    found = filters.select(rows, formats.mapping(call.get("filter"), "filter"), call.portal.zone)
    found = filters.order(found, formats.mapping(call.get("order"), "order") or {"id": "ASC"})
    return page(call, found, wrap=lambda shown: {"types": shown})


@method("crm.type.get", scope="crm")
def get(call: Call) -> dict[str, Any]:
    return {"type": _shown(_row(call))}


@method("crm.type.getByEntityTypeId", scope="crm")
def by_entity_type(call: Call) -> dict[str, Any]:
    number = formats.integer(call.get("entityTypeId"))
    row = next((row for row in call.portal.area(Types).rows.values() if row.type_id == number), None)
    if row is None:
        raise RestError(400, "NOT_FOUND", "Smart process not found")
    return {"type": _shown(row)}


@method("crm.type.fields", scope="crm")
def fields(call: Call) -> dict[str, Any]:
    names = {"id": "integer", "title": "string", "code": "string", "createdBy": "user", "entityTypeId": "integer",
             **dict.fromkeys(SWITCHES, "boolean")}  # fmt: skip
    return {"fields": {
        name: {"type": kind, "isRequired": name == "title", "isReadOnly": name in ("id", "createdBy"),
               "isImmutable": name == "entityTypeId", "isMultiple": False, "isDynamic": False, "title": name}
        for name, kind in names.items()
    }}  # fmt: skip


@method("crm.type.add", scope="crm")
def add(call: Call) -> dict[str, Any]:
    admin_only(call, "ACCESS_DENIED", "Access denied")
    portal, sent = call.portal, formats.mapping(call.get("fields"), "fields")
    if not sent.get("title"):
        raise RestError(400, "BX_EMPTY_REQUIRED", 'The field "TITLE" is required')
    now, user = portal.now(), int(call.client.user_id)
    row = Type(portal.next_id("type"), _free(portal, sent.get("entityTypeId")), str(sent["title"]), user, now, now, user)
    row.switches = {name: name == "isSetOpenPermissions" for name in SWITCHES}
    portal.area(Types).rows[row.id] = row
    _make_kind(portal, row)
    _write(portal, row, sent)
    portal.raise_event("ONCRMTYPEADD", {"FIELDS": {"ID": row.id}}, call.client.user_id)
    return {"type": _shown(row)}


def _free(portal: Portal, wanted: Any) -> int:
    """A free entityTypeId: 128-192, or an even number from 1030."""
    used = crm(portal).kinds
    if wanted in (None, "", 0, "0"):
        return next(number for number in range(1030, 100_000, 2) if number not in used)
    number = formats.integer(wanted)
    if number is None or not (128 <= number <= 192 or (number >= 1030 and number % 2 == 0)) or number in used:
        text = "entityTypeId should be more or equal than 1030 and be even, or between 128 and 192, and be unique"
        raise RestError(400, "INVALID_ARG_VALUE", text)
    return number


def _make_kind(portal: Portal, row: Type) -> None:
    number = row.type_id
    kind = Kind(
        number, f"DYNAMIC_{number}", f"T{number:X}", table(tables.DYNAMIC), f"CRM_{row.id}", "ONCRMDYNAMICITEM", row.title,
        "STAGE_ID", categories=True,
    )  # fmt: skip
    crm(portal).kinds[number] = kind
    portal.next_ids.setdefault("item_category", 10)
    categories.create(portal, number, "Общая", 500, is_default=True)


def _write(portal: Portal, row: Type, sent: dict[str, Any]) -> None:
    row.title = str(sent.get("title") or row.title)
    row.code = str(sent.get("code") or row.code)
    crm(portal).kinds[row.type_id].title = row.title
    row.switches |= {name: formats.flag(sent[name]) for name in SWITCHES if name in sent}
    if isinstance(sent.get("linkedUserFields"), dict):
        row.linked |= {name: _true(value) for name, value in sent["linkedUserFields"].items()}
    relations = sent.get("relations")
    if isinstance(relations, dict):
        _relate(portal, row, relations)


def _relate(portal: Portal, row: Type, relations: dict[str, Any]) -> None:
    """A parent gives the smart process `parentId2`, a child gets `parentId1040` itself."""
    own = crm(portal).kinds[row.type_id]
    for name, kept in (("parent", row.parent), ("child", row.child)):
        if name not in relations:
            continue
        wanted = [item for item in formats.items(relations[name]) if isinstance(item, dict)]
        found = {n: item for item in wanted if (n := formats.integer(item.get("entityTypeId"))) in crm(portal).kinds}
        for gone in [item["entityTypeId"] for item in kept if item["entityTypeId"] not in found]:
            _unlink(own if name == "parent" else crm(portal).kinds[gone], gone if name == "parent" else row.type_id)
        kept[:] = [_relation(int(number or 0), _true(item.get("isChildrenListEnabled"))) for number, item in found.items()]
        for number in found:
            other = crm(portal).kinds[int(number or 0)]
            if name == "parent":
                link(own, other.type_id)
            else:
                link(other, row.type_id)


def link(child: Kind, parent: int) -> None:
    """Give a kind the field that points to its parent."""
    upper = f"PARENT_ID_{parent}"
    if upper in child.fields:
        return
    wanted = Field(upper, f"parentId{parent}", "crm_entity", classic=not child.dynamic)
    wanted.settings = {"parentEntityTypeId": parent}
    child.fields[upper] = wanted


def _unlink(child: Kind, parent: int) -> None:
    child.fields.pop(f"PARENT_ID_{parent}", None)
    child.index.pop(f"PARENT_ID_{parent}", None)


@method("crm.type.update", scope="crm")
def update(call: Call) -> dict[str, Any]:
    admin_only(call, "ACCESS_DENIED", "Access denied")
    row = _row(call)
    _write(call.portal, row, formats.mapping(call.get("fields"), "fields"))
    row.updated, row.updated_by = call.portal.now(), int(call.client.user_id)
    portal = call.portal
    portal.raise_event("ONCRMTYPEUPDATE", {"FIELDS": {"ID": row.id}}, call.client.user_id)
    return {"type": _shown(row)}


@method("crm.type.delete", scope="crm")
def delete(call: Call) -> list[Any]:
    admin_only(call, "ACCESS_DENIED", "Access denied")
    row, area = _row(call), crm(call.portal)
    kind = area.kinds[row.type_id]
    if kind.records:
        raise RestError(400, "CRM_TYPE_HAS_ITEMS", "Cannot delete a smart process that has items")
    for custom in userfields.all_of(call.portal, kind):
        userfields.remove(call.portal, custom)
    for category in categories.categories(call.portal, row.type_id):
        statuses.drop(call.portal, statuses.entity_of(row.type_id, category))
    categories.categories(call.portal, row.type_id).clear()
    del area.kinds[row.type_id], call.portal.area(Types).rows[row.id]
    for other in area.kinds.values():
        _unlink(other, row.type_id)
    call.portal.raise_event("ONCRMTYPEDELETE", {"FIELDS": {"ID": row.id}}, call.client.user_id)
    return []
