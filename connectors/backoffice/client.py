"""One request to the back office: proof of who we are, the cap, and what came back judged before it is read.

Nothing here follows a redirection or an address out of a document: where a request goes, settings and mapping say.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile
from typing import IO
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from connectors.backoffice import errors, limits, settings, wsse
from kernel.clock import Clock
from kernel.errors import Throttled, Unreachable
from kernel.extension import Connection
from kernel.http import Gate, HttpClient, Into, ParallelLimit, Reach, TooLarge
from kernel.telemetry import log

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
XML_TYPES = "text/xml, application/xml;q=0.9"


class JudgedGate:
    """The gate below, of which not every answer with a good status is a good one: the client says so itself."""

    def __init__(self, gate: Gate) -> None:
        self.below = gate

    def acquire(self) -> None:
        self.below.acquire()

    def release(self) -> None:
        self.below.release()

    def succeeded(self) -> None:
        """Not known yet."""

    def failed(self, reason: str) -> None:
        self.below.failed(reason)

    def back_off(self, seconds: float) -> None:
        self.below.back_off(seconds)


class Received:
    """A body, in memory or, if it is long, in a file; closed by whoever opened it."""

    def __init__(self) -> None:
        self.file: IO[bytes] = SpooledTemporaryFile(max_size=limits.IN_MEMORY_BYTES)  # noqa: SIM115 - closed by `close`
        self.bytes = self.status = 0

    def write(self, piece: bytes) -> None:
        self.bytes += len(piece)
        self.file.write(piece)

    def head(self, size: int = limits.SAMPLE_BYTES) -> bytes:
        self.file.seek(0)
        found = self.file.read(size)
        self.file.seek(0)
        return found

    def close(self) -> None:
        self.file.close()


class Client:
    """One back office."""

    def __init__(self, http: HttpClient, read: settings.Settings, clock: Clock) -> None:
        self._http, self._read, self._clock = http, read, clock
        self._gate = JudgedGate(http.gate)
        http.gate = self._gate

    @contextmanager
    def soap(
        self,
        path: str,
        action: str,
        element: bytes,
        where: str,
        *,
        maybe: bool = False,
        most: int = limits.ANSWER_BYTES_MAX,
        encoding: str = "utf-8",
    ) -> Iterator[Received]:
        """The answer to that element in an envelope; `where` names the service in the set. Raises the tree under Fault."""
        head = ""
        if self._read.auth == "wsse":
            proof = wsse.header(self._read.user, self._read.password, self._clock.now())
            head = f"<s:Header>{proof}</s:Header>"
        begin = f'<?xml version="1.0" encoding="{encoding}"?><s:Envelope xmlns:s="{ENVELOPE}">{head}<s:Body>'
        body = written(begin, encoding) + element + b"</s:Body></s:Envelope>"
        headers = {
            "Content-Type": f"text/xml; charset={encoding}", "SOAPAction": f'"{action}"', **self._proof(plain=False)
        }  # fmt: skip
        with self._exchange("POST", path, headers, body, where, maybe, most) as received:
            yield received

    @contextmanager
    def plain(
        self,
        path: str,
        query: Mapping[str, str],
        where: str,
        *,
        body: bytes | None = None,
        maybe: bool = False,
        most: int = limits.ANSWER_BYTES_MAX,
        encoding: str = "utf-8",
    ) -> Iterator[Received]:
        """The same over plain XML: a question by its address, or with `body` a document that is handed over."""
        headers = self._proof(plain=True)
        if body is not None:
            headers["Content-Type"] = f"text/xml; charset={encoding}"
        address = f"{path}?{urlencode(query)}" if query else path
        with self._exchange("GET" if body is None else "POST", address, headers, body, where, maybe, most) as received:
            yield received

    @contextmanager
    def _exchange(
        self,
        method: str,
        address: str,
        headers: Mapping[str, str],
        body: bytes | None,
        where: str,
        maybe: bool,
        most: int,
    ) -> Iterator[Received]:
        received = Received()
        try:
            self._send(method, address, headers, body, where, maybe, most, received)
            try:
                yield received
                errors.expect_good(received.status, maybe=maybe)
            except Exception as exc:
                told = errors.by_bad_status(exc, received.status, maybe=maybe)
                self._judge(told)
                if told is exc:
                    raise
                raise told from exc
            self._gate.below.succeeded()
        finally:
            received.close()

    def _send(
        self,
        method: str,
        address: str,
        headers: Mapping[str, str],
        body: bytes | None,
        where: str,
        maybe: bool,
        most: int,
        received: Received,
    ) -> None:
        url, about = self._read.url + address, address.partition("?")[0]
        try:
            answer = self._http.exchange(
                method, url, headers={"Accept": XML_TYPES, **headers}, body=body, timeout=self._read.timeout_s,
                writes=maybe, about=about,
                into=Into(received.write, most),
            )  # fmt: skip
        except TooLarge:
            self._gate.below.succeeded()
            raise errors.bad(f"the answer is larger than {most} bytes", received.head(), maybe=maybe) from None
        received.status = answer.status
        if answer.body:  # an answer with an error's status comes as a whole
            received.write(answer.body)
        found = errors.by_status(answer, received.head(64 * 1024), where, maybe=maybe)
        if found is None:
            return
        self._judge(found)
        if isinstance(found, Throttled):
            self._gate.back_off(found.wait_seconds)
        log.warning("source.no_answer", system=errors.NAME, path=about, status=answer.status, reason=str(found))
        raise found

    def _judge(self, exc: Exception) -> None:
        if isinstance(exc, Unreachable) and not errors.answered(exc):
            self._gate.failed(str(exc))
        else:
            self._gate.below.succeeded()

    def _proof(self, *, plain: bool) -> dict[str, str]:
        if self._read.auth == "basic" or (self._read.auth == "wsse" and plain):
            return {"Authorization": self._read.basic}  # plain XML has no place for a UsernameToken
        return {self._read.header: self._read.password} if self._read.auth == "header" else {}


def connect(connection: Connection) -> Client:
    """Raises Misconfigured."""
    read = settings.read(connection.settings)
    http = connection.http(
        read.url,
        parallel=ParallelLimit(
            read.parallel, 3 * read.timeout_s + limits.CONNECT_SECONDS, limits.FAILURES_MAX, limits.OPEN_SECONDS
        ),
        reach=Reach(read.host, limits.CONNECT_SECONDS, read.timeout_s, read.ca, read.certificate, read.key),
    )
    return Client(http, read, connection.clock)


def question(ask: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """The names and texts of a question, with what is asked put in; what is empty is left out."""
    found = {}
    for name, text in ask.items():
        for key, value in values.items():
            text = text.replace(f"{{{key}}}", value)
        if text:
            found[name] = text
    return found


def element(name: str, namespace: str, texts: Mapping[str, str], encoding: str = "utf-8") -> bytes:
    """A flat request element of SOAP."""
    inner = "".join(f"<{tag}>{escape(text)}</{tag}>" for tag, text in texts.items())
    declared = f' xmlns="{escape(namespace, {chr(34): "&quot;"})}"' if namespace else ""
    return written(f"<{name}{declared}>{inner}</{name}>", encoding)


def written(text: str, encoding: str) -> bytes:
    """Markup as it leaves; what the encoding does not have stands as its number."""
    return text.encode(encoding, "xmlcharrefreplace")


def jitter(seconds: float) -> float:
    """Somewhat longer or shorter, so that many who wait do not come back at once."""
    share = limits.RETRY_SHARE * (secrets.randbelow(2001) - 1000) / 1000
    return seconds * (1 + share)
