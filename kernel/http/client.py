"""Outgoing calls: one attempt each, through the gate, with time-outs, no redirects, and secrets kept out of words.

Whether a repeat makes sense is the caller's to say: a write whose answer was lost may have been carried out.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from urllib.parse import urlsplit

import requests
import urllib3

from kernel.clock import Clock
from kernel.errors import Rejected, Unreachable
from kernel.http.bodies import PIECE_BYTES, Body, Element, Stream, parse_xml
from kernel.http.gate import Gate, OpenGate
from kernel.http.reach import Reach, TooLate, in_time
from kernel.telemetry import log, metrics

ANSWER_BYTES_MAX = 32 * 1024 * 1024
ANSWER_SECONDS_MAX = 120.0  #: for the whole answer, however it trickles in
FILE_SECONDS_MAX = 900.0
#: What an exception names where there was no connection, or none that was trusted: no byte of the request was sent.
NEVER_LEFT = ("NewConnectionError", "NameResolutionError", "SSLCertVerificationError")
EXPONENT_MAX = 1000  #: what is larger would be written out digit by digit somewhere
Sink = Callable[[bytes], object]
Content = bytes | Stream | None  #: of a request, as it leaves


@dataclass(frozen=True)
class Answer:
    """What came back: any status, body not yet judged."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON with exact decimals (never binary floats). Raises ValueError."""
        return json.loads(self.body, parse_float=_exact)

    def xml(self) -> Element:
        """The body as XML without a document type. Raises ValueError."""
        return parse_xml(self.body)


def _exact(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation as exc:
        raise ValueError("a number out of all bounds") from exc
    if abs(number.adjusted()) > EXPONENT_MAX:
        raise ValueError("a number out of all bounds")
    return number


class Transport(Protocol):
    """What really sends: `requests` in production, a function over the sandbox or a script in tests."""

    def __call__(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None, timeout: float
    ) -> Answer: ...


@runtime_checkable
class StreamingTransport(Protocol):
    """One that needs neither a request's nor an answer's body whole in memory."""

    def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | Stream | None,
        timeout: float,
        into: Into | None,
    ) -> Answer:
        """With `into`, a good answer's body goes there and the Answer has none."""


@dataclass(frozen=True)
class Into:
    """Where a good answer's body goes, and how much of it at most."""

    sink: Sink
    bytes_max: int


class TooLarge(Exception):
    """The answer has more bytes than it may have."""


class RequestsTransport:
    """Keeps connections open; one session per thread is `requests`' own advice."""

    def __init__(self, *, reach: Reach | None = None) -> None:
        self._local, self._reach = threading.local(), reach

    def __call__(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None, timeout: float) -> Answer:
        return self.stream(method, url, headers=headers, body=body, timeout=timeout, into=None)

    def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | Stream | None,
        timeout: float,
        into: Into | None,
    ) -> Answer:
        session = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            session.trust_env = False  # a proxy of the machine is a setting of ours, not a surprise
            if self._reach is not None:
                self._reach.prepare(session)
        if self._reach is None:
            return self._exchange(session, method, url, headers, body, timeout, timeout, 0.0, into)
        try:
            with in_time(self._reach.answer_seconds):
                return self._exchange(
                    session,
                    method,
                    url,
                    headers,
                    body,
                    self._reach.connect_seconds,
                    timeout,
                    self._reach.answer_seconds,
                    into,
                )
        except TooLate as exc:
            raise requests.exceptions.ReadTimeout(str(exc)) from exc

    def _exchange(
        self,
        session: requests.Session,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Stream | None,
        connect: float,
        timeout: float,
        most: float,
        into: Into | None,
    ) -> Answer:
        """`most`: seconds for all of it; 0: what is usual."""
        began = time.monotonic()
        response = session.request(
            method, url, headers=dict(headers), data=body, timeout=(connect, timeout), allow_redirects=False, stream=True
        )
        with response:
            to_file = into is not None and 200 <= response.status_code < 300
            limit = into.bytes_max if into is not None and to_file else ANSWER_BYTES_MAX
            most = most or (FILE_SECONDS_MAX if to_file else ANSWER_SECONDS_MAX)
            pieces = _pieces(response.raw, limit, most, began)
            content = b""
            if into is not None and to_file:
                for piece in pieces:
                    into.sink(piece)
            else:
                try:
                    content = b"".join(pieces)
                except TooLarge as exc:
                    raise requests.exceptions.ContentDecodingError(str(exc)) from exc
            return Answer(response.status_code, dict(response.headers), content)


