"""The heads' page: who may see it, the cases with their reasons, one-time permissions, and the rules as JSON."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plugins.stage_lock.api import grant
from plugins.stage_lock.commands import print_rules
from plugins.stage_lock.tests.lock import Lock


class Browser:
    def __init__(self, lock: Lock) -> None:
        self.lock, self.site, self.app = lock, lock.site, lock.app

    def client(self, role: Any = "head") -> Any:
        return self.lock.client(self.lock.head.id if role == "head" else "", role, "Вера Главная")


@pytest.fixture
def browser(lock: Lock) -> Browser:
    return Browser(lock)


def csrf(text: str) -> str:
    found = re.search(r'name="csrf" value="(\w+)"', text)
    assert found
    return found[1]


def test_only_heads_and_owners_see_it(browser: Browser) -> None:
    deal = browser.lock.deal()
    browser.lock.move(deal, "won", sync=True)
    for path in ("/stage_lock/", "/stage_lock/cases/1"):
        assert browser.client("staff").get(path).status_code == 403
        assert browser.client("owner").get(path).status_code == browser.client("head").get(path).status_code == 200
    assert browser.app.test_client().get("/stage_lock/").status_code == 401
    assert 'href="/stage_lock/"' in browser.client().get("/stage_lock/").text


def test_each_case_opens_into_its_reason(browser: Browser) -> None:
    lock = browser.lock
    deal = lock.deal()
    lock.move(deal, "won", author="Борис", sync=True)
    lock.move(deal, "Архив<b>", sync=True)
    text = browser.client().get("/stage_lock/").text
    assert "Борис" in text and "Со стадии «NEW» нельзя перейти на «WON»." in text and "возвращена" in text
    assert "Архив&lt;b&gt;" in text and "<b>" not in text
    text = browser.client().get("/stage_lock/cases/1").text
    assert "Оттуда открыты: «TALK», «LOST»." in text and lock.cases()[0].trace in text
    assert browser.client().get("/stage_lock/cases/77").status_code == 404
    assert browser.client().get("/stage_lock/cases/99999999999999999999").status_code == 404


def test_the_filter(browser: Browser) -> None:
    lock = browser.lock
    for author in ("Анна", "Борис"):
        lock.move(lock.deal(author=author), "won", author=author, sync=True)
    client = browser.client()

    def shown(query: str) -> list[str]:
        return re.findall(r'id="case-(\d+)"', client.get(f"/stage_lock/?{query}").text)

    assert shown("") == ["2", "1"] and shown(f"person={lock.anna.id}") == ["1"] and shown("only=open") == []
    assert shown("page=2") == [] and shown("page=x") == ["2", "1"]
    assert "Случаев нет" in client.get("/stage_lock/?only=open").text


def test_a_permission_is_given_by_a_form_of_ours_and_the_record_then_goes_there(browser: Browser) -> None:
    lock, client = browser.lock, browser.client()
    deal = lock.deal()
    form = {"record": deal, "to": "deal:won", "note": "просил клиент"}
    assert client.post("/stage_lock/grants", data=form).status_code == 403
    token = csrf(client.get("/stage_lock/").text)
    assert browser.client("staff").post("/stage_lock/grants", data={**form, "csrf": token}).status_code == 403
    assert client.post("/stage_lock/grants", data={**form, "csrf": token}).status_code == 303
    text = client.get("/stage_lock/").text
    assert "просил клиент" in text and "Вера Главная" in text
    lock.run()
    lock.move(deal, "won", sync=True)
    assert lock.stage(deal) == "won" and "просил клиент" not in client.get("/stage_lock/").text


@pytest.mark.parametrize(
    "wrong", [{"to": "deal:nowhere"}, {"to": "lead:won"}, {"to": ""}, {"record": ""}, {"record": "x" * 99}]
)
def test_a_permission_that_makes_no_sense_is_refused(browser: Browser, wrong: dict[str, str]) -> None:
    client = browser.client()
    form = {"record": "7", "to": "deal:won", "csrf": csrf(client.get("/stage_lock/").text), **wrong}
    assert client.post("/stage_lock/grants", data=form).status_code == 400


def test_what_was_given_up_can_be_let_stand_from_its_page(lock_of: Callable[..., Lock], tmp_path: Path) -> None:
    lock = lock_of(settings={"reversals_per_hour": 1})
    browser = Browser(lock)
    client, deal = browser.client(), lock.deal()
    for _ in range(2):
        lock.move(deal, "won", sync=True)
    text = client.get("/stage_lock/cases/1").text
    assert "Пусть стоит там" in text and "открыт" in text
    form = dict(re.findall(r'name="(csrf|record|to)" value="([^"]+)"', text))
    assert client.post("/stage_lock/grants", data=form).status_code == 303
    lock.run()
    assert lock.stage(deal) == "won" and "Пусть стоит там" not in client.get("/stage_lock/cases/1").text


def test_an_open_page_is_told_of_a_new_case(browser: Browser) -> None:
    before = browser.site.live.version()
    browser.lock.move(browser.lock.deal(), "won", sync=True)
    assert browser.site.live.version() != before


def test_pages_speak_three_languages(browser: Browser) -> None:
    for language, title in (("ru", "Замок стадий"), ("uk", "Замок етапів"), ("en", "Stage lock")):
        assert f"<title>{title}" in browser.client().get(f"/stage_lock/?language={language}").text


def test_the_rules_as_json(lock: Lock, capsys: pytest.CaptureFixture[str]) -> None:
    deal = lock.deal()
    with lock.portal.unit() as unit:
        grant(unit, "deal", deal, "won", person="Вера Главная")
    capsys.readouterr()  # the log of what was done so far
    assert print_rules(lock.portal, argparse.Namespace(without_people=False)) == 0
    reported = json.loads(capsys.readouterr().out)
    assert reported["format"] == 1 and reported["override"] == [lock.head.id]
    entity = reported["entities"]["deal"]
    assert entity["stages"]["new"] == {
        "labels": ["NEW"], "code": "", "pipeline": "Продажи", "next": ["talk", "lost"], "start": False,
    }  # fmt: skip
    assert entity["granted"] == [[deal, "won"]]
