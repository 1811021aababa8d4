"""Reading and writing against the emulated portal, which shares no code with the connector, over real HTTP."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from connectors.bitrix24.tests.office import open_office
from kernel.crm import Ref, Unreadable
from kernel.errors import BadInput, Misconfigured, NotFound, Rejected, Unreachable, Unverified


@pytest.fixture
def office(tmp_path):
    with open_office(tmp_path) as opened:
        yield opened


def spent(office, act):
    """How many requests it took, and what came back."""
    before = len(office.wire.sent)
    found = act()
    return found, len(office.wire.sent) - before


FULL = {
    "name": "Открытие счёта", "manager": Ref("11"), "source": "call", "amount": Decimal("150000.5"),
    "note": "[b]нет[/b] <i>", "rate": Decimal("92.123456789"), "due": date(2026, 12, 24),
    "call_at": datetime(2026, 12, 1, 9, 30, tzinfo=UTC), "vip": True, "kind": "sell", "team": (Ref("12"), Ref("13")),
    "watchers": (Ref("14"),),
}  # fmt: skip


# --- records ----------------------------------------------------------------------------------------------------------


def test_every_type_of_value_is_written_and_read_again(office):
    client = office.crm.create("contact", {"name": "Ирина Петрова"}, key="c-1")
    first = office.crm.create("deal", {}, key="d-0")
    links = {"client": Ref(client), "partner": Ref(client), "parent": Ref(first)}
    number = office.crm.create("deal", {**FULL, **links}, key="d-1")
    seen = office.crm.get("deal", number)
    assert {name: seen.values[name] for name in ("name", "source", "amount", "note", "rate", "due", "vip", "kind")} == {
        name: FULL[name] for name in ("name", "source", "amount", "note", "rate", "due", "vip", "kind")
    }
    assert seen.values["call_at"] == FULL["call_at"]
    assert seen.values["manager"] == Ref("11", "Ирина Белова")
    assert seen.values["team"] == (Ref("12", "Дмитрий Орлов"), Ref("13", "Светлана Кузнецова"))
    assert seen.values["client"] == seen.values["partner"] == Ref(client, "Ирина Петрова")
    assert seen.values["parent"].id == first and seen.values["annex_key"] == "d-1" and seen.values["maybe"] is None
    assert (seen.stage, seen.stage_label, seen.name) == ("new", "Новая", "Открытие счёта")
    assert seen.url == f"{office.sandbox.address}/crm/deal/details/{number}/" == office.crm.link("deal", number)
    assert seen.created_by == seen.moved_by == "30" and seen.changed_at and seen.changed_at.tzinfo
    office.crm.update("deal", number, dict.fromkeys([*FULL, *links]))
    emptied = office.crm.get("deal", number).values
    left = {name: value for name, value in emptied.items() if value is not None and value is not False}
    assert left.pop("name").startswith("Сделка #"), "the portal's own title"
    assert left == {"annex_key": "d-1", "amount": Decimal(0)}


def test_a_number_staff_made_is_read_to_its_last_digit_and_nonsense_stays_visible(office):
    number = office.crm.create("deal", {}, key="d-1")
    code = office.numbers["Продажи"]
    fields = {"UF_CRM_1700000000": 0.123457, "UF_CRM_RATE": "по договору"}
    office.staff("crm.item.update", {"entityTypeId": 2, "id": number, "fields": fields, "useOriginalUfNames": "Y"})
    seen = office.crm.get("deal", number)
    assert seen.values["weight"] == Decimal("0.123457") and code
    assert isinstance(seen.values["rate"], Unreadable) and seen.values["rate"].raw == "по договору"


def test_one_request_reads_a_deal_with_its_rows(office):
    number = office.crm.create("deal", {"manager": Ref("11")}, key="d-1")
    office.crm.add_row("deal", number, "operation", {"gives": "10 USD"}, key="r-1")
    office.crm.people.all()
    seen, requests = spent(office, lambda: office.crm.get("deal", number, tables=("operation",)))
    assert requests == 1 and seen.rows["operation"][0].values["gives"] == "10 USD"
    assert seen.values["manager"].name == "Ирина Белова"


def test_what_is_not_there(office):
    with pytest.raises(NotFound):
        office.crm.get("deal", "777777")
    with pytest.raises(NotFound):
        office.crm.update("deal", "777777", {"note": "x"})
    made = office.staff("crm.category.add", {"entityTypeId": 2, "fields": {"name": "Чужая"}})["category"]
    other = office.staff("crm.item.add", {"entityTypeId": 2, "fields": {"title": "x", "categoryId": made["id"]}})["item"]
    with pytest.raises(NotFound, match="pipeline"):
        office.crm.get("deal", str(other["id"]))
    assert office.crm.find("deal") == []
    with pytest.raises(BadInput, match="nobody_knows"):
        office.crm.update("deal", str(other["id"]), {"nobody_knows": "x"})


def test_a_stage_in_another_pipeline_takes_its_pipeline_along(office):
    number = office.crm.create("deal", {}, key="d-1")
    office.crm.update("deal", number, {"note": "дальше"}, stage="terms")
    office.crm.update("deal", number, {}, stage="care")
    seen = office.crm.get("deal", number)
    assert (seen.stage, seen.stage_label) == ("care", "На обслуживании")
    assert office.item(2, number)["categoryId"] == office.numbers["Сопровождение"]
    with pytest.raises(Misconfigured, match="no stage «never»"):
        office.crm.update("deal", number, {}, stage="never")


def test_a_stage_made_by_staff_is_shown_by_its_name(office):
    number = office.crm.create("deal", {}, key="d-1")
    office.crm.get("deal", number)
    category = office.numbers["Продажи"]
    stage = {"ENTITY_ID": f"DEAL_STAGE_{category}", "STATUS_ID": "OWN", "NAME": "Своя", "SORT": 12}
    office.staff("crm.status.add", {"fields": stage})
    office.staff("crm.item.update", {"entityTypeId": 2, "id": number, "fields": {"stageId": f"C{category}:OWN"}})
    office.crm._layout._read_at -= 61
    seen = office.crm.get("deal", number)
    assert (seen.stage, seen.stage_label) == (None, "Своя")


def test_a_value_that_staff_add_to_a_list_is_read_by_its_name(office):
    number = office.crm.create("deal", {"kind": "buy"}, key="d-1")
    [field] = office.staff("crm.deal.userfield.list", {"filter": {"FIELD_NAME": "UF_CRM_KIND"}})
    office.staff("crm.deal.userfield.update", {"id": field["ID"], "fields": {"LIST": [{"VALUE": "Обмен"}]}})
    [field] = office.staff("crm.deal.userfield.list", {"filter": {"FIELD_NAME": "UF_CRM_KIND"}})
    [added] = [one["ID"] for one in field["LIST"] if one["VALUE"] == "Обмен"]
    wanted = {"entityTypeId": 2, "id": number, "fields": {"UF_CRM_KIND": added}, "useOriginalUfNames": "Y"}
    office.staff("crm.item.update", wanted)
    assert office.crm.get("deal", number).values["kind"].raw == added
    office.crm._layout._read_at -= 61
    seen = office.crm.get("deal", number).values["kind"]
    assert isinstance(seen, Unreadable) and seen.raw == "Обмен"


def test_the_other_contacts_of_a_deal_stay(office):
    clients = [office.crm.create("contact", {"name": f"{n}"}, key=f"c-{n}") for n in range(3)]
    number = office.crm.create("deal", {"client": Ref(clients[0])}, key="d-1")
    both = {"contactIds": [int(clients[0]), int(clients[1])]}
    office.staff("crm.item.update", {"entityTypeId": 2, "id": number, "fields": both})
    office.crm.update("deal", number, {"client": Ref(clients[2])})
    assert office.item(2, number)["contactIds"] == [int(clients[2]), int(clients[1])]
    office.crm.update("deal", number, {"client": None})
    assert office.crm.get("deal", number).values["client"].id == clients[1]


def test_a_number_rounded_by_the_portal_is_told(office):
    field = {"FIELD_NAME": "RATE2", "USER_TYPE_ID": "double", "LABEL": "Необязательное", "SETTINGS": {"PRECISION": 2}}
    office.staff("crm.deal.userfield.add", {"fields": field})
    number = office.crm.create("deal", {}, key="d-1")
    with pytest.raises(Unverified, match="Необязательное"):
        office.crm.update("deal", number, {"maybe": "1.239"})


def test_a_required_field_is_named_by_its_label(office):
    number = office.crm.create("deal", {}, key="d-1")
    field = office.staff("crm.deal.userfield.list", {"filter": {"FIELD_NAME": "UF_CRM_NOTE"}})[0]
    office.staff("crm.deal.userfield.update", {"id": field["ID"], "fields": {"MANDATORY": "Y"}})
    with pytest.raises(Rejected, match="Заметка"):
        office.crm.update("deal", number, {}, stage="terms")
    assert office.crm.get("deal", number).stage == "new"


def test_a_field_that_was_removed_meanwhile_is_not_lost_in_silence(office):
    number = office.crm.create("deal", {"note": "раз"}, key="d-1")
    field = office.staff("crm.deal.userfield.list", {"filter": {"FIELD_NAME": "UF_CRM_NOTE"}})[0]
    office.staff("crm.deal.userfield.delete", {"id": field["ID"]})
    with pytest.raises(Unverified, match=r"Заметка.*no field UF_CRM_NOTE"):
        office.crm.update("deal", number, {"note": None})
    with pytest.raises(Misconfigured, match="Заметка"):
        office.crm.update("deal", number, {"note": "два"})
    assert [item.name for item in office.crm.missing()] == ["Заметка"]


def test_a_created_record_is_found_by_its_key(office):
    one = office.crm.create("deal", {"note": "раз"}, key="d-1")
    assert office.crm.create("deal", {"note": "два"}, key="d-1", maybe_done=True) == one
    assert office.crm.get("deal", one).values["note"] == "два"
    journal = office.crm.create("journal", {"name": "Книги"}, key="j-1")
    assert office.crm.create("journal", {"name": "Книги"}, key="j-1", maybe_done=True) == journal
    assert office.crm.link("journal", journal).endswith(f"/crm/type/{office.numbers['Журнал']}/details/{journal}/")


def test_a_lost_answer_makes_nothing_twice(office):
    def until_done(name, call, *args, **more):
        office.wire.cut[name] = 1
        with pytest.raises(Unreachable) as caught:
            call(*args, **more)
        assert caught.value.maybe_done
        return call(*args, **more, maybe_done=True)

    deal = until_done("crm.item.add", office.crm.create, "deal", {"note": "раз"}, key="d-1")
    row = until_done("crm.item.add", office.crm.add_row, "deal", deal, "operation", {"gives": "1"}, key="r-1")
    until_done("crm.timeline.comment.add", office.crm.comment, "deal", deal, "раз", to=("11",), key="m-1")
    assert [one.id for one in office.crm.find("deal")] == [deal]
    assert [one.key for one in office.crm.get("deal", deal, tables=("operation",)).rows["operation"]] == [row]
    wanted = {"filter": {"ENTITY_ID": deal, "ENTITY_TYPE": "deal"}}
    assert len(office.staff("crm.timeline.comment.list", wanted)) == 1


# --- contacts and leads -----------------------------------------------------------------------------------------------


def test_phones_and_the_like(office):
    values = {"name": "Иван Франко", "phone": "+7 916 555-01-34", "email": "Ivan@Example.test", "telegram": "t.me/Ivan_F"}
    client = office.crm.create("contact", values, key="c-1")
    office.crm.create("contact", {"name": "Иван Петров", "phone": "+79165550199"}, key="c-2")
    seen = office.crm.get("contact", client)
    assert seen.values == {**values, "telegram": "@ivan_f", "annex_key": "c-1"} and seen.name == "Иван Франко"
    for where in (
        {"phone": "89165550134"}, {"phone": "+79165550134"}, {"telegram": "@IVAN_F"}, {"email": "ivan@example.test"},
        {"name": "иван франко"}, {"annex_key": "c-1"},
    ):  # fmt: skip
        assert [one.id for one in office.crm.find("contact", where=where)] == [client], where
    assert office.crm.find("contact", where={"phone": "+70000000000"}) == []


def test_the_first_phone_is_ours_and_the_others_stay(office):
    client = office.crm.create("contact", {"name": "Ирина", "phone": "+79165550134"}, key="c-1")
    more = {"n0": {"typeId": "PHONE", "valueType": "HOME", "value": "+74955550101"}}
    office.staff("crm.item.update", {"entityTypeId": 3, "id": client, "fields": {"fm": more}})
    office.crm.update("contact", client, {"phone": "+79165550199"})
    assert [one["value"] for one in office.item(3, client)["fm"]] == ["+79165550199", "+74955550101"]
    office.crm.update("contact", client, {"phone": None})
    assert office.crm.get("contact", client).values["phone"] == "+74955550101"


def test_leads_have_stages_of_their_own(office):
    lead = office.crm.create("lead", {"name": "Заявка с сайта", "phone": "+79165550134", "manager": Ref("11")}, key="l-1")
    assert office.crm.get("lead", lead).stage == "new"
    office.crm.update("lead", lead, {"manager": Ref("user:12")}, stage="work")
    seen = office.crm.get("lead", lead)
    assert (seen.stage, seen.values["manager"].id, seen.values["phone"]) == ("work", "12", "+79165550134")
    assert [one.id for one in office.crm.find("lead", where={"phone": "+79165550134"})] == [lead]
    office.crm.update("lead", lead, {}, stage="junk")
    moves = office.crm.history.moves("lead", lead)
    assert [(one.stage, one.created) for one in moves] == [("new", True), ("work", False), ("junk", False)]


# --- finding ----------------------------------------------------------------------------------------------------------


def test_of_several_cards_with_one_phone_all_are_seen(office):
    """The portal's own search gives them all; which one is meant, the rest of the question says."""
    numbers = [office.crm.create("contact", {"name": n, "phone": "+79161112233"}, key=f"c-{n}") for n in ("А", "Б", "В")]
    assert [one.id for one in office.crm.find("contact", where={"phone": "+79161112233"})] == numbers
    assert [one.id for one in office.crm.find("contact", where={"phone": "+79161112233", "name": "Б"})] == [numbers[1]]


