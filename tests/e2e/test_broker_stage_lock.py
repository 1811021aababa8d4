"""The stage lock and the working day as a broker's people meet them: at the portal's own doors, and on our pages."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
import requests

from kernel.testing import until
from plugins.workday.days import FRESH_SECONDS
from tests.e2e.conftest import Desk

NEW, CONTACT, NEED, OFFER = "Новое обращение", "Контакт установлен", "Потребность выявлена", "Предложение отправлено"


pytestmark = pytest.mark.usefixtures("everybody_works")


def cases(broker: Desk, deal: int) -> list[tuple[str, str, str]]:
    with broker.database.read() as tx:
        rows = tx.all("SELECT * FROM stage_lock_case WHERE record_id = :r ORDER BY number", r=str(deal))
    return [(row["from_stage"], row["to_stage"], row["outcome"]) for row in rows]


def new_deal(broker: Desk, who: str, title: str) -> int:
    deal: int = broker.office.new_deal(who, title)
    broker.quiet()
    return deal


def browser(broker: Desk, who: str, page: str) -> tuple[requests.Session, requests.Response]:
    """That person opens the page from the portal's menu."""
    handler = f"{broker.address}/frame/bitrix24/main{page}"
    asked = broker.office.doors("open", {"placement": "LEFT_MENU", "user": who, "handler": handler})
    session = requests.Session()
    session.trust_env = False
    return session, session.post(asked["url"], data=asked["fields"], timeout=120)


@pytest.mark.row("BR-03")
def test_a_jump_is_put_back_and_the_mover_is_told(broker: Desk) -> None:
    office, who = broker.office, broker.office.managers[0]
    deal = new_deal(broker, who, "Прыжок")
    office.move(who, deal, OFFER)
    until(lambda: office.stage_of(deal) == NEW, "it is put back")
    broker.quiet()
    assert cases(broker, deal) == [("new", "offer", "put_back")]
    assert any(f"«{OFFER}»" in str(note) and f"«{CONTACT}»" in str(note) for note in office.notices(who))


@pytest.mark.row("BR-03")
def test_two_allowed_moves_at_once_stand_and_no_way_leads_back(broker: Desk) -> None:
    office, who = broker.office, broker.office.managers[0]
    deal = new_deal(broker, who, "Вперёд и назад")
    office.move(who, deal, CONTACT)
    office.move(who, deal, NEED)
    broker.quiet()
    assert office.stage_of(deal) == NEED and cases(broker, deal) == []
    office.move(who, deal, NEW)
    until(lambda: office.stage_of(deal) == NEED, "it is put back")
    broker.quiet()
    assert cases(broker, deal) == [("need", "new", "put_back")]


@pytest.mark.row("BR-03")
def test_the_head_may_override_and_sees_the_cases_on_the_page(broker: Desk) -> None:
    office = broker.office
    deal = new_deal(broker, office.managers[0], "Решение руководителя")
    office.move(office.head, deal, OFFER)
    broker.quiet()
    assert office.stage_of(deal) == OFFER and cases(broker, deal) == [("new", "offer", "override")]
    session, _ = browser(broker, office.head, "/workday/")
    page = session.get(f"{broker.address}/stage_lock/", timeout=120)
    session.close()
    assert page.status_code == 200 and "Решение руководителя" in page.text and "право обхода" in page.text
    session, _ = browser(broker, office.managers[0], "/workday/")
    assert session.get(f"{broker.address}/stage_lock/", timeout=120).status_code == 403
    session.close()


@pytest.fixture(scope="module")
def hiring(broker: Desk) -> dict[str, Any]:
    """A pipeline that the set does not name, with its stages by what they mean."""
    office = broker.office
    fields = {"name": "Подбор", "sort": 900}
    number = office.ask("1", "crm.category.add", {"entityTypeId": 2, "fields": fields})["category"]["id"]
    stages = office.ask("1", "crm.status.list", {"filter": {"ENTITY_ID": f"DEAL_STAGE_{number}"}})
    found = {"number": number}
    for one in stages:
        found.setdefault((one.get("SEMANTICS") or "P")[0], one["STATUS_ID"])
    return found


