"""The set-up on the emulated portal: each kind of thing made, renamed, left alone, dropped only when asked."""

from __future__ import annotations

import ast
import copy
from typing import Any

import pytest

from connectors.bitrix24.tests.straight import ADDRESS, Place, a_set
from connectors.bitrix24.tests.whole_set import (
    DEAL,
    JOURNAL,
    LEAD,
    LISTS,
    PLUGINS,
    PORTAL,
    deal_with,
    field_of,
    field_update,
    full,
    in_list,
    only,
    pipeline_named,
    status_update,
)
from kernel.errors import Rejected
from kernel.testing.trouble import Crash
from sandbox.bitrix24.lists import area


@pytest.fixture
def place() -> Place:
    made = Place()
    assert made.apply(full(), PLUGINS) == []
    return made


# --- making ----------------------------------------------------------------------------------------------------------


def test_an_empty_portal_is_planned_as_a_whole_before_anything_is_made() -> None:
    empty = Place()
    shown = {one.what for one in empty.plan(full(), PLUGINS)}
    assert not empty.client.writes
    for part in (
        "воронка «Продажи»", "стадия «Переговоры» воронки «Продажи»", "поле «Курс клиента» сделок", "источник «Госуслуги»",
        "смарт-процесс «Операция»", "поле «Сумма» смарт-процесса «Операция»", "список «Деньги»",
        "поле «Сумма» списка «Деньги»",
        "робот «Проверить»", "встройка «Руководителю» (LEFT_MENU)", "событие ONCRMDEALUPDATE",
    ):  # fmt: skip
        assert part in shown, part


def test_what_is_made_is_what_the_set_says_and_a_second_plan_is_empty(place: Place) -> None:
    snapshot = place.snapshot()
    assert [(name, ends) for name, ends, _color in snapshot["stages"]["Продажи"]] == [
        ("Новая", None), ("Переговоры", None), ("Условия", None), ("Открыт", "S"), ("Отказ", "F"), ("Спам", "F")
    ]  # fmt: skip
    assert snapshot["stages"]["Продажи"][0][2] == "#39A8EF"
    assert [name for name, _ends, _color in snapshot["stages"]["leads"]][:2] == ["Новый", "В работе"]
    assert ("Госуслуги", None) in [(name, ends) for name, ends, _color in snapshot["stages"]["sources"]]
    assert ("Курс клиента", "string", "N", "N", ()) in snapshot["fields"]["deal"], "exact digits live in a line of text"
    assert ("Вид", "enumeration", "N", "N", ("Покупка", "Продажа")) in snapshot["fields"]["deal"]
    assert ("Команда", "employee", "Y", "N", ()) in snapshot["fields"]["deal"]
    assert ("Сумма", "string", "N", "N", ()) in snapshot["fields"]["Операция"]
    links = '{"COMPANY": "N", "CONTACT": "Y", "DEAL": "N", "LEAD": "N", "VISIBLE": "Y"}'
    assert ("Клиент", "S:ECrm", "N", links) in snapshot["lists"]["Деньги"], (
        "shown in a contact's card, its bare number the value"
    )
    hooks = f"{ADDRESS}/hooks/bitrix24/main"
    number = place.vault.get("ids")["smart"]["deal/operation"][0]
    assert (f"ONCRMDYNAMICITEMADD_{number}", hooks) in snapshot["events"] and ("ONCRMLEADADD", hooks) in snapshot["events"]
    assert ("LEFT_MENU", f"{ADDRESS}/frame/bitrix24/main/heads/", "Руководителю") in snapshot["placed"]
    assert snapshot["robots"] == ["annex_check"]
    before = len(place.client.writes)
    assert place.plan(full(), PLUGINS) == []
    assert place.apply(full(), PLUGINS) == [] and len(place.client.writes) == before


def test_a_table_hangs_on_the_card_of_its_record(place: Place) -> None:
    number = int(place.vault.get("ids")["smart"]["deal/operation"][1])
    snapshot = place.client.call("crm.type.get", {"id": number})["type"]["relations"]["parent"]
    assert [one["entityTypeId"] for one in snapshot] == [2]
    place.client.call("crm.type.update", {"id": number, "fields": {"relations": {"parent": [], "child": []}}})
    assert only(place.plan(full(), PLUGINS)).kind == "change"
    assert place.apply(full(), PLUGINS) == []


