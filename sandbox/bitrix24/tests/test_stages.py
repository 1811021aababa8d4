"""Pipelines and stages (point 30)."""

import pytest


def codes(admin, entity):
    return [row["STATUS_ID"] for row in admin.call("crm.status.list", filter={"ENTITY_ID": entity}, order={"SORT": "ASC"})]


@pytest.fixture
def category(admin):
    return admin.call("crm.category.add", entityTypeId=2, fields={"name": "Открытие счёта"})["category"]["id"]


def test_a_new_pipeline_comes_with_stages(admin, category):
    assert codes(admin, f"DEAL_STAGE_{category}") == [
        f"C{category}:{code}"
        for code in ("NEW", "PREPARATION", "PREPAYMENT_INVOICE", "EXECUTING", "FINAL_INVOICE", "WON", "LOSE", "APOLOGY")
    ]
    assert codes(admin, "DEAL_STAGE")[0] == "NEW"
    assert codes(admin, "STATUS") == ["NEW", "IN_PROCESS", "PROCESSED", "CONVERTED", "JUNK"]
    rows = admin.call("crm.status.list", filter={"ENTITY_ID": f"DEAL_STAGE_{category}"}, order={"SORT": "ASC"})
    assert [row["EXTRA"]["SEMANTICS"] for row in rows[4:]] == ["process", "success", "failure", "apology"]
    assert [row["SEMANTICS"] for row in rows[4:]] == [None, "S", "F", "F"]
    assert [row["SYSTEM"] for row in rows] == ["Y", "N", "N", "N", "N", "Y", "Y", "N"]
    assert rows[0]["CATEGORY_ID"] == str(category)


def test_the_prefix_is_added_and_the_order_kept(admin, category):
    entity = f"DEAL_STAGE_{category}"
    fields = {"ENTITY_ID": entity, "STATUS_ID": "TERMS", "NAME": "Условия", "SORT": 25, "COLOR": "#FFA900"}
    ident = admin.call("crm.status.add", fields=fields)
    assert admin.call("crm.status.get", id=ident)["STATUS_ID"] == f"C{category}:TERMS"
    assert codes(admin, entity)[2] == f"C{category}:TERMS"
    again = {**fields, "STATUS_ID": f"C{category}:TERMS"}
    assert admin.fails("crm.status.add", fields=again)[1:] == ("ERROR_CORE", "The specified status ID already exists.")
    late = admin.fails("crm.status.add", fields={**fields, "STATUS_ID": "LATE", "SORT": 500})
    assert late[2].startswith("Cannot create more stages after the final stage")
    failed = admin.call("crm.status.add", fields={**fields, "STATUS_ID": "NO", "SORT": 90, "SEMANTICS": "F"})
    assert admin.call("crm.status.get", id=failed)["EXTRA"]["SEMANTICS"] == "apology"
    for missing, text in (("STATUS_ID", "The field STATUS_ID is required."), ("NAME", "The field Title is required.")):
        assert admin.fails("crm.status.add", fields={**fields, missing: ""})[2] == text
    assert admin.fails("crm.status.add", fields={**fields, "ENTITY_ID": "X"})[2] == "Specified entity type is not supported."


def test_renaming_moving_and_deleting(admin, category):
    entity = f"DEAL_STAGE_{category}"
    rows = {row["STATUS_ID"]: row["ID"] for row in admin.call("crm.status.list", filter={"ENTITY_ID": entity})}
    admin.call("crm.status.update", id=rows[f"C{category}:EXECUTING"], fields={"NAME": "Проверка", "SORT": 15})
    assert codes(admin, entity)[1] == f"C{category}:EXECUTING"
    system = admin.fails("crm.status.delete", id=rows[f"C{category}:WON"])
    assert "FORCED" in system[1]
    forced = {"FORCED": "Y"}
    assert admin.fails("crm.status.delete", id=rows[f"C{category}:WON"], params=forced)[1] == "Error on deleting status."
    deal = admin.deal(CATEGORY_ID=category, STAGE_ID=f"C{category}:PREPARATION")
    busy = admin.fails("crm.status.delete", id=rows[f"C{category}:PREPARATION"])
    assert busy[2] == "There are active items in this status."
    admin.switch(stage_delete="allow")
    assert admin.call("crm.status.delete", id=rows[f"C{category}:PREPARATION"]) is True
    assert admin.item(deal)["stageId"] == f"C{category}:PREPARATION"
    assert admin.call("crm.status.delete", id=rows[f"C{category}:APOLOGY"]) is True
    assert admin.fails("crm.status.update", id=99999, fields={})[1:] == ("Status is not found.", "Status is not found.")
    assert admin.fails("crm.status.delete")[1] == "Invalid identifier."


def test_semantics_count_not_codes(admin, category):
    fields = {"ENTITY_ID": f"DEAL_STAGE_{category}", "STATUS_ID": "SAD", "NAME": "x", "SORT": 90, "SEMANTICS": "F"}
    admin.call("crm.status.add", fields=fields)
    deal = admin.deal(CATEGORY_ID=category)
    lost = admin.move(deal, stageId=f"C{category}:SAD")
    assert (lost["stageSemanticId"], lost["closed"]) == ("F", "Y")


def test_pipelines(admin, category):
    listed = admin.envelope("crm.category.list", entityTypeId=2)
    assert listed["total"] == 2
    general, own = listed["result"]["categories"]
    assert (general["id"], general["isDefault"], "originId" in general) == (0, "Y", False)
    assert (own["id"], own["originId"]) == (category, "")
    changed = admin.call("crm.category.update", entityTypeId=2, id=category, fields={"name": "y", "isDefault": "Y"})
    assert changed["category"] == {"id": category, "name": "y", "sort": 500, "entityTypeId": 2, "isDefault": "N"}
    assert admin.call("crm.category.get", entityTypeId=2, id=0)["category"]["name"] == "Общая"
    deal = admin.deal(CATEGORY_ID=category)
    full = admin.fails("crm.category.delete", entityTypeId=2, id=category)
    assert full[1:] == ("0", "Deals related to the funnel y found")
    assert admin.fails("crm.category.delete", entityTypeId=2, id=0)[2] == "Default deal category cannot be deleted"
    admin.call("crm.deal.delete", id=deal)
    assert admin.call("crm.category.delete", entityTypeId=2, id=category) is None
    assert codes(admin, f"DEAL_STAGE_{category}") == []
    assert admin.fails("crm.category.get", entityTypeId=2, id=category)[1] == "NOT_FOUND"
    assert admin.fails("crm.category.list", entityTypeId=3)[1:] == (
        "ENTITY_TYPE_NOT_SUPPORTED", "Entity type `CONTACT` is not supported",
    )  # fmt: skip


def test_lists_of_the_crm(admin):
    sources = {row["STATUS_ID"] for row in admin.call("crm.status.list", filter={"ENTITY_ID": "SOURCE"})}
    assert {"CALL", "EMAIL", "WEB", "OTHER"} <= sources
    admin.call("crm.status.add", fields={"ENTITY_ID": "SOURCE", "STATUS_ID": "TELEGRAM", "NAME": "Telegram"})
    items = admin.call("crm.status.entity.items", entityId="SOURCE")
    assert items[-1]["STATUS_ID"] == "TELEGRAM" or "TELEGRAM" in {item["STATUS_ID"] for item in items}
    types = {row["ID"]: row for row in admin.call("crm.status.entity.types")}
    assert types["DEAL_STAGE"]["SEMANTIC_INFO"]["FINAL_SUCCESS_FIELD"] == "WON"
    assert admin.call("crm.status.fields")["STATUS_ID"]["isImmutable"] is True
