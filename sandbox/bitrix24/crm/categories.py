"""Pipelines: crm.category.*. Every new one comes with stages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.bitrix24 import formats
from sandbox.bitrix24.crm import statuses
from sandbox.bitrix24.crm.rights import admin_only
from sandbox.bitrix24.crm.store import DEAL, Kind, kind_of
from sandbox.bitrix24.registry import Call, Listed, RestError, method
from sandbox.bitrix24.state import Portal


@dataclass(eq=False)
class Category:
    id: int
    type_id: int
    name: str
    sort: int = 500
    default: bool = False
    origin_id: str = ""
    originator_id: str = ""


@dataclass
class Categories:
    rows: dict[int, dict[int, Category]] = field(default_factory=dict)  #: by entityTypeId and id


def categories(portal: Portal, type_id: int) -> dict[int, Category]:
    """The pipelines of a kind, with the one every portal has for deals."""
    area = portal.area(Categories)
    if DEAL not in area.rows:
        area.rows[DEAL] = {0: Category(0, DEAL, "Общая", 300, True)}
    return area.rows.setdefault(type_id, {})


def default(portal: Portal, type_id: int) -> int:
    return next((row.id for row in categories(portal, type_id).values() if row.default), 0)


def create(portal: Portal, type_id: int, name: str, sort: int, is_default: bool = False) -> Category:
    """A pipeline with its first stages."""
    ident = portal.next_id("category" if type_id == DEAL else "item_category")
    row = Category(ident, type_id, name, sort, is_default)
    categories(portal, type_id)[ident] = row
    statuses.statuses(portal)
    first = statuses.DEAL_STAGES if type_id == DEAL else statuses.DYNAMIC_STAGES
    statuses.add_stages(portal, statuses.entity_of(type_id, ident), first)
    return row


def _kind(call: Call) -> Kind:
    kind = kind_of(call.portal, call.get("entityTypeId"))
    if not kind.categories:
        raise RestError(400, "ENTITY_TYPE_NOT_SUPPORTED", f"Entity type `{kind.code}` is not supported")
    return kind


def _row(call: Call) -> Category:
    number = formats.integer(call.get("id"))
    row = categories(call.portal, _kind(call).type_id).get(-1 if number is None else number)
    if row is None:
        raise RestError(400, "NOT_FOUND", "Element not found")
    return row


def _shown(row: Category) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": row.id, "name": row.name, "sort": row.sort, "entityTypeId": row.type_id, "isDefault": formats.yn(row.default),
    }  # fmt: skip
    if row.id:
        shown |= {"originId": row.origin_id, "originatorId": row.originator_id}
    return shown


@method("crm.category.list", scope="crm")
def listing(call: Call) -> Listed:
    rows = sorted(categories(call.portal, _kind(call).type_id).values(), key=lambda row: (row.sort, row.id))
    return Listed({"categories": [_shown(row) for row in rows]}, len(rows))


@method("crm.category.get", scope="crm")
def get(call: Call) -> dict[str, Any]:
    return {"category": _shown(_row(call))}


@method("crm.category.fields", scope="crm")
def fields(call: Call) -> dict[str, Any]:
    _kind(call)
    table = (
        ("id", "integer", True), ("name", "string", False), ("sort", "integer", False), ("entityTypeId", "integer", True),
        ("isDefault", "boolean", True), ("originId", "string", False), ("originatorId", "string", False),
    )  # fmt: skip
    upper = {"entityTypeId": "ENTITY_TYPE_ID", "isDefault": "IS_DEFAULT", "originId": "ORIGIN_ID",
             "originatorId": "ORIGINATOR_ID"}  # fmt: skip
    return {"fields": {
        name: {
            "type": kind, "isRequired": name == "entityTypeId", "isReadOnly": read_only, "isImmutable": False,
            "isMultiple": False, "isDynamic": False, "title": upper.get(name, name.upper()),
            "upperName": upper.get(name, name.upper()),
        }
        for name, kind, read_only in table
    }}  # fmt: skip


@method("crm.category.add", scope="crm")
def add(call: Call) -> dict[str, Any]:
    admin_only(call, "ACCESS_DENIED", "Access denied")
    kind, values = _kind(call), formats.mapping(call.get("fields"), "fields")
    name = str(values.get("name") or values.get("NAME") or "")
    if not name:
        raise RestError(400, "BX_EMPTY_REQUIRED", 'The field "NAME" is required')
    sort = formats.integer(values.get("sort"))
    row = create(call.portal, kind.type_id, name, 500 if sort is None else sort)
    _write(call.portal, row, values)
    return {"category": _shown(row)}


def _write(portal: Portal, row: Category, values: dict[str, Any]) -> None:
    row.name = str(values.get("name") or row.name)
    sort = formats.integer(values.get("sort"))
    row.sort = row.sort if sort is None else sort
    row.origin_id = str(values.get("originId", row.origin_id) or "")
    row.originator_id = str(values.get("originatorId", row.originator_id) or "")
    if formats.flag(values.get("isDefault", "N")) and row.type_id != DEAL:  # of deals it cannot be changed
        for other in categories(portal, row.type_id).values():
            other.default = other is row


@method("crm.category.update", scope="crm")
def update(call: Call) -> dict[str, Any]:
    admin_only(call, "ACCESS_DENIED", "Access denied")
    row = _row(call)
    _write(call.portal, row, formats.mapping(call.get("fields"), "fields"))
    shown = _shown(row)
    return {"category": {key: shown[key] for key in ("id", "name", "sort", "entityTypeId", "isDefault")}}


@method("crm.category.delete", scope="crm")
def delete(call: Call) -> None:
    admin_only(call, "ACCESS_DENIED", "Access denied")
    kind, row = _kind(call), _row(call)
    deals = kind.type_id == DEAL
    if row.default:
        if deals:
            raise RestError(400, "0", "Default deal category cannot be deleted")
        raise RestError(400, "BX_ERROR", "This funnel is the default funnel")
    if any(record.get("CATEGORY_ID") == row.id for record in kind.records.values()):
        if deals:
            raise RestError(400, "0", f"Deals related to the funnel {row.name} found")
        raise RestError(400, "BX_ERROR", "Elements related to the funnel found")
    del categories(call.portal, kind.type_id)[row.id]
    statuses.drop(call.portal, statuses.entity_of(kind.type_id, row.id))
