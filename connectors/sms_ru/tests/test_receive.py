"""Callbacks: believed by their hash alone, over the text as it came; the answer is `100` and nothing else."""

from __future__ import annotations

import hashlib
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.sms_ru.receive import receive, signature
from connectors.sms_ru.tests.conftest import KEY, fixture
from kernel.extension import Delivery, NotProven
from sandbox.sms_ru.callbacks import BORDER

pytestmark = pytest.mark.row("BR-10")
FORM = {"content-type": "application/x-www-form-urlencoded"}
MULTIPART = {"content-type": f"multipart/form-data; boundary={BORDER}"}
ONE = "sms_status\n202647-1000071\n103\n1795290500"


def form(*elements, hash_=None, names=None):
    names = names or ["data[]"] * len(elements)
    given_ = hashlib.sha256((KEY + "".join(elements)).encode()).hexdigest() if hash_ is None else hash_
    pairs = [*zip(names, elements, strict=True), *([("hash", given_)] if given_ else [])]
    return Delivery(FORM, urlencode(pairs).encode())


def multipart(elements, hash_, crlf=False):
    shown = [one.replace("\n", "\r\n") if crlf else one for one in elements]
    parts = [
        f'--{BORDER}\r\nContent-Disposition: form-data; name="data[{n}]"\r\n\r\n{one}\r\n' for n, one in enumerate(shown)
    ]
    parts.append(f'--{BORDER}\r\nContent-Disposition: form-data; name="hash"\r\n\r\n{hash_}\r\n--{BORDER}--\r\n')
    return Delivery(MULTIPART, "".join(parts).encode())


def test_the_contracts_own_example(connection):
    told = fixture("callback__two_elements")
    received = receive(form(*told["data"], hash_=told["hash"]), connection)
    assert (received.reply.body, received.reply.status) == (b"100", 200)
    [one] = received.messages
    assert (one.kind, one.address, one.vendor_id) == ("status", "202647-1000071", "202647-1000071:103:1795290500")
    assert dict(one.details) == {"code": "103", "state": "delivered"}
    assert one.at and one.at.isoformat() == "2026-11-21T19:48:20+00:00"


@pytest.mark.parametrize("names", [["data[0]", "data[1]"], ["data[1]", "data[2]"], ["data[]", "data[]"]])
def test_however_the_keys_are_counted_the_order_is_that_of_arrival(connection, names):
    other = "sms_status\n202647-1000072\n104\n1795290501"
    received = receive(form(other, ONE, names=names), connection)
    assert [one.details["state"] for one in received.messages] == ["undelivered", "delivered"]
    reverse = hashlib.sha256((KEY + ONE + other).encode()).hexdigest()
    with pytest.raises(NotProven):
        receive(form(other, ONE, hash_=reverse), connection)


@pytest.mark.parametrize("crlf", [True, False])
def test_multipart_with_changed_line_ends_is_believed_too(connection, crlf):
    good = signature(KEY, ONE)
    assert len(receive(multipart([ONE], good, crlf), connection).messages) == 1
    with pytest.raises(NotProven):
        receive(multipart([ONE], signature("other", ONE), crlf), connection)


@pytest.mark.parametrize("hash_", ["", "0" * 64, signature("another-key", ONE), "ы" * 64, signature(KEY, ONE + " ")])
def test_forged_ones_are_refused_with_403(connection, hash_):
    with pytest.raises(NotProven) as raised:
        receive(form(ONE, hash_=hash_), connection)
    assert raised.value.status == 403


def test_capitals_in_the_hash_are_as_good(connection):
    assert receive(form(ONE, hash_=signature(KEY, ONE).upper()), connection).messages


@pytest.mark.parametrize(
    "element",
    ["callcheck_status\n202647-55\n401\n1795290510", "", "sms_status", "sms_status\nx\n103\n1", "sms_status\n1-1\nx\n1",
     "sms_status\n1-1\n103", "\ud83d".encode("utf-8", "replace").decode(), "sms_status\n<b>\n103\n1"],
)  # fmt: skip
def test_what_is_signed_and_of_no_use_is_answered_well_and_left_out(connection, element):
    received = receive(form(element, ONE), connection)
    assert (received.reply.body, len(received.messages)) == (b"100", 1)


def test_a_time_out_of_all_bounds_is_no_time(connection):
    [one] = receive(form("sms_status\n1-1\n103\n99999999999999999999"), connection).messages
    assert one.at is None


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=300), kind=st.sampled_from([FORM, MULTIPART, {}]))
def test_whatever_comes_is_not_believed_and_breaks_nothing(connection, body, kind):
    with pytest.raises(NotProven):
        receive(Delivery(kind, body), connection)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(elements=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), max_size=4))
def test_whatever_is_signed_is_answered_with_100(connection, elements):
    assert receive(form(*elements), connection).reply.body == b"100"