def test_a_list_gives_its_readers_the_right_to_read_and_an_unknown_department_is_told() -> None:
    there = Place()
    there.apply(full(lists={"cash": LISTS["cash"]}), PLUGINS)
    [cash] = area(there.client.portal).lists.values()
    assert cash.rights == {"U1": "X", "DR5": "R"}
    wrong = {"cash": {**LISTS["cash"], "label": "Другие деньги", "readers": ["Нет такого"], "code": "other"}}
    change = only(Place().plan(a_set({}, lists=wrong)))
    assert change.kind == "manual" and "Нет такого" in change.detail


# --- what is not ours stays --------------------------------------------------------------------------------------------


def test_what_staff_made_stays_and_only_their_stages_are_noted(place: Place) -> None:
    number = pipeline_named(place, "Продажи")
    own = {"ENTITY_ID": f"DEAL_STAGE_{number}", "STATUS_ID": "UC_1", "NAME": "Пауза", "SORT": 15}
    place.client.call("crm.status.add", {"fields": own})
    place.client.call("crm.category.add", {"entityTypeId": 2, "fields": {"name": "Своя"}})
    field = {"entityId": "CRM_DEAL", "fieldName": "UF_CRM_MINE", "userTypeId": "string", "editFormLabel": {"ru": "Своё"}}
    place.client.call("userfieldconfig.add", {"moduleId": "crm", "field": field})
    assert place.plan(full(), PLUGINS) == []
    notes = [one.what for one in place.setup(full(), PLUGINS).plan()]
    assert "стадия «Пауза» воронки «Продажи»" in notes and not any("Своя" in note or "Своё" in note for note in notes)
    status_update(place, "Условия", SORT=12)
    assert place.apply(full(), PLUGINS, drops=True) == []
    order = [name for name, _ends, _color in place.snapshot()["stages"]["Продажи"]]
    assert order == ["Новая", "Переговоры", "Условия", "Пауза", "Открыт", "Отказ", "Спам"], (
        "it stands behind what it stood behind"
    )


def test_default_stages_of_a_new_pipeline_go_but_those_of_an_old_one_stay() -> None:
    there = Place()
    there.client.call("crm.category.add", {"entityTypeId": 2, "fields": {"name": "Продажи"}})
    assert there.apply(full(), PLUGINS) == []
    stages = there.snapshot()["stages"]
    assert "Подготовка документов" in [name for name, *_ in stages["Продажи"]], "this pipeline was there before us"
    assert "Подготовка документов" not in [name for name, *_ in stages["Сопровождение"]]


# --- renaming is not dropping ------------------------------------------------------------------------------------------


def test_a_label_changed_in_the_set_renames(place: Place) -> None:
    entities = deal_with("field", "rate", label="Курс для клиента")
    entities["deal"]["stage"]["talk"]["label"] = "Разговор"
    entities["deal"]["pipeline"]["sales"]["label"] = "Сбыт"
    entities["deal"]["table"]["operation"]["label"] = "Сделка обмена"
    changes = place.plan(full(entities=entities), PLUGINS)
    assert {one.kind for one in changes} == {"rename"} and len(changes) == 4
    put_deals(place, 1, UF_CRM_RATE="41.2")
    assert place.apply(full(entities=entities), PLUGINS) == []
    where = {"entityTypeId": 2, "filter": {"=UF_CRM_RATE": "41.2"}, "useOriginalUfNames": "Y"}
    assert place.client.call("crm.item.list", where)["items"], "the data stays"


def test_a_word_changed_in_the_set_finds_the_same_things_by_their_labels(place: Place) -> None:
    text = repr({"deal": DEAL}).replace("'rate'", "'price'").replace("'talk'", "'speak'").replace("'sales'", "'selling'")
    renamed = ast.literal_eval(text)
    before = place.snapshot()
    assert place.plan(full(entities=renamed), PLUGINS) == [], "nothing to make, nothing to drop"
    assert place.snapshot() == before
    assert place.plan(full(entities=renamed), PLUGINS) == []
    gone = copy.deepcopy(renamed)
    del gone["deal"]["field"]["price"]
    assert only(place.plan(full(entities=gone), PLUGINS)).kind == "drop", "it is still known as ours"


def test_without_any_memory_everything_is_found_again(place: Place) -> None:
    before = place.snapshot()
    del place.vault.held["ids"]
    changes = place.plan(full(), PLUGINS)
    unseen = {"робот «Проверить»", "права списка «Деньги»", "права списков «Деньги»"}
    assert {one.what for one in changes} <= unseen, "neither a robot's description nor rights can be read back"
    place.apply(full(), PLUGINS)
    assert place.snapshot() == before


