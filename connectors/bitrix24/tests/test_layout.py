"""Finding the set's things in a portal that staff have changed, or where our access is small."""

from __future__ import annotations

import pytest

from connectors.bitrix24 import layout
from connectors.bitrix24.tests.office import open_office
from kernel.crm import Ref
from kernel.errors import Misconfigured


@pytest.fixture
def office(tmp_path):
    with open_office(tmp_path) as opened:
        yield opened


def keep(office):
    """What the set-up remembers."""
    types = {raw["title"]: [raw["entityTypeId"], raw["id"]] for raw in office.staff("crm.type.list")["types"]}
    office.connection.vault.put("ids", {
        "pipeline": {"deal.sales": str(office.numbers["Продажи"]), "deal.support": str(office.numbers["Сопровождение"])},
        "smart": {"journal": types["Журнал"], "deal/operation": types["Операция"], "contact/custody": types["Хранение"]},
    })  # fmt: skip
    return types


def test_the_portal_is_read_in_two_requests_and_not_again(office):
    office.crm.get("deal", office.crm.create("deal", {}, key="d-1"), tables=("operation",))
    assert office.wire.sent.count("batch") <= 4 and office.wire.sent[:1] == ["batch"]
    before = len(office.wire.sent)
    office.crm.update("deal", office.crm.create("deal", {}, key="d-2"), {}, stage="terms")
    assert office.wire.sent[before:] == ["crm.item.add", "crm.item.update"]


def test_what_staff_renamed_is_found_by_what_the_set_up_kept(office):
    types = keep(office)
    category = office.numbers["Продажи"]
    office.staff("crm.category.update", {"entityTypeId": 2, "id": category, "fields": {"name": "Новые продажи"}})
    office.staff("crm.type.update", {"id": types["Операция"][1], "fields": {"title": "Обмены"}})
    [terms] = office.staff("crm.status.list", {"filter": {"STATUS_ID": f"C{category}:TERMS"}})
    office.staff("crm.status.update", {"id": terms["ID"], "fields": {"NAME": "Договор подписан"}})
    [rate] = office.staff("crm.deal.userfield.list", {"filter": {"FIELD_NAME": "UF_CRM_RATE"}})
    label = {"ru": "Новый курс"}
    office.staff("crm.deal.userfield.update", {"id": rate["ID"], "fields": {"EDIT_FORM_LABEL": label}})
    deal = office.crm.create("deal", {"rate": "92.5", "kind": "buy"}, key="d-1")
    office.crm.add_row("deal", deal, "operation", {"gives": "1"}, key="r-1")
    office.crm.update("deal", deal, {}, stage="terms")
    seen = office.crm.get("deal", deal, tables=("operation",))
    assert (seen.stage, seen.stage_label, len(seen.rows["operation"])) == ("terms", "Договор подписан", 1)


def test_staffs_own_things_that_the_set_up_took_over_keep_their_place(office):
    """Found by their labels once, they are known by their codes from then on."""
    category = office.numbers["Продажи"]
    fields = {"ENTITY_ID": f"DEAL_STAGE_{category}", "STATUS_ID": "UC_5X", "NAME": "Условия 2", "SORT": 12}
    office.staff("crm.status.add", {"fields": fields})
    [field] = office.staff("crm.deal.userfield.list", {"filter": {"FIELD_NAME": "UF_CRM_1700000000"}})
    label = {"EDIT_FORM_LABEL": {"ru": "Масса"}}
    office.staff("crm.deal.userfield.update", {"id": field["ID"], "fields": label})
    office.connection.vault.put("ids", {
        "field": {"deal.weight": "CRM_DEAL:UF_CRM_1700000000"},
        "stage": {"deal.terms": f"DEAL_STAGE_{category}:C{category}:UC_5X"},
        "source": {"site": "WEB", "call": "EMAIL"},
    })  # fmt: skip
    deal = office.crm.create("deal", {"weight": "1.5", "source": "call"}, key="d-1")
    office.crm.update("deal", deal, {}, stage="terms")
    item = office.item(2, deal)
    assert (item["stageId"], item["sourceId"], item["UF_CRM_1700000000"]) == (f"C{category}:UC_5X", "EMAIL", 1.5)
    seen = office.crm.get("deal", deal)
    assert (seen.stage, seen.values["source"], str(seen.values["weight"])) == ("terms", "call", "1.5")


