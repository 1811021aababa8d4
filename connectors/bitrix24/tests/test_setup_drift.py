"""Drift: what somebody changed by hand is named and fixed."""

from __future__ import annotations

import pytest

from connectors.bitrix24.tests.straight import ADDRESS, Place, a_set
from connectors.bitrix24.tests.whole_set import (
    PLUGINS,
    drop_field,
    field_of,
    field_update,
    full,
    in_list,
    only,
    pipeline_named,
    status_of,
    status_update,
)


@pytest.fixture
def place() -> Place:
    made = Place()
    assert made.apply(full(), PLUGINS) == []
    return made


def rename_pipeline(place: Place) -> None:
    params = {"entityTypeId": 2, "id": pipeline_named(place, "Продажи"), "fields": {"name": "Сбыт"}}
    place.client.call("crm.category.update", params)


def rename_type(place: Place) -> None:
    number = int(place.vault.get("ids")["smart"]["journal"][1])
    place.client.call("crm.type.update", {"id": number, "fields": {"title": "Тетрадь"}})


def rename_option(place: Place) -> None:
    enum = [{"id": o["id"], "value": {"Покупка": "Купля"}.get(o["value"], o["value"]), "xmlId": o["xmlId"]}
            for o in field_of(place, "Вид")["enum"]]  # fmt: skip
    field_update(place, "Вид", userTypeId="enumeration", enum=enum)


def drop_option(place: Place) -> None:
    enum = [{"id": o["id"], "value": o["value"], "del": "Y"} for o in field_of(place, "Вид")["enum"] if o["xmlId"] == "buy"]
    field_update(place, "Вид", userTypeId="enumeration", enum=enum)


def rename_list(place: Place) -> None:
    place.client.call("lists.update", {**in_list(place, "Деньги"), "FIELDS": {"NAME": "Финансы"}})


def list_field(place: Place, label: str) -> str:
    return next(
        o["FIELD_ID"] for o in place.client.call("lists.field.get", in_list(place, "Деньги")).values() if o["NAME"] == label
    )


def rename_list_field(place: Place) -> None:
    fields = {"NAME": "Итого", "TYPE": "S", "CODE": "AMOUNT"}
    place.client.call(
        "lists.field.update", {**in_list(place, "Деньги"), "FIELD_ID": list_field(place, "Сумма"), "FIELDS": fields}
    )


def hide_list(place: Place) -> None:
    fields = {"NAME": "Клиент", "TYPE": "S:ECrm", "CODE": "CARD", "USER_TYPE_SETTINGS": {"VISIBLE": "N"}}
    place.client.call(
        "lists.field.update", {**in_list(place, "Деньги"), "FIELD_ID": list_field(place, "Клиент"), "FIELDS": fields}
    )


def drop_list_field(place: Place) -> None:
    place.client.call("lists.field.delete", {**in_list(place, "Деньги"), "FIELD_ID": list_field(place, "Сумма")})


def unbind(place: Place) -> None:
    params = {"event": "ONCRMDEALUPDATE", "handler": f"{ADDRESS}/hooks/bitrix24/main"}
    assert place.client.call("event.unbind", params, app=True) == {"count": 1}


def unplace(place: Place) -> None:
    place.client.call("placement.unbind", {"PLACEMENT": "LEFT_MENU"}, app=True)


def unteach(place: Place) -> None:
    place.client.call("bizproc.robot.delete", {"CODE": "annex_check"}, app=True)


