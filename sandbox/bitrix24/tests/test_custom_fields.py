"""Custom fields in three sets of methods, and how their values look (point 36)."""

import pytest

from sandbox.bitrix24.crm.fields import camel


@pytest.mark.parametrize(
    ("upper", "lower"),
    [
        ("UF_CRM_CONTRACT_NUMBER", "ufCrmContractNumber"),
        ("UF_CRM_2_1639669411830", "ufCrm2_1639669411830"),
        ("UF_CRM_1720019876534", "ufCrm_1720019876534"),
        ("UF_CRM_10_DIGIT10", "ufCrm10Digit10"),
        ("PARENT_ID_1", "parentId_1"),
    ],
)
def test_names(upper, lower):
    assert camel(upper) == lower


def add(admin, kind="deal", **fields):
    return admin.call(f"crm.{kind}.userfield.add", fields=fields)


def test_the_prefix_the_limit_and_the_types(admin):
    ident = add(admin, FIELD_NAME="contract_number", USER_TYPE_ID="string", LABEL="Договор")
    got = admin.call("crm.deal.userfield.get", id=ident)
    assert (got["FIELD_NAME"], got["EDIT_FORM_LABEL"]["ru"]) == ("UF_CRM_CONTRACT_NUMBER", "Договор")
    (listed,) = admin.call("crm.deal.userfield.list", filter={"LANG": "ru"})
    assert listed["LIST_COLUMN_LABEL"] == "Договор"
    assert "EDIT_FORM_LABEL" not in admin.call("crm.deal.userfield.list")[0]

    def refused(**fields):
        return admin.fails("crm.deal.userfield.add", fields=fields)[1:]

    assert refused(USER_TYPE_ID="string") == ("", "The 'FIELD_NAME' field is not found.")
    assert refused(FIELD_NAME="X") == ("", "The 'USER_TYPE_ID' field is not found.")
    assert refused(FIELD_NAME="X", USER_TYPE_ID="nope")[1] == "Incorrect custom type specified."
    assert "too long" in refused(FIELD_NAME="X" * 44, USER_TYPE_ID="string")[1]
    assert refused(FIELD_NAME="UF_CRM_CONTRACT_NUMBER", USER_TYPE_ID="string")[0] == "ERROR_CORE"
    add(admin, FIELD_NAME="X" * 43, USER_TYPE_ID="string")
    missing = admin.fails("crm.deal.userfield.get", id=1)
    assert missing == (400, "ERROR_NOT_FOUND", "The entity with ID '1' is not found.")
    assert admin.fails("crm.contact.userfield.get", id=ident)[1] == "ERROR_NOT_FOUND"  # another kind's


@pytest.mark.parametrize(
    ("kind", "written", "typed", "classic"),
    [
        ("string", "КБ-1", "КБ-1", "КБ-1"),
        ("integer", "7", 7, "7"),
        ("double", "97.35", 97.35, "97.35"),
        ("double", 100, 100, "100"),
        ("boolean", "Y", "Y", "1"),
        ("boolean", 0, "N", "0"),
        ("date", "2026-10-29", "2026-10-29T03:00:00+03:00", "2026-10-29T03:00:00+03:00"),
        ("datetime", "29.10.2026 11:20", "2026-10-29T11:20:00+03:00", "2026-10-29T11:20:00+03:00"),
        ("money", "100|RUB", "100|RUB", "100|RUB"),
        ("url", "https://example.com", "https://example.com", "https://example.com"),
        ("employee", "14", 14, "14"),
        ("crm", "830", "830", "830"),
    ],
)
def test_values_in_both_dialects(admin, kind, written, typed, classic):
    add(admin, FIELD_NAME="X", USER_TYPE_ID=kind, SETTINGS={"PRECISION": 4} if kind == "double" else {})
    deal = admin.deal(UF_CRM_X=written)
    assert admin.item(deal)["ufCrmX"] == typed
    assert admin.call("crm.deal.get", id=deal)["UF_CRM_X"] == classic
    original = admin.call("crm.item.get", entityTypeId=2, id=deal, useOriginalUfNames="Y")["item"]
    assert original["UF_CRM_X"] == typed
    assert "ufCrmX" not in original
    other = admin.call("crm.item.add", entityTypeId=2, fields={"ufCrmX": written})["item"]
    assert other["ufCrmX"] == typed
    assert admin.move(deal, ufCrmX="")["ufCrmX"] is None


def test_a_boolean_is_filtered_by_figures_only(admin):
    add(admin, FIELD_NAME="X", USER_TYPE_ID="boolean")
    yes, no = admin.deal(UF_CRM_X="Y"), admin.deal()

    def ids(value):
        return [i["id"] for i in admin.call("crm.item.list", entityTypeId=2, filter={"ufCrmX": value})["items"]]

    assert (ids(1), ids("0"), ids("Y")) == ([yes], [no], [])
    assert admin.item(no)["ufCrmX"] == "N"