def test_values_of_lists_are_known_by_our_words_whatever_staff_call_them(office):
    deal = office.crm.create("deal", {"kind": "buy"}, key="d-1")
    row = office.crm.add_row("deal", deal, "operation", {"kind": "sell"}, key="r-1")
    [field] = office.staff("crm.deal.userfield.list", {"filter": {"FIELD_NAME": "UF_CRM_KIND"}})
    changed = [{"ID": one["ID"], "VALUE": f"{one['VALUE']} (новое)", "XML_ID": one["XML_ID"]} for one in field["LIST"]]
    office.staff("crm.deal.userfield.update", {"id": field["ID"], "fields": {"LIST": changed}})
    of_rows = {"moduleId": "crm", "filter": {"userTypeId": "enumeration", "fieldName": "UF_CRM_2_KIND"}}
    [one] = office.staff("userfieldconfig.list", of_rows)["fields"]
    caught = office.staff("userfieldconfig.get", {"moduleId": "crm", "id": one["id"]})["field"]["enum"]
    values = {"userTypeId": "enumeration", "enum": [{**raw, "value": f"{raw['value']} (новое)"} for raw in caught]}
    office.staff("userfieldconfig.update", {"moduleId": "crm", "id": one["id"], "field": values})
    fresh = office.fresh()
    seen = fresh.get("deal", deal, tables=("operation",))
    assert seen.values["kind"] == "buy" and [(one.key, one.values["kind"]) for one in seen.rows["operation"]] == [
        (row, "sell")
    ]
    fresh.update("deal", deal, {"kind": "sell"})
    assert fresh.get("deal", deal).values["kind"] == "sell"


def test_a_stage_that_staff_made_is_found_by_its_label(office):
    category = office.numbers["Продажи"]
    [terms] = office.staff("crm.status.list", {"filter": {"STATUS_ID": f"C{category}:TERMS"}})
    office.staff("crm.status.delete", {"id": terms["ID"]})
    fields = {"ENTITY_ID": f"DEAL_STAGE_{category}", "STATUS_ID": "UC_5X", "NAME": "договор ", "SORT": 12}
    office.staff("crm.status.add", {"fields": fields})
    deal = office.crm.create("deal", {}, key="d-1")
    office.crm.update("deal", deal, {}, stage="terms")
    assert office.item(2, deal)["stageId"] == f"C{category}:UC_5X" and office.crm.get("deal", deal).stage == "terms"


def test_a_layout_read_half_way_through_a_set_up_judges_nobody(office):
    """A stage that stood there under another name is one of the set as soon as the set-up has made it so."""
    keep(office)
    category = office.numbers["Продажи"]
    [terms] = office.staff("crm.status.list", {"filter": {"STATUS_ID": f"C{category}:TERMS"}})
    office.staff("crm.status.delete", {"id": terms["ID"]})
    fields = {"ENTITY_ID": f"DEAL_STAGE_{category}", "STATUS_ID": "UC_5X", "NAME": "Чужое слово", "SORT": 12}
    office.staff("crm.status.add", {"fields": fields})
    deal = office.crm.create("deal", {}, key="d-1")
    office.staff("crm.item.update", {"entityTypeId": 2, "id": deal, "fields": {"stageId": f"C{category}:UC_5X"}})
    assert office.crm.get("deal", deal).stage is None
    before = len(office.wire.sent)
    assert office.crm.get("deal", deal).stage is None
    assert len(office.wire.sent) == before + 1, "nothing was set up since: the portal is not read for each such record"
    kept = office.connection.vault.get("ids")
    office.connection.vault.put("ids", {**kept, "stage": {"deal.terms": f"DEAL_STAGE_{category}:C{category}:UC_5X"}})
    assert office.crm.get("deal", deal).stage == "terms", "at once, whatever was compared a moment ago"


def test_a_set_up_that_made_the_same_again_is_noticed_as_well(office):
    keep(office)
    deal = office.crm.create("deal", {}, key="d-1")
    category = office.numbers["Продажи"]
    stage = {"ENTITY_ID": f"DEAL_STAGE_{category}", "STATUS_ID": "OWN", "NAME": "Своя", "SORT": 12}
    office.crm.get("deal", deal)
    office.staff("crm.status.add", {"fields": stage})
    office.staff("crm.item.update", {"entityTypeId": 2, "id": deal, "fields": {"stageId": f"C{category}:OWN"}})
    office.connection.vault.put("ids", {**office.connection.vault.get("ids"), "steps": 1})
    assert office.crm.get("deal", deal).stage_label == "Своя"


def test_a_label_on_two_fields_is_no_guess(office):
    own = {"FIELD_NAME": "1700000009", "USER_TYPE_ID": "double", "LABEL": "вес"}
    office.staff("crm.deal.userfield.add", {"fields": own})
    with pytest.raises(Misconfigured, match="UF_CRM_1700000000, UF_CRM_1700000009"):
        office.crm.find("deal")
    assert [(item.kind, item.name) for item in office.crm.missing()] == [("field", "Вес")]


