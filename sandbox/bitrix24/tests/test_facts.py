"""Every documented answer has the documented keys and JSON types. The shapes were taken from the vendor's samples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

SHAPES: dict[str, Any] = json.loads((Path(__file__).parent / "facts" / "shapes.json").read_text(encoding="utf-8"))
#: These need a field of the sample's portal to be there.
FIELD = {"FIELD_NAME": "CONTRACT_NUMBER", "USER_TYPE_ID": "string", "LABEL": "Contract number"}


def kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return {str: "string", list: "list", dict: "object"}[type(value)]


def differences(shape: Any, value: Any, where: str = "") -> list[str]:
    """What the answer leaves out or has of another type; null on either side says nothing about the type."""
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return [f"{where}: an object is wanted, not {kind(value)}"]
        return [
            wrong
            for key, inner in shape.items()
            for wrong in (differences(inner, value[key], f"{where}.{key}") if key in value else [f"{where}.{key}: missing"])
        ]
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{where}: a list is wanted, not {kind(value)}"]
        return differences(shape[0], value[0], f"{where}[0]") if shape and value else []
    return (
        [] if "null" in (shape, kind(value)) or shape == kind(value) else [f"{where}: {shape} is wanted, not {kind(value)}"]
    )


@pytest.fixture
def world(admin, app, receiver):
    """A portal like that of the samples: ids by name."""
    category = admin.call("crm.category.add", entityTypeId=2, fields={"name": "Account opening", "sort": 200})["category"][
        "id"
    ]
    kind_id = admin.call("crm.type.add", fields={
        "title": "Positions", "entityTypeId": 1040, "relations": {"child": [{"entityTypeId": 2}]},
    })["type"]["entityTypeId"]  # fmt: skip
    field = admin.call("crm.deal.userfield.add", fields=FIELD)
    admin.call("crm.contact.userfield.add", fields={"FIELD_NAME": "CLIENT_ID", "USER_TYPE_ID": "string"})
    phones = {"PHONE": [{"VALUE": "+79165550134", "VALUE_TYPE": "MOBILE"}], "EMAIL": [{"VALUE": "p@example.com"}]}
    contact = admin.call("crm.contact.add", fields={"NAME": "Irina", "UF_CRM_CLIENT_ID": "1", **phones})
    lead = admin.call("crm.lead.add", fields={"TITLE": "Site request", "SOURCE_ID": "WEB", **phones})
    deal = admin.deal(CATEGORY_ID=category, CONTACT_IDS=[contact], UF_CRM_CONTRACT_NUMBER="KB", SOURCE_ID="WEB")
    admin.move(deal, stageId=f"C{category}:PREPARATION")
    todo = admin.call("crm.activity.todo.add", ownerTypeId=2, ownerId=deal, deadline="2026-10-27T15:00:00+03:00", title="x")[
        "id"
    ]
    app.call("event.bind", event="ONCRMLEADADD", handler=f"{receiver.address}/hooks")
    app.call("event.bind", event="ONCRMDEALUPDATE", event_type="offline")
    admin.move(deal, title="Renamed")
    stage = admin.call("crm.status.add", fields={
        "ENTITY_ID": f"DEAL_STAGE_{category}", "STATUS_ID": "TERMS", "NAME": "Terms", "SORT": 25,
    })  # fmt: skip
    return {
        "deal": deal, "contact": contact, "lead": lead, "category": category, "kind": kind_id, "field": field, "todo": todo,
        "stage": stage, "handler": f"{receiver.address}/hooks",
    }  # fmt: skip


#: How each method is asked; words in braces are ids of `world`.
ASKED: dict[str, dict[str, Any]] = {
    "crm.item.add": {"entityTypeId": 2, "fields": {"title": "x", "contactIds": ["{contact}"]}},
    "crm.item.get": {"entityTypeId": 2, "id": "{deal}"},
    "crm.item.update": {"entityTypeId": 2, "id": "{deal}", "fields": {"opportunity": 5}},
    "crm.item.list": {"entityTypeId": 2, "select": ["id", "title", "stageId", "assignedById"]},
    "crm.item.delete": {"entityTypeId": 2, "id": "{deal}"},
    "crm.item.fields": {"entityTypeId": 2},
    "crm.deal.add": {"fields": {"TITLE": "x"}, "params": {"REGISTER_SONET_EVENT": "N"}},
    "crm.deal.get": {"id": "{deal}"},
    "crm.deal.update": {"id": "{deal}", "fields": {"TITLE": "y"}},
    "crm.deal.list": {"select": ["ID", "TITLE", "STAGE_ID"]},
    "crm.deal.delete": {"id": "{deal}"},
    "crm.contact.get": {"id": "{contact}"},
    "crm.contact.add": {"fields": {"NAME": "x"}},
    "crm.contact.update": {"id": "{contact}", "fields": {"NAME": "y"}},
    "crm.contact.list": {"select": ["ID", "NAME", "LAST_NAME", "PHONE"], "start": -1},
    "crm.lead.get": {"id": "{lead}"},
    "crm.lead.add": {"fields": {"TITLE": "x"}},
    "crm.lead.update": {"id": "{lead}", "fields": {"ASSIGNED_BY_ID": 15}},
    "crm.lead.list": {"select": ["ID", "STATUS_ID"], "filter": {"STATUS_SEMANTIC_ID": "P"}},
    "crm.category.list": {"entityTypeId": 2},
    "crm.category.add": {"entityTypeId": 2, "fields": {"name": "x"}},
    "crm.category.update": {"entityTypeId": 2, "id": "{category}", "fields": {"name": "y"}},
    "crm.status.list": {"filter": {"ENTITY_ID": "DEAL_STAGE"}},
    "crm.status.add": {"fields": {"ENTITY_ID": "SOURCE", "STATUS_ID": "X", "NAME": "x"}},
    "crm.status.update": {"id": "{stage}", "fields": {"NAME": "x"}},
    "crm.status.delete": {"id": "{stage}"},
    "crm.stagehistory.list": {"entityTypeId": 2},
    "crm.deal.userfield.add": {"fields": {"FIELD_NAME": "OTHER", "USER_TYPE_ID": "string"}},
    "crm.deal.userfield.list": {},
    "crm.deal.userfield.get": {"id": "{field}"},
    "userfieldconfig.list": {"moduleId": "crm", "select": {"0": "*", "language": "ru"}, "filter": {"entityId": "CRM_DEAL"}},
    "userfieldconfig.add": {"moduleId": "crm", "field": {
        "entityId": "CRM_DEAL", "fieldName": "UF_CRM_LIST", "userTypeId": "enumeration",
        "enum": [{"value": "Active", "def": "Y", "sort": 10, "xmlId": "active"}],
    }},
    "crm.timeline.comment.add": {"fields": {"ENTITY_ID": "{deal}", "ENTITY_TYPE": "deal", "COMMENT": "x"}},
    "crm.activity.list": {"select": ["ID", "OWNER_ID", "OWNER_TYPE_ID", "RESPONSIBLE_ID", "DEADLINE"], "start": -1},
    "crm.activity.get": {"id": "{todo}"},
    "crm.activity.add": {"fields": {"OWNER_TYPE_ID": 2, "OWNER_ID": "{deal}", "TYPE_ID": 6, "SUBJECT": "x"}},
    "crm.activity.todo.add": {"ownerTypeId": 2, "ownerId": "{deal}", "deadline": "2026-10-30T15:00:00+03:00"},
    "crm.duplicate.findbycomm": {"type": "PHONE", "values": ["+79165550134"], "entity_type": "CONTACT"},
    "crm.automation.trigger": {"target": "DEAL_{deal}", "code": "c5u4m"},
    "crm.enum.ownertype": {},
    "event.bind": {"event": "ONCRMDEALADD", "handler": "{handler}", "auth_type": 1},
    "event.get": {},
    "event.unbind": {"event": "ONCRMLEADADD", "handler": "{handler}"},
    "events": {"SCOPE": "crm"},
    "event.test": {"any": "data"},
    "event.offline.get": {"clear": 0, "limit": 50, "filter": {"=EVENT_NAME": "ONCRMDEALUPDATE"}},
    "event.offline.list": {"start": 0},
    "event.offline.clear": {"process_id": "nobody"},
    "event.offline.error": {"process_id": "nobody"},
}  # fmt: skip


def filled(tree: Any, world: dict[str, Any]) -> Any:
    if isinstance(tree, dict):
        return {key: filled(value, world) for key, value in tree.items()}
    if isinstance(tree, list):
        return [filled(value, world) for value in tree]
    return tree.format(**world) if isinstance(tree, str) else tree


def test_no_sample_is_forgotten():
    assert set(ASKED) == set(SHAPES)


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_the_answer_has_the_samples_shape(world, app, name):
    if name == "event.offline.list":  # the vendor's samples of the two methods differ in this
        app.switch(offline_data="false")
    answer = app.envelope(name, **filled(ASKED[name], world))
    shape = dict(SHAPES[name])
    assert differences(shape, answer) == []
    assert ("total" in answer) == ("total" in shape)


def test_a_difference_is_noticed():
    shape = {"result": {"ID": "string", "rows": [{"n": "number"}]}}
    assert differences(shape, {"result": {"ID": "1", "rows": [{"n": 1}], "more": 1}}) == []
    assert differences(shape, {"result": {"ID": 1, "rows": [{}]}}) == [
        ".result.ID: string is wanted, not number", ".result.rows[0].n: missing",
    ]  # fmt: skip
