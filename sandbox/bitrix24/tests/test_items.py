"""The typed dialect: crm.item.* (points 9, 30-36)."""

import pytest


def test_types_of_values(admin):
    contact = admin.call("crm.contact.add", fields={"NAME": "Ирина"})
    fields = {"title": "Счёт", "opportunity": "150000", "contactIds": [contact], "sourceId": "WEB", "unknown": 1, "id": 7}
    item = admin.call("crm.item.add", entityTypeId=2, fields=fields)["item"]
    assert (item["opportunity"], item["contactId"], item["contactIds"]) == (150000, contact, [contact])
    assert (item["stageId"], item["stageSemanticId"], item["closed"], item["isNew"]) == ("NEW", "P", "N", "Y")
    assert (item["categoryId"], item["createdBy"], item["companyId"], item["leadId"]) == (0, 1, 0, None)
    assert item["id"] != 7
    assert "unknown" not in item
    assert item["createdTime"] == item["updatedTime"]
    assert admin.move(item["id"], opportunity=99.5)["opportunity"] == 99.5


def test_stages_history_and_who_moved(admin, manager):
    deal = admin.deal()
    admin.door("/advance", {"seconds": 5})
    before = admin.item(deal)
    after = manager.move(deal, stageId="PREPARATION")
    assert (after["movedBy"], after["updatedBy"], after["createdBy"]) == (14, 14, 1)
    assert after["movedTime"] > before["movedTime"]
    won = manager.move(deal, stageId="WON")
    assert (won["stageSemanticId"], won["closed"]) == ("S", "Y")
    rows = admin.call("crm.stagehistory.list", entityTypeId=2, filter={"OWNER_ID": deal}, order={"ID": "DESC"})["items"]
    assert [(r["TYPE_ID"], r["STAGE_ID"], r["STAGE_SEMANTIC_ID"]) for r in rows] == [
        (3, "WON", "S"), (2, "PREPARATION", "P"), (1, "NEW", "P"),
    ]  # fmt: skip
    assert all(isinstance(row["ID"], int) and isinstance(row["OWNER_ID"], int) for row in rows)
    assert admin.call("crm.stagehistory.list", entityTypeId=2, filter={"OWNER_ID": deal}, select=["ID"])["items"][
        0
    ].keys() == {"ID"}
    assert admin.fails("crm.stagehistory.list", entityTypeId=3)[1] == "ENTITY_TYPE_NOT_SUPPORTED"
    assert admin.fails("crm.stagehistory.list", entityTypeId=2, filter={"foo": 1})[1] == "INVALID_ARG_VALUE"


def test_a_change_of_nothing_saves_nothing(admin, manager):
    deal = admin.deal(OPPORTUNITY=5, COMMENTS="")
    raised = admin.door("/state")["counters"]["raised"]
    admin.door("/advance", {"seconds": 60})
    same = manager.move(deal, opportunity="5.00", title="Счёт", stageId="NEW", comments=None, companyId=0)
    assert same["updatedTime"] == same["createdTime"]
    assert manager.call("crm.deal.update", id=deal, fields={"TITLE": "Счёт"}) is True
    assert (admin.item(deal)["updatedBy"], admin.door("/state")["counters"]["raised"]) == (1, raised)


def test_pipelines_change_only_here(admin):
    category = admin.call("crm.category.add", entityTypeId=2, fields={"name": "Вторая", "sort": 200})["category"]["id"]
    deal = admin.deal()
    admin.call("crm.deal.update", id=deal, fields={"CATEGORY_ID": category, "TITLE": "x"})
    assert (admin.item(deal)["categoryId"], admin.item(deal)["title"]) == (0, "x")
    moved = admin.move(deal, categoryId=category, stageId=f"C{category}:EXECUTING")
    assert (moved["categoryId"], moved["stageId"]) == (category, f"C{category}:EXECUTING")
    assert admin.move(deal, categoryId=0)["stageId"] == "NEW"
    rows = admin.call("crm.stagehistory.list", entityTypeId=2, filter={"OWNER_ID": deal})["items"]
    assert [row["TYPE_ID"] for row in rows] == [1, 5, 5]
    straight = admin.call("crm.item.add", entityTypeId=2, fields={"stageId": f"C{category}:WON"})["item"]
    assert (straight["categoryId"], straight["closed"]) == (category, "Y")


def test_a_stage_of_another_pipeline(admin):
    category = admin.call("crm.category.add", entityTypeId=2, fields={"name": "Вторая"})["category"]["id"]
    deal = admin.deal()
    refused = admin.fails("crm.item.update", entityTypeId=2, id=deal, fields={"stageId": f"C{category}:WON"})
    assert refused == (400, "CRM_FIELD_ERROR_VALUE_NOT_VALID", 'Invalid value for field "stageId"')
    assert admin.fails("crm.deal.update", id=deal, fields={"STAGE_ID": "NONE"})[:2] == (400, "")
    admin.switch(bad_stage="ignore")
    assert admin.move(deal, stageId="NONE", title="y")["stageId"] == "NEW"
    assert admin.item(deal)["title"] == "y"


