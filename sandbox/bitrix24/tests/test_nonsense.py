"""Whatever is sent, the portal answers in its own words and never breaks: `SANDBOX_BROKEN` is our own mistake."""

import pytest

from sandbox.bitrix24.registry import METHODS
from sandbox.bitrix24.server import import_methods

import_methods()
NONSENSE = [
    {},
    {"fields": "x", "filter": "x", "order": "x", "select": "x", "id": "x", "entityTypeId": "x", "start": "x"},
    {"fields": {"A": 1}, "filter": {"A": 1}, "order": {"A": "B"}, "select": ["A"], "id": 0, "entityTypeId": 2, "cmd": 5},
    {"fields": [1, 2], "filter": [1], "order": [1], "select": {"A": 1}, "id": [1], "entityTypeId": [2], "values": {"a": []}},
    {"fields": None, "filter": None, "order": None, "select": None, "id": None, "entityTypeId": None, "start": None},
    {"FIELDS": {"ID": {"a": {}}, "TITLE": {"b": []}, "fm": 5}, "ID": -1, "filter": {">ID": {"a": 1}, "@ID": "x"}},
]  # fmt: skip


@pytest.mark.parametrize("tree", NONSENSE, ids=range(len(NONSENSE)))
def test_no_method_breaks(app, admin, tree):
    deal = admin.deal()
    for name in sorted(METHODS):
        if "delete" in name or "unbind" in name:
            continue  # they would take away what the next method is asked about
        for caller in (app, admin):
            answer = caller.raw(name, tree)
            assert answer.status_code < 500, (name, tree, answer.text)
            assert ("error" in answer.json()) or ("result" in answer.json()), name
    for name in sorted(name for name in METHODS if "delete" in name or "unbind" in name):
        answer = app.raw(name, tree)
        assert answer.status_code < 500, (name, tree, answer.text)
    assert admin.item(deal)["id"] == deal


@pytest.mark.parametrize(
    "field", ["TITLE", "OPPORTUNITY", "CONTACT_IDS", "BEGINDATE", "ASSIGNED_BY_ID", "UF_CRM_X", "PHONE"]
)
@pytest.mark.parametrize("value", [{"a": 1}, [[1]], [{}], True, -1, 1e300, "x" * 2000, "2026-99-99", None])
def test_no_value_breaks(admin, field, value):
    admin.call("crm.deal.userfield.add", fields={"FIELD_NAME": "X", "USER_TYPE_ID": "double"})
    for name, tree in (
        ("crm.deal.add", {"fields": {field: value}}),
        ("crm.contact.add", {"fields": {field: value}}),
        ("crm.deal.list", {"filter": {field: value, f">{field}": value, f"%{field}": value}}),
        ("crm.item.list", {"entityTypeId": 2, "filter": {"title": value, ">opportunity": value, "><id": value, "0": value}}),
        ("crm.activity.list", {"filter": {"BINDINGS": value, "<DEADLINE": value}}),
    ):
        answer = admin.raw(name, tree)
        assert answer.status_code < 500, (name, answer.text)
    for row in admin.call("crm.item.list", entityTypeId=2, select=["*"])["items"]:
        assert row["id"] > 0


def test_broken_json_is_no_parameters(admin):
    answer = admin.session.post(admin.base + "crm.deal.list", data="{not json", headers={"Content-Type": "application/json"})
    assert answer.json()["result"] == []
    assert admin.session.post(admin.base + "batch", json={"cmd": "x"}).status_code == 400
    assert admin.call("batch")["result"] == []
    assert admin.session.post(admin.base + "crm.deal.list", json=[1, 2]).json()["result"] == []
