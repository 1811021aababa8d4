"""What a site sends, as it is kept; the plugin's tests go through the whole door."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path
from typing import Any

import pytest

from connectors.site import connector
from connectors.site.doctor import doctor
from connectors.site.receive import receive
from kernel.errors import BadInput, Misconfigured
from kernel.extension import Connection, Delivery, NotProven
from kernel.mapping import MappingSet, load_set
from kernel.testing import FakeClock

FIXTURES = Path(__file__).parent / "fixtures"
SET = load_set(Path(__file__).parents[3] / "mappings" / "broker-bitrix24")
KEY = "a-key-of-this-test-alone-1"


def connection(mapping: MappingSet = SET, name: str = "forms", **settings: str) -> Connection:
    nothing: Any = None
    given = {"SITE_KEY": KEY, **settings}
    return Connection(given, mapping, nothing, FakeClock(), nothing, name=name, connector=connector)


def delivery(body: bytes, to: Connection, kind: str = "application/json", form: str = "consultation") -> Delivery:
    at = str(int(to.clock.now().timestamp()))
    digest = hmac.new(KEY.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {"content-type": kind, "x-annex-time": at, "x-annex-signature": f"sha256={digest}"}
    return Delivery(headers, body, form)


def test_a_filled_form_is_one_message_with_what_the_file_names() -> None:
    to = connection()
    [message] = receive(delivery((FIXTURES / "consultation__filled.json").read_bytes(), to), to).messages
    assert (message.account, message.address) == ("consultation", "+79001112233")
    assert message.vendor_id == "id b3f0c1e2-8f6e-4b0a-9d57-1c2f3a4b5c6d"
    values = {name.removeprefix("value."): text for name, text in message.details.items() if name.startswith("value.")}
    assert values == {
        "last_name": "Орлова", "first_name": "Анна", "phone": "+79001112233", "email": "anna@example.com",
        "question": "Как открыть счёт?\nСрочно", "utm_source": "yandex",
    }  # fmt: skip


def test_a_form_s_body_is_read_alike() -> None:
    to = connection()
    body = (FIXTURES / "consultation__form.txt").read_bytes()
    [message] = receive(delivery(body, to, "application/x-www-form-urlencoded"), to).messages
    assert (message.details["value.last_name"], message.details["value.question"]) == ("Орлова", "Как?")


def test_numbers_and_yes_or_no_are_texts() -> None:
    to = connection()
    [message] = receive(delivery(b'{"phone": 79001112233, "question": true, "utm_source": 1.50}', to), to).messages
    assert message.details["value.phone"] == "+79001112233"
    assert (message.details["value.question"], message.details["value.utm_source"]) == ("yes", "1.50")
    with pytest.raises(BadInput) as caught:
        receive(delivery(b'{"phone": NaN}', to), to)
    assert caught.value.field == "phone"


def test_a_connection_without_a_key_takes_nothing_and_a_short_one_is_an_error() -> None:
    off = connection(SITE_KEY="")
    assert off.off and list(doctor(off)) == []
    with pytest.raises(NotProven) as caught:
        receive(delivery(b"{}", off), off)
    assert caught.value.status == 401
    with pytest.raises(Misconfigured, match="SITE_KEY"):
        receive(delivery(b"{}", off), connection(SITE_KEY="short"))
    with pytest.raises(Misconfigured, match="SITE_PER_MINUTE"):
        receive(delivery(b"{}", off), connection(SITE_PER_MINUTE="many"))


def test_the_doctor_names_what_is_wrong() -> None:
    assert list(doctor(connection())) == []
    [no_form] = doctor(connection(name="another"))
    assert "another" in no_form
    [old] = doctor(connection(SITE_KEY_OLD="the-key-of-before-of-this-test"))
    assert "SITE_FORMS_KEY_OLD" in old
    [short] = doctor(connection(SITE_KEY="short"))
    assert "SITE_KEY" in short and "short" not in short.split("SITE_KEY")[0]