def _put(broker: Desk, who: str, deal: int, **fields: Any) -> None:
    broker.office.ask(who, "crm.item.update", {"entityTypeId": 2, "id": deal, "fields": fields})


@pytest.mark.row("BR-03")
def test_another_pipeline_is_no_way_round(broker: Desk, hiring: dict[str, Any]) -> None:
    """Moved there and won; moved there and back further on; made there and won."""
    office, who = broker.office, broker.office.managers[0]
    moved, bounced = new_deal(broker, who, "В обход"), new_deal(broker, who, "Туда и обратно")
    _put(broker, who, moved, categoryId=hiring["number"], stageId=hiring["P"])
    _put(broker, who, moved, stageId=hiring["S"])
    _put(broker, who, bounced, categoryId=hiring["number"], stageId=hiring["P"])
    _put(broker, who, bounced, categoryId=office.pipeline, stageId=office.stage[OFFER])
    fields = {"title": "Сразу там", "categoryId": hiring["number"], "stageId": hiring["S"], "assignedById": who}
    made = int(office.ask(who, "crm.item.add", {"entityTypeId": 2, "fields": fields})["item"]["id"])
    for deal in (moved, bounced, made):
        until(lambda deal=deal: office.stage_of(deal) == NEW, "it is put back")  # type: ignore[misc]
    broker.quiet()
    for deal in (moved, bounced, made):
        assert office.stage_of(deal) == NEW
        assert {outcome for _start, _to, outcome in cases(broker, deal)} <= {"put_back", "undone", "left"}
        assert "put_back" in {outcome for _start, _to, outcome in cases(broker, deal)}
    for person in (who, office.head):
        assert any("в этой воронке такие записи не ведут" in str(note) for note in office.notices(person)), person


@pytest.mark.row("BR-03")
def test_a_deal_made_further_on_begins_at_the_beginning(broker: Desk) -> None:
    """A copy, or a lead turned into a deal: both are new deals."""
    office, who = broker.office, broker.office.managers[0]
    fields = {"title": "Копия", "categoryId": office.pipeline, "stageId": office.stage[OFFER], "assignedById": who}
    deal = int(office.ask(who, "crm.item.add", {"entityTypeId": 2, "fields": fields})["item"]["id"])
    until(lambda: office.stage_of(deal) == NEW, "it is put back")
    broker.quiet()
    assert [(start, outcome) for start, _to, outcome in cases(broker, deal)] == [("", "put_back")]


@pytest.mark.row("BR-02", "BR-03")
def test_who_has_not_started_their_day_moves_nothing_until_they_start_it_on_our_page(broker: Desk) -> None:
    office, late = broker.office, broker.office.managers[-1]
    office.day(late, "CLOSED")
    deal = new_deal(broker, late, "Рано")
    time.sleep(FRESH_SECONDS + 0.1)  # what is known of a working day may be so old
    office.move(late, deal, CONTACT)
    until(lambda: office.stage_of(deal) == NEW, "it is put back")
    broker.quiet()
    assert any("рабочий день не начат" in str(note) for note in office.notices(late))
    session, page = browser(broker, late, "/workday/")
    token = re.search(r'name="csrf" value="(\w+)"', page.text)
    assert token and "data-start" in page.text
    started: Any = session.post(f"{broker.address}/workday/start", data={"csrf": token[1]}, timeout=120)
    session.close()
    assert 'data-status="open"' in started.text
    assert office.ask(late, "timeman.status", {})["STATUS"] == "OPENED"
    # The page and the worker may be two processes, each with a memory of its own.
    time.sleep(FRESH_SECONDS + 0.1)
    office.move(late, deal, CONTACT)
    broker.quiet()
    assert office.stage_of(deal) == CONTACT
