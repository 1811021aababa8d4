"""One set with everything in it, and what staff do to its portal by hand."""

from __future__ import annotations

import copy
from typing import Any

from connectors.bitrix24.tests.straight import Place, a_set
from kernel.extension import Plugin, Watch
from kernel.mapping import Change, MappingSet

DEAL: dict[str, Any] = {
    "pipeline": {"sales": {"label": "Продажи"}, "care": {"label": "Сопровождение"}},
    "stage": {
        "new": {"label": "Новая", "pipeline": "sales", "next": ["talk", "lost"], "start": True, "color": "#39A8EF"},
        "talk": {"label": "Переговоры", "pipeline": "sales", "next": ["terms"]},
        "terms": {"label": "Условия", "pipeline": "sales", "next": ["won"]},
        "won": {"label": "Открыт", "pipeline": "sales", "outcome": "won"},
        "lost": {"label": "Отказ", "pipeline": "sales", "outcome": "lost"},
        "spam": {"label": "Спам", "pipeline": "sales", "outcome": "lost"},
        "care": {"label": "Приём", "pipeline": "care"},
        "kept": {"label": "Остался", "pipeline": "care", "outcome": "won"},
        "left": {"label": "Ушёл", "pipeline": "care", "outcome": "lost"},
    },
    "field": {
        "name": {"system": "title"},
        "source": {"system": "sourceId", "type": "choice", "values": {"call": "Звонок", "gov": "Госуслуги"}},
        "rate": {"label": "Курс клиента", "type": "decimal", "write": True},
        "kind": {"label": "Вид", "type": "choice", "values": {"buy": "Покупка", "sell": "Продажа"}},
        "partner": {"label": "Партнёр", "type": "contact"},
        "team": {"label": "Команда", "type": "users"},
        "vip": {"label": "Важный", "type": "bool"},
        "annex_key": {"label": "Ключ Annex", "write": True},
    },
    "table": {"operation": {"label": "Операция", "key": "annex_key", "field": {
        "amount": {"label": "Сумма", "type": "decimal"}, "annex_key": {"label": "Ключ Annex", "write": True},
    }}},
}  # fmt: skip
LEAD: dict[str, Any] = {
    "stage": {"new": {"label": "Новый"}, "work": {"label": "В работе", "code": "IN_PROCESS"},
              "good": {"label": "Качественный", "outcome": "won"}, "junk": {"label": "Мусор", "outcome": "lost"}},
    "field": {"annex_key": {"label": "Ключ Annex"}},
}  # fmt: skip
JOURNAL: dict[str, Any] = {"kind": "smart", "object": "Журнал", "field": {"note": {"label": "Заметка"}}}
LISTS: dict[str, Any] = {
    "log": {"label": "Журнал запросов", "field": {"at": {"label": "Когда", "type": "datetime"}}},
    "cash": {"label": "Деньги", "link": ["contact"], "readers": ["Отдел продаж"], "field": {
        "amount": {"label": "Сумма", "type": "decimal"},
        "state": {"label": "Состояние", "type": "choice", "values": {"free": "Свободно", "held": "Занято"}},
    }},
}  # fmt: skip
PORTAL: dict[str, Any] = {
    "robot": {"check": {"label": "Проверить", "event": "deal.recalculate"}},
    "placement": {"heads": {"place": "LEFT_MENU", "title": "Руководителю", "page": "/heads/"},
                  "deal": {"place": "CRM_DEAL_DETAIL_TAB", "title": "Книги", "page": "/deals/{deal}"},
                  "worker": {"place": "PAGE_BACKGROUND_WORKER", "title": "День", "page": "/workday/worker"}},
}  # fmt: skip
PLUGINS = (
    Plugin("one", "One", watches=(Watch("deal", lambda _unit, _seen: None, tables=("operation",)),)),
    Plugin("two", "Two", watches=(Watch("lead", lambda _unit, _seen: None),)),
)


def full(**changed: Any) -> MappingSet:
    entities = {"deal": DEAL, "lead": LEAD, "journal": JOURNAL, **changed.pop("entities", {})}
    return a_set(entities, lists=changed.pop("lists", LISTS), **{**PORTAL, **changed})


def deal_with(section: str, word: str, **change: Any) -> dict[str, Any]:
    """The deal with one line of its set changed, added, or (without a change) taken away."""
    entity = copy.deepcopy(DEAL)
    if change:
        entity[section][word] = {**entity[section].get(word, {}), **change}
    else:
        del entity[section][word]
    return {"deal": entity}


def only(changes: list[Change]) -> Change:
    assert len(changes) == 1, [(one.kind, one.what, one.detail) for one in changes]
    return changes[0]


def status_of(place: Place, name: str) -> dict[str, Any]:
    found = place.client.call("crm.status.list", {})
    return next(one for one in found if one["NAME"] == name and one["ENTITY_ID"] != "DEAL_STAGE")


def field_of(place: Place, label: str, entity: str = "CRM_DEAL") -> dict[str, Any]:
    asked = {"moduleId": "crm", "select": {"0": "*", "language": "ru"}, "filter": {"entityId": entity}}
    found = place.client.call("userfieldconfig.list", asked)["fields"]
    one = next(one for one in found if one["editFormLabel"]["ru"] == label)
    return place.client.call("userfieldconfig.get", {"moduleId": "crm", "id": one["id"]})["field"]


def field_update(place: Place, label: str, **field: Any) -> None:
    number = field_of(place, label)["id"]
    place.client.call("userfieldconfig.update", {"moduleId": "crm", "id": number, "field": field})


def status_update(place: Place, name: str, **fields: Any) -> None:
    place.client.call("crm.status.update", {"id": status_of(place, name)["ID"], "fields": fields})


def pipeline_named(place: Place, name: str) -> int:
    return next(
        o["id"] for o in place.client.call("crm.category.list", {"entityTypeId": 2})["categories"] if o["name"] == name
    )


def in_list(place: Place, name: str) -> dict[str, Any]:
    found = next(o for o in place.client.call("lists.get", {"IBLOCK_TYPE_ID": "lists"}) if o["NAME"] == name)
    return {"IBLOCK_TYPE_ID": "lists", "IBLOCK_ID": found["ID"]}


def drop_field(place: Place) -> None:
    place.client.call("userfieldconfig.delete", {"moduleId": "crm", "id": field_of(place, "Курс клиента")["id"]})
