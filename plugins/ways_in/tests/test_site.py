"""What the site's server posts becomes one lead with its source, whatever comes twice, out of order or at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlencode

import pytest

from kernel.errors import Throttled, Unreachable
from kernel.testing import Crash, at_once
from plugins.ways_in.tests.front import FORM, SITE_KEY, STATE_KEY, Front, signed

ASKED = {
    "submission_id": "s-1", "last_name": "Орлова", "first_name": "Анна", "phone": "8 (900) 111-22-33",
    "email": "Anna@Example.com", "question": "Как открыть счёт?\r\nСрочно", "utm_source": "yandex", "page": "/open",
}  # fmt: skip


@pytest.mark.row("BR-17")
def test_a_submission_becomes_a_lead_that_is_given_out(both: Front) -> None:
    answer = both.site(ASKED)
    assert answer.status_code == 200 and answer.json["ok"] is True and answer.json["id"]
    both.run()
    lead = both.lead()
    said = {name: lead.values[name] for name in ("last_name", "first_name", "phone", "email", "utm_source", "source")}
    assert said == {
        "last_name": "Орлова", "first_name": "Анна", "phone": "+79001112233", "email": "anna@example.com",
        "utm_source": "yandex", "source": "web",
    }  # fmt: skip
    assert lead.name == "Заявка на консультацию: Орлова Анна"
    assert lead.values["comment"] == "Вопрос: Как открыть счёт?\nСрочно"
    assert lead.values["assigned"] in (both.anna, both.boris), "the queue gave it out"
    assert lead.values["client"] is None


def test_a_form_body_says_the_same_as_json(front: Front) -> None:
    assert front.site(urlencode(ASKED).encode(), kind="application/x-www-form-urlencoded; charset=utf-8").status_code == 200
    front.run()
    assert front.lead().values["comment"] == "Вопрос: Как открыть счёт?\nСрочно"


@pytest.mark.row("BR-17")
def test_a_repeat_is_answered_alike_and_makes_nothing(front: Front) -> None:
    first = front.site(ASKED).json["id"]
    front.run()
    front.advance(hours=30)
    assert front.site({**ASKED, "question": "иначе"}).json["id"] == first
    front.run()
    assert front.lead().values["comment"] == "Вопрос: Как открыть счёт?\nСрочно"
    assert front.site({**ASKED, "submission_id": "s-2"}).json["id"] != first
    front.run()
    assert len(front.leads()) == 2


def test_without_a_name_the_same_form_phone_and_mail_within_ten_minutes_is_one(front: Front) -> None:
    bare = {name: text for name, text in ASKED.items() if name != "submission_id"}
    front.site(bare)
    front.run()
    front.advance(minutes=9)
    front.site({**bare, "phone": "+7 900 111 22 33", "question": "ещё раз"})
    front.run()
    assert len(front.leads()) == 1
    front.site({**bare, "email": "other@example.com"})
    front.run()
    assert len(front.leads()) == 2, "another mail is somebody else"
    front.advance(minutes=2)
    front.site(bare)
    front.run()
    assert len(front.leads()) == 3, "ten minutes after the first one it is a new request"


def test_the_very_same_request_is_one_however_often_it_is_sent(front: Front) -> None:
    body = json.dumps({"phone": "+79001112233"}).encode()
    headers = signed(body, SITE_KEY, front.moment)
    numbers = {front.ask(FORM, body, headers, "application/json").json["id"] for _ in range(3)}
    front.run()
    assert len(numbers) == 1 and len(front.leads()) == 1


def test_two_at_once_are_one(front: Front) -> None:
    bare = {"phone": "+79001112233", "email": "a@example.com"}
    at_once(*(partial(front.site, {**bare, "question": str(n)}) for n in range(4)))
    at_once(lambda: front.site(ASKED), lambda: front.site(ASKED))
    front.run()
    assert len(front.leads()) == 2


def test_a_repeat_after_a_restored_copy_finds_the_lead(front: Front) -> None:
    """The copy is older than the submission, and the site repeats it."""
    front.site(ASKED)
    front.run()
    with front.database.write() as tx:
        for table in ("incoming_message", "message", "thread", "outgoing", "ways_in_case", "ways_in_person"):
            tx.run(f"DELETE FROM {table}")
    front.site(ASKED)
    front.run()
    assert len(front.leads()) == 1 and front.rows("SELECT record_id FROM ways_in_case")[0]["record_id"] == front.lead().id


@pytest.mark.row("BR-17")
def test_a_crash_anywhere_or_a_lost_answer_leaves_one_lead(front_of: Callable[..., Front]) -> None:
    """Posted again after each death, as a site does that got no answer."""
    front, points = front_of(), 0
    for nth in range(1, 60):
        values = {**ASKED, "submission_id": f"s-{nth}", "phone": f"+7900111{nth:04}", "email": ""}
        if nth % 2:
            front.crm.fail_next(Unreachable("lost", maybe_done=True), on="create", after_commit=True)
        front.trouble.crash_at(nth)
        posted(front, values)
        front.run()
        reached = front.trouble._crash_in is None
        front.trouble.calm()
        front.crm.repair()
        front.advance(minutes=10)
        front.run()
        mine = [one for one in front.leads() if one.values["phone"] == values["phone"]]
        assert len(mine) == 1 and mine[0].values["assigned"] in (front.anna, front.boris), (nth, front.trouble.passed[-1])
        front.staff.delete("lead", mine[0].id)
        points += reached
        if not reached:
            break
    assert points > 8 and front.crm.doubled() == []


def posted(front: Front, values: dict[str, Any]) -> None:
    """Until it is answered."""
    for _ in range(3):
        try:
            assert front.site(values).status_code == 200
        except Crash:
            front.restart()
        else:
            return
    raise AssertionError("it died more than once")


def test_a_crm_that_is_away_holds_nothing_back_for_ever(front: Front) -> None:
    front.crm.fail_next(Unreachable("away"), on="find", times=2)
    front.crm.fail_next(Throttled("slow", wait_seconds=5), on="create")
    assert front.site(ASKED).status_code == 200
    for _ in range(6):
        front.run()
        front.advance(minutes=2)
        front.timers()
    assert front.lead().values["phone"] == "+79001112233"


BAD_FIELDS: list[dict[str, Any]] = [
    {"phone": ""}, {"phone": None}, {"phone": "12"}, {"phone": "+0 000 000 00 00"}, {"email": "a@b"},
    {"email": "a b@example.com"}, {"inn": "7709876546"}, {"first_name": "Ан\x00на"}, {"first_name": "\ud800"},
    {"question": "x" * 4001}, {"last_name": ["Орлова"]}, {"last_name": {"a": 1}}, {"submission_id": "x" * 201},
    {"submission_id": "a\x00b"}, {"submission_id": [1]},
]  # fmt: skip


@pytest.mark.parametrize("changed", BAD_FIELDS, ids=str)
def test_a_bad_field_is_named_and_nothing_is_kept(front: Front, changed: dict[str, Any]) -> None:
    [field] = changed
    sent = {**ASKED, **changed}
    answer = front.site(json.dumps(sent).encode())
    assert answer.status_code == 400 and answer.json["field"] == field, answer.json
    assert field in answer.json["error"] and front.run() == 0 and front.rows("SELECT * FROM incoming_message") == []


JSON, FORM_BODY = "application/json", "application/x-www-form-urlencoded"
BAD_BODIES = [
    (b"", JSON), (b"[]", JSON), (b'{"phone": "1"', JSON), (b"\xff\xfe", JSON), (b"[" * 100_000, JSON),
    (b'{"phone": "1", "phone": "2"}', JSON), (b"{}", "text/plain"), (b"phone=1&phone=2", FORM_BODY), (b"a=%ff", FORM_BODY),
    (b"&".join(b"f%d=1" % n for n in range(300)), FORM_BODY), (json.dumps({f"f{n}": 1 for n in range(300)}).encode(), JSON),
]  # fmt: skip


@pytest.mark.parametrize(("body", "kind"), BAD_BODIES, ids=[str(n) for n in range(len(BAD_BODIES))])
def test_a_body_that_is_none_is_refused(front: Front, body: bytes, kind: str) -> None:
    answer = front.site(body, kind=kind)
    assert answer.status_code == 400 and answer.json["field"], answer.data[:200]
    assert front.run() == 0


def test_what_the_form_does_not_name_is_not_kept(front: Front) -> None:
    assert front.site({**ASKED, "passport": "4509-111222", "deep": [{"card": "5536-9137"}]}).status_code == 200
    front.run()
    assert "4509-111222" not in front.texts() and "5536-9137" not in front.texts() and len(front.leads()) == 1


@pytest.mark.row("BR-17")
def test_only_whoever_has_the_key_gets_in(front: Front, caplog: pytest.LogCaptureFixture) -> None:
    body = json.dumps(ASKED).encode()
    right = signed(body, SITE_KEY, front.moment)
    for headers in ({}, {"X-Annex-Time": right["X-Annex-Time"]}, {"X-Annex-Signature": right["X-Annex-Signature"]}):
        assert front.ask(FORM, body, headers, "application/json").status_code == 401
    for headers in (
        signed(body + b" ", SITE_KEY, front.moment), signed(body, STATE_KEY, front.moment), signed(body, "", front.moment),
        {**right, "X-Annex-Time": str(front.moment + 1)}, {**right, "X-Annex-Signature": right["X-Annex-Signature"][7:]},
        {**right, "X-Annex-Signature": "sha256="}, {**right, "X-Annex-Signature": "sha256=\u00fc"},
    ):  # fmt: skip
        answer = front.ask(FORM, body, headers, "application/json")
        assert answer.status_code == 403 and answer.json == {"error": "not proven"}
    for off in (-301, 301):
        late = front.site(ASKED, off_seconds=off)
        assert late.status_code == 403 and "X-Annex-Time" in late.json["text"], "who has the key may know of the clock"
    for off in (-299, 299):
        assert front.site(ASKED, off_seconds=off).status_code == 200
    assert front.site(ASKED, address="/hooks/site/other/consultation").status_code == 404
    assert front.site(ASKED, address="/hooks/site/main/unknown").status_code == 404
    assert front.site(ASKED, address="/hooks/site/main/gosuslugi").status_code == 404, "another connection's form"
    assert front.site(ASKED, address="/hooks/site/main/").status_code == 404
    assert front.app.test_client().get(FORM).status_code == 405
    front.run()
    assert len(front.leads()) == 1
    assert SITE_KEY not in caplog.text and right["X-Annex-Signature"] not in caplog.text and SITE_KEY not in front.texts()


def test_the_old_key_is_good_while_it_is_replaced(
    fresh_sqlite: Callable[[], str], closing: Callable[[Front], Front]
) -> None:
    front = closing(Front(fresh_sqlite()))
    connection = front.portal.connections["forms"]
    connection.settings["SITE_KEY_OLD"] = "an-old-key-of-these-tests-5513"  # type: ignore[index]
    assert front.site(ASKED, key="an-old-key-of-these-tests-5513").status_code == 200
    assert front.site(ASKED).status_code == 200
    assert front.site(ASKED, key="another-key-of-these-tests").status_code == 403


def test_too_much_and_too_often(front: Front) -> None:
    assert front.site({**ASKED, "question": "x" * 300_000}).status_code == 413
    answers = [front.site({"submission_id": str(n), "phone": "+79001112233"}) for n in range(61)]
    assert [one.status_code for one in answers] == [200] * 60 + [429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    front.advance(seconds=61)
    assert front.site(ASKED).status_code == 200


def test_markup_from_outside_stays_text(front: Front) -> None:
    question = "[url=https://evil.example]сюда[/url]\n<b>жирно</b>"
    front.site({**ASKED, "last_name": "<script>alert(1)</script>", "question": question})
    front.run()
    lead = front.lead()
    assert lead.name == "Заявка на консультацию: <script>alert(1)</script> Анна"
    assert lead.values["comment"] == f"Вопрос: {question}"
