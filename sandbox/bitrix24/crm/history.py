"""Where a record has been: a row for every move between stages, crm.stagehistory.list."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.bitrix24 import filters, formats
from sandbox.bitrix24.crm.store import LEAD, Kind, Record, crm
from sandbox.bitrix24.paging import page
from sandbox.bitrix24.registry import Call, Listed, RestError, method
from sandbox.bitrix24.state import Portal

CREATED, MOVED, FINAL, OTHER_PIPELINE = 1, 2, 3, 5
NAMES = ("ID", "TYPE_ID", "OWNER_ID", "CREATED_TIME", "CATEGORY_ID", "STAGE_SEMANTIC_ID", "STAGE_ID")
LEAD_NAMES = ("ID", "TYPE_ID", "OWNER_ID", "CREATED_TIME", "STATUS_SEMANTIC_ID", "STATUS_ID")


@dataclass
class Moves:
    rows: dict[int, list[dict[str, Any]]] = field(default_factory=dict)  #: by entityTypeId, in order
    by_owner: dict[tuple[int, int], list[dict[str, Any]]] = field(default_factory=dict)


def enter(portal: Portal, kind: Kind, record: Record, type_id: int, semantics: str) -> None:
    """Write one row. A move to a final stage is called final, whatever it was."""
    stage = record.get(kind.stage)
    row: dict[str, Any] = {
        "ID": portal.next_id("history"), "TYPE_ID": FINAL if type_id == MOVED and semantics != "P" else type_id,
        "OWNER_ID": record["ID"], "CREATED_TIME": portal.now(),
    }  # fmt: skip
    if kind.type_id == LEAD:
        row |= {"STATUS_SEMANTIC_ID": semantics, "STATUS_ID": stage}
    else:
        row |= {"CATEGORY_ID": record.get("CATEGORY_ID") or 0, "STAGE_SEMANTIC_ID": semantics, "STAGE_ID": stage}
    area = portal.area(Moves)
    area.rows.setdefault(kind.type_id, []).append(row)
    area.by_owner.setdefault((kind.type_id, record["ID"]), []).append(row)


@method("crm.stagehistory.list", scope="crm")
def listing(call: Call) -> Listed:
    number = formats.integer(call.get("entityTypeId"))
    kind = crm(call.portal).kinds.get(number or 0)
    if kind is None or not kind.stage:
        raise RestError(400, "ENTITY_TYPE_NOT_SUPPORTED", "Entity type is not supported")
    names = LEAD_NAMES if kind.type_id == LEAD else NAMES
    tree = formats.mapping(call.get("filter"), "filter")
    order = formats.mapping(call.get("order"), "order") or {"ID": "ASC"}
    _check("filter", [filters.split(key)[1] for key in tree], names)
    _check("order", list(order), names)
    area = call.portal.area(Moves)
    rows = area.rows.get(kind.type_id, [])
    owner = next((formats.integer(tree[key]) for key in ("OWNER_ID", "=OWNER_ID") if not isinstance(tree.get(key), list)
                  and tree.get(key) is not None), None)  # fmt: skip
    if owner is not None:  # asked for most of the time
        rows = area.by_owner.get((kind.type_id, owner), [])
    found = filters.order(filters.select(rows, tree, call.portal.zone), order)
    select = [name for name in formats.items(call.get("select")) if name in names]
    wanted = names if not select or "*" in formats.items(call.get("select")) else select

    def show(row: dict[str, Any]) -> dict[str, Any]:
        shown = {name: row[name] for name in wanted}
        if "CREATED_TIME" in shown:
            shown["CREATED_TIME"] = formats.iso(row["CREATED_TIME"])
        return shown

    return page(call, found, show, lambda shown: {"items": shown})


def _check(what: str, asked: list[str], names: tuple[str, ...]) -> None:
    for name in asked:
        if name not in names:
            raise RestError(400, "INVALID_ARG_VALUE", f"Invalid {what}: field '{name}' is not allowed in {what}")
