"""Comments in the timeline: crm.timeline.comment.*. Only lower-case `fields` is understood here (3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.bitrix24 import disk, filters, formats
from sandbox.bitrix24.crm import changes
from sandbox.bitrix24.crm.store import Kind, Record, crm
from sandbox.bitrix24.paging import page
from sandbox.bitrix24.registry import Call, Listed, RestError, method
from sandbox.bitrix24.state import Portal


@dataclass(eq=False)
class Comment:
    id: int
    type_id: int
    entity_type: str  #: as in the docs, lower case: deal, dynamic_1040
    entity_id: int
    text: str
    author: int
    created: datetime
    files: list[disk.Attached] = field(default_factory=list)

    def shown(self, portal: Portal) -> dict[str, Any]:
        return {
            "ID": str(self.id), "ENTITY_ID": str(self.entity_id), "ENTITY_TYPE": self.entity_type,
            "CREATED": self.created.isoformat(), "COMMENT": self.text, "AUTHOR_ID": str(self.author),
            "FILES": {str(one.id): one.shown(portal) for one in self.files},
        }  # fmt: skip


@dataclass
class Comments:
    rows: dict[int, Comment] = field(default_factory=dict)
    by_owner: dict[tuple[int, int], list[Comment]] = field(default_factory=dict)


def attach(sandbox: Any) -> None:
    sandbox.counts.append(lambda portal: {"comments": len(portal.area(Comments).rows)})

    def forget(portal: Portal, kind: Kind, record: Record) -> None:
        area = portal.area(Comments)
        for comment in area.by_owner.pop((kind.type_id, record["ID"]), []):
            del area.rows[comment.id]

    sandbox.portal.area(changes.Hooks).deleted.append(forget)


def write(portal: Portal, kind: Kind, ident: int, text: str, author: int, actor: str | None, connector: str = "",
          files: Sequence[disk.Attached] = ()) -> Comment:  # fmt: skip
    """A new comment under a record."""
    area = portal.area(Comments)
    comment = Comment(portal.next_id("comment"), kind.type_id, kind.code.lower(), ident, text, author, portal.now())
    comment.files = list(files)
    for file in comment.files:
        file.owner = comment.id
    area.rows[comment.id] = comment
    area.by_owner.setdefault((kind.type_id, ident), []).append(comment)
    changes.touch(portal, kind.type_id, ident, author)
    _event(portal, comment, "ADD", actor, connector)
    return comment


def _event(portal: Portal, comment: Comment, what: str, actor: str | None, connector: str = "") -> None:
    if portal.faults.on("timeline_events"):
        portal.raise_event(f"ONCRMTIMELINECOMMENT{what}", {"FIELDS": {"ID": comment.id}}, actor, connector)


def _fields(call: Call) -> dict[str, Any]:
    sent = call.params.get("fields")
    if not isinstance(sent, dict) or not sent:
        raise RestError(400, "100", "Required fields are not provided")
    return sent


def _by_id(call: Call) -> Comment:
    number = formats.integer(call.get("id"))
    if number is None or number <= 0:
        raise RestError(400, "", "ID is not defined or invalid.")
    comment = call.portal.area(Comments).rows.get(number)
    if comment is None:
        raise RestError(400, "", "Not found.")
    return comment


def _connector(call: Call) -> str:
    return str(call.get("auth_connector") or "")


@method("crm.timeline.comment.add", scope="crm")
def add(call: Call) -> int:
    sent = _fields(call)
    text, type_name, ident = str(sent.get("COMMENT") or ""), str(sent.get("ENTITY_TYPE") or ""), sent.get("ENTITY_ID")
    if not type_name or ident in (None, ""):
        raise RestError(400, "100", "Required fields are not provided")
    if not text and not sent.get("FILES"):
        raise RestError(400, "INVALID_ARG_VALUE", "Empty comment")
    kind = crm(call.portal).by_code(type_name)
    record = kind.get(ident) if kind else None
    if kind is None or record is None:
        raise RestError(400, "OWNER_NOT_FOUND", "Owner of the item not found")
    author = formats.integer(sent.get("AUTHOR_ID")) or int(call.client.user_id)
    files = list(disk.taken(call.portal, sent.get("FILES"), author))
    return write(call.portal, kind, record["ID"], text, author, call.client.user_id, _connector(call), files).id


@method("crm.timeline.comment.get", scope="crm")
def get(call: Call) -> dict[str, Any]:
    return _by_id(call).shown(call.portal)


@method("crm.timeline.comment.list", scope="crm")
def listing(call: Call) -> Listed:
    tree = formats.mapping(call.get("filter"), "filter")
    area, number = call.portal.area(Comments), formats.integer(tree.get("ENTITY_ID"))
    kind = crm(call.portal).by_code(str(tree.get("ENTITY_TYPE") or ""))
    if kind and number is not None:  # nearly always asked so
        rest = {key: value for key, value in tree.items() if key not in ("ENTITY_ID", "ENTITY_TYPE")}
        rows = area.by_owner.get((kind.type_id, number), [])
    else:
        rest, rows = tree, list(area.rows.values())
    found = filters.select([row.shown(call.portal) for row in rows], rest, call.portal.zone)
    found = filters.order(found, formats.mapping(call.get("order"), "order") or {"ID": "ASC"})
    select = [str(name) for name in formats.items(call.get("select"))]
    if not select or "*" in select:
        return page(call, found)
    return page(call, found, lambda row: {name: row[name] for name in dict.fromkeys(["ID", *select]) if name in row})


@method("crm.timeline.comment.update", scope="crm")
def update(call: Call) -> bool:
    comment, sent = _by_id(call), _fields(call)
    text = str(sent.get("COMMENT") or "")
    if not text:
        raise RestError(400, "INVALID_ARG_VALUE", "Empty comment")
    replaced = "FILES" in sent
    if replaced:  # what stood there is deleted always; an empty list leaves none («How to Update and Delete Files»)
        for one in comment.files:
            disk.drop(call.portal, one)
        comment.files = list(disk.taken(call.portal, sent["FILES"], int(call.client.user_id)))
        for one in comment.files:
            one.owner = comment.id
    if text != comment.text or replaced:
        comment.text = text
        _event(call.portal, comment, "UPDATE", call.client.user_id, _connector(call))
    return True


@method("crm.timeline.comment.delete", scope="crm")
def delete(call: Call) -> bool:
    comment, area = _by_id(call), call.portal.area(Comments)
    del area.rows[comment.id]
    area.by_owner[comment.type_id, comment.entity_id].remove(comment)
    _event(call.portal, comment, "DELETE", call.client.user_id, _connector(call))
    return True


@method("crm.timeline.comment.fields", scope="crm")
def fields(call: Call) -> dict[str, Any]:
    table = (
        ("ID", "integer", True), ("ENTITY_ID", "integer", False), ("ENTITY_TYPE", "string", False),
        ("CREATED", "datetime", True), ("COMMENT", "string", False), ("AUTHOR_ID", "user", False),
        ("FILES", "attached_diskfile", False),
    )  # fmt: skip
    return {
        name: {
            "type": kind, "isRequired": name in ("ENTITY_ID", "ENTITY_TYPE"), "isReadOnly": read_only,
            "isImmutable": name.startswith("ENTITY"), "isMultiple": name == "FILES", "isDynamic": False, "title": name,
        }
        for name, kind, read_only in table
    }  # fmt: skip
