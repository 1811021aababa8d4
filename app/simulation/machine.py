"""What the simulated processes stand on: a database and a network that may fail, and may be the last thing one sees."""

from __future__ import annotations

import io
import random
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote_to_bytes, urlsplit

import requests

from app.simulation.crew import at_work
from kernel.http import Answer
from kernel.storage import Database, Tx
from kernel.testing import Crash, FakeClock

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
CONNECT_SECONDS = 2.0
CUT = "sandbox.cut"  #: what the emulated portal puts into environ to hang up instead of answering
CALL_SECONDS = 0.08


class Points:
    """Every place where a process may lose its turn or its life: each commit and each call."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.deaths = 0.0  #: chance at each point
        self.turns = 0.0  #: chance that others go on here

    def pass_by(self, name: str, *, turn: bool = True) -> None:
        """`turn`: whether the work may be held up here for long; between the gate and the wire it may not."""
        piece = at_work()
        if piece is None:  # the storyteller, who looks and checks
            return
        if piece.dying:
            raise Crash(name)
        if self.deaths and self.rng.random() < self.deaths:
            raise Crash(name)
        if turn and self.turns and self.rng.random() < self.turns:
            piece.hand_over()


class SimulatedDatabase(Database):
    """A real SQLite file. Who dies before the commit has written nothing, who dies after it has written all."""

    def __init__(self, file: Path, points: Points) -> None:
        # Processes die here, the machine does not: what was committed need not reach the disk.
        super().__init__(f"sqlite:///{file}", durable=False)
        self._points = points
        self._open = 0

    @contextmanager
    def write(self) -> Iterator[Tx]:
        self._points.pass_by("write")
        self._open += 1
        try:
            with super().write() as tx:
                yield tx
                if (piece := at_work()) is not None and (piece.dying or self._dies()):
                    raise Crash("before commit")
        finally:
            self._open -= 1
        self._points.pass_by("committed")

    @contextmanager
    def read(self) -> Iterator[Tx]:
        self._open += 1
        try:
            with super().read() as tx:
                yield tx
        finally:
            self._open -= 1

    def nobody_waits(self) -> None:
        """A unit of work that stays open over a call would hold everybody else up for as long as the CRM pleases."""
        assert self._open == 0, "a call leaves while a unit of work is open"

    def _dies(self) -> bool:
        return bool(self._points.deaths) and self._points.rng.random() < self._points.deaths


class Other(Protocol):
    """A further system that is asked, beside the portal."""

    application: Application
    unreachable: bool  #: nobody takes our connection


class Network:
    """Carries requests between the processes and the portal, or others; loses some requests, and some answers."""

    def __init__(self, clock: FakeClock, points: Points, database: SimulatedDatabase) -> None:
        self._clock, self._points, self._database = clock, points, database
        self.portal: Application | None = None
        self.others: dict[str, Other] = {}  #: by the name of their host
        self.lost = 0.0  #: chance that a request never arrives; the same again for its answer
        self.cut_off = False
        self.requests = 0

    def carry(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None, timeout: float) -> Answer:
        """What a connector sends through (kernel.http.Transport)."""
        self._database.nobody_waits()
        self._points.pass_by("call", turn=False)
        rng = self._points.rng
        if self.cut_off or (self.lost and rng.random() < self.lost):
            self._clock.advance(seconds=min(timeout, rng.choice((0.01, 20.0))))
            raise requests.exceptions.ConnectionError("simulated: no route")
        other = self.others.get(urlsplit(url).hostname or "")
        if other is not None and other.unreachable:
            self._clock.advance(seconds=CONNECT_SECONDS)
            raise requests.exceptions.ConnectTimeout("simulated: nobody takes the connection")
        application = other.application if other is not None else self.portal
        assert application is not None
        self.requests += other is None
        self._clock.advance(seconds=CALL_SECONDS)
        status, shown, content, cut = ask(application, method, url, headers, body or b"")
        self._points.pass_by("called")
        if cut or (self.lost and rng.random() < self.lost):
            self._clock.advance(seconds=rng.choice((0.01, timeout)))
            raise requests.exceptions.ReadTimeout("simulated: the answer was lost")
        return Answer(status, shown, content)


def ask(
    application: Application, method: str, url: str, headers: Mapping[str, str], body: bytes
) -> tuple[int, dict[str, str], bytes, bool]:
    """One request to a WSGI application: status, headers, body, and whether it hung up."""
    parts = urlsplit(url)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": unquote_to_bytes(parts.path).decode("latin-1"),
        "QUERY_STRING": parts.query, "SERVER_NAME": parts.hostname or "", "SERVER_PORT": str(parts.port or 443),
        "HTTP_HOST": parts.netloc, "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": str(len(body)), "wsgi.version": (1, 0), "wsgi.url_scheme": parts.scheme,
        "wsgi.input": io.BytesIO(body), "wsgi.errors": sys.stderr, "wsgi.multithread": True,
        "wsgi.multiprocess": False, "wsgi.run_once": False,
    }  # fmt: skip
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
    head: list[Any] = []
    answer = application(environ, lambda status, shown, _error=None: head.extend((status, shown)))
    try:
        content = b"".join(answer)
    finally:
        if close := getattr(answer, "close", None):
            close()
    return int(head[0].split()[0]), dict(head[1]), content, bool(environ.get(CUT))
