"""Cards and pages in them, on the emulated portal: arranged when asked for, per pipeline, without what Annex alone needs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors.bitrix24.tests.straight import ADDRESS, Place, a_set
from connectors.bitrix24.tests.whole_set import DEAL, LEAD, field_of, only, pipeline_named
from kernel.errors import Misconfigured
from kernel.mapping import Change, MappingSet, load_set
from sandbox.bitrix24.placements import Widgets
from sandbox.bitrix24.registry import METHODS

pytestmark = pytest.mark.row("BR-16")
SET = load_set(Path(__file__).parents[3] / "mappings" / "broker-bitrix24")
GET, PUT = "crm.item.details.configuration.get", "crm.item.details.configuration.set"
BLOCK = "Биржевая позиция"
CONTACT: dict[str, Any] = {
    "key": "annex_key",
    "field": {
        "name": {"system": "name"}, "phone": {"system": "phone"}, "client_id": {"label": "ClientID", "write": True},
        "inn": {"label": "ИНН"}, "annex_key": {"label": "Ключ Annex", "write": True},
    },
}  # fmt: skip
POSITION = {"title": BLOCK, "page": "/dossier/block/{entity}/{record}", "of": ["contact"]}
SECTIONS = [
    {"title": "Клиент", "fields": ["position", "name", "client_id"], "always": ["client_id"]},
    {"title": "Связь", "fields": ["phone", "COMMENTS"]},
]


def a_card(**changed: Any) -> MappingSet:
    told = {"field_type": {"position": POSITION}, "card": {"contact": {"sections": SECTIONS}}, **changed}
    return a_set({"contact": CONTACT, **told.pop("entities", {})}, **told)


def arranged(place: Place, name: str = "contact") -> Any:
    return place.snapshot()["cards"].get(name)


def arrange(place: Place, title: str, *elements: dict[str, Any], **more: Any) -> None:
    """An administrator does so by hand."""
    data = [{"name": "main", "title": title, "type": "section", "elements": list(elements)}]
    place.client.call(PUT, {"entityTypeId": 3, "scope": "C", "data": data, **more})


def cards(changes: list[Change]) -> list[Change]:
    return [one for one in changes if one.kind == "arrange"]


# --- the shipped set --------------------------------------------------------------------------------------------------


def test_the_shipped_cards_begin_with_the_position_and_show_nothing_that_annex_alone_needs() -> None:
    place = Place()
    left = place.apply(SET)
    assert len(left) == len(cards(left)) == 6, (
        "not asked, not arranged: persons, companies, two kinds of leads, two pipelines"
    )
    assert place.snapshot()["cards"] == {}
    assert place.apply(SET, cards=True) == [] and place.plan(SET) == []
    found = place.snapshot()["cards"]
    assert set(found) == {"contact", "company", "lead 1", "lead 2", "deal Продажи", "deal Сопровождение"}
    for kind in ("contact", "company"):
        assert found[kind][0][1][0] == ("UF_CRM_ANNEX_POSITION", "1"), "first, and shown although it holds nothing"
    assert found["deal Продажи"] != found["deal Сопровождение"] and found["lead 1"] == found["lead 2"]
    shown = {name for card in found.values() for _title, elements in card for name, _flag in elements}
    assert not any("ANNEX_KEY" in name for name in shown) and {"CLIENT", "OPPORTUNITY_WITH_CURRENCY"} <= shown
    assert found["deal Продажи"][0][1].count(("CLIENT", "1")) == 1


def test_what_is_by_hand_names_what_the_push_needs_at_its_stage() -> None:
    push, deal = SET.pushes["open_account"], SET.entities["deal"]
    [line] = [one for one in SET.portal.by_hand if f"«{deal.stage[push.stage].label}»" in one and "обязательные" in one]
    needed = [one.source for part in push.part if part.of == "deal" for one in part.fields if one.required]
    assert all(f"«{deal.field[name].name}»" in line for name in needed if not name.startswith("terms_"))
    assert any("Права доступа" in one for one in SET.portal.by_hand)


# --- arranging --------------------------------------------------------------------------------------------------------


def test_what_staff_arranged_is_shown_beside_what_shall_be_and_what_they_set_of_a_field_stays() -> None:
    place = Place()
    place.apply(a_card())
    arrange(
        place, "О клиенте", {"name": "NAME"}, {"name": "PHONE", "optionFlags": 1, "options": {"defaultCountry": "RU"}},
        {"name": "POST"},
    )  # fmt: skip
    change = only(place.plan(a_card()))
    assert (change.kind, change.what) == ("arrange", "вид карточки контактов")
    for text in ("сейчас: «О клиенте» (Имя, Телефон, Должность)", f"«Клиент» ({BLOCK}, Имя, ClientID)", "видно: Должность"):
        assert text in change.detail, change.detail
    assert place.apply(a_card()) != [] and [title for title, _ in arranged(place)] == ["О клиенте"]
    assert place.apply(a_card(), cards=True) == []
    view = place.client.call(GET, {"entityTypeId": 3, "scope": "C"})
    phone = next(one for section in view for one in section["elements"] if one["name"] == "PHONE")
    assert phone == {"name": "PHONE", "optionFlags": "0", "options": {"defaultCountry": "RU"}}


@pytest.mark.parametrize("changed", ["title", "order", "flag", "gone", "more"])
def test_each_difference_is_noticed(changed: str) -> None:
    place = Place()
    place.apply(a_card(), cards=True)
    view = place.client.call(GET, {"entityTypeId": 3, "scope": "C"})
    match changed:
        case "title":
            view[0]["title"] = "Прочее"
        case "order":
            view[0]["elements"].reverse()
        case "flag":
            view[0]["elements"][1]["optionFlags"] = 1
        case "gone":
            del view[1]
        case "more":
            view.append({"name": "own", "title": "Моё", "type": "section", "elements": [{"name": "POST"}]})
    place.client.call(PUT, {"entityTypeId": 3, "scope": "C", "data": view})
    assert only(place.plan(a_card())).kind == "arrange"
    assert place.apply(a_card(), cards=True) == []


def test_names_of_sections_and_ones_own_arrangement_are_no_difference() -> None:
    place = Place()
    place.apply(a_card(), cards=True)
    view = place.client.call(GET, {"entityTypeId": 3, "scope": "C"})
    place.client.call(
        PUT, {"entityTypeId": 3, "scope": "C", "data": [{**one, "name": f"x_{n}"} for n, one in enumerate(view)]}
    )
    mine = [{"name": "main", "title": "Моё", "type": "section", "elements": [{"name": "NAME"}]}]
    place.client.call(PUT, {"entityTypeId": 3, "userId": 11, "data": mine})
    assert place.plan(a_card()) == []


def test_pipelines_apart_and_one_that_the_set_leaves_to_staff() -> None:
    sections = [{"title": "Сделка", "fields": ["name", "rate"]}]
    mapping = a_set({"deal": DEAL}, card={"deal": {"pipeline": {"sales": {"sections": sections}}}})
    place = Place()
    [shown] = cards(place.plan(mapping))
    assert "воронка «Продажи»" in shown.what and "Курс клиента" in shown.detail, "told before anything is there"
    assert place.apply(mapping, cards=True) == []
    assert list(place.snapshot()["cards"]) == ["deal Продажи"]
    assert arranged(place, "deal Продажи") == [("Сделка", [("TITLE", "0"), ("UF_CRM_RATE", "0")])]
    number = pipeline_named(place, "Сопровождение")
    arrange(place, "Своё", {"name": "TITLE"}, entityTypeId=2, extras={"dealCategoryId": number})
    assert place.plan(mapping) == []


def test_a_portal_that_knows_no_arrangements_is_told_once_and_the_rest_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place()
    monkeypatch.delitem(METHODS, GET)
    change = only(place.apply(a_card(), cards=True))
    assert change.kind == "manual" and "вид карточек" in change.what
    assert field_of(place, BLOCK, "CRM_CONTACT")["userTypeId"] == "rest_5_annexposition"


@pytest.mark.parametrize("kind", ["smart", "contact"])
def test_only_records_with_a_card_of_their_own(kind: str) -> None:
    other = {"kind": kind, "object": "Партнёры", "field": {"note": {"label": "Заметка"}}}
    wrong = a_card(entities={"partner": other}, card={"partner": {"sections": [{"title": "А", "fields": ["note"]}]}})
    with pytest.raises(Misconfigured, match=r"card\.partner"):
        Place().plan(wrong)


# --- pages in the place of a field --------------------------------------------------------------------------------------


def blocks(place: Place) -> list[tuple[Any, ...]]:
    return [one for kind in ("contact", "company") for one in place.snapshot()["fields"][kind] if one[1].startswith("rest_")]


def test_a_field_type_with_a_field_in_each_card_and_nothing_twice() -> None:
    place = Place()
    mapping = a_card(
        entities={"company": CONTACT}, field_type={"position": {**POSITION, "of": ["contact", "company"]}}, card={}
    )
    assert place.apply(mapping) == []
    handler = f"{ADDRESS}/frame/bitrix24/main/dossier/block/%7Bentity%7D/%7Brecord%7D"
    assert place.snapshot()["field types"] == [("annexposition", handler)]
    assert blocks(place) == [(BLOCK, "rest_5_annexposition", "N", "N", ())] * 2
    before = len(place.client.writes)
    assert place.plan(mapping) == [] and place.apply(mapping) == [] and len(place.client.writes) == before


@pytest.mark.parametrize("change", [{"title": "Позиция"}, {"height": 300}, {"page": "/dossier/block2/{entity}/{record}"}])
def test_what_changed_in_the_set_changes_the_type(change: dict[str, Any]) -> None:
    place = Place()
    place.apply(a_card(card={}))
    changed = a_card(card={}, field_type={"position": {**POSITION, **change}})
    assert {one.kind for one in place.plan(changed)} <= {"change", "rename"} and place.plan(changed)
    assert place.apply(changed) == [] and place.plan(changed) == []
    assert [label for label, *_ in blocks(place)] == [change.get("title", BLOCK)]
    [kept] = place.client.portal.area(Widgets).types
    assert (kept.title, kept.height) == (change.get("title", BLOCK), change.get("height", 240))


def test_while_the_connection_is_off_there_is_neither_type_nor_field_nor_a_gap_in_the_card() -> None:
    place, on = Place(), a_card()
    place.apply(on, cards=True)
    off = replace(on, portal=on.portal.model_copy(update={"field_type": {}}))
    planned = place.plan(off)
    assert {one.kind for one in planned} == {"change", "arrange"}, "no data is lost with it"
    assert not any("тип поля" in one.what for one in planned), "not while a field of it stands in a card"
    assert place.apply(off, cards=True) == []
    assert blocks(place) == [] and place.snapshot()["field types"] == []
    assert arranged(place)[0] == ("Клиент", [("NAME", "0"), ("UF_CRM_CLIENT_ID", "1")])
    assert place.apply(on, cards=True) == [] and arranged(place)[0][1][0] == ("UF_CRM_ANNEX_POSITION", "1")


def test_after_an_update_of_the_application_the_type_is_made_anew_and_the_field_is_the_same() -> None:
    place = Place()
    place.apply(a_card(), cards=True)
    before = place.snapshot()
    place.client.portal.area(Widgets).types.clear()
    assert only(place.plan(a_card())).kind == "create"
    assert place.apply(a_card()) == [] and place.snapshot() == before


def test_other_applications_types_and_staffs_fields_stay() -> None:
    place = Place()
    place.client.call("userfieldtype.add", {"USER_TYPE_ID": "other", "HANDLER": f"{ADDRESS}/x", "TITLE": "x"}, app=True)
    field = {"entityId": "CRM_CONTACT", "fieldName": "UF_CRM_X", "userTypeId": "rest_5_other", "editFormLabel": {"ru": "X"}}
    place.client.call("userfieldconfig.add", {"moduleId": "crm", "field": field})
    assert place.apply(a_card(card={})) == [] and place.apply(a_card(card={}, field_type={})) == []
    assert [label for label, *_ in blocks(place)] == ["X"]


def test_without_the_application_the_card_waits_for_its_page_and_the_lead_does_not() -> None:
    place = Place()
    del place.vault.held["app"]
    mapping = a_card(entities={"lead": LEAD}, card={
        "contact": {"sections": SECTIONS}, "lead": {"sections": [{"title": "Лид", "fields": ["NAME"]}]},
    })  # fmt: skip
    left = place.apply(mapping, cards=True)
    assert [(one.kind, one.what) for one in left] == [
        ("manual", "приложение не установлено"), ("arrange", "вид карточки контактов")
    ]  # fmt: skip
    assert arranged(place, "lead 1") == [("Лид", [("NAME", "0")])]
