"""The person's own page with its button, the hidden page inside the CRM, and what it asks."""

from __future__ import annotations

import re
from typing import Any

import pytest

from kernel.errors import Rejected, Unreachable
from plugins.workday import days
from plugins.workday.tests.day import Day


def csrf(client: Any) -> str:
    found = re.search(r'name="csrf" value="(\w+)"', client.get("/workday/").text)
    assert found
    return found[1]


def test_one_who_has_not_started_sees_why_and_the_button_starts_their_day(day: Day) -> None:
    day.poll()
    client = day.browser(day.boris)
    text = client.get("/workday/").text
    assert 'data-status="closed"' in text and "data-start" in text and "Пока он не начат" in text and "<h2>" not in text
    assert client.post("/workday/start").status_code == 403, "only from our own page"
    answer = client.post("/workday/start", data={"csrf": csrf(client)})
    assert (answer.status_code, answer.location) == (303, "/workday/")
    assert day.crm.days[day.boris] == "open" and day.notified[-1] == [day.boris]
    text = client.get("/workday/").text
    assert 'data-status="open"' in text and "data-start" not in text


def test_the_day_that_starts_is_always_the_readers_own(day: Day) -> None:
    client = day.browser(day.boris)
    client.post("/workday/start?person=" + day.head, data={"csrf": csrf(client), "person": day.head})
    assert day.crm.days[day.head] == "closed" and day.crm.days[day.boris] == "open"


def test_one_whom_the_crm_did_not_name_can_start_nothing(day: Day) -> None:
    client = day.browser("", "owner")
    text = client.get("/workday/").text
    assert "CRM не сообщила, кто вы" in text and "data-start" not in text
    token = re.search(r'name="csrf" value="(\w+)"', text)
    assert token and client.post("/workday/start", data={"csrf": token[1]}).status_code == 409


def test_a_refusal_of_the_crm_is_shown(day: Day) -> None:
    client = day.browser(day.boris)
    token = csrf(client)
    del day.crm.days[day.boris]
    answer = client.post("/workday/start", data={"csrf": token})
    assert answer.status_code == 409 and "CRM не начала день" in answer.text


def test_a_head_sees_the_team(day: Day) -> None:
    day.poll()
    text = day.browser(day.head, "head").get("/workday/").text
    assert "Анна" in text and "Борис" in text and "Глеб" not in text


def test_the_hidden_page_asks_nobody_and_lets_in_the_vendors_script_alone(day: Day) -> None:
    day.crm.silent = Unreachable("no answer")
    client = day.browser(day.boris)
    day.crm.called.clear()
    answer = client.get("/workday/worker")
    policy = answer.headers["Content-Security-Policy"]
    assert answer.status_code == 200 and day.crm.called == []
    assert "script-src 'self' https://api.bitrix24.com;" in policy and "frame-ancestors 'self' https://crm.example" in policy
    assert "bitrix24" not in client.get("/workday/").headers["Content-Security-Policy"]
    assert 'src="https://api.bitrix24.com/api/v1/"' in answer.text and "<script>" not in answer.text


def test_the_state_comes_from_what_was_read_and_is_checked_before_anybody_is_bothered(day: Day) -> None:
    client, free = day.browser(day.boris), day.browser(day.other)
    assert client.get("/workday/state").json == {"must_start": False, "page": "/workday/"}, "not read yet"
    day.poll()
    calls = day.crm.called.count("workdays")
    for _ in range(10):
        assert client.get("/workday/state").json["must_start"] is True
        assert free.get("/workday/state").json["must_start"] is False
    assert day.crm.called.count("workdays") == calls
    day.crm.days[day.boris] = "open"
    day.clock.advance(seconds=31)
    assert client.get("/workday/state").json["must_start"] is False, "they pressed the CRM's own button"
    assert day.browser("", "owner").get("/workday/state").json["must_start"] is False


def test_pages_speak_three_languages(day: Day) -> None:
    client = day.browser(day.boris)
    for language, title in (("ru", "Рабочий день"), ("uk", "Робочий день"), ("en", "Working day")):
        assert f"<title>{title}" in client.get(f"/workday/?language={language}").text


def test_a_crm_without_working_days_holds_nobody_up_and_says_so(day: Day) -> None:
    day.crm.workdays = None
    page = day.browser(day.boris).get("/workday/").text
    assert "keeps no working days" in page or "не ведёт рабочий день" in page
    assert "data-start" not in page
    assert days.standing_of(day.portal, day.boris) == "started" and days.unfit(day.portal, [day.boris]) == {}
    day.poll()
    with pytest.raises(Rejected):
        days.start(day.portal, day.boris)
