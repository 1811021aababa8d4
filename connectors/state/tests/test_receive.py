"""What an adapter sends, as it is kept; the plugin's tests go through the whole door."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from connectors.state import connector
from connectors.state.doctor import doctor
from connectors.state.receive import receive
from kernel.errors import Misconfigured
from kernel.extension import Connection, Delivery
from kernel.mapping import FormField, MappingSet, load_set
from kernel.testing import FakeClock

BODY = (Path(__file__).parent / "fixtures/application__epgu.xml").read_bytes()
SET = load_set(Path(__file__).parents[3] / "mappings" / "broker-bitrix24")
KEY = "a-key-of-this-test-alone-2"


def connection(mapping: MappingSet = SET, **settings: str) -> Connection:
    nothing: Any = None
    given = {"STATE_KEY": KEY, **settings}
    return Connection(given, mapping, nothing, FakeClock(), nothing, name="epgu", connector=connector)


def with_fields(*more: FormField) -> MappingSet:
    form = SET.forms["gosuslugi"]
    return replace(SET, forms={**SET.forms, form.name: form.model_copy(update={"fields": [*form.fields, *more]})})


def delivery(body: bytes, to: Connection) -> Delivery:
    at = str(int(to.clock.now().timestamp()))
    digest = hmac.new(KEY.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return Delivery({"x-annex-time": at, "x-annex-signature": f"sha256={digest}"}, body)


def test_an_application_is_one_message_with_what_the_file_names() -> None:
    to = connection()
    received = receive(delivery(BODY, to), to)
    [message] = received.messages
    assert (message.vendor_id, message.address) == ("id 0f2c5a7e-11ee-8c99-0242ac120002", "+79001112233")
    assert message.at is not None and message.at.isoformat() == "2026-11-21T12:00:00+03:00"
    assert message.details["value.Email"] == "anna@example.com" and message.details["value.confirmed"] == "да"
    assert "112-233-445" not in str(message) and etree.fromstring(received.reply.body)[0].text == message.vendor_id[3:]


def test_snils_is_kept_where_the_file_names_it() -> None:
    to = connection(with_fields(FormField.model_validate({"from": "SNILS", "to": "comment", "label": "СНИЛС"})))
    [message] = receive(delivery(BODY, to), to).messages
    assert message.details["value.SNILS"] == "112-233-445 95"


def test_a_schema_that_is_published_is_the_one_that_judges() -> None:
    published = connector.published["application.xsd"]()
    etree.XMLSchema(etree.fromstring(published.body)).assertValid(etree.fromstring(BODY))


def test_one_form_says_where_the_values_go() -> None:
    nowhere = connection(replace(SET, forms={}))
    with pytest.raises(Misconfigured, match="epgu"):
        receive(delivery(BODY, nowhere), nowhere)
    assert len(list(doctor(nowhere))) == 1


def test_the_doctor_names_what_is_wrong() -> None:
    assert list(doctor(connection())) == [] and list(doctor(connection(STATE_KEY=""))) == []
    [unknown] = doctor(connection(with_fields(FormField.model_validate({"from": "Passport"}))))
    assert "«Passport»" in unknown
    [old] = doctor(connection(STATE_KEY_OLD="the-key-of-before-of-this-test"))
    assert "STATE_EPGU_KEY_OLD" in old
    [bad] = doctor(connection(STATE_PER_MINUTE="0"))
    assert "STATE_PER_MINUTE" in bad