def test_required_fields_are_looked_at_when_the_stage_changes_in_one_pipeline(admin):
    admin.call("crm.deal.userfield.add", fields={"FIELD_NAME": "REASON", "USER_TYPE_ID": "string", "LABEL": "Причина"})
    admin.door("/required-field", {"field": "UF_CRM_REASON", "stages": ["LOSE"]})
    deal = admin.deal()
    admin.move(deal, stageId="PREPARATION", title="z")
    refused = admin.fails("crm.item.update", entityTypeId=2, id=deal, fields={"stageId": "LOSE"})
    assert refused == (400, "CRM_FIELD_ERROR_REQUIRED", 'Field "Причина" is required')
    assert admin.item(deal)["stageId"] == "PREPARATION"
    admin.call("crm.deal.update", id=deal, fields={"STAGE_ID": "LOSE"})  # the classic dialect does not look
    admin.move(deal, stageId="NEW")
    assert admin.move(deal, stageId="LOSE", ufCrmReason="дорого")["closed"] == "Y"


def test_filters(admin):
    first = admin.deal(TITLE="Альфа", OPPORTUNITY=10, ASSIGNED_BY_ID=14, ORIGIN_ID="K-1", ORIGINATOR_ID="annex")
    second = admin.deal(TITLE="Бета", OPPORTUNITY=20, ASSIGNED_BY_ID=15, STAGE_ID="WON")
    third = admin.deal(TITLE="Гамма", OPPORTUNITY=30, ASSIGNED_BY_ID=16)

    def found(**tree):
        items = admin.call("crm.item.list", entityTypeId=2, filter=tree, select=["id"], order={"id": "ASC"})["items"]
        return [item["id"] for item in items]

    def by(condition, value):
        return found(**{condition: value})

    assert by("assignedById", 14) == by("=assignedById", "14") == [first]
    assert by("@assignedById", [14, 15]) == by("assignedById", ["14", "15"]) == [first, second]
    assert by("!@assignedById", [14, 15]) == by("!=title", ["Альфа", "Бета"]) == [third]
    assert by("!assignedById", 14) == [second, third]
    assert by(">opportunity", 10) == [second, third]
    assert by(">=opportunity", "20") == [second, third]
    assert by("<opportunity", 20) == by("<=opportunity", 10) == [first]
    assert by("><opportunity", [15, 25]) == [second]
    assert by("%title", "ЕТ") == by("=%title", "Б%") == by("%=title", "%та") == [second]
    assert by("!%title", "а") == []
    assert by("!=%title", "А%") == [second, third]
    assert by("originId", "K-1") == by("@originId", ["K-1", "K-2"]) == by("originatorId", "annex") == [first]
    assert by("stageSemanticId", "S") == by("closed", "Y") == [second]
    assert by(">id", second) == [third]
    assert found(**{">=id": second, "<id": third}) == by("id", second) == [second]
    assert found(**{"@id": [first, third], "!id": first}) == [third]
    either = {"0": {"logic": "OR", "0": {"assignedById": 14}, "1": {">opportunity": 25}}}
    assert found(**either) == [first, third]
    assert found(**either, stageId="NEW", title="Гамма") == [third]
    nested = [{"logic": "OR", "0": {"assignedById": 14, "title": "Бета"}, "1": {"assignedById": 16}}]
    assert [i["id"] for i in admin.call("crm.item.list", entityTypeId=2, filter=nested)["items"]] == [third]
    assert admin.fails("crm.item.list", entityTypeId=2, filter={"foo": 1}) == (
        400, "INVALID_ARG_VALUE", "Invalid filter: field 'foo' is not allowed in filter",
    )  # fmt: skip
    assert admin.fails("crm.item.list", entityTypeId=2, order={"foo": "ASC"})[1] == "INVALID_ARG_VALUE"


def test_dates_are_compared_as_moments(admin):
    first = admin.deal()
    mark = admin.item(first)["updatedTime"]
    admin.door("/advance", {"seconds": 3600})
    second = admin.deal()
    admin.move(first, stageId="PREPARATION")

    def ids(**tree):
        return [i["id"] for i in admin.call("crm.item.list", entityTypeId=2, filter=tree, order={"id": "ASC"})["items"]]

    assert ids(**{">createdTime": mark}) == [second]
    assert ids(**{">movedTime": mark}) == [first, second]
    assert ids(**{">=updatedTime": mark, "<=createdTime": mark}) == [first]
    newest = admin.call("crm.item.list", entityTypeId=2, order={"createdTime": "DESC"}, select=["id"])["items"]
    assert [item["id"] for item in newest] == [second, first]
    assert len(admin.call("crm.deal.list", filter={">DATE_MODIFY": mark})) == 2
    assert admin.call("crm.deal.list", filter={"<DATE_CREATE": "2020-01-01"}) == []


