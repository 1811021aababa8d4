"""crm.address.*."""

import pytest

LEAD, CONTACT, REQUISITE = 1, 3, 8


@pytest.fixture
def lead(admin):
    return int(admin.call("crm.lead.add", fields={"TITLE": "Лид"}))


def key(owner, owner_type=LEAD, type_id=1):
    return {"TYPE_ID": type_id, "ENTITY_TYPE_ID": owner_type, "ENTITY_ID": owner}


def test_added_found_changed_removed(admin, lead):
    assert admin.call("crm.address.add", fields={**key(lead), "CITY": "Київ", "ADDRESS_1": "Хрещатик, 1"}) is True
    assert admin.call("crm.address.add", fields={**key(lead, type_id=6), "CITY": "Львів"}) is True
    answer = admin.envelope(
        "crm.address.list", filter={"ENTITY_TYPE_ID": LEAD, "ENTITY_ID": lead}, order={"TYPE_ID": "desc"}
    )
    assert [row["CITY"] for row in answer["result"]] == ["Львів", "Київ"]
    assert answer["total"] == 2
    row = answer["result"][1]
    assert (row["TYPE_ID"], row["ENTITY_ID"], row["ANCHOR_ID"], row["COUNTRY"]) == ("1", str(lead), str(lead), None)
    admin.call("crm.address.update", fields={**key(lead), "CITY": "", "REGION": "Київська"})
    changed = admin.call(
        "crm.address.list", filter={"ENTITY_ID": lead, "TYPE_ID": 1}, select=["CITY", "REGION", "ADDRESS_1"]
    )
    assert changed == [{"CITY": None, "REGION": "Київська", "ADDRESS_1": "Хрещатик, 1"}]
    assert admin.call("crm.address.delete", fields=key(lead)) is True
    assert len(admin.call("crm.address.list", filter={"ENTITY_ID": lead})) == 1
    assert admin.call("crm.address.list", filter={"%CITY": "вів"})[0]["CITY"] == "Львів"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"ENTITY_TYPE_ID": LEAD, "ENTITY_ID": 1}, "TYPE_ID is not defined or invalid."),
        (key(1, type_id=77), "TYPE_ID is not defined or invalid."),
        (key(1, owner_type=2), "ENTITY_TYPE_ID is not defined or invalid."),
        (key(1, owner_type=CONTACT), "ENTITY_TYPE_ID is not defined or invalid."),
        (key("x"), "ENTITY_ID is not defined or invalid."),
        (key(999999), "ENTITY_ID is not defined or invalid."),
    ],
)
def test_what_identifies_an_address_must_be_right(admin, fields, words):
    assert admin.fails("crm.address.add", fields=fields) == (400, "", words)


def test_one_of_each_type(admin, lead):
    admin.call("crm.address.add", fields=key(lead))
    assert admin.fails("crm.address.add", fields=key(lead)) == (400, "", "TypeAddress exists.")
    assert admin.fails("crm.address.update", fields=key(lead, type_id=4)) == (400, "", "TypeAddress not found.")
    assert admin.fails("crm.address.delete", fields=key(lead, type_id=4)) == (400, "", "TypeAddress not found.")


def test_a_portal_of_the_old_way_keeps_them_with_contacts(admin):
    contact = int(admin.call("crm.contact.add", fields={"NAME": "Олена"}))
    admin.switch(old_addresses="on")
    assert admin.call("crm.address.add", fields=key(contact, owner_type=CONTACT)) is True


def test_they_go_with_their_lead_and_tell_of_themselves(app, receiver, lead):
    app.call("event.bind", event="onCrmAddressRegister", handler=f"{receiver.address}/hooks")
    app.call("crm.address.add", fields=key(lead))
    app.door("/wait-idle", {"timeout": 20})
    told = receiver.forms("ONCRMADDRESSREGISTER")[0]["data"]["FIELDS"]
    assert (told["TYPE_ID"], told["ENTITY_TYPE_ID"], told["ENTITY_ID"]) == ("1", "1", str(lead))
    app.call("crm.lead.delete", id=lead)
    assert app.call("crm.address.list", filter={"ENTITY_ID": lead}) == []


def test_fields_and_types(admin):
    fields = admin.call("crm.address.fields")
    assert fields["CITY"]["type"] == "string"
    assert fields["TYPE_ID"]["isRequired"] is True
    assert fields["ANCHOR_ID"]["isReadOnly"] is True
    assert {row["ID"] for row in admin.call("crm.enum.addresstype")} >= {1, 4, 6, 8, 9, 11}
