"""The classic dialect: strings, empty error codes, multi-fields (points 9, 10, 31, 35, 37)."""


def strings(record):
    return {key for key, value in record.items() if value is not None and not isinstance(value, str | list)}


def test_everything_is_a_string(admin):
    deal = admin.call("crm.deal.get", ID=admin.deal(OPPORTUNITY=150000, ASSIGNED_BY_ID=14))
    assert (deal["OPPORTUNITY"], deal["ASSIGNED_BY_ID"], deal["CATEGORY_ID"]) == ("150000.00", "14", "0")
    assert (deal["STAGE_SEMANTIC_ID"], deal["LEAD_ID"], deal["CONTACT_ID"]) == ("P", None, "0")
    lead = admin.call("crm.lead.get", id=admin.call("crm.lead.add", fields={"TITLE": "x"}))
    assert (lead["STATUS_ID"], lead["DATE_CLOSED"], lead["BIRTHDATE"]) == ("NEW", "", "")
    assert "STAGE_ID" not in lead
    contact = admin.call("crm.contact.get", id=admin.call("crm.contact.add", fields={"NAME": "x"}))
    assert "PHONE" not in contact
    company = admin.call("crm.company.get", id=admin.call("crm.company.add", fields={"TITLE": "x"}))
    for record in (deal, lead, contact, company):
        assert strings(record) == set()


def test_lists_select_and_filter(admin):
    first = admin.deal(TITLE="Альфа", ASSIGNED_BY_ID=14)
    second = admin.deal(TITLE="Бета", ASSIGNED_BY_ID=15)
    assert admin.call("crm.deal.list", select=["TITLE"], order={"ID": "DESC"}) == [
        {"ID": str(second), "TITLE": "Бета"}, {"ID": str(first), "TITLE": "Альфа"},
    ]  # fmt: skip
    assert len(admin.call("crm.deal.list", filter={"NO_SUCH_FIELD": 5})) == 2
    assert len(admin.call("crm.deal.list", filter={"%STAGE_ID": "WON"})) == 2  # LIKE is deaf here
    assert [row["ID"] for row in admin.call("crm.deal.list", filter={"@ASSIGNED_BY_ID": [14, 99]})] == [str(first)]
    assert "UF_CRM_X" not in admin.call("crm.deal.list", select=["*"])[0]
    assert admin.fails("crm.deal.list", filter="x") == (400, "", "Parameter 'filter' must be array")
    assert "CONTACT_IDS" not in admin.call("crm.deal.list")[0]


def test_refusals_have_empty_codes(admin):
    assert admin.fails("crm.deal.get", id=1) == (400, "", "Not found")
    assert admin.fails("crm.deal.get") == (400, "", "ID is not defined or invalid.")
    assert admin.fails("crm.deal.update", id=admin.deal(), fields="x") == (400, "", "Parameter 'fields' must be array.")
    assert admin.fails("crm.lead.delete", id=1) == (400, "", "Not found")


def test_an_entry_without_id_is_added_never_replaced(admin):
    phones = [{"VALUE": "+79165550134", "VALUE_TYPE": "MOBILE"}, {"VALUE": "+79165550135"}]
    contact = admin.call("crm.contact.add", fields={"NAME": "Ирина", "PHONE": phones})
    first, second = admin.call("crm.contact.get", id=contact)["PHONE"]
    admin.call("crm.contact.update", id=contact, fields={"PHONE": [
        {"ID": first["ID"], "VALUE": "+79165550199", "VALUE_TYPE": "WORK"},
        {"ID": second["ID"], "DELETE": "Y"},
        {"VALUE": "+74955550101"},
    ]})  # fmt: skip
    after = admin.call("crm.contact.get", id=contact)["PHONE"]
    assert [(p["ID"] == first["ID"], p["VALUE"]) for p in after] == [(True, "+79165550199"), (False, "+74955550101")]
    admin.call("crm.contact.update", id=contact, fields={"PHONE": [{"ID": item["ID"], "VALUE": ""} for item in after]})
    assert admin.call("crm.contact.get", id=contact)["HAS_PHONE"] == "N"
    listed = admin.call("crm.contact.list", select=["ID", "PHONE"], filter={"PHONE": "+7"})
    assert listed == []


