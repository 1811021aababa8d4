"""Clients' cards against the back office, end to end: what was typed wrong is found, explained to the head, put right."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
import requests

from kernel.testing import until
from plugins.opening.story.staff import inn_of
from tests.e2e.conftest import Desk

CONTACT = 3
ACTIVE, CANDIDATE = "Действующий", "Кандидат"
pytestmark = pytest.mark.usefixtures("everybody_works")


def codes(broker: Desk) -> tuple[dict[str, str], dict[str, str]]:
    """By label the codes of a contact's own fields, and the numbers of the statuses."""
    found, statuses = {}, {}
    for raw in broker.office.ask("1", "crm.contact.userfield.list", {}):
        one = broker.office.ask("1", "crm.contact.userfield.get", {"id": raw["ID"]})
        label = one["EDIT_FORM_LABEL"]
        label = label["ru"] if isinstance(label, dict) else label
        found[label] = one["FIELD_NAME"]
        if label in ("Статус клиента", "Тип клиента"):
            statuses |= {item["VALUE"]: str(item["ID"]) for item in one["LIST"]}
    return found, statuses


def the_page(broker: Desk, who: str) -> tuple[requests.Session, requests.Response]:
    """That person opens the entry of the portal's menu."""
    handler = f"{broker.address}/frame/bitrix24/main/dossier/check"
    asked = broker.office.doors("open", {"placement": "LEFT_MENU", "user": who, "handler": handler, "options": {}})
    session = requests.Session()
    session.trust_env = False
    return session, session.post(asked["url"], data=asked["fields"], timeout=120)


def buttons(page: str) -> dict[str, dict[str, str]]:
    """By record: what its button sends."""
    forms = re.findall(r'<form method="post" action="/dossier/check">(.*?)</form>', page, re.DOTALL)
    sent = [dict(re.findall(r'name="(\w+)" value="([^"]*)"', form)) for form in forms]
    return {one["record"]: {name: html.unescape(value) for name, value in one.items()} for one in sent}


@pytest.mark.row("BR-18")
def test_what_staff_typed_wrong_is_listed_and_put_right(broker: Desk) -> None:
    office, (code, number) = broker.office, codes(broker)
    inn = inn_of(7712000000)  # a client whom no card of another test names
    known = broker.systems["broker"].control("client", {"last_name": "Тихонов", "first_name": "Лев", "inn": inn})["client"]

    def card(name: str, **values: str) -> str:
        own = {code[label.replace("_", " ")]: value for label, value in values.items()}
        fields = {"name": name, "assignedById": office.managers[0], **own}
        body = {"entityTypeId": CONTACT, "fields": fields, "useOriginalUfNames": "Y"}
        return str(office.ask(office.managers[0], "crm.item.add", body)["item"]["id"])

    def told_of(record: str) -> list[str]:
        return [line for line in broker.annex("verify")[1]["differences"] if f"contact {record}" in line]

    def stands(record: str) -> tuple[Any, Any]:
        body = {"entityTypeId": CONTACT, "id": record, "useOriginalUfNames": "Y"}
        item = office.ask("1", "crm.item.get", body)["item"]
        return item[code["ClientID"]] or "", str(item[code["Статус клиента"]])

    active = {"Статус_клиента": number[ACTIVE], "Тип_клиента": number["Физическое лицо"]}
    slip = card("Опечатка", ClientID="1000471", **active)
    empty = card("Без номера", ИНН=inn, **active)
    right = card("Кандидат без всего")
    broker.quiet()
    assert told_of(empty) and not told_of(right)
    with broker.database.write() as tx:
        tx.run("UPDATE regular SET next_at = 0 WHERE name LIKE '%client_check.ask'")
    until(lambda: told_of(slip), "the back office was asked", every=0.3)
    code_of_exit, said = broker.annex("verify")
    assert (code_of_exit, said["faults"], said["ok"]) == (1, [], False)
    assert "1000471" in told_of(slip)[0] and known in told_of(empty)[0]

    session, page = the_page(broker, office.head)
    assert page.status_code == 200 and "Сверка клиентов" in page.text and "не знает ClientID 1000471" in page.text
    for record in (slip, empty):
        answer = session.post(f"{broker.address}/dossier/check", data=buttons(page.text)[record], timeout=120)
        assert answer.status_code == 200
    broker.quiet()
    assert stands(slip) == ("", number[CANDIDATE]) and stands(empty) == (known, number[ACTIVE])
    assert not told_of(slip) and not told_of(empty)

    other, refused = the_page(broker, office.managers[0])
    assert refused.status_code == 403 and known not in refused.text
    session.close()
    other.close()
    office.ask("1", "crm.item.delete", {"entityTypeId": CONTACT, "id": empty})
    until(lambda: any(known in line for line in told_of(empty)), "a deleted card is missed", every=0.3)
