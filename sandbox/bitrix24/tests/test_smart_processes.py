"""Smart processes, their stages and their links to parents."""

import pytest


@pytest.fixture
def operations(admin):
    return admin.call("crm.type.add", fields={
        "title": "Операции", "entityTypeId": 1040, "isStagesEnabled": "Y", "isCategoriesEnabled": "Y",
        "relations": {"parent": [{"entityTypeId": 2, "isChildrenListEnabled": "true"}, {"entityTypeId": 3}],
                      "child": [{"entityTypeId": 4}]},
    })["type"]  # fmt: skip


def test_a_new_one(admin, operations, manager):
    assert (operations["entityTypeId"], operations["isStagesEnabled"], operations["isClientEnabled"]) == (1040, "Y", "N")
    assert [(r["entityTypeId"], r["isChildrenListEnabled"]) for r in operations["relations"]["parent"]] == [
        (2, "Y"),
        (3, "N"),
    ]
    assert admin.call("crm.type.get", id=operations["id"])["type"]["title"] == "Операции"
    assert admin.call("crm.type.getByEntityTypeId", entityTypeId=1040)["type"]["id"] == operations["id"]
    listed = admin.envelope("crm.type.list", filter={"title": "Операции"})
    assert (listed["total"], listed["result"]["types"][0]["entityTypeId"]) == (1, 1040)
    assert admin.fails("crm.type.add", fields={"title": "x", "entityTypeId": 1040})[1] == "INVALID_ARG_VALUE"
    assert admin.fails("crm.type.add", fields={"title": "x", "entityTypeId": 1031})[1] == "INVALID_ARG_VALUE"
    assert admin.call("crm.type.add", fields={"title": "x"})["type"]["entityTypeId"] == 1030
    assert manager.fails("crm.type.add", fields={"title": "x"})[1] == "ACCESS_DENIED"


def test_items_know_their_parents(admin, operations):
    deal = admin.deal()
    contact = admin.call("crm.contact.add", fields={"NAME": "x"})
    item = admin.call("crm.item.add", entityTypeId=1040, fields={
        "title": "Операция", "parentId2": deal, "parentId3": contact, "xmlId": "op-1", "opportunity": 5.5,
    })["item"]  # fmt: skip
    assert (item["parentId2"], item["parentId3"], item["xmlId"], item["opportunity"]) == (deal, contact, "op-1", 5.5)
    admin.call("crm.item.add", entityTypeId=1040, fields={"title": "Другая"})

    def ids(**tree):
        return [i["id"] for i in admin.call("crm.item.list", entityTypeId=1040, filter=tree)["items"]]

    assert ids(parentId2=deal) == ids(xmlId="op-1") == ids(parentId2=[deal, 1]) == [item["id"]]
    admin.call("crm.item.update", entityTypeId=1040, id=item["id"], fields={"parentId2": "", "xmlId": "op-2"})
    assert (ids(parentId2=deal), ids(xmlId="op-1"), ids(xmlId="op-2")) == ([], [], [item["id"]])
    company = admin.call("crm.company.add", fields={"TITLE": "x", "PARENT_ID_1040": item["id"]})
    assert admin.call("crm.company.get", id=company)["PARENT_ID_1040"] == str(item["id"])


def test_stages_have_a_prefix_of_their_own(admin, operations):
    category = admin.call("crm.category.list", entityTypeId=1040)["categories"][0]
    assert category["isDefault"] == "Y"
    item = admin.call("crm.item.add", entityTypeId=1040, fields={"title": "x"})["item"]
    start = f"DT1040_{category['id']}"
    assert item["stageId"] == f"{start}:NEW"
    moved = admin.call("crm.item.update", entityTypeId=1040, id=item["id"], fields={"stageId": f"{start}:SUCCESS"})["item"]
    assert (moved["previousStageId"], moved["movedBy"]) == (f"{start}:NEW", 1)
    rows = admin.call("crm.stagehistory.list", entityTypeId=1040, filter={"OWNER_ID": item["id"]})["items"]
    assert [row["TYPE_ID"] for row in rows] == [1, 3]
    entity = f"DYNAMIC_1040_STAGE_{category['id']}"
    ident = admin.call("crm.status.add", fields={"ENTITY_ID": entity, "STATUS_ID": "CHECK", "NAME": "Проверка", "SORT": 15})
    assert admin.call("crm.status.get", id=ident)["STATUS_ID"] == f"{start}:CHECK"


def test_own_fields_carry_the_number_of_the_type(admin, operations):
    made = admin.call("userfieldconfig.add", moduleId="crm", field={
        "entityId": f"CRM_{operations['id']}", "fieldName": f"UF_CRM_{operations['id']}_RATE", "userTypeId": "double",
        "settings": {"PRECISION": 4},
    })["field"]  # fmt: skip
    name = f"ufCrm{operations['id']}Rate"
    assert made["fieldName"] == f"UF_CRM_{operations['id']}_RATE"
    item = admin.call("crm.item.add", entityTypeId=1040, fields={name: "97.3512"})["item"]
    assert item[name] == 97.3512
    assert admin.call("crm.item.list", entityTypeId=1040, filter={f">{name}": 97})["items"][0]["id"] == item["id"]


def test_changing_and_deleting(admin, operations):
    fields = {"title": "Движения", "relations": {"parent": [{"entityTypeId": 2}]}}
    changed = admin.call("crm.type.update", id=operations["id"], fields=fields)["type"]
    assert (changed["title"], len(changed["relations"]["parent"])) == ("Движения", 1)
    assert "parentId3" not in admin.call("crm.item.fields", entityTypeId=1040)["fields"]
    item = admin.call("crm.item.add", entityTypeId=1040, fields={})["item"]
    assert item["title"].startswith("Движения #")
    assert admin.fails("crm.type.delete", id=operations["id"])[0] == 400
    admin.call("crm.item.delete", entityTypeId=1040, id=item["id"])
    assert admin.call("crm.type.delete", id=operations["id"]) == []
    assert admin.fails("crm.item.list", entityTypeId=1040)[1] == "NOT_FOUND"
    assert "PARENT_ID_1040" not in admin.call("crm.company.fields")
