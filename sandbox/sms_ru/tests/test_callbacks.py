"""Callbacks as contract 2.3 has them: signed over the raw text, in batches, repeated until the answer is `100`."""

import hashlib
from urllib.parse import parse_qsl

import pytest

from sandbox.sms_ru.callbacks import signature

pytestmark = pytest.mark.row("BR-23")


def told(receiver):
    return [dict(parse_qsl(body.decode())) for body, _ in receiver.bodies]


def test_the_signature_of_the_contract():
    lines = ["sms_status\n202647-1000071\n103\n1795290500", "callcheck_status\n202647-55\n401\n1795290510"]
    assert signature("TEST-API-ID", lines) == "8830eb2e726be9de897c5ca16e9abd80e6c717e4833f9e9558f338309424e79c"


def test_each_status_comes_once_signed_and_agrees_with_the_question(api, receiver, until):
    api.door("/faults", status_step=0)
    api.ask("callback/add", url=receiver.url)
    receiver.answers = [b'{"ok": true}', b"100\n"]
    ident = api.send()["sms"]["79001112233"]["sms_id"]
    until(lambda: api.see("/state")["counters"].get("not_taken"))
    api.door("/advance", seconds=60)
    until(lambda: len(receiver.bodies) == 2)
    api.door("/advance", seconds=60)
    assert api.door("/wait-idle", timeout=60)["idle"]
    assert len(receiver.bodies) == 3, "twice the answer was not exactly 100"
    pairs = parse_qsl(receiver.bodies[-1][0].decode())
    lines = [value for name, value in pairs if name == "data[]"]
    assert [line.split("\n")[:3] for line in lines] == [["sms_status", ident, "102"], ["sms_status", ident, "103"]]
    assert dict(pairs)["hash"] == hashlib.sha256((api.sandbox.account.api_id + "".join(lines)).encode()).hexdigest()
    assert api.ask("sms/status", sms_id=ident)["sms"][ident]["status_code"] == 103


@pytest.mark.parametrize(("keys", "names"), [("zero", ["data[0]", "data[1]"]), ("one", ["data[1]", "data[2]"])])
def test_keys_may_be_counted(api, receiver, keys, names):
    api.door("/faults", status_step=0, callback_keys=keys)
    api.ask("callback/add", url=receiver.url)
    api.send()
    assert api.door("/wait-idle", timeout=60)["idle"]
    assert [one for one in told(receiver)[0] if one != "hash"] == names


def test_multipart_may_change_line_ends(api, receiver):
    api.door("/faults", status_step=0, callback_body="multipart_crlf")
    api.ask("callback/add", url=receiver.url)
    api.send()
    assert api.door("/wait-idle", timeout=60)["idle"]
    body, kind = receiver.bodies[0]
    assert kind.startswith("multipart/form-data")
    assert b"sms_status\r\n" in body


def test_wrong_hash_none_strangers_batches_and_doubles(api, receiver):
    api.door(
        "/faults", status_step=0, callback_hash="wrong", callback_batch=1, callback_strangers="on", callback_duplicate_rate=1
    )
    api.ask("callback/add", url=receiver.url)
    api.send()
    assert api.door("/wait-idle", timeout=60)["idle"]
    assert len(receiver.bodies) == 2 * 3 * 2, "two statuses, two strangers with each, each twice, one by one"
    assert any("callcheck_status" in one["data[]"] for one in told(receiver))
    one = told(receiver)[0]
    assert one["hash"] != signature(api.sandbox.account.api_id, [one["data[]"]])
    api.door("/faults", callback_hash="none")
    api.send(msg="ещё")
    assert api.door("/wait-idle", timeout=60)["idle"]
    assert "hash" not in told(receiver)[-1]


def test_later_ones_overtake(start, receiver):
    api = start(status_step=1, callback_batch=1, callback_reorder_rate=0.5)
    api.door("/pause")
    api.ask("callback/add", url=receiver.url)
    for number in range(20):
        api.send(msg=f"н{number}")
    for _ in range(12):
        api.door("/advance", seconds=1)
    api.door("/resume")
    assert api.door("/wait-idle", timeout=60)["idle"]
    by_message: dict[str, list[str]] = {}
    for one in told(receiver):
        _, ident, code, _ = one["data[]"].split("\n")
        by_message.setdefault(ident, []).append(code)
    assert all(sorted(codes) == ["102", "103"] for codes in by_message.values())
    assert {"".join(codes) for codes in by_message.values()} == {"102103", "103102"}
