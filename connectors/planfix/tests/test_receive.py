"""Deliveries as Planfix sends them, and as strangers would."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.planfix.receive import events_of as real_events_of
from kernel.crm import Event
from kernel.errors import BadInput
from kernel.extension import Connection, Delivery, NotProven

FIXTURES = Path(__file__).parent / "fixtures"
SECRET, OLD = "a-secret-of-thirty-characters-", "the-old-one-of-thirty-letters-"
SETTINGS = {"PLANFIX_HOOK_SECRET": SECRET, "PLANFIX_HOOK_SECRET_OLD": OLD}


def events_of(delivery, settings):
    return real_events_of(delivery, Connection(settings, None, None, None, None))


def sign(task, event, delivery="", secret=SECRET, author=()):
    """The short one, or with the author's name and id the whole one."""
    return hmac.new(secret.encode(), "|".join((task, event, delivery, *author)).encode(), hashlib.sha256).hexdigest()


def form(address="", headers=None, **fields):
    return Delivery(headers or {}, urlencode(fields).encode(), address)


def fixture(name, signature=""):
    case = json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))
    body = case["body"].replace("SIGNATURE", signature).replace("SECRET", SECRET)
    return Delivery({"content-type": case["content_type"]}, body.encode(), case["path_event"])


def test_form_with_signature():
    delivery = "6f1c0e8e-6d1c-4c8e-9a63-0b6f5f1f7a10"
    found = events_of(fixture("deal_changed__form", sign("15021", "deal.changed", delivery)), SETTINGS)
    short = {"proof": "short"}
    assert found == [Event("deal.changed", "deal", "15021", author="Ігор Бондар", delivery=delivery, details=short)]
    whole = sign("15021", "deal.changed", delivery, author=("Ігор Бондар", ""))
    [event] = events_of(fixture("deal_changed__form", whole), SETTINGS)
    assert event.details == {"proof": "whole"}


def test_json_with_key():
    assert events_of(fixture("deal_stage__json"), SETTINGS) == [Event("deal.stage", "deal", "15021", author="Ігор Б.")]


def test_broken_json_gives_its_plain_words():
    found = events_of(fixture("deal_comment__broken_json"), SETTINGS)
    assert found == [Event("deal.comment", "deal", "15021", delivery="d-7")]


def test_contacts_are_named_as_other_records_name_them():
    found = events_of(fixture("contact_changed__form", sign("812", "contact.changed", "d-8")), SETTINGS)
    assert found == [Event("contact.changed", "contact", "contact:812", delivery="d-8", details={"proof": "short"})]


PRESSED = {"task": "5", "event": "board.link", "delivery": "d-1", "author": "Ігор Бондар", "author_id": "3"}


def pressed(of="", **fields):
    """A press whose signature covers everything, or, with `of`, what else."""
    sent = {**PRESSED, **fields}
    record = sent.get("task") or sent["contact"]
    sig = of or sign(record, sent["event"], sent["delivery"], author=(sent["author"], sent["author_id"]))
    return events_of(form(**sent, sig=sig), SETTINGS)


@pytest.mark.row("PL-09")
def test_a_button_on_a_deal_and_on_a_contact():
    [event] = pressed()
    assert (event.name, event.entity, event.record_id) == ("board.link", "deal", "5")
    assert event.details == {"proof": "whole", "author_id": "user:3"}
    for number in ("user:3", " 3 "):
        assert pressed(author_id=number)[0].details["author_id"] == "user:3"
    [event] = pressed(task="", contact="812")
    assert (event.name, event.entity, event.record_id) == ("board.link", "contact", "contact:812")
    assert pressed(event="deal.link")[0].entity == "deal"
    assert pressed(event="contact.link", task="", contact="812")[0].record_id == "contact:812"
    assert pressed(author_id="Ігор")[0].details["author_id"] == "Ігор", "nobody's number, and it says so"


@pytest.mark.row("PL-09")
def test_who_pressed_is_covered_by_the_signature():
    right = sign("5", "board.link", "d-1", author=("Ігор Бондар", "3"))
    for forged in ({"author": "Олег Власник"}, {"author_id": "1"}, {"author_id": ""}, {"delivery": "d-2"}, {"task": "6"}):
        with pytest.raises(NotProven):
            pressed(of=right, **forged)
    [event] = pressed(of=sign("5", "board.link", "d-1"))
    assert event.details["proof"] == "short", "true, but of the older kind: no link is given for it"
    [event] = events_of(form(**PRESSED, key=SECRET), SETTINGS)
    assert event.details["proof"] == "key"


def test_every_proof_and_both_secrets():
    for secret in (SECRET, OLD):
        for proof in ({"sig": sign("5", "deal.row", "", secret).upper()}, {"key": secret}):
            assert events_of(form(task="5", event="deal.row", **proof), SETTINGS)
        assert events_of(form("deal.row", {"x-annex-key": secret}, task="5"), SETTINGS)
        # The event may stand in the address alone; the signature covers it all the same.
        assert events_of(form("deal.row", task="5", sig=sign("5", "deal.row", "", secret)), SETTINGS)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 401),
        ({"sig": "", "key": ""}, 401),
        ({"key": "wrong"}, 403),
        ({"key": SECRET[:-1]}, 403),
        ({"sig": sign("15022", "deal.row", "d")}, 403),  # a signature of another deal
        ({"sig": sign("15021", "deal.stage", "d")}, 403),  # of another event
        ({"sig": sign("15021", "deal.row", "e")}, 403),  # of another delivery
        ({"sig": sign("15021", "deal.row", "d", "")}, 403),
        ({"sig": "ключ"}, 403),
        ({"key": "\ud83d".encode("utf-8", "surrogatepass")}, 403),
    ],
)
def test_no_proof_and_wrong_proof(fields, status):
    with pytest.raises(NotProven) as caught:
        events_of(form(task="15021", event="deal.row", delivery="d", **fields), SETTINGS)
    assert caught.value.status == status
    assert SECRET not in str(caught.value)