def test_two_smart_processes_of_one_title_are_no_guess_unless_the_number_is_kept(office):
    fields = {"title": "Журнал", "isStagesEnabled": "N"}
    types = keep(office)
    office.staff("crm.type.add", {"fields": fields})
    assert office.crm.create("journal", {"name": "x"}, key="j-1")
    office.connection.vault.drop("ids")
    with pytest.raises(Misconfigured, match=f"stands 2 times.*{types['Журнал'][0]}"):
        office.fresh().find("journal")


def test_without_an_administrators_rights_the_kept_numbers_do(office, tmp_path):
    """Only an administrator may list smart processes."""
    keep(office)
    deal = office.crm.create("deal", {"manager": Ref("11")}, key="d-1")
    office.crm.add_row("deal", deal, "operation", {"gives": "1", "kind": "buy"}, key="r-1")
    office.connection.settings["BITRIX24_WEBHOOK"] = "11/staff-11"
    weak = office.fresh()
    seen = weak.get("deal", deal, tables=("operation",))
    assert seen.rows["operation"][0].values["gives"] == "1"
    assert seen.rows["operation"][0].values["kind"] == "buy", "known by the label at least"


def test_a_table_without_its_parent_is_told(office):
    types = keep(office)
    none = {"parent": [], "child": []}
    office.staff("crm.type.update", {"id": types["Операция"][1], "fields": {"relations": none}})
    deal = office.crm.create("deal", {}, key="d-1")
    with pytest.raises(Misconfigured, match="Операция"):
        office.crm.get("deal", deal, tables=("operation",))
    assert [(item.kind, item.name) for item in office.crm.missing()] == [("table", "Операция")]


def test_a_type_that_does_not_fit_is_told(office):
    [field] = office.staff("crm.deal.userfield.list", {"filter": {"FIELD_NAME": "UF_CRM_DUE"}})
    office.staff("crm.deal.userfield.delete", {"id": field["ID"]})
    office.staff("crm.deal.userfield.add", {"fields": {"FIELD_NAME": "DUE", "USER_TYPE_ID": "double", "LABEL": "Срок"}})
    [item] = office.crm.missing()
    assert item.name == "Срок" and "double" in item.remedy


def test_what_the_portal_lacked_a_moment_ago_is_looked_for_again(office):
    """A set-up still at work when the portal was read must not make every delivery after it fail until somebody retries."""
    [field] = office.staff("crm.deal.userfield.list", {"filter": {"FIELD_NAME": "UF_CRM_RATE"}})
    office.staff("crm.deal.userfield.delete", {"id": field["ID"]})
    with pytest.raises(Misconfigured):
        office.crm.find("deal")
    made = {"FIELD_NAME": "RATE", "USER_TYPE_ID": "string", "EDIT_FORM_LABEL": {"ru": "Курс"}}
    office.staff("crm.deal.userfield.add", {"fields": made})
    assert office.crm.find("deal") == []


def test_a_set_up_that_ends_while_the_portal_is_being_looked_through_leaves_nothing_of_before(office, monkeypatch):
    """What was found before it would be kept for an hour beside what was read after it."""
    [field] = office.staff("crm.deal.userfield.list", {"filter": {"FIELD_NAME": "UF_CRM_MAYBE"}}) or [{"ID": ""}]
    assert not field["ID"], "the office begins without it"
    keep(office)
    monkeypatch.setattr(layout, "COMPARED_EVERY_SECONDS", 0.0)
    found = layout.Layout.locate

    def meanwhile(self, name, *of):
        slot = found(self, name, *of)
        if name == "maybe" and not slot.usable:
            made = {"FIELD_NAME": "MAYBE", "USER_TYPE_ID": "string", "EDIT_FORM_LABEL": {"ru": "Необязательное"}}
            office.staff("crm.deal.userfield.add", {"fields": made})
            office.connection.vault.put("ids", {**office.connection.vault.get("ids"), "steps": 1})
        return slot

    monkeypatch.setattr(layout.Layout, "locate", meanwhile)
    deal = office.crm.create("deal", {}, key="d-1")
    office.crm.update("deal", deal, {"maybe": "есть"})
    assert office.crm.get("deal", deal).values["maybe"] == "есть"


def test_the_address_of_a_record_is_known_before_anything_is_asked(office):
    """It is wanted inside units of work, where asking the portal may need the very database that is held: see a token that
    has to be renewed."""
    types, fresh = keep(office), office.fresh()
    before = len(office.wire.sent)
    site = f"{office.sandbox.address}/"
    assert (
        fresh.link("deal", "5") == f"{site}crm/deal/details/5/" and fresh.link("lead", "7") == f"{site}crm/lead/details/7/"
    )
    assert fresh.link("journal", "3") == f"{site}crm/type/{types['Журнал'][0]}/details/3/"
    assert len(office.wire.sent) == before