def test_a_new_first_stage_takes_no_code_from_the_one_before(place: Place) -> None:
    entity = copy.deepcopy(DEAL)
    first = {"label": "Заявка с сайта", "pipeline": "sales", "next": ["new"], "start": True}
    entity["stage"] = {"site": first, **entity["stage"]}
    put_deals(place, 1, categoryId=pipeline_named(place, "Продажи"))
    wanted = full(entities={"deal": entity})
    assert place.apply(wanted, PLUGINS) == []
    assert [name for name, *_ in place.snapshot()["stages"]["Продажи"]][:2] == ["Заявка с сайта", "Новая"]
    [deal] = place.client.call("crm.item.list", {"entityTypeId": 2})["items"]
    stages = {one["STATUS_ID"]: one["NAME"] for one in place.client.call("crm.status.list", {})}
    assert stages[deal["stageId"]] == "Новая", "a deal that was there stands where it stood"


def test_another_type_needs_the_old_field_out_of_the_way_and_then_asks_about_it(place: Place) -> None:
    wanted = full(entities=deal_with("field", "rate", type="date"))
    assert "переименуйте" in only(place.apply(wanted, PLUGINS)).detail
    old = "Старый курс"
    field_update(place, "Курс клиента", editFormLabel={"ru": old, "en": old, "ua": old})
    change = only(place.apply(wanted, PLUGINS))
    assert change.kind == "drop" and old in change.what
    assert ("Курс клиента", "date", "N", "N", ()) in place.snapshot()["fields"]["deal"]


# --- dropping asks -----------------------------------------------------------------------------------------------------


def put_deals(place: Place, count: int, **item: Any) -> None:
    for number in range(count):
        params = {"entityTypeId": 2, "fields": {"title": f"{number}", **item}, "useOriginalUfNames": "Y"}
        place.client.call("crm.item.add", params)


def test_a_field_that_the_set_no_longer_names_is_dropped_only_when_asked_with_its_records(place: Place) -> None:
    put_deals(place, 3, UF_CRM_RATE="41.2")
    put_deals(place, 2)
    fewer = full(entities=deal_with("field", "rate"))
    change = only(place.plan(fewer, PLUGINS))
    assert (change.kind, change.what, change.records) == ("drop", "поле «Курс клиента» сделок", 3)
    assert only(place.apply(fewer, PLUGINS)).kind == "drop", "not asked, not dropped"
    assert field_of(place, "Курс клиента")
    assert place.apply(fewer, PLUGINS, drops=True) == []
    assert "Курс клиента" not in [label for label, *_ in place.snapshot()["fields"]["deal"]]
    assert place.plan(fewer, PLUGINS) == []


def test_a_value_in_use_says_how_many_records_hold_it(place: Place) -> None:
    bought = next(o["id"] for o in field_of(place, "Вид")["enum"] if o["xmlId"] == "buy")
    put_deals(place, 4, UF_CRM_KIND=bought)
    fewer = full(entities=deal_with("field", "kind", values={"sell": "Продажа"}))
    change = only(place.plan(fewer, PLUGINS))
    assert (change.kind, change.records) == ("drop", 4) and change.what.startswith("значение «Покупка»")
    assert place.apply(fewer, PLUGINS, drops=True) == []
    assert [o["value"] for o in field_of(place, "Вид")["enum"]] == ["Продажа"]


def test_values_that_staff_put_into_our_field_stay(place: Place) -> None:
    ours = [{"id": o["id"], "value": o["value"], "xmlId": o["xmlId"]} for o in field_of(place, "Вид")["enum"]]
    enum = [*ours, {"value": "Обмен", "xmlId": "swap"}]
    field_update(place, "Вид", userTypeId="enumeration", enum=enum)
    assert place.plan(full(), PLUGINS) == []
    fewer = full(entities=deal_with("field", "kind", values={"sell": "Продажа"}))
    assert only(place.plan(fewer, PLUGINS)).what.startswith("значение «Покупка»")
    assert place.apply(fewer, PLUGINS, drops=True) == []
    assert sorted(o["value"] for o in field_of(place, "Вид")["enum"]) == ["Обмен", "Продажа"]


def test_a_stage_and_a_pipeline_with_deals_are_left_to_a_person(place: Place) -> None:
    sales = pipeline_named(place, "Продажи")
    put_deals(place, 2, categoryId=sales, stageId=f"C{sales}:TERMS")
    fewer = deal_with("stage", "terms")
    fewer["deal"]["stage"]["talk"]["next"] = ["won"]
    change = only(place.plan(full(entities=fewer), PLUGINS))
    assert change.kind == "manual" and change.records == 2 and "переведите" in change.detail
    none = a_set({"lead": LEAD, "journal": JOURNAL}, lists=LISTS, **PORTAL | {"robot": {}})
    snapshot = {one.what: one for one in place.plan(none, PLUGINS)}
    assert snapshot["воронка «Продажи»"].kind == "manual" and snapshot["воронка «Сопровождение»"].kind == "drop"
    assert snapshot["смарт-процесс «Операция»"].kind == "drop" and snapshot["робот «annex_check»"].kind == "drop"