def test_multi_fields_come_only_with_an_asterisk(admin):
    contact = admin.call("crm.item.add", entityTypeId=3, fields={
        "name": "Ирина", "fm": [{"typeId": "PHONE", "valueType": "MOBILE", "value": "+79165550134"}],
    })["item"]  # fmt: skip
    assert (contact["fm"][0]["value"], contact["phoneMobile"], contact["hasPhone"]) == ("+79165550134", "+79165550134", "Y")
    listed = admin.call("crm.item.list", entityTypeId=3, select=["id", "name", "fm"])["items"]
    assert listed == [{"id": contact["id"], "name": "Ирина"}]
    assert "fm" in admin.call("crm.item.list", entityTypeId=3, select=["*"])["items"][0]
    number = contact["fm"][0]["id"]
    changed = admin.call("crm.item.update", entityTypeId=3, id=contact["id"], fields={
        "fm": {str(number): {"value": "+79165550199"},
               "n0": {"typeId": "EMAIL", "valueType": "WORK", "value": "i@example.com"}},
    })["item"]  # fmt: skip
    assert [(item["id"] == number, item["value"]) for item in changed["fm"]] == [
        (True, "+79165550199"), (False, "i@example.com"),
    ]  # fmt: skip


def test_refusals(admin):
    assert admin.fails("crm.item.get", entityTypeId=2, id=1) == (400, "NOT_FOUND", "Element not found")
    assert admin.fails("crm.item.list", entityTypeId=9999) == (400, "NOT_FOUND", "Smart process not found")
    assert admin.fails("crm.item.get", entityTypeId=2)[:2] == (400, "100")
    assert admin.fails("crm.item.add", entityTypeId=2, fields={"contactIds": "5"}) == (
        400, "100", "Expected iterable value for multiple field, but got string instead",
    )  # fmt: skip
    assert (
        admin.fails("crm.item.add", entityTypeId=2, fields={"opportunity": "many"})[1] == "CRM_FIELD_ERROR_VALUE_NOT_VALID"
    )
    deal = admin.deal()
    assert admin.call("crm.item.delete", entityTypeId=2, id=deal) == []
    assert admin.fails("crm.deal.get", id=deal) == (400, "", "Not found")


@pytest.mark.parametrize(("type_id", "field"), [(1, "stageId"), (2, "stageId"), (3, "fm"), (4, "title")])
def test_every_kind_is_there(admin, type_id, field):
    item = admin.call("crm.item.add", entityTypeId=type_id, fields={"title": "x", "name": "x"})["item"]
    assert item["entityTypeId"] == type_id
    assert field in item
    fields = admin.call("crm.item.fields", entityTypeId=type_id)["fields"]
    assert fields["id"]["upperName"] == "ID"
    assert fields["createdTime"]["isReadOnly"] is True
    admin.call("crm.item.delete", entityTypeId=type_id, id=item["id"])
    assert admin.call("crm.item.list", entityTypeId=type_id)["items"] == []


def test_money_survives_the_trip(admin):
    for value in (0.1, 1234567.89, 1e9, 0):
        assert admin.move(admin.deal(), opportunity=value)["opportunity"] == value
    assert admin.call("crm.deal.get", id=admin.deal(OPPORTUNITY="0.1"))["OPPORTUNITY"] == "0.10"


def test_a_record_that_the_roles_do_not_show(admin, manager):
    kept = admin.call("crm.contact.add", fields={"NAME": "Ирина"})
    admin.door("/hide", {"user": "14", "entityTypeId": 3, "id": kept})
    assert manager.fails("crm.item.get", entityTypeId=3, id=kept)[:2] == (400, "ACCESS_DENIED")
    assert manager.fails("crm.item.update", entityTypeId=3, id=kept, fields={"name": "X"})[1] == "ACCESS_DENIED"
    assert manager.fails("crm.contact.get", id=kept) == (400, "", "Access denied.")
    assert manager.call("crm.item.list", entityTypeId=3)["items"] == [] == manager.call("crm.contact.list")
    assert admin.item(kept, 3)["name"] == "Ирина"
    assert admin.door("/hide", {"user": "14", "entityTypeId": 3, "id": kept, "show": True}) == {"hidden": []}
    assert manager.item(kept, 3)["name"] == "Ирина"