def test_several_values(admin):
    add(admin, FIELD_NAME="X", USER_TYPE_ID="string", MULTIPLE="Y")
    deal = admin.deal(UF_CRM_X=["a", "b", ""])
    assert admin.item(deal)["ufCrmX"] == ["a", "b"]
    assert admin.call("crm.item.list", entityTypeId=2, filter={"ufCrmX": "b"})["items"][0]["id"] == deal
    assert admin.fails("crm.item.update", entityTypeId=2, id=deal, fields={"ufCrmX": "a"})[1] == "100"


def test_what_a_new_record_has_in_a_field(admin):
    add(admin, FIELD_NAME="A", USER_TYPE_ID="string", SETTINGS={"DEFAULT_VALUE": "новый"})
    add(admin, FIELD_NAME="B", USER_TYPE_ID="boolean", SETTINGS={"DEFAULT_VALUE": 1})
    add(admin, FIELD_NAME="C", USER_TYPE_ID="enumeration", MULTIPLE="Y", LIST=[{"VALUE": "x"}, {"VALUE": "y", "DEF": "Y"}])
    item = admin.item(admin.deal())
    options = admin.call("crm.deal.userfield.list", filter={"FIELD_NAME": "UF_CRM_C"})[0]["LIST"]
    assert (item["ufCrmA"], item["ufCrmB"], item["ufCrmC"]) == ("новый", "Y", [int(options[1]["ID"])])


def test_lists_keep_option_ids(admin):
    made = admin.call("userfieldconfig.add", moduleId="crm", field={
        "entityId": "CRM_DEAL", "fieldName": "UF_CRM_STATUS", "userTypeId": "enumeration", "editFormLabel": {"ru": "Статус"},
        "showInList": "N", "enum": [{"value": "Активен", "def": "Y", "sort": 10, "xmlId": "active"},
                                    {"value": "Закрыт", "def": "N", "sort": 20, "xmlId": "closed"}],
    })["field"]  # fmt: skip
    active, closed = made["enum"]
    assert (active["userFieldId"], active["xmlId"], made["showInList"]) == (made["id"], "active", "Y")
    deal = admin.deal()
    assert admin.item(deal)["ufCrmStatus"] == int(active["id"])
    assert admin.move(deal, ufCrmStatus=closed["id"])["ufCrmStatus"] == int(closed["id"])
    assert admin.call("crm.deal.get", id=deal)["UF_CRM_STATUS"] == closed["id"]
    assert admin.fails("crm.item.update", entityTypeId=2, id=deal, fields={"ufCrmStatus": "Закрыт"})[0] == 400
    changed = admin.call("userfieldconfig.update", moduleId="crm", id=made["id"], field={
        "userTypeId": "enumeration", "enum": [{"id": active["id"], "value": "Живой"}, {"id": closed["id"], "del": "Y"},
                                              {"value": "Новый", "xmlId": "new"}],
    })["field"]  # fmt: skip
    assert [option["value"] for option in changed["enum"]] == ["Живой", "Новый"]
    items = admin.call("crm.item.fields", entityTypeId=2)["fields"]["ufCrmStatus"]["items"]
    assert items[0] == {"ID": active["id"], "VALUE": "Живой"}
    rows = admin.call("crm.deal.userfield.list", filter={"FIELD_NAME": "UF_CRM_STATUS"})
    assert [option["XML_ID"] for option in rows[0]["LIST"]] == ["active", "new"]


def test_userfieldconfig_needs_two_scopes_and_can_delete(admin):
    made = admin.call("userfieldconfig.add", moduleId="crm", field={
        "entityId": "CRM_CONTACT", "fieldName": "UF_CRM_CLIENT_ID", "userTypeId": "string", "xmlId": "client",
    })["field"]  # fmt: skip
    listed = admin.envelope("userfieldconfig.list", moduleId="crm", filter={"entityId": "CRM_CONTACT"})
    assert (listed["total"], listed["result"]["fields"][0]["fieldName"]) == (1, "UF_CRM_CLIENT_ID")
    contact = admin.call("crm.contact.add", fields={"UF_CRM_CLIENT_ID": "100457"})
    assert admin.call("crm.contact.list", filter={"UF_CRM_CLIENT_ID": "100457"})[0]["ID"] == str(contact)
    assert admin.call("userfieldconfig.get", moduleId="crm", id=made["id"])["field"]["xmlId"] == "client"
    assert admin.call("userfieldconfig.delete", moduleId="crm", id=made["id"]) is None
    assert "UF_CRM_CLIENT_ID" not in admin.call("crm.contact.get", id=contact)
    admin.switch(scopes="userfieldconfig")
    assert "more scopes. (crm)" in admin.fails("userfieldconfig.list", moduleId="crm")[2]


def test_mandatory_fields_and_deleting(admin):
    ident = add(admin, FIELD_NAME="X", USER_TYPE_ID="string", LABEL="Икс", MANDATORY="Y")
    deal = admin.deal()
    assert 'Field "Икс" is required' in admin.fails("crm.item.update", entityTypeId=2, id=deal, fields={"stageId": "WON"})[2]
    admin.call("crm.deal.userfield.update", id=ident, fields={"MANDATORY": "N", "XML_ID": "x"})
    assert admin.move(deal, stageId="WON")["closed"] == "Y"
    assert admin.call("crm.deal.userfield.delete", id=ident) is True
    assert "ufCrmX" not in admin.item(deal)