def test_a_table_goes_with_its_items_a_list_with_its_lines(place: Place) -> None:
    number = int(place.vault.get("ids")["smart"]["deal/operation"][0])
    for _n in range(60):
        place.client.call("crm.item.add", {"entityTypeId": number, "fields": {"title": "x"}})
    line = {**in_list(place, "Деньги"), "ELEMENT_CODE": "a", "FIELDS": {"NAME": "a"}}
    place.client.call("lists.element.add", line)
    entities = {"deal": {**DEAL, "table": {}}}
    fewer = full(entities=entities, lists={"log": LISTS["log"]})
    snapshot = {one.what: one.records for one in place.plan(fewer) if one.kind == "drop"}
    assert snapshot == {"смарт-процесс «Операция»": 60, "список «Деньги»": 1}
    assert place.apply(fewer, drops=True) == []
    assert place.snapshot()["types"] == ["Журнал"] and "Деньги" not in place.snapshot()["lists"]
    assert place.plan(fewer) == []


# --- what only a person can do -----------------------------------------------------------------------------------------


def test_without_the_application_its_part_is_one_line_that_says_how(place: Place) -> None:
    there = Place()
    del there.vault.held["app"]
    left = only(there.apply(full(), PLUGINS))
    assert (
        left.kind == "manual" and "Локальное приложение" in left.detail and f"{ADDRESS}/hooks/bitrix24/main" in left.detail
    )
    there.client.portal.app().installed = False
    there.vault.put("app", {"user_id": "1"})
    assert "не до конца" in only(there.plan(full(), PLUGINS)).what
    there.client.portal.app().installed = True
    there.public = "http://localhost:8080"
    assert "ANNEX_PUBLIC_URL" in only(there.plan(full(), PLUGINS)).detail


def test_a_right_that_is_missing_is_named_and_the_rest_goes_on() -> None:
    there = Place()
    less = frozenset(there.client._hook.scopes - {"lists"})
    there.client._hook = type(there.client._hook)("webhook", "sandbox", "1", less, admin=True)
    left = only(there.apply(full(), PLUGINS))
    assert left.kind == "manual" and "lists" in left.what and "права" in left.detail
    assert pipeline_named(there, "Продажи")


def test_a_refusal_while_making_says_what_to_do() -> None:
    there = Place()
    there.client._hook = type(there.client._hook)("webhook", "sandbox", "1", there.client._hook.scopes, admin=False)
    with pytest.raises(Rejected, match="администратор"):
        there.apply(full(), PLUGINS)


def test_a_handler_that_the_portal_does_not_take_says_where_to_mend_it() -> None:
    there = Place()
    there.client.portal.faults.set("handler_domain", "own")
    there.client.portal.app().handler = "https://elsewhere.example.test/app"
    with pytest.raises(Rejected, match=r"карточку приложения|на домене приложения") as snapshot:
        there.apply(full(), PLUGINS)
    assert str(snapshot.value).startswith("событие ")


def test_a_place_that_the_portal_does_not_offer_is_for_a_person(place: Place) -> None:
    strange = {"heads": {"place": "MOON", "title": "Луна", "page": "/moon/"}}
    left = [one for one in place.plan(full(placement=strange), PLUGINS) if one.kind == "manual"]
    assert "встройка «Луна» (MOON)" in only(left).what


# --- killed at any call ------------------------------------------------------------------------------------------------


def test_killed_before_or_after_any_call_the_next_apply_ends_in_the_same_state(place: Place) -> None:
    wanted, calls = place.snapshot(), len(place.client.writes)
    assert calls > 60
    for when in ("before", "after"):
        for nth in range(1, calls + 1):
            there = Place()
            there.client.die_at = (nth, when)
            with pytest.raises(Crash):
                there.apply(full(), PLUGINS)
            assert there.apply(full(), PLUGINS) == []
            assert there.snapshot() == wanted, (when, nth)
            assert there.plan(full(), PLUGINS) == []
            spare = len(there.client.writes) - calls
            assert spare <= 9, f"{when} {nth}: {spare} calls more than needed"