DRIFTS = {
    "pipeline renamed": (rename_pipeline, "rename", "воронка «Продажи»"),
    "stage renamed": (lambda p: status_update(p, "Переговоры", NAME="Беседа"), "rename", "стадия «Переговоры»"),
    "stage recoloured": (lambda p: status_update(p, "Новая", COLOR="#000000"), "change", "стадия «Новая»"),
    "stages in another order": (lambda p: status_update(p, "Условия", SORT=1), "change", "порядок стадий воронки «Продажи»"),
    "stage gone": (
        lambda p: p.client.call("crm.status.delete", {"id": status_of(p, "Спам")["ID"]}), "create", "стадия «Спам»",
    ),
    "source renamed": (lambda p: status_update(p, "Госуслуги", NAME="ЕПГУ"), "rename", "источник «Госуслуги»"),
    "field renamed": (
        lambda p: field_update(p, "Курс клиента", editFormLabel={"ru": "Курс", "en": "Курс", "ua": "Курс"}),
        "rename", "поле «Курс клиента» сделок",
    ),
    "field made obligatory": (lambda p: field_update(p, "Курс клиента", mandatory="Y"), "change", "поле «Курс клиента»"),
    "field gone": (drop_field, "create", "поле «Курс клиента»"),
    "value renamed": (rename_option, "rename", "значение «Покупка» поля «Вид»"),
    "value gone": (drop_option, "create", "значение «Покупка» поля «Вид»"),
    "smart process renamed": (rename_type, "rename", "смарт-процесс «Журнал»"),
    "list renamed": (rename_list, "rename", "список «Деньги»"),
    "list's field renamed": (rename_list_field, "rename", "поле «Сумма» списка «Деньги»"),
    "list hidden from the card": (hide_list, "change", "поле «Клиент» списка «Деньги»"),
    "list's field gone": (drop_list_field, "create", "поле «Сумма» списка «Деньги»"),
    "event unbound": (unbind, "create", "событие ONCRMDEALUPDATE"),
    "page unbound": (unplace, "create", "встройка «Руководителю»"),
    "robot gone": (unteach, "create", "робот «Проверить»"),
}  # fmt: skip


@pytest.mark.parametrize("name", DRIFTS)
def test_drift_by_hand_is_named_and_mended(place: Place, name: str) -> None:
    spoil, kind, what = DRIFTS[name]
    before = place.snapshot()
    spoil(place)
    assert place.snapshot() != before
    change = only(place.plan(full(), PLUGINS))
    assert change.kind == kind and change.what.startswith(what), change
    assert place.apply(full(), PLUGINS) == [] and place.plan(full(), PLUGINS) == []
    assert place.snapshot() == before


def test_a_public_address_that_changed_moves_events_pages_and_robots(place: Place) -> None:
    place.public = "https://moved.example.test"
    changes = place.plan(full(), PLUGINS)
    assert changes and {one.kind for one in changes} == {"change"}
    assert place.apply(full(), PLUGINS) == []
    snapshot = place.snapshot()
    assert {handler for _event, handler in snapshot["events"]} == {"https://moved.example.test/hooks/bitrix24/main"}
    assert all(handler.startswith("https://moved.example.test/") for _place, handler, _title in snapshot["placed"])


def test_a_type_that_cannot_be_changed_is_for_a_person(place: Place) -> None:
    drop_field(place)
    field = {
        "entityId": "CRM_DEAL",
        "fieldName": "UF_CRM_RATE",
        "userTypeId": "double",
        "editFormLabel": {"ru": "Курс клиента"},
    }
    place.client.call("userfieldconfig.add", {"moduleId": "crm", "field": field})
    change = only(place.plan(full(), PLUGINS))
    assert change.kind == "manual" and "double" in change.detail and "переименуйте" in change.detail


def test_a_number_of_the_customers_own_is_good_enough_to_read() -> None:
    there = Place()
    field = {"entityId": "CRM_DEAL", "fieldName": "UF_CRM_OWN", "userTypeId": "double", "editFormLabel": {"ru": "Вес"}}
    there.client.call("userfieldconfig.add", {"moduleId": "crm", "field": field})
    assert there.plan(a_set({"deal": {"field": {"weight": {"label": "вес", "type": "decimal"}}}}))[0].kind == "rename"
    assert there.plan(a_set({"deal": {"field": {"weight": {"label": "Вес", "type": "decimal"}}}})) == []