def test_finding_by_values_of_every_type(office):
    client = office.crm.create("contact", {"name": "Ирина"}, key="c-1")
    number = office.crm.create("deal", {**FULL, "client": Ref(client), "partner": Ref(client)}, key="d-1")
    office.crm.create("deal", {"name": "Другая", "rate": Decimal(1), "kind": "buy", "note": "x"}, key="d-2")
    for name in ("name", "manager", "source", "amount", "note", "rate", "due", "call_at", "vip", "kind", "watchers", "team"):
        assert [one.id for one in office.crm.find("deal", where={name: FULL[name]})] == [number], name
    for where in ({"client": Ref(client)}, {"partner": Ref(client)}, {"kind": "sell", "vip": True}):
        assert [one.id for one in office.crm.find("deal", where=where)] == [number], where
    assert office.crm.find("deal", where={"kind": "sell", "vip": False}) == []
    assert office.crm.find("deal", where={"note": None, "kind": "buy"}) == []
    assert office.crm.find("deal", ids=[]) == []
    assert [one.id for one in office.crm.find("deal", ids=[number, "777777"])] == [number]


def test_many_deals_with_their_rows_cost_few_requests(office):
    made = [office.crm.create("deal", {"name": f"{n}"}, key=f"d-{n}") for n in range(60)]
    for n in (0, 7, 59):
        office.crm.add_row("deal", made[n], "operation", {"gives": f"{n}"}, key=f"r-{n}")
    office.crm.people.all()
    found, requests = spent(office, lambda: office.crm.find("deal", tables=("operation",)))
    assert [one.id for one in found] == made and requests <= 3
    assert [len(found[n].rows["operation"]) for n in (0, 1, 7, 59)] == [1, 0, 1, 1]
    later = datetime.now(UTC) + timedelta(hours=1)
    assert office.crm.find("deal", changed_since=later) == []
    recent = datetime.now(UTC) - timedelta(hours=1)
    assert len(office.crm.find("deal", changed_since=recent)) == 60


