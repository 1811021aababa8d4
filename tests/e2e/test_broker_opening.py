"""A client is handed over by a broker's people: refused with two errors, corrected in the card, sent anew; and the deal
goes on in the next department."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from kernel.testing import until
from tests.e2e.conftest import Desk
from tests.e2e.test_broker_terms import CONTACT, NEED, OFFER, PUSH, TERMS, the_tab

OPENED, NEXT = "Счёт открыт", "Приём на сопровождение"
DEAL, PERSON, COMPANY = 2, 3, 4
CARD = {
    "Тип клиента": "Физическое лицо", "Статус клиента": "Кандидат", "ИНН": "770987654340", "lastName": "Новиков",
    "name": "Иван", "birthdate": "1990-05-04",
    "fm": [{"typeId": "PHONE", "valueType": "WORK", "value": "8 (900) 111-22-98"}],
}  # fmt: skip
FIRM = {
    "title": "ООО «Клён»", "Тип клиента": "Юридическое лицо", "Статус клиента": "Кандидат", "Короткое название": "Клён",
    "ИНН": "7709876545", "КПП": "770901001", "ОГРН": "1027700132195", "Подписант": "Клён И. И., директор",
    "fm": [{"typeId": "PHONE", "valueType": "WORK", "value": "+7 495 111-22-33"}],
}  # fmt: skip
pytestmark = pytest.mark.usefixtures("everybody_works")


class Cards:
    """Records of one kind by what staff see: fields by label, answers of a list by their text."""

    def __init__(self, broker: Desk, kind: int) -> None:
        self._ask, self._kind = broker.office.ask, kind
        fields = self._ask("1", "crm.item.fields", {"entityTypeId": kind, "useOriginalUfNames": "Y"})["fields"]
        self._codes = {str(one["title"]): code for code, one in fields.items()}
        self._answers = {
            code: {str(item["VALUE"]): item["ID"] for item in one.get("items") or ()} for code, one in fields.items()
        }

    def add(self, who: str, values: Mapping[str, Any]) -> int:
        body = {"entityTypeId": self._kind, "fields": self._coded(values), "useOriginalUfNames": "Y"}
        return int(self._ask(who, "crm.item.add", body)["item"]["id"])

    def set(self, who: str, number: int, **values: Any) -> None:
        fields = self._coded(values)
        self._ask(
            who, "crm.item.update",
            {"entityTypeId": self._kind, "id": number, "fields": fields, "useOriginalUfNames": "Y"},
        )  # fmt: skip

    def get(self, number: int) -> dict[str, Any]:
        """By code and by label; an answer of a list as its text."""
        body = {"entityTypeId": self._kind, "id": number, "useOriginalUfNames": "Y"}
        item: dict[str, Any] = self._ask("1", "crm.item.get", body)["item"]
        shown = {}
        for label, code in self._codes.items():
            texts = {str(number): text for text, number in self._answers[code].items()}
            shown[label] = texts.get(str(item.get(code)), item.get(code))
        return {**item, **shown}

    def answered(self, text: str) -> list[str]:
        """The labels of the fields whose lists have that answer."""
        return [label for label, code in self._codes.items() if text in self._answers[code]]

    def _coded(self, values: Mapping[str, Any]) -> dict[str, Any]:
        found = {}
        for label, value in values.items():
            code = self._codes.get(label, label)
            found[code] = self._answers.get(code, {}).get(value, value) if isinstance(value, str) else value
        return found


def handed_over(broker: Desk, who: str, deal: int) -> None:
    """Through all stages to where clients are handed over."""
    for stage in (CONTACT, NEED, OFFER, TERMS, PUSH):
        broker.office.move(who, deal, stage)
    broker.quiet()


def told(broker: Desk, deal: int) -> list[str]:
    where = {"filter": {"ENTITY_ID": deal, "ENTITY_TYPE": "deal"}, "order": {"ID": "ASC"}, "select": ["ID", "COMMENT"]}
    return [str(one["COMMENT"]) for one in broker.office.ask("1", "crm.timeline.comment.list", where)]


def note(broker: Desk, who: str, deal: int) -> str:
    return next((one["text"] for one in broker.office.notices(who) if one["tag"] == f"PUSH|{deal}"), "")


@pytest.mark.row("BR-08", "BR-09")
def test_a_client_is_refused_corrected_registered_and_goes_to_the_next_department(broker: Desk) -> None:
    office, who = broker.office, broker.office.managers[0]
    cards, deals = Cards(broker, PERSON), Cards(broker, DEAL)
    backoffice = broker.systems["broker"]
    client = cards.add(who, CARD)
    title = "Счёт для Новикова"
    deal = office.new_deal(who, title)
    terms = dict.fromkeys(deals.answered("да"), "да")
    assert len(terms) == 7
    deals.set(who, deal, contactId=client, opportunity=250000, sourceId="WEB", **{
        "Тариф": "Базовый", "Рынки": "MOEX_STOCK, SPB_STOCK", **terms,
    })  # fmt: skip
    activity = office.ask(who, "crm.activity.todo.add", {
        "ownerTypeId": DEAL, "ownerId": deal, "deadline": "2031-01-01T10:00:00+03:00", "title": "Поздравить",
    })["id"]  # fmt: skip
    handed_over(broker, who, deal)

    # Our own check first: what is plainly wrong leaves nowhere.
    assert backoffice.control(f"registered?request_id=annex:main:{deal}:1")["requests"] == []
    assert "INN_CHECKSUM — «ИНН»" in note(broker, who, deal) and office.stage_of(deal) == PUSH
    # The back office finds two errors more.
    backoffice.control("faults", {"field_errors_next": "AGE:Person/BirthDate,MARKET_CLOSED:Terms/Market[2]"})
    cards.set(who, client, ИНН="770987654347")
    until(lambda: "MARKET_CLOSED" in note(broker, who, deal), "the refusal is told", seen=lambda: told(broker, deal))
    broker.quiet()
    refused = note(broker, who, deal)
    for words in ("ошибок 2", "AGE — «Дата рождения»", "MARKET_CLOSED — «Рынки»", "Рынок «SPB_STOCK» не открыт"):
        assert words in refused and any(words in one for one in told(broker, deal)), words
    assert office.stage_of(deal) == PUSH and "не принят: ошибки в полях" in the_page(broker, who, deal)

    # Corrected in the cards, it goes out by itself; an answer that gets lost makes no second client.
    backoffice.control("faults", {"lose_answer_next": 2})
    cards.set(who, client, birthdate="1990-05-03")
    deals.set(who, deal, Рынки="MOEX_STOCK")
    until(lambda: office.stage_of(deal) == OPENED, "the deal is won", seen=lambda: told(broker, deal)[-1:])
    broker.quiet()
    [registered] = backoffice.control(f"registered?request_id=annex:main:{deal}:2")["requests"]
    number = str(registered["client"])
    assert registered["repeats"] == 2 and backoffice.control("registered")["twice"] == {}
    card, old = cards.get(client), deals.get(deal)
    assert (card["ClientID"], card["Статус клиента"]) == (number, "Действующий")
    assert card["Номер договора"].startswith("B-") and card["Дата открытия счёта"]
    further = deals.get(int(re.sub(r"\D", "", str(old["Следующая сделка"]))))
    labels = office.ask("1", "crm.status.list", {"filter": {"ENTITY_ID": f"DEAL_STAGE_{further['categoryId']}"}})
    assert {one["STATUS_ID"]: one["NAME"] for one in labels}[further["stageId"]] == NEXT
    assert further["categoryId"] != office.pipeline and further["title"] == title
    assert str(further["Сделка-основание"]).endswith(str(deal)) and further["contactId"] == client
    for label in ("Тариф", "Рынки", *terms):
        assert further[label] == old[label], label
    assert (further["opportunity"], further["sourceId"]) == (old["opportunity"], "WEB")
    bound = office.ask("1", "crm.activity.binding.list", {"activityId": activity})
    assert [one["entityId"] for one in bound] == [further["id"]]
    assert office.ask("1", "crm.activity.get", {"id": activity})["COMPLETED"] == "N"

    # Somebody of the next department, and the one who led the deal knows who.
    support = office.names[str(further["assignedById"])]
    assert support and str(further["assignedById"]) not in [*office.managers, office.head]
    last = note(broker, who, deal)
    assert f"ClientID {number}" in last and support in last and f"/{further['id']}/" in last
    assert "передан" in the_page(broker, who, deal)
    said = broker.annex("verify")[1]
    assert said["faults"] == [] and not [line for line in said["differences"] if f"contact {client}" in line]


@pytest.mark.row("BR-08", "BR-09")
def test_a_legal_entity_is_registered_and_its_own_card_filled(broker: Desk) -> None:
    office, who = broker.office, broker.office.managers[1]
    cards, firms, deals = (Cards(broker, kind) for kind in (PERSON, COMPANY, DEAL))
    firm, person = firms.add(who, FIRM), cards.add(who, CARD)
    deal = office.new_deal(who, "Счёт для «Клёна»")
    terms = dict.fromkeys(deals.answered("нет"), "нет")
    deals.set(who, deal, companyId=firm, contactId=person, **{"Тариф": "Базовый", "Рынки": "MOEX_STOCK", **terms})
    handed_over(broker, who, deal)
    until(lambda: office.stage_of(deal) == OPENED, "the deal is won", seen=lambda: told(broker, deal)[-1:])
    broker.quiet()
    [registered] = broker.systems["broker"].control(f"registered?request_id=annex:main:{deal}:1")["requests"]
    card = firms.get(firm)
    assert (card["ClientID"], card["Статус клиента"]) == (registered["client"], "Действующий") and card["Номер договора"]
    assert not cards.get(person)["ClientID"], "the person only speaks for the company"
    there = broker.systems["broker"].control(f"client?id={registered['client']}")
    assert {"full_name": "ООО «Клён»", "ogrn": "1027700132195"}.items() <= there["details"].items()
    further = deals.get(int(re.sub(r"\D", "", str(deals.get(deal)["Следующая сделка"]))))
    assert (further["companyId"], further["contactId"]) == (firm, person)


def the_page(broker: Desk, who: str, deal: int) -> str:
    """The tab «Передача клиента»."""
    _session, page = the_tab(broker, who, deal, "opening")
    assert page.status_code == 200, page.text
    return page.text
