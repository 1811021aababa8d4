"""Outgoing calls: one attempt each, through the gate, with time-outs, no redirects, and secrets kept out of words.

Whether a repeat makes sense is the caller's to say: a write whose answer was lost may have been carried out.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol

import requests
import urllib3

from kernel.clock import Clock
from kernel.errors import Unreachable
from kernel.http.gate import Gate, OpenGate
from kernel.telemetry import log, metrics

ANSWER_BYTES_MAX = 32 * 1024 * 1024
EXPONENT_MAX = 1000  #: what is larger would be written out digit by digit somewhere


@dataclass(frozen=True)
class Answer:
    """What came back: any status, body not yet judged."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON with exact decimals (never binary floats). Raises ValueError."""
        return json.loads(self.body, parse_float=_exact)


def _exact(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation as exc:
        raise ValueError("a number out of all bounds") from exc
    if abs(number.adjusted()) > EXPONENT_MAX:
        raise ValueError("a number out of all bounds")
    return number


class Transport(Protocol):
    """What really sends: `requests` in life, a function over the sandbox or a script in tests."""

    def __call__(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None, timeout: float
    ) -> Answer: ...


class RequestsTransport:
    """Keeps connections open; one session per thread is `requests`' own advice."""

    def __init__(self) -> None:
        self._local = threading.local()

    def __call__(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None, timeout: float) -> Answer:
        session = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            session.trust_env = False  # a proxy of the machine is a setting of ours, not a surprise
        response = session.request(
            method, url, headers=dict(headers), data=body, timeout=timeout, allow_redirects=False, stream=True
        )
        with response:
            content = response.raw.read(ANSWER_BYTES_MAX + 1, decode_content=True)
            if len(content) > ANSWER_BYTES_MAX:
                raise requests.exceptions.ContentDecodingError(f"the answer is larger than {ANSWER_BYTES_MAX} bytes")
            return Answer(response.status_code, dict(response.headers), content)


class HttpClient:
    """Calls to one outside system."""

    def __init__(
        self,
        system: str,
        base_url: str,
        *,
        clock: Clock,
        gate: Gate | None = None,
        transport: Transport | None = None,
        headers: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self.system, self.base_url = system, base_url.rstrip("/") + "/"
        self._clock, self.gate = clock, gate or OpenGate()
        self._transport = transport or RequestsTransport()
        self._headers = headers

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        payload: Any = None,
        timeout: float = 20.0,
        writes: bool = False,
    ) -> Answer:
        """One request. Raises Unreachable when there was no answer; with `writes` that says `maybe_done`."""
        self.gate.acquire()
        url = self.base_url + path.lstrip("/")
        if query:
            url += "?" + requests.compat.urlencode(query)
        headers = {"Accept": "application/json", **self._headers()}
        body = None
        if payload is not None:
            headers["Content-Type"] = "application/json; charset=utf-8"
            body = encode(payload)
        started = self._clock.monotonic()
        try:
            answer = self._transport(method, url, headers=headers, body=body, timeout=timeout)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as exc:
            metrics.outgoing(self.system, "none", self._clock.monotonic() - started)
            reason = f"{self.system} did not answer: {type(exc).__name__}"
            self.gate.failed(reason)
            never_left = isinstance(exc, requests.exceptions.ConnectTimeout) or "NewConnectionError" in repr(exc)
            log.warning("call.failed", system=self.system, method=method, path=path, error=type(exc).__name__)
            raise Unreachable(reason, maybe_done=writes and not never_left) from exc
        finally:
            self.gate.release()
        took = self._clock.monotonic() - started
        metrics.outgoing(self.system, str(answer.status), took)
        log.debug("call", system=self.system, method=method, path=path, status=answer.status, ms=round(took * 1000))
        if answer.status < 500:
            self.gate.succeeded()
        return answer


def encode(payload: Any) -> bytes:
    """JSON in which decimals stand as numbers with all their digits, not as strings and not through floats."""
    marks: dict[str, str] = {}
    salt = secrets.token_hex(8)  # no text that somebody typed can equal a mark

    def number(value: Any) -> str:
        if not isinstance(value, Decimal):
            raise TypeError(f"{type(value).__name__} cannot be sent as JSON")
        mark = f"{salt}{len(marks)}."
        marks[mark] = format(value, "f")
        return mark

    text = json.dumps(payload, ensure_ascii=False, default=number)
    for mark, digits in marks.items():
        text = text.replace(f'"{mark}"', digits)
    return text.encode()