def _pieces(raw: Any, bytes_max: int, seconds_max: float, began: float) -> Iterator[bytes]:
    """The body as it comes: no single wait is longer than the time-out, and all together, from the request on, no longer
    than that."""
    until, total = began + seconds_max, 0
    while piece := raw.read1(PIECE_BYTES, decode_content=True):
        total += len(piece)
        if total > bytes_max:
            raise TooLarge(f"the answer is larger than {bytes_max} bytes")
        if time.monotonic() > until:
            raise requests.exceptions.ReadTimeout(f"the answer took longer than {seconds_max:.0f} s")
        yield piece


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
        connection: str = "",
    ) -> None:
        """`system` is its name in errors, `connection` the full name in metrics."""
        self.system, self.base_url = system, base_url.rstrip("/") + "/"
        self._connection = connection or system
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
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 20.0,
        writes: bool = False,
    ) -> Answer:
        """One request with JSON (`payload`) or another `body`. Raises Unreachable when there was no answer; with `writes`
        that says `maybe_done`."""
        made, content = self._request(payload, body, headers)
        return self.exchange(
            method, self._url(path, query), headers=made, body=content, timeout=timeout, writes=writes, about=path
        )

    def download(
        self,
        method: str,
        path: str,
        into: Path,
        *,
        bytes_max: int,
        query: Mapping[str, str] | None = None,
        payload: Any = None,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 20.0,
        about: str = "",
    ) -> Answer:
        """The same, with a good answer's body put into the file `into`: whole, or not at all. Raises Rejected if it is
        larger than that. A bad answer keeps its body, and there is no file. `about` stands for the path in the log."""
        made, content = self._request(payload, body, headers)
        return self._into_file(method, self._url(path, query), made, content, timeout, about or path, into, bytes_max)

    def download_from(self, url: str, into: Path, *, bytes_max: int, timeout: float = 20.0) -> Answer:
        """The same from a whole address, which may be another system's: none of our own headers goes there."""
        return self._into_file("GET", url, {}, None, timeout, urlsplit(url).path, into, bytes_max)

    def _into_file(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: Content,
        timeout: float,
        about: str,
        into: Path,
        bytes_max: int,
    ) -> Answer:
        part = into.with_name(f"{into.name}.{secrets.token_hex(4)}.part")
        try:
            with part.open("wb") as file:
                answer = self.exchange(
                    method, url, headers=headers, body=content, timeout=timeout, about=about,
                    into=Into(file.write, bytes_max),
                )  # fmt: skip
            if 200 <= answer.status < 300:
                os.replace(part, into)
            return answer
        except TooLarge as exc:
            raise Rejected(f"{self.system}: the file is larger than {bytes_max} bytes") from exc
        finally:
            with suppress(FileNotFoundError):
                part.unlink()

    def exchange(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: Content = None,
        timeout: float = 20.0,
        writes: bool = False,
        about: str = "",
        into: Into | None = None,
    ) -> Answer:
        """One request to a whole address, through the gate; `about` stands for the address in the log."""
        self.gate.acquire()
        started = self._clock.monotonic()
        try:
            answer = self._through(method, url, headers, body, timeout, into)
        except TooLarge:
            self._note(started, "too_large")
            raise
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as exc:
            self._note(started, "none")
            reason = f"{self.system} did not answer: {type(exc).__name__}"
            self.gate.failed(reason)
            never_left = isinstance(exc, requests.exceptions.ConnectTimeout) or any(one in repr(exc) for one in NEVER_LEFT)
            log.warning("call.failed", system=self.system, method=method, path=about, error=type(exc).__name__)
            raise Unreachable(reason, maybe_done=writes and not never_left) from exc
        finally:
            self.gate.release()
        took = self._note(started, str(answer.status))
        log.debug("call", system=self.system, method=method, path=about, status=answer.status, ms=round(took * 1000))
        if answer.status < 500:
            self.gate.succeeded()
        return answer

    def own_headers(self) -> dict[str, str]:
        """What every request of this client carries."""
        return dict(self._headers())

    def _url(self, path: str, query: Mapping[str, str] | None) -> str:
        url = self.base_url + path.lstrip("/")
        return f"{url}?{requests.compat.urlencode(query)}" if query else url

    def _request(self, payload: Any, body: Body | None, headers: Mapping[str, str] | None) -> tuple[dict[str, str], Content]:
        made = {"Accept": "application/json", **self._headers(), **(headers or {})}
        if payload is not None:
            return {**made, "Content-Type": "application/json; charset=utf-8"}, encode(payload)
        if body is not None:
            return {"Content-Type": body.content_type, **made}, body.encoded()
        return made, None

    def _through(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Stream | None,
        timeout: float,
        into: Into | None,
    ) -> Answer:
        """Straight, or whole where the transport knows no streams."""
        if into is None and not isinstance(body, Stream):
            return self._transport(method, url, headers=headers, body=body, timeout=timeout)
        if isinstance(self._transport, StreamingTransport):
            return self._transport.stream(method, url, headers=headers, body=body, timeout=timeout, into=into)
        whole = body.read() if isinstance(body, Stream) else body
        answer = self._transport(method, url, headers=headers, body=whole, timeout=timeout)
        if into is None or not 200 <= answer.status < 300:
            return answer
        if len(answer.body) > into.bytes_max:
            raise TooLarge
        into.sink(answer.body)
        return Answer(answer.status, answer.headers, b"")

    def _note(self, started: float, status: str) -> float:
        took = self._clock.monotonic() - started
        metrics.outgoing(self._connection, status, took)
        return took


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
