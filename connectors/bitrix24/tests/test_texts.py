"""Texts that the portal hands over, and its provider as `annex apply` makes it."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import pytest

from connectors.bitrix24.auth import APP as VAULT_NAME
from connectors.bitrix24.receive import receive
from connectors.bitrix24.tests.pocket import APP, HELD, WEBHOOK, Portal, a_connection, a_vault
from connectors.bitrix24.tests.straight import ADDRESS, Place
from connectors.bitrix24.tests.whole_set import PLUGINS, full, only
from connectors.bitrix24.texts import BitrixTexts
from kernel.errors import BadInput, NotFound, Rejected
from kernel.extension import Delivery, NotProven
from sandbox.bitrix24.sms import Texting

pytestmark = pytest.mark.row("BR-10")
FIXTURE = json.loads((Path(__file__).parent / "fixtures" / "text__wanted.json").read_text(encoding="utf-8"))["form"]
SENDER = {"sender": {"smsru": {"title": "SMS.RU", "connection": "sms"}}, "connection": {"sms": {"connector": "sms_ru"}}}


@pytest.fixture
def connection(tmp_path):
    vault = a_vault(tmp_path)
    vault.put(VAULT_NAME, HELD)
    return a_connection(Portal(), vault, {**WEBHOOK, **APP})


def wanted(connection, **changed):
    """The contract's own body with fields changed, or left out where the value is None."""
    fields = {**dict(parse_qsl(FIXTURE)), **changed}
    body = urlencode({name: value for name, value in fields.items() if value is not None})
    return receive(Delivery({}, body.encode(), "sms"), connection)


# --- the door -----------------------------------------------------------------------------------------------------------


def test_what_the_card_wants_sent_is_kept_whole(connection):
    received = wanted(connection)
    [one] = received.messages
    assert (one.kind, one.address, one.text, one.author) == ("request", "+79165550134", "Your account is open", "14")
    assert one.vendor_id == "text:0f9d1c7ab2e34b6f9a1d5e7c3b2a1f00"
    assert dict(one.details) == {
        "provider": "smsru", "message": "0f9d1c7ab2e34b6f9a1d5e7c3b2a1f00", "by": "person",
        "records": '["contact:830"]',
    }  # fmt: skip
    assert received.events == ()
    assert "application_token" not in str(received)


@pytest.mark.parametrize(
    ("document", "records"), [("DEAL_5121", ["deal:5121"]), ("LEAD_900", []), ("x", []), ("DEAL_0", [])]
)
def test_a_robot_names_its_document(connection, document, records):
    process = {
        "module_id": "bizproc", "workflow_id": "w1", "bindings[0][OWNER_TYPE_ID]": None, "bindings[0][OWNER_ID]": None,
        "document_id[0]": "crm", "document_id[1]": "CCrmDocumentDeal", "document_id[2]": document,
    }  # fmt: skip
    [one] = wanted(connection, **process).messages
    assert one.details["by"] == "robot"
    found = json.loads(one.details["records"])
    assert [name for name in found if name.startswith("deal")] == records


@pytest.mark.parametrize(
    ("field", "value"),
    [("message_to", None), ("message_to", " "), ("message_to", "7" * 41), ("message_body", None), ("message_body", " \n"),
     ("message_body", "ы" * 10_001), ("message_id", None), ("message_id", "a/../b"), ("code", "smsru"), ("code", None)],
)  # fmt: skip
def test_what_is_missing_is_named(connection, field, value):
    with pytest.raises(BadInput) as raised:
        wanted(connection, **{field: value})
    assert raised.value.field == field


@pytest.mark.parametrize("token", [None, "", "wrong"])
def test_whoever_does_not_prove_it_sends_nothing(connection, token):
    with pytest.raises(NotProven):
        wanted(connection, **{"auth[application_token]": token})


def test_bindings_that_are_none_are_left_out(connection):
    [one] = wanted(
        connection, **{"bindings[0][OWNER_TYPE_ID]": "x", "bindings[1][OWNER_TYPE_ID]": "2", "bindings[1][OWNER_ID]": "7"}
    ).messages
    assert json.loads(one.details["records"]) == ["deal:7"]
    [one] = wanted(connection, bindings="x", **{"bindings[0][OWNER_TYPE_ID]": None, "bindings[0][OWNER_ID]": None}).messages
    assert json.loads(one.details["records"]) == []


# --- set up ---------------------------------------------------------------------------------------------------------------


def test_the_provider_is_made_once_changed_and_taken_away():
    place = Place()
    place.apply(full(), PLUGINS)
    assert only(place.plan(full(**SENDER), PLUGINS)).what == "провайдер SMS «SMS.RU»"
    assert place.apply(full(**SENDER), PLUGINS) == []
    [made] = place.client.portal.area(Texting).senders
    assert (made.code, made.handler, made.name) == ("annex_smsru", f"{ADDRESS}/hooks/bitrix24/main/sms", "SMS.RU")
    before = len(place.client.writes)
    assert place.apply(full(**SENDER), PLUGINS) == []
    assert len(place.client.writes) == before
    renamed = {**SENDER, "sender": {"smsru": {"title": "СМС", "connection": "sms"}}}
    assert only(place.plan(full(**renamed), PLUGINS)).kind == "change"
    place.apply(full(**renamed), PLUGINS)
    assert [one.name for one in place.client.portal.area(Texting).senders] == ["СМС"]
    assert place.apply(full(), PLUGINS) == []
    assert place.client.portal.area(Texting).senders == []


def test_an_update_of_the_application_drops_it_and_apply_brings_it_back():
    place = Place()
    place.apply(full(**SENDER), PLUGINS)
    place.client.portal.area(Texting).senders.clear()
    assert only(place.plan(full(**SENDER), PLUGINS)).kind == "create"
    assert place.apply(full(**SENDER), PLUGINS) == []
    assert len(place.client.portal.area(Texting).senders) == 1


# --- statuses -------------------------------------------------------------------------------------------------------------


class _Client:
    def __init__(self, code=""):
        self.code, self.called = code, []

    def call(self, method, params, *, writes, app):
        self.called.append((method, params, writes, app))
        if self.code:
            raise Rejected("no", vendor_code=self.code)


def test_statuses_are_told_by_the_application():
    client = _Client()
    BitrixTexts(client).report("smsru", "m1", "delivered")
    params = {"CODE": "annex_smsru", "MESSAGE_ID": "m1", "STATUS": "delivered"}
    assert client.called == [("messageservice.message.status.update", params, True, True)]
    with pytest.raises(NotFound):
        BitrixTexts(_Client("ERROR_MESSAGE_NOT_FOUND")).report("smsru", "m1", "sent")
    with pytest.raises(Rejected):
        BitrixTexts(_Client("ACCESS_DENIED")).report("smsru", "m1", "sent")