def test_more_rows_than_a_page(office):
    number = office.crm.create("deal", {}, key="d-1")
    keys = [office.crm.add_row("deal", number, "operation", {"gives": f"{n}"}, key=f"r-{n}") for n in range(53)]
    assert [row.key for row in office.crm.get("deal", number, tables=("operation",)).rows["operation"]] == keys


def test_rows(office):
    client = office.crm.create("contact", {"name": "Ирина"}, key="c-1")
    number, other = (office.crm.create("deal", {}, key=f"d-{n}") for n in range(2))
    values = {"kind": "buy", "gives": "10 USD", "amount": Decimal("0.10"), "partner": Ref(client)}
    row = office.crm.add_row("deal", number, "operation", values, key="r-1")
    assert office.crm.add_row("deal", number, "operation", values, key="r-1", maybe_done=True) == row
    office.crm.add_row("deal", other, "operation", {"kind": "sell"}, key="r-1")
    office.crm.update_row("deal", number, "operation", row, {"gives": "11 USD", "kind": None})
    [seen] = office.crm.get("deal", number, tables=("operation",)).rows["operation"]
    assert (seen.key, seen.values["gives"], seen.values["kind"]) == (row, "11 USD", None)
    assert seen.values["amount"] == Decimal("0.1") and seen.values["partner"] == Ref(client, "Ирина")
    with pytest.raises(NotFound):
        office.crm.update_row("deal", number, "operation", "777777", {"gives": "1"})
    held = office.crm.add_row("contact", client, "custody", {"until": date(2026, 12, 24)}, key="r-2")
    [kept] = office.crm.get("contact", client, tables=("custody",)).rows["custody"]
    assert (kept.key, kept.values["until"]) == (held, date(2026, 12, 24))