def test_phones_come_in_lists_when_named_and_can_be_looked_for(admin):
    contact = admin.call("crm.contact.add", fields={"NAME": "x", "PHONE": [{"VALUE": "+79165550134"}]})
    assert "PHONE" not in admin.call("crm.contact.list")[0]
    (row,) = admin.call("crm.contact.list", select=["ID", "PHONE"], filter={"PHONE": "+79165550134"})
    assert (row["ID"], row["PHONE"][0]["VALUE"]) == (str(contact), "+79165550134")


def test_who_has_this_phone(admin):
    contact = admin.call(
        "crm.contact.add", fields={"PHONE": [{"VALUE": "+7 (916) 555-01-34"}], "EMAIL": [{"VALUE": "A@x.ru"}]}
    )
    lead = admin.call("crm.lead.add", fields={"PHONE": [{"VALUE": "89165550134"}]})
    found = admin.call("crm.duplicate.findbycomm", type="PHONE", values=["+79165550134"])
    assert found == {"LEAD": [lead], "CONTACT": [contact]}
    found = admin.call("crm.duplicate.findbycomm", type="PHONE", values=["+79165550134"], entity_type="CONTACT")
    assert found == {"CONTACT": [contact]}
    assert admin.call("crm.duplicate.findbycomm", type="EMAIL", values=["a@X.ru"]) == {"CONTACT": [contact]}
    assert admin.call("crm.duplicate.findbycomm", type="PHONE", values=["+70000000000"]) == []
    admin.switch(no_match="object")
    assert admin.call("crm.duplicate.findbycomm", type="PHONE", values=["+70000000000"]) == {}
    missing = admin.fails("crm.duplicate.findbycomm", values=["1"])
    assert missing[1:] == ("Communication type is not defined", "Parameter 'type' is required.")
    for _ in range(20):
        admin.call("crm.lead.add", fields={"PHONE": [{"VALUE": "+79165550134"}]})
    found = admin.call("crm.duplicate.findbycomm", type="PHONE", values=["+79165550134"])
    assert (list(found), len(found["LEAD"])) == (["LEAD"], 20)


def test_contacts_of_a_deal(admin):
    one, two, three = (admin.call("crm.contact.add", fields={"NAME": name}) for name in "abc")
    deal = admin.deal(CONTACT_IDS=[one, two])
    rows = admin.call("crm.deal.contact.items.get", id=deal)
    assert [(row["CONTACT_ID"], row["IS_PRIMARY"]) for row in rows] == [(one, "Y"), (two, "N")]
    items = [{"CONTACT_ID": two, "SORT": 20}, {"CONTACT_ID": three, "SORT": 10, "IS_PRIMARY": "Y"}]
    assert admin.call("crm.deal.contact.items.set", id=deal, items=items) is True
    assert admin.item(deal)["contactIds"] == [three, two]
    admin.call("crm.deal.update", id=deal, fields={"CONTACT_ID": two})
    assert admin.item(deal)["contactIds"] == [two]
    assert admin.call("crm.deal.list", filter={"CONTACT_ID": two})[0]["ID"] == str(deal)
    admin.call("crm.deal.contact.items.delete", id=deal)
    assert admin.item(deal)["contactId"] == 0


def test_fields_and_small_lists(admin):
    fields = admin.call("crm.deal.fields")
    assert (fields["CATEGORY_ID"]["isImmutable"], fields["ID"]["isReadOnly"]) == (True, True)
    assert fields["STAGE_ID"]["statusType"] == "DEAL_STAGE"
    assert admin.call("crm.contact.fields")["PHONE"]["type"] == "crm_multifield"
    owners = {row["ID"]: row["SYMBOL_CODE_SHORT"] for row in admin.call("crm.enum.ownertype")}
    assert (owners[1], owners[2], owners[4]) == ("L", "D", "CO")
    assert admin.call("crm.enum.activitytype")[1]["ID"] == 2
    assert [row["CURRENCY"] for row in admin.call("crm.currency.list")] == ["RUB", "USD", "EUR"]
    assert admin.call("crm.settings.mode.get") == 1
