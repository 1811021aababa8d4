"""Outgoing calls: exact decimals both ways, cut answers, and no secret in words."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
import requests
import structlog
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from kernel.errors import Unreachable
from kernel.http import Answer, HttpClient, encode
from kernel.telemetry import set_up_logs, tell_secret
from kernel.testing import FakeClock


def test_decimals_leave_and_come_with_all_their_digits() -> None:
    payload = {
        "a": Decimal("0.10"), "b": [Decimal("12345678901234567890.123456789012"), Decimal("1E+3"), Decimal("-0.000000001")],
        "text": '0.10 "quoted" \u2028 Ключ', "n": None, "i": 5,
    }  # fmt: skip
    body = encode(payload)
    assert b'"a": 0.10,' in body and b"12345678901234567890.123456789012, 1000, -0.000000001" in body
    back = Answer(200, {}, body).json()
    assert back == payload and type(back["a"]) is Decimal
    with pytest.raises(TypeError):
        encode({"x": object()})


class Gate:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *_: self.events.append(name)


def client(transport: Any, gate: Any = None) -> HttpClient:
    return HttpClient("crm", "https://crm.example/rest", clock=FakeClock(), gate=gate, transport=transport,
                      headers=lambda: {"Authorization": "Bearer s3cr3t-token"})  # fmt: skip


def raising(exc: Exception) -> Any:
    def transport(method: str, url: str, *, headers: Mapping[str, str], body: bytes | None, timeout: float) -> Answer:
        raise exc

    return transport


@pytest.mark.row("PL-03")
@pytest.mark.parametrize(
    ("exc", "maybe_done"),
    [
        (requests.exceptions.ReadTimeout("s3cr3t-token"), True),
        (requests.exceptions.ChunkedEncodingError("cut"), True),
        (requests.exceptions.ConnectionError("reset by peer"), True),
        (requests.exceptions.ConnectTimeout(), False),
        (requests.exceptions.ConnectionError("NewConnectionError: refused"), False),
        (ConnectionResetError(), True),
    ],
)
def test_a_lost_answer_to_a_write_may_have_been_carried_out(exc: Exception, maybe_done: bool) -> None:
    gate = Gate()
    with pytest.raises(Unreachable) as caught:
        client(raising(exc), gate).send("POST", "task/", payload={}, writes=True)
    assert caught.value.maybe_done is maybe_done and "s3cr3t" not in str(caught.value)
    assert gate.events == ["acquire", "failed", "release"]
    with pytest.raises(Unreachable) as caught:
        client(raising(exc)).send("GET", "task/1")
    assert caught.value.maybe_done is False


@pytest.mark.row("PL-03", "PL-10")
def test_what_is_sent_and_that_the_log_knows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: dict[str, Any] = {}

    def transport(method: str, url: str, **more: Any) -> Answer:
        sent.update(method=method, url=url, **more)
        return Answer(500 if "bad" in url else 200, {}, b'{"x": 1.10}')

    lines, gate = io.StringIO(), Gate()
    monkeypatch.setattr("sys.stderr", lines)
    tell_secret("s3cr3t-token")
    set_up_logs("debug", readable=False)
    try:
        posted = client(transport, gate)
        answer = posted.send("POST", "/task/", query={"a": "ї&="}, payload={"n": Decimal("1.5")}, writes=True)
        assert gate.events == ["acquire", "release", "succeeded"]
        client(transport, gate).send("GET", "bad")
        with pytest.raises(Unreachable):
            client(raising(OSError("s3cr3t-token"))).send("GET", "x?token=s3cr3t-token")
    finally:
        structlog.reset_defaults()
    assert answer.json() == {"x": Decimal("1.10")} and sent["headers"]["Authorization"] == "Bearer s3cr3t-token"
    assert gate.events[3:] == ["acquire", "release"], "an answer 500 is no success"
    logged = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [line["event"] for line in logged] == ["call", "call", "call.failed"]
    assert "s3cr3t" not in lines.getvalue()


@pytest.mark.row("PL-03")
def test_answers_over_a_real_socket(httpserver: HTTPServer) -> None:
    def cut(_request: Request) -> Response:
        return Response(b"{", headers={"Content-Length": "1000"})

    httpserver.expect_request("/good").respond_with_json({"amount": 0.1})
    httpserver.expect_request("/moved").respond_with_data("", 302, {"Location": "/good"})
    httpserver.expect_request("/cut").respond_with_handler(cut)
    real = HttpClient("crm", httpserver.url_for("/"), clock=FakeClock())
    assert real.send("GET", "good").json() == {"amount": Decimal("0.1")}
    assert real.send("GET", "moved").status == 302, "a redirect is not followed: it could carry our token elsewhere"
    with pytest.raises((Unreachable, ValueError)):
        real.send("GET", "cut").json()


@pytest.mark.row("PL-03")
def test_a_server_that_is_gone_has_carried_out_nothing() -> None:
    with HTTPServer() as own:
        real = HttpClient("crm", own.url_for("/"), clock=FakeClock())
    with pytest.raises(Unreachable) as caught:
        real.send("POST", "good", payload={}, writes=True)
    assert caught.value.maybe_done is False
