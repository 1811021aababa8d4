"""The same form from the visitor's browser: the page's origin, the public key, the trap, five a minute from one address."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plugins.ways_in.tests.front import FORM, STATE, Front

SET = Path(__file__).parents[3] / "mappings" / "broker-bitrix24"
PAGE, KEY = "https://www.broker.example", "pk_of_these_tests_5514"
PUBLIC = f'''
[public]
key     = "{KEY}"
origins = ["{PAGE}", "https://broker.example:8443"]
trap    = "website"
'''
ASKED = {"form_key": KEY, "submission_id": "b-1", "phone": "+7 900 111-22-33", "website": "", "question": "Как?"}


@pytest.fixture
def front(tmp_path: Path, fresh_sqlite: Callable[[], str], closing: Callable[[Front], Front]) -> Front:
    folder = tmp_path / SET.name
    shutil.copytree(SET, folder)
    with (folder / "form.consultation.toml").open("a", encoding="utf-8") as file:
        file.write(PUBLIC)
    also = {"ANNEX_SET": str(folder), "SITE_FORMS_PROXIES": "10.0.0.0/8, 192.0.2.1/32"}
    return closing(Front(fresh_sqlite(), also=also))


def fill_in(front: Front, peer: str = "203.0.113.5", origin: str = PAGE, forwarded: str = "", **changed: Any) -> Any:
    headers = {"Origin": origin, **({"X-Forwarded-For": forwarded} if forwarded else {})}
    front.clock.advance(milliseconds=1)
    return front.app.test_client().post(
        FORM, data=json.dumps({**ASKED, **changed}), headers={name: text for name, text in headers.items() if text},
        content_type="application/json", environ_base={"REMOTE_ADDR": peer},
    )  # fmt: skip


@pytest.mark.row("BR-17")
def test_a_visitor_s_form_becomes_a_lead_once(front: Front) -> None:
    answers = [fill_in(front) for _ in range(2)]
    assert {(one.status_code, one.json["id"]) for one in answers} == {(200, answers[0].json["id"])}
    assert answers[0].headers["Access-Control-Allow-Origin"] == PAGE and "Origin" in answers[0].headers["Vary"]
    front.run()
    assert front.lead().values["assigned"] in (front.anna, front.boris)
    assert front.lead().values["comment"] == "Вопрос: Как?" and KEY not in front.texts()


def test_without_a_number_a_double_click_is_one(front: Front) -> None:
    for _ in range(3):
        assert fill_in(front, submission_id="").status_code == 200
    front.run()
    assert len(front.leads()) == 1


def test_the_browser_may_ask_first(front: Front) -> None:
    asked = front.app.test_client().options(FORM, headers={"Origin": PAGE, "Access-Control-Request-Method": "POST"})
    assert asked.status_code == 204 and asked.headers["Access-Control-Allow-Origin"] == PAGE
    assert (asked.headers["Access-Control-Allow-Methods"], asked.headers["Access-Control-Allow-Headers"]) == (
        "POST",
        "Content-Type",
    )
    for origin in ("https://evil.example", f"{PAGE}.evil.example", "null"):
        refused = front.app.test_client().options(FORM, headers={"Origin": origin})
        assert refused.status_code == 403 and "Access-Control-Allow-Origin" not in refused.headers


def test_another_page_or_key_keeps_nothing(front: Front) -> None:
    for origin in ("https://evil.example", "http://www.broker.example", f"{PAGE}.evil.example", "null", "*"):
        refused = fill_in(front, origin=origin)
        assert refused.status_code == 403 and "Access-Control-Allow-Origin" not in refused.headers
    assert fill_in(front, origin="").status_code == 401
    for number, key in enumerate(("", "pk_of_another_form_000", [KEY], None)):
        answer = fill_in(front, peer=f"203.0.113.{number}", form_key=key)
        assert (answer.status_code, answer.json["field"]) == (400, "form_key")
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE, "the page may read what is wrong"
    assert fill_in(front, phone="12").json["field"] == "phone"
    assert front.run() == 0 and front.rows("SELECT * FROM incoming_message") == []


def test_a_form_that_is_not_public_takes_no_browser(front: Front) -> None:
    headers = {"Origin": PAGE}
    for address in (STATE, "/hooks/site/main/gosuslugi", "/hooks/site/main/unknown"):
        assert front.app.test_client().post(address, json=ASKED, headers=headers).status_code == 401
    assert front.site({"phone": "+79001112233"}).status_code == 200, "the site's server still signs"


def test_who_fills_the_trap_is_answered_alike_and_kept_nowhere(front: Front) -> None:
    for number, trapped in enumerate(("http://spam.example", ["x"], True)):
        answer = fill_in(front, website=trapped, submission_id=f"t-{number}")
        assert answer.status_code == 200 and answer.json["ok"] is True and answer.json["id"]
    assert front.run() == 0 and front.rows("SELECT * FROM incoming_message") == []


def test_five_a_minute_from_one_address_whatever_it_says_of_itself(front: Front) -> None:
    def come(number: int, **how: str) -> int:
        return int(fill_in(front, submission_id=f"n-{number}", **how).status_code)

    assert [come(n, forwarded=f"198.51.100.{n}") for n in range(6)] == [200] * 5 + [429], "it is no proxy of ours"
    assert int(fill_in(front).headers["Retry-After"]) >= 1
    behind = [come(10 + n, peer="10.1.2.3", forwarded=f"1.2.3.4, 198.51.100.{n % 2}, 192.0.2.1") for n in range(12)]
    assert behind == [200] * 10 + [429] * 2, "two visitors behind our two proxies"
    front.portal.connections["forms"].memory.clear()  # another serving process: the limit is shared
    assert come(30) == 429
    front.advance(seconds=62)
    assert come(31) == 200
