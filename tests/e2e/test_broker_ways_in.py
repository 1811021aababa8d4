"""Clients come in by the site and the state portal while answers get lost and a worker dies: one lead each, given out."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections import Counter
from functools import partial
from typing import Any

import pytest
import requests

from kernel.testing import at_once, until
from tests.e2e.conftest import SITE_KEY, STATE_KEY, Desk

pytestmark = pytest.mark.usefixtures("everybody_works")
LEAD, DEAL, CONTACT = 1, 2, 3
LOSSES = ("crm.item.add", "crm.activity.todo.add", "crm.timeline.comment.add")


def post(broker: Desk, address: str, body: bytes, key: str, kind: str) -> requests.Response:
    at = str(int(time.time()))
    digest = hmac.new(key.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {"X-Annex-Time": at, "X-Annex-Signature": f"sha256={digest}", "Content-Type": kind}
    with requests.Session() as session:
        session.trust_env = False
        return session.post(f"{broker.address}/hooks/{address}", data=body, headers=headers, timeout=120)


def fill_in(broker: Desk, **values: Any) -> requests.Response:
    return post(broker, "site/main/consultation", json.dumps(values).encode(), SITE_KEY, "application/json")


def apply(broker: Desk, number: str, phone: str, last_name: str) -> requests.Response:
    body = (
        f'<Application xmlns="urn:annex:application:v1"><MessageID>{number}</MessageID><Channel>EPGU</Channel>'
        f"<SentAt>2026-11-21T12:00:00+03:00</SentAt><ServiceCode>1</ServiceCode><Person confirmed='true'>"
        f"<LastName>{last_name}</LastName><FirstName>Анна</FirstName><Phone>{phone}</Phone></Person></Application>"
    )
    return post(broker, "state/main", body.encode(), STATE_KEY, "application/xml")


def leads(broker: Desk, phone: str) -> list[dict[str, Any]]:
    found = broker.office.ask("1", "crm.duplicate.findbycomm", {"type": "PHONE", "values": [phone], "entity_type": "LEAD"})
    return [broker.office.item(LEAD, number) for number in (found.get("LEAD", []) if isinstance(found, dict) else [])]


def with_phone(phone: str) -> dict[str, str]:
    return {"typeId": "PHONE", "valueType": "WORK", "value": phone}


@pytest.mark.row("BR-17")
def test_each_application_is_one_lead_whatever_gets_lost_and_whoever_dies(broker: Desk) -> None:
    office, phones = broker.office, [f"+7900777{number:04}" for number in range(12)]
    office.doors("faults", {"cut_methods": ",".join(LOSSES), "cut_after_commit_rate": 0.4})
    for number, phone in enumerate(phones):
        if number % 2:
            send = partial(apply, broker, f"e2e-{number}", phone, "Орлова")
        else:
            send = partial(fill_in, broker, submission_id=f"e2e-{number}", phone=phone, last_name="Орлова", utm_source="e2e",
                           question="[b]Когда[/b] <i>можно</i>?")  # fmt: skip
        at_once(send, send)
        assert send().status_code == 200
        if number == len(phones) // 2:
            broker.processes.kill(broker.workers[0])
    broker.start_again(broker.workers[0])
    broker.quiet()
    office.doors("faults", {"cut_after_commit_rate": 0.0, "cut_methods": ""})
    made = {phone: leads(broker, phone) for phone in phones}
    assert {phone: len(found) for phone, found in made.items()} == dict.fromkeys(phones, 1)
    every = [found[0] for found in made.values()]
    for one in every:
        until(lambda one=one: office.owner(one["id"]) in office.managers, "it is given out")  # type: ignore[misc]
    listed = office.ask("1", "crm.status.list", {"filter": {"ENTITY_ID": "SOURCE"}})
    sources = {str(one["STATUS_ID"]): one["NAME"] for one in listed}
    assert Counter(sources[one["sourceId"]] for one in every) == {"Веб-сайт": 6, "Госуслуги": 6}
    logs = "".join(file.read_text(encoding="utf-8") for file in broker.home.glob("*.log"))
    assert SITE_KEY not in logs and STATE_KEY not in logs
    site = every[0]
    assert (site["lastName"], site["utmSource"], site["title"]) == ("Орлова", "e2e", "Заявка на консультацию: Орлова")
    assert "[b]" not in site["comments"] and "<i>" not in site["comments"] and "Когда" in site["comments"]


@pytest.mark.row("BR-17")
def test_a_known_client_is_bound_and_one_with_an_open_deal_is_their_manager_s(broker: Desk) -> None:
    office = broker.office
    who = office.managers[0]
    known, busy = "+79008880001", "+79008880002"
    cards = [
        office.add(who, CONTACT, {}, name="Пётр", lastName="Ильин", assignedById=who, fm=[with_phone(phone)])
        for phone in (known, busy)
    ]
    deal = office.new_deal(who, "Счёт для Ильина", contactId=cards[1])
    broker.quiet()
    office.doors("faults", {"cut_methods": ",".join(LOSSES), "cut_after_commit_next": 3})
    for phone in (known, busy):
        assert fill_in(broker, submission_id=f"known-{phone}", phone=phone, question="Как дела?").status_code == 200
    broker.quiet()
    office.doors("faults", {"cut_after_commit_next": 0, "cut_methods": ""})
    [bound] = leads(broker, known)
    assert bound["contactId"] == cards[0] and leads(broker, busy) == []
    assert sum("Как дела?" in text for text in office.told(DEAL, deal)) == 1
    assert sum("Как дела?" in one["text"] for one in office.notices(who)) == 1
    bound_to = {"BINDINGS": [{"OWNER_TYPE_ID": DEAL, "OWNER_ID": deal}]}
    wanted = {"filter": bound_to, "select": ["ID", "SUBJECT", "RESPONSIBLE_ID"]}
    [activity] = office.ask("1", "crm.activity.list", wanted)
    assert "Ответить" in activity["SUBJECT"] and str(activity["RESPONSIBLE_ID"]) == who


@pytest.mark.row("BR-17")
def test_one_person_by_the_portals_form_and_the_state_portal_is_linked(broker: Desk) -> None:
    """The portal's own form makes the lead by itself; the application comes to us."""
    office, phone = broker.office, "+79009990001"
    own = office.lead_of("WEB", "Форма портала", phone=phone, name="Анна")
    broker.quiet()
    assert apply(broker, "link-1", "8 (900) 999-00-01", "Орлова").status_code == 200
    broker.quiet()
    older, newer = sorted(leads(broker, phone), key=lambda one: int(one["id"]))
    assert older["id"] == own and older["assignedById"] == newer["assignedById"]
    said = {one["id"]: office.ask("1", "crm.timeline.comment.list", {
        "filter": {"ENTITY_ID": one["id"], "ENTITY_TYPE": "lead"}, "select": ["ID", "COMMENT"],
    }) for one in (older, newer)}  # fmt: skip
    for one, other in ((older, newer), (newer, older)):
        assert sum(f"/lead/details/{other['id']}/" in line["COMMENT"] for line in said[one["id"]]) == 1, said