def test_without_a_secret_nobody_gets_in():
    for settings in ({}, {"PLANFIX_HOOK_SECRET": " "}):
        for proof in ({"sig": sign("5", "deal.row", "", "")}, {"key": " "}, {"key": "x"}):
            with pytest.raises(NotProven):
                events_of(form(task="5", event="deal.row", **proof), settings)


def test_proof_comes_before_any_word_about_the_content():
    with pytest.raises(NotProven):
        events_of(form("deal.row", task="абв", event="nonsense", key="wrong"), SETTINGS)
    with pytest.raises(NotProven):
        events_of(Delivery({}, b"\xff\x00{[", "nonsense"), SETTINGS)


@pytest.mark.parametrize(
    ("address", "fields", "field"),
    [
        ("deal.row", {"task": "5", "event": "deal.stage"}, "event"),
        ("", {"task": "5"}, "event"),
        ("", {"task": "5", "event": "invoice.paid"}, "event"),
        ("", {"task": "5", "event": "deal.row\n"}, "event"),
        ("deal.row", {}, "task"),
        ("deal.row", {"task": "0"}, "task"),
        ("deal.row", {"task": "-5"}, "task"),
        ("deal.row", {"task": "٥"}, "task"),
        ("deal.row", {"task": "5 OR 1=1"}, "task"),
        ("deal.row", {"task": "9" * 40}, "task"),
        ("deal.row", {"task": "{{Задача.Номер}}"}, "task"),
    ],
)
def test_a_proven_delivery_that_makes_no_sense_names_the_field(address, fields, field):
    with pytest.raises(BadInput) as caught:
        events_of(form(address, {"x-annex-key": SECRET}, **fields), SETTINGS)
    assert caught.value.field == field


def test_a_text_cannot_bring_a_second_task_with_it():
    for text in ('x","task":"666', 'so "it" goes, "task":"666", "y":"'):
        body = f'{{"task":"15021","event":"deal.comment","key":"{SECRET}","text":"{text}"}}'
        with pytest.raises(BadInput) as caught:
            events_of(Delivery({}, body.encode(), ""), SETTINGS)
        assert caught.value.field == "task"
        signed = body.replace(f'"key":"{SECRET}"', f'"sig":"{sign("15021", "deal.comment")}"')
        with pytest.raises(NotProven):
            events_of(Delivery({}, signed.encode(), ""), SETTINGS)


def test_a_sign_in_the_broken_body_is_checked_too():
    sig = sign("15021", "deal.comment", "d-1")
    body = f'{{"task": 15021, "event":"deal.comment", "delivery":"d-1","sig":"{sig}","t":"a "b" c"}}'
    assert events_of(Delivery({"content-type": "application/json"}, body.encode(), ""), SETTINGS)[0].record_id == "15021"
    with pytest.raises(NotProven):
        events_of(Delivery({}, body.replace("15021,", "15022,").encode(), ""), SETTINGS)


def test_what_is_kept_of_strangers_words_is_short_and_printable():
    [event] = events_of(form("deal.row", task="5", key=SECRET, author="a\x00\nb" * 900, delivery="d\x00" * 900), SETTINGS)
    assert "\x00" not in event.author + event.delivery and "\n" not in event.author
    assert len(event.author) <= 200 and len(event.delivery) <= 100


@given(st.binary(max_size=300))
def test_any_bytes_end_in_a_plain_refusal(body):
    with pytest.raises(NotProven):
        events_of(Delivery({"content-type": "application/json"}, body, "deal.row"), SETTINGS)
    with pytest.raises(BadInput):
        events_of(Delivery({"x-annex-key": SECRET}, b"task=x&z=" + body, "deal.row"), SETTINGS)


@given(st.text(max_size=200))
def test_any_text_inside_json_leaves_the_number_alone(text):
    body = f'{{"task":"15021","event":"deal.comment","key":"{SECRET}","text":"{text}"}}'
    try:
        [event] = events_of(Delivery({}, body.encode("utf-8", "replace"), ""), SETTINGS)
    except BadInput:
        assert '"' in text or "\\" in text
    else:
        assert event.record_id == "15021"


def test_who_did_it_by_number_and_whether_the_signature_says_so():
    fields = {"contact": "812", "event": "contact.link", "delivery": "d-9", "author": "Ігор Бондар", "author_id": "3"}
    wide = hmac.new(SECRET.encode(), "812|contact.link|d-9|Ігор Бондар|3".encode(), hashlib.sha256).hexdigest()
    [event] = events_of(form(**fields, sig=wide), SETTINGS)
    assert (event.entity, event.record_id) == ("contact", "contact:812")
    assert event.details == {"author_id": "user:3", "proof": "whole"}
    [event] = events_of(form(**fields, sig=sign("812", "contact.link", "d-9")), SETTINGS)
    assert event.details == {"author_id": "user:3", "proof": "short"}, "the short signature says nothing of who it was"
    for other in ({"author_id": "5"}, {"author": "Олег Власник"}):
        with pytest.raises(NotProven):
            events_of(form(**{**fields, **other}, sig=wide), SETTINGS)
    [event] = events_of(form(**{**fields, "author_id": "{{Автор}}"}, key=SECRET), SETTINGS)
    assert event.details == {"author_id": "{{Автор}}", "proof": "key"}, "nobody's number"
