"""The door to a card's timeline: comments, activities and moves between stages, as a person would see them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sandbox.bitrix24 import documents
from sandbox.bitrix24.crm.activities import Activities
from sandbox.bitrix24.crm.comments import Comments
from sandbox.bitrix24.crm.history import Moves
from sandbox.bitrix24.doors import BadRequest, door
from sandbox.bitrix24.state import Portal

if TYPE_CHECKING:
    from sandbox.bitrix24.server import Sandbox


@door("GET", "/sandbox/timeline")
def timeline(sandbox: Sandbox, asked: Mapping[str, Any]) -> dict[str, Any]:
    """`?deal=5`: what stands in that card, newest first."""
    portal = sandbox.portal
    with portal.lock:
        document = documents.asked(asked)
        if document is None or documents.fields_of(portal, document) is None:
            raise BadRequest("say whose timeline: lead, deal, contact, company or dynamic_N, and a number that exists")
        rows = _rows(portal, documents.type_id(portal, document), int(document.number))
    # Of one second the later entry is the newer one: sorting keeps their order, reading backwards turns it.
    rows.sort(key=lambda row: row[0])
    return {"timeline": [{"at": at.isoformat(), **row} for at, row in reversed(rows)]}


def _rows(portal: Portal, type_id: int, number: int) -> list[tuple[datetime, dict[str, Any]]]:
    owner = (type_id, number)
    rows: list[tuple[datetime, dict[str, Any]]] = []
    for move in portal.area(Moves).by_owner.get(owner, []):
        stage = move.get("STAGE_ID", move.get("STATUS_ID"))
        rows.append((move["CREATED_TIME"], {"kind": "stage", "id": move["ID"], "text": stage, "author": ""}))
    for comment in portal.area(Comments).by_owner.get(owner, []):
        row = {"kind": "comment", "id": comment.id, "text": comment.text, "author": str(comment.author)}
        rows.append((comment.created, row))
    for item in portal.area(Activities).rows.values():
        if owner in item["BINDINGS"]:
            row = {"kind": "activity", "id": item["ID"], "text": item["SUBJECT"], "author": str(item["AUTHOR_ID"])}
            rows.append((item["CREATED"], {**row, "done": item["COMPLETED"] == "Y"}))
    return rows
