"""Deliveries as Bitrix24 sends them, and as strangers would."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.bitrix24.auth import APP as VAULT_NAME
from connectors.bitrix24.receive import IDS, equal, events_of, read_body
from connectors.bitrix24.tests.pocket import (
    APP,
    APPLICATION_TOKEN,
    HELD,
    MEMBER,
    WEBHOOK,
    Portal,
    a_connection,
    a_vault,
    cut,
    refused,
)
from kernel.crm import Event
from kernel.errors import BadInput
from kernel.extension import Delivery, NotProven
from kernel.mapping import EntityMap

FIXTURES = Path(__file__).parent / "fixtures"
PROOF = {"auth[application_token]": APPLICATION_TOKEN, "auth[member_id]": MEMBER}
NUMBERS = {"smart": {"deal/operation": ["1040", "7"], "journal": ["1044", "8"]}}


class Installing(Portal):
    """Knows whose token it is."""

    def __init__(self, *, admin=True, code="local.1"):
        super().__init__()
        self.methods["profile"] = lambda params: {"ID": "14", "ADMIN": admin}
        self.methods["app.info"] = lambda params: {"CODE": code, "INSTALLED": True}


@pytest.fixture
def vault(tmp_path):
    vault = a_vault(tmp_path)
    vault.put(VAULT_NAME, HELD)
    vault.put(IDS, NUMBERS)
    return vault


@pytest.fixture
def connection(vault):
    return a_connection(Portal(), vault, {**WEBHOOK, **APP})


def fixture(name, **changed):
    form = json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))["form"]
    for old, new in changed.items():
        form = form.replace(old, new)
    return Delivery({}, form.encode())


def form(**fields):
    return Delivery({}, urlencode({**PROOF, **fields}).encode())


def event(name, **fields):
    return form(event=name, **{f"data[FIELDS][{key}]": value for key, value in fields.items()})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("deal__changed", [Event("deal.changed", "deal", "5121", author="14")]),
        ("deal__changed_by_a_robot", [Event("deal.changed", "deal", "5121")]),
        ("deal__changed_outgoing_webhook", [Event("deal.changed", "deal", "5121")]),
        ("deal__added", [Event("deal.added", "deal", "5122", author="14")]),
        ("deal__moved", [Event("deal.moved", "deal", "5121", author="14")]),
        ("lead__added", [Event("lead.added", "lead", "940", author="14")]),
        ("contact__changed", [Event("contact.changed", "contact", "830", author="14")]),
        ("row__changed", [Event("row.changed", "deal/operation", "24", author="14")]),
        ("activity__added", []),
    ],
)
def test_what_the_portal_tells(connection, name, expected):
    assert events_of(fixture(name), connection) == expected


def test_a_company_of_a_set_that_has_companies(connection):
    entities = {**connection.mapping.entities, "company": EntityMap(entity="company")}
    having = replace(connection, mapping=replace(connection.mapping, entities=entities))
    assert events_of(fixture("company__changed"), having) == [Event("company.changed", "company", "640", author="14")]
    assert events_of(fixture("company__changed"), connection) == []


def test_other_words_for_smart_processes(connection):
    assert events_of(event("ONCRMDYNAMICITEMADD_1044", ID="3"), connection) == [Event("journal.added", "journal", "3")]
    [found] = events_of(event("onCrmDynamicItemDelete", ID="3", ENTITY_TYPE_ID="1040"), connection)
    assert (found.name, found.entity) == ("row.deleted", "deal/operation")
    assert events_of(event("ONCRMDYNAMICITEMADD_9999", ID="3"), connection) == []  # staff's own, not of the set
    assert events_of(event("ONAPPTEST"), connection) == []


def test_a_robot(connection):
    found = fixture("robot__run", push_to_broker="annex_recalculate")
    [one] = events_of(found, connection)
    assert (one.name, one.entity, one.record_id, one.author) == ("deal.recalculate", "deal", "5121", "")
    assert events_of(found, connection) == [one] and len(one.delivery) == 32
    [other] = events_of(fixture("robot__run", push_to_broker="recalculate", abcDEF="abcDEE"), connection)
    assert other.delivery != one.delivery
    assert events_of(fixture("robot__run"), connection) == []  # a robot of somebody else's
    with pytest.raises(BadInput, match="document_id"):
        events_of(fixture("robot__run", push_to_broker="recalculate", DEAL_5121="LEAD_5121"), connection)
    with pytest.raises(BadInput, match="document_id"):
        events_of(fixture("robot__run", push_to_broker="recalculate", DEAL_5121="FILE_5"), connection)


def test_json_is_read_too(connection):
    auth = {"application_token": APPLICATION_TOKEN, "member_id": MEMBER}
    body = {"event": "ONCRMDEALUPDATE", "data": {"FIELDS": {"ID": 5}}, "auth": auth}
    assert events_of(Delivery({}, json.dumps(body).encode()), connection) == [Event("deal.changed", "deal", "5")]


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"auth[application_token]": ""}, 401), ({"auth[application_token]": "wrong"}, 403),
        ({"auth[application_token]": APPLICATION_TOKEN[:-1]}, 403), ({"auth[application_token]": "я"}, 403),
        ({"auth[member_id]": "another"}, 403), ({"auth[member_id]": ""}, 403),
    ],
)  # fmt: skip
def test_without_proof_nothing_is_believed(connection, changed, status):
    for name in ("ONCRMDEALUPDATE", "ONAPPUNINSTALL", "", "ONSOMETHING"):
        with pytest.raises(NotProven) as caught:
            events_of(form(**{"event": name, "data[FIELDS][ID]": "5", **changed}), connection)
        assert caught.value.status == status
    assert connection.vault.get(VAULT_NAME)


def test_nothing_installed_and_no_token_set(tmp_path):
    connection = a_connection(Portal(), a_vault(tmp_path), WEBHOOK)
    for token in ("", "None", APPLICATION_TOKEN):
        with pytest.raises(NotProven):
            events_of(
                form(event="ONCRMDEALUPDATE", **{"data[FIELDS][ID]": "5", "auth[application_token]": token}), connection
            )


def test_nothing_equals_what_is_not_set():
    assert equal("a", "a") and not equal("a", "b") and not equal("", "") and not equal("я", "a")


def test_an_outgoing_webhook_has_a_token_of_its_own(tmp_path):
    connection = a_connection(Portal(), a_vault(tmp_path), {**WEBHOOK, "BITRIX24_HOOK_TOKEN": "token-of-the-hook"})
    caught = event("ONCRMDEALUPDATE", ID="5")
    with pytest.raises(NotProven):
        events_of(caught, connection)
    body = caught.body.replace(APPLICATION_TOKEN.encode(), b"token-of-the-hook")
    assert events_of(Delivery({}, body), connection) == [Event("deal.changed", "deal", "5")]


@pytest.mark.parametrize("number", ["", "0", "-5", "5x", "1e3", "5121 ", "²", "9" * 30, "Array"])
def test_a_number_that_is_none(connection, number):
    with pytest.raises(BadInput) as caught:
        events_of(event("ONCRMDEALUPDATE", ID=number), connection)
    assert caught.value.field == "ID"


@given(st.binary(max_size=300))
def test_any_body_is_read_or_refused(body):
    read_body(body)
    read_body(b"auth[application_token]=" + body)
    read_body(b"{" + body)


def test_brackets():
    assert read_body(b"a[b][c]=1&a[b][d]=2&a[b]=3&a=4&x[]=5&[]=6&=7&y[0]=8&y[1]=9") == {
        "a": {"b": {"c": "1", "d": "2"}}, "x": "5", "y": {"0": "8", "1": "9"},
    }  # fmt: skip
    assert read_body(b"&".join(b"a=1" for _ in range(900))) == {}
    assert read_body(b"a[" * 5000 + b"=1") != 0
    assert read_body(b"[1]") == {"1": ""} or read_body(b"[1]") == {}


# --- installations ------------------------------------------------------------------------------------------------------


@pytest.fixture
def empty(tmp_path):
    return a_vault(tmp_path)


def installing(vault, **more):
    return a_connection(Installing(**more), vault, APP)


def test_an_installation(empty):
    connection = installing(empty)
    assert events_of(fixture("app__installed"), connection) == []
    held = empty.get(VAULT_NAME)
    assert (held["member_id"], held["application_token"], held["domain"]) == (
        MEMBER,
        APPLICATION_TOKEN,
        "broker.bitrix24.ru",
    )
    assert held["access_token"].startswith("e1a0") and held["refresh_token"].startswith("r1b0")
    assert held["expires_at"] == 1793264401
    assert set(connection.transport.urls) == {
        "https://broker.bitrix24.ru/rest/profile", "https://broker.bitrix24.ru/rest/app.info",
    }  # fmt: skip
    assert connection.transport.requests[0][1]["auth"] == held["access_token"]


def test_the_portal_in_the_body_is_never_asked(empty):
    connection = installing(empty)
    events_of(fixture("app__installed", **{"broker.bitrix24.ru": "evil.example.com"}), connection)
    assert all(url.startswith("https://broker.bitrix24.ru/") for url in connection.transport.urls)
    assert empty.get(VAULT_NAME)["domain"] == "broker.bitrix24.ru"


@pytest.mark.parametrize("more", [{"admin": False}, {"code": "local.2"}])
def test_only_an_administrator_installs_and_only_this_application(vault, more):
    with pytest.raises(NotProven):
        events_of(fixture("app__installed"), installing(vault, **more))
    assert vault.get(VAULT_NAME) == HELD


def test_a_token_that_the_portal_does_not_know(vault):
    connection = installing(vault)
    connection.transport.before = lambda method, params: refused(401, "expired_token")
    with pytest.raises(NotProven) as caught:
        events_of(fixture("app__installed"), connection)
    assert caught.value.status == 403 and vault.get(VAULT_NAME) == HELD
    assert connection.transport.names() == ["profile"]


def test_a_portal_that_does_not_answer(vault):
    connection = installing(vault)
    connection.transport.before = lambda method, params: cut()
    with pytest.raises(NotProven) as caught:
        events_of(fixture("app__installed"), connection)
    assert caught.value.status == 503 and vault.get(VAULT_NAME) == HELD


@pytest.mark.parametrize("missing", ["access_token", "refresh_token", "application_token", "member_id"])
def test_an_installation_that_lacks_something(empty, missing):
    with pytest.raises(NotProven) as caught:
        events_of(fixture("app__installed", **{f"auth%5B{missing}%5D": "auth%5Bother%5D"}), installing(empty))
    assert caught.value.status == 401 and empty.get(VAULT_NAME) is None


def test_no_application_expected(empty):
    with pytest.raises(NotProven):
        events_of(fixture("app__installed"), a_connection(Installing(), empty, WEBHOOK))


def test_a_new_version_may_bring_no_refresh_token(vault):
    caught = {"ONAPPINSTALL": "ONAPPUPDATE", "auth%5Brefresh_token%5D": "auth%5Bother%5D", APPLICATION_TOKEN: "a-new-one"}
    events_of(fixture("app__installed", **caught), installing(vault))
    held = vault.get(VAULT_NAME)
    assert (held["application_token"], held["access_token"], held["refresh_token"]) == ("a-new-one", "access-1", "refresh-1")


def test_the_application_is_removed(connection):
    assert events_of(fixture("app__removed"), connection) == []
    assert connection.vault.get(VAULT_NAME) is None
    with pytest.raises(NotProven):
        events_of(fixture("deal__changed"), connection)


def test_a_comment_of_the_timeline_is_named_alone(connection):
    assert events_of(event("ONCRMTIMELINECOMMENTADD", ID="991"), connection) == [Event("comment.added", "@comment", "991")]
    assert events_of(event("onCrmTimelineCommentUpdate", ID="991"), connection)[0].name == "comment.changed"
    assert events_of(event("ONCRMTIMELINECOMMENTDELETE", ID="991"), connection) == [], "there is nothing to read any more"
    with pytest.raises(BadInput):
        events_of(event("ONCRMTIMELINECOMMENTADD", ID="x"), connection)
