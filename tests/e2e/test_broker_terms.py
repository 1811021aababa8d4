"""Contract terms as a broker's people meet them: a task of the portal, the tab in the deal's card, and a deal that waits."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests

from kernel.testing import until
from tests.e2e.conftest import Desk

CONTACT, NEED, OFFER = "Контакт установлен", "Потребность выявлена", "Предложение отправлено"
TERMS, PUSH = "Условия договора", "Передача в учётную систему"
pytestmark = pytest.mark.usefixtures("everybody_works")


def at_the_terms(broker: Desk, who: str, title: str) -> int:
    deal: int = broker.office.new_deal(who, title)
    broker.quiet()
    for stage in (CONTACT, NEED, OFFER, TERMS):
        broker.office.move(who, deal, stage)
        broker.quiet()
    return deal


def fields(broker: Desk) -> dict[str, dict[str, str]]:
    """By label, the fields of the terms: their codes, and the number of each answer."""
    wanted = {"filter": {"USER_TYPE_ID": "enumeration"}}
    found = {}
    for raw in broker.office.ask("1", "crm.deal.userfield.list", wanted):
        one = broker.office.ask("1", "crm.deal.userfield.get", {"id": raw["ID"]})
        answers = {item["VALUE"]: str(item["ID"]) for item in one.get("LIST") or ()}
        label = one["EDIT_FORM_LABEL"]
        if set(answers) == {"да", "нет"}:
            found[label["ru"] if isinstance(label, dict) else label] = {"code": one["FIELD_NAME"], **answers}
    return found


def processes(broker: Desk, deal: int) -> list[dict[str, Any]]:
    every = broker.office.doors("workflows")["processes"]
    return [one for one in every if one["document"][2] == f"DEAL_{deal}"]


def notices(broker: Desk, who: str, deal: int) -> list[str]:
    return [one["text"] for one in broker.office.notices(who) if one["tag"] == f"TERMS|{deal}"]


@pytest.mark.row("BR-07")
def test_a_deal_waits_for_its_terms_by_task_and_by_form(broker: Desk) -> None:
    office, who = broker.office, broker.office.managers[0]
    terms = fields(broker)
    assert len(terms) == 7
    paper = [
        {"Id": f"t{n}", "Type": "select", "Name": label, "Required": True, "Options": {one["да"]: "да", one["нет"]: "нет"}}
        for n, (label, one) in enumerate(terms.items())
    ]
    write = {f"t{n}": one["code"] for n, one in enumerate(terms.values())}
    office.doors("workflow/template", {"name": TERMS, "fields": paper, "write": write})

    deal = at_the_terms(broker, who, "Договор по заданию")
    [process] = processes(broker, deal)
    [note] = notices(broker, who, deal)
    assert "Заполните условия договора по сделке «Договор по заданию»" in note and "/company/personal/bizproc/" in note
    office.move(who, deal, PUSH)
    until(lambda: office.stage_of(deal) == TERMS, "it is put back")
    broker.quiet()
    assert any("не заполнено: " in one["text"] and "Срочный рынок" in one["text"] for one in office.notices(who))

    [task] = [one for one in office.doors("workflow/tasks")["tasks"] if one["workflow"] == process["id"]]
    answers = {f"t{n}": one["да"] for n, one in enumerate(terms.values())}
    office.ask(who, "bizproc.task.complete", {"TASK_ID": task["id"], "STATUS": 3, "FIELDS": answers})
    until(lambda: notices(broker, who, deal) == [], "the note is taken back")
    office.move(who, deal, PUSH)
    broker.quiet()
    assert office.stage_of(deal) == PUSH and len(processes(broker, deal)) == 1

    other = at_the_terms(broker, who, "Договор по форме")
    session, page = the_tab(broker, who, other)
    assert page.status_code == 200 and page.text.count('<select name="terms_') == 7
    names = re.findall(r'<select name="(terms_\w+)"', page.text)
    form = {"csrf": re.findall(r'name="csrf" value="([^"]+)"', page.text)[-1], "seen": "0"}
    refused = session.post(page.url, data={**form, names[0]: "yes"}, timeout=120)
    assert refused.status_code == 422 and "не заполнено: Срочный рынок, " in refused.text
    sent = session.post(page.url, data={**form, **dict.fromkeys(names, "no")}, timeout=120)
    assert sent.status_code == 200 and office.names[who] in sent.text
    broker.quiet()
    item = office.ask("1", "crm.item.get", {"entityTypeId": 2, "id": other, "useOriginalUfNames": "Y"})["item"]
    assert {str(item[one["code"]]) == one["нет"] for one in terms.values()} == {True}
    assert [one["ended_s"] is None for one in processes(broker, other)] == [False] and notices(broker, who, other) == []
    office.move(who, other, PUSH)
    broker.quiet()
    assert office.stage_of(other) == PUSH
    assert session.get(page.url, timeout=120).text.count('<select name="terms_') == 0, "for reading"


def the_tab(broker: Desk, who: str, deal: int, tab: str = "terms") -> tuple[requests.Session, requests.Response]:
    """That person opens the tab in the deal's card."""
    handler = f"{broker.address}/frame/bitrix24/main/{tab}/deal/%7Bdeal%7D"
    asked = broker.office.doors(
        "open", {"placement": "CRM_DEAL_DETAIL_TAB", "user": who, "handler": handler, "options": {"ID": str(deal)}}
    )
    session = requests.Session()
    session.trust_env = False
    return session, session.post(asked["url"], data=asked["fields"], timeout=120)
