"""crm.dealcategory.*: the pipelines of deals in the older words."""

import pytest


@pytest.fixture
def pipeline(admin):
    return admin.call("crm.dealcategory.add", fields={"NAME": "Продажи", "SORT": 20})


def test_one_is_made_and_both_dialects_know_it(admin, pipeline):
    assert isinstance(pipeline, int)
    row = admin.call("crm.dealcategory.get", id=pipeline)
    assert (row["ID"], row["NAME"], row["SORT"], row["IS_LOCKED"]) == (str(pipeline), "Продажи", "20", "N")
    assert admin.call("crm.category.get", entityTypeId=2, id=pipeline)["category"]["name"] == "Продажи"
    assert admin.call("crm.dealcategory.update", id=pipeline, fields={"NAME": "Иначе"}) is True
    assert admin.call("crm.category.get", entityTypeId=2, id=pipeline)["category"]["name"] == "Иначе"


def test_the_list_leaves_the_general_pipeline_out_and_filters_orders_and_selects(admin, pipeline):
    other = admin.call("crm.dealcategory.add", fields={"NAME": "Аудит", "SORT": 10})
    answer = admin.envelope("crm.dealcategory.list", order={"SORT": "ASC"}, select=["ID", "NAME"])
    assert answer["result"] == [{"ID": str(other), "NAME": "Аудит"}, {"ID": str(pipeline), "NAME": "Продажи"}]
    assert answer["total"] == 2
    assert [row["ID"] for row in admin.call("crm.dealcategory.list", filter={"NAME": "Аудит"})] == [str(other)]
    assert admin.call("crm.dealcategory.list", filter={"IS_LOCKED": "Y"}) == []


def test_stages_of_a_pipeline_of_the_general_one_and_of_none(admin, pipeline):
    own = admin.call("crm.dealcategory.stage.list", id=pipeline)
    assert own[0] == {"NAME": "Новая", "SORT": 10, "STATUS_ID": f"C{pipeline}:NEW"}
    general = admin.call("crm.dealcategory.stage.list")
    assert general[0]["STATUS_ID"] == "NEW"
    assert admin.call("crm.dealcategory.stage.list", id=999) == []
    entity = admin.call("crm.dealcategory.status", id=pipeline)
    listed = [row["STATUS_ID"] for row in admin.call("crm.status.list", filter={"ENTITY_ID": entity}, order={"SORT": "ASC"})]
    assert listed == [row["STATUS_ID"] for row in own]
    assert admin.call("crm.dealcategory.status", id=0) == "DEAL_STAGE"


def test_the_general_pipeline_has_a_name_of_its_own(admin):
    assert admin.call("crm.dealcategory.default.get") == {"ID": 0, "NAME": "Общая"}
    assert admin.call("crm.dealcategory.default.set", name="Главная") is True
    assert admin.call("crm.dealcategory.default.get")["NAME"] == "Главная"


def test_what_is_refused(admin, client, pipeline):
    admin.deal(CATEGORY_ID=pipeline)
    assert admin.fails("crm.dealcategory.delete", id=pipeline)[0] == 400
    empty = admin.call("crm.dealcategory.add", fields={"NAME": "Пустая"})
    assert admin.call("crm.dealcategory.delete", id=empty) is True
    assert admin.fails("crm.dealcategory.get", id=empty) == (400, "", "Not found")
    assert admin.fails("crm.dealcategory.get", id=0)[0] == 400
    assert admin.fails("crm.dealcategory.add", fields={"SORT": 1})[0] == 400
    assert client(admin.sandbox, "11").fails("crm.dealcategory.add", fields={"NAME": "Чужая"})[2] == "Access denied."
    assert admin.call("crm.dealcategory.fields")["NAME"]["isRequired"] is True
