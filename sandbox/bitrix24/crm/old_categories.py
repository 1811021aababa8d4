"""Deal pipelines in the older words: crm.dealcategory.*. The general one is not among them: it has settings of its own."""

from __future__ import annotations

from typing import Any

from sandbox.bitrix24 import filters, formats
from sandbox.bitrix24.crm import statuses
from sandbox.bitrix24.crm.categories import Category, categories, create
from sandbox.bitrix24.crm.rights import admin_only
from sandbox.bitrix24.crm.store import DEAL, crm
from sandbox.bitrix24.paging import page
from sandbox.bitrix24.registry import Call, Listed, RestError, method

FIELDS = (
    ("ID", "integer", True), ("CREATED_DATE", "datetime", True), ("NAME", "string", False), ("IS_LOCKED", "char", True),
    ("SORT", "integer", False),
)  # fmt: skip


def _shown(row: Category, moment: Any) -> dict[str, Any]:
    return {
        "ID": str(row.id), "CREATED_DATE": formats.iso(moment), "NAME": row.name, "IS_LOCKED": "N", "SORT": str(row.sort),
    }  # fmt: skip


def _own(call: Call) -> list[Category]:
    """All but the general one."""
    return [row for row in categories(call.portal, DEAL).values() if row.id]


def _row(call: Call) -> Category:
    number = formats.integer(call.get("id"))
    if number is None or number <= 0:
        raise RestError(400, "", "Invalid identifier.")
    row = categories(call.portal, DEAL).get(number)
    if row is None:
        raise RestError(400, "", "Not found")
    return row


def _start_of_year(call: Call) -> Any:
    """The day a pipeline was made is kept nowhere; all show the first of the year."""
    return call.portal.now().replace(month=1, day=1, hour=3, minute=0, second=0)


@method("crm.dealcategory.fields", scope="crm")
def fields(call: Call) -> dict[str, Any]:
    return {
        name: {
            "type": kind, "isRequired": name == "NAME", "isReadOnly": read_only, "isImmutable": False, "isMultiple": False,
            "isDynamic": False, "title": name,
        }
        for name, kind, read_only in FIELDS
    }  # fmt: skip


@method("crm.dealcategory.list", scope="crm")
def listing(call: Call) -> Listed:
    moment = _start_of_year(call)
    conditions = {key.upper(): value for key, value in formats.mapping(call.get("filter"), "filter").items()}
    order = {key.upper(): value for key, value in formats.mapping(call.get("order"), "order").items()}
    rows = filters.select([_shown(row, moment) for row in _own(call)], conditions, call.portal.zone)
    wanted = {str(name).upper() for name in formats.items(call.get("select"))} - {"*"}

    def show(row: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in row.items() if not wanted or name in wanted}

    return page(call, filters.order(rows, order or {"SORT": "ASC", "ID": "ASC"}), show)


@method("crm.dealcategory.get", scope="crm")
def get(call: Call) -> dict[str, Any]:
    return _shown(_row(call), _start_of_year(call))


@method("crm.dealcategory.add", scope="crm")
def add(call: Call) -> int:
    admin_only(call)
    sent = {key.upper(): value for key, value in formats.mapping(call.get("fields"), "fields").items()}
    if not sent.get("NAME"):
        raise RestError(400, "", "The field NAME is required.")
    sort = formats.integer(sent.get("SORT"))
    return create(call.portal, DEAL, str(sent["NAME"]), 500 if sort is None else sort).id


@method("crm.dealcategory.update", scope="crm")
def update(call: Call) -> bool:
    admin_only(call)
    row = _row(call)
    sent = {key.upper(): value for key, value in formats.mapping(call.get("fields"), "fields").items()}
    row.name = str(sent.get("NAME") or row.name)
    sort = formats.integer(sent.get("SORT"))
    row.sort = row.sort if sort is None else sort
    return True


@method("crm.dealcategory.delete", scope="crm")
def delete(call: Call) -> bool:
    admin_only(call)
    row = _row(call)
    if any(record.get("CATEGORY_ID") == row.id for record in crm(call.portal).kinds[DEAL].records.values()):
        raise RestError(400, "", f"Deals related to the funnel {row.name} found")
    del categories(call.portal, DEAL)[row.id]
    statuses.drop(call.portal, statuses.entity_of(DEAL, row.id))
    return True


@method("crm.dealcategory.status", scope="crm")
def status(call: Call) -> str:
    """The name under which crm.status.* knows the stages."""
    return statuses.entity_of(DEAL, formats.integer(call.get("id")))


@method("crm.dealcategory.stage.list", scope="crm")
def stage_list(call: Call) -> list[dict[str, Any]]:
    """Of the general pipeline without an id; of one that does not exist, none."""
    found = statuses.stages(call.portal, DEAL, formats.integer(call.get("id")) or 0)
    return [{"NAME": row.name, "SORT": row.sort, "STATUS_ID": row.status_id} for row in found]


def _general(call: Call) -> Category:
    return categories(call.portal, DEAL)[0]


@method("crm.dealcategory.default.get", scope="crm")
def default_get(call: Call) -> dict[str, Any]:
    return {"ID": 0, "NAME": _general(call).name}


@method("crm.dealcategory.default.set", scope="crm")
def default_set(call: Call) -> bool:
    admin_only(call)
    name = str(call.get("name") or "")
    if not name:
        raise RestError(400, "", "Name is not specified.")
    _general(call).name = name
    return True
