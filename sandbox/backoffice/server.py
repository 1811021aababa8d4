"""Puts the office together: faces, doors, page, listening socket."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sandbox.backoffice import access, book_doors, misbehave, plain, seed, system_doors
from sandbox.backoffice.doors import DOORS
from sandbox.backoffice.errors import Fault, Unproven
from sandbox.backoffice.faults import Faults, Troubles
from sandbox.backoffice.page import Page
from sandbox.backoffice.plain import PlainFace
from sandbox.backoffice.request import HUNG_UP, Answer, Request, as_html, as_json
from sandbox.backoffice.soap import SoapFace
from sandbox.backoffice.state import Office
from sandbox.backoffice.tables import LOOKUPS, OPENING, READERS, SERVICE_OPERATIONS
from sandbox.backoffice.values import Impossible
from sandbox.common.clock import Clock
from sandbox.common.http import CUT, HALF, STREAM
from sandbox.common.options import CommonOptions
from sandbox.common.serving import Listening

#: Importing them puts their doors on the list.
REGISTERED = (book_doors, system_doors)
BODY_SHOWN_MAX = 20_000
CLIENT_IN_BODY = re.compile(rb"ClientID>\s*(\d+)\s*<")
SET_OF_SERVICE = {one.service: one.set for one in READERS.values()}
SET_OF_LOOKUP = dict(zip(LOOKUPS, ("request", "clients"), strict=True))


@dataclass(frozen=True)
class Options(CommonOptions):
    portal: str = "broker"
    client_ca: str = ""


class Still:
    """An office without threads and sockets: `serve` answers."""

    def __init__(self, options: Options, clock: Clock) -> None:
        faults = Faults(options.seed)
        faults.set_all(dict(options.faults))
        self.office = Office(clock, faults)
        self.token = options.token
        seed.load(self.office, options.portal)
        self._soap = SoapFace(self.office, options.token)
        self._plain = PlainFace(self.office, options.token)
        self._page = Page(self.office)

    def serve(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """The office as a WSGI application."""
        answer = self._answer(Request.of(environ), environ.get("HTTP_ACCEPT_LANGUAGE", ""))
        environ[CUT], environ[HALF] = answer.end == "nothing", answer.end == "half"
        environ[STREAM] = answer.stream is not None
        start(answer.line, answer.all_headers())
        return [answer.body] if answer.stream is None else answer.stream

    def _answer(self, request: Request, languages: str) -> Answer:
        try:
            if request.path.startswith(("/bo", "/dealer/")):
                return self._asked(request)
            if request.path.startswith("/sandbox/"):
                return self._door(request)
            page = self._page.serve(request, languages)
            if page is not None:
                return page
        except Exception as error:
            # A mistake of the sandbox itself must be seen by the test that made it.
            self.office.note({"path": request.path, "status": 500, "outcome": f"sandbox broken: {error!r}"})
            return as_json({"error": f"sandbox broken: {error!r}"}, 500)
        return as_html("<html><body><h1>404 Not Found</h1></body></html>", 404)

    # -- the two faces

    def _asked(self, request: Request) -> Answer:
        """Find who answers, let the switches have their say, keep what was asked."""
        service = request.path.removeprefix("/bo").strip("/")
        soap = service in SERVICE_OPERATIONS
        if request.path in ("/bo", f"/bo/{service}") and "wsdl" in {name.lower() for name in request.query}:
            return self._soap.describe()
        what = self._set(request, service) if soap else plain.set_of(request.path)
        if not what:
            return as_html("<html><body><h1>404 Not Found</h1></body></html>", 404)
        face = "soap" if soap else ("dealer" if request.path.startswith("/dealer/") else "xml")
        entry: dict[str, Any] = {"face": face, "set": what, "client": _client_in(request)}
        begun = time.monotonic()
        with self.office.lock:
            troubles, fault = self.office.faults.for_request(what), self.office.faults.next_fault(what)
            self.office.counters["requests"] += 1
            self.office.asked[what, str(entry["client"])] += 1
            self.office.in_flight += 1
        answer = misbehave.before(self.office, troubles, request)
        if answer is None:
            with self.office.lock:
                answer = self._done(request, service if soap else "", what, troubles, fault, entry)
            answer = misbehave.after(self.office, troubles, request, answer)
        with self.office.changed:
            self.office.in_flight -= 1
            self.office.changed.notify_all()
        self.office.note({
            **entry, "status": answer.status, "outcome": answer.outcome, "bytes": len(answer.body), "end": answer.end,
            "ms": round((time.monotonic() - begun) * 1000), "headers": sorted(request.headers),
            "body": request.raw[:BODY_SHOWN_MAX].decode("utf-8", "replace"), "query": request.query,
        })  # fmt: skip
        return answer

    def _set(self, request: Request, service: str) -> str:
        """What the switches call it; of the three operations of OpeningService the one that is asked."""
        if service != OPENING:
            return SET_OF_SERVICE[service]
        raw = request.raw
        return next((name for operation, name in SET_OF_LOOKUP.items() if operation.encode() in raw), "open")

    def _done(
        self, request: Request, service: str, what: str, troubles: Troubles, fault: str, entry: dict[str, Any]
    ) -> Answer:
        opening = what == "open" and request.verb == "POST"
        if opening and self.office.faults.take("cut_before_commit_next"):
            return HUNG_UP
        fault = fault or troubles.word("fault") or ("AUTH" if troubles.word("expired") == "fault" else "")
        try:
            if fault:
                told = Fault(fault)
                return self._soap.fault(told) if service else self._plain.fault(told, self._plain.manner_of(request))
            if service:
                answer = self._soap.answer(request, service, troubles, entry)
            else:
                answer = self._plain.answer(request, troubles, entry)
        except Unproven as refused:
            return misbehave.unproven(refused.status)
        if opening and self.office.faults.take("lose_answer_next"):
            return HUNG_UP
        return answer

    # -- doors

    def _door(self, request: Request) -> Answer:
        run = DOORS.get((request.verb, request.path.rstrip("/")))
        if run is None:
            return as_json({"error": f"no door {request.verb} {request.path}"}, 404)
        try:
            with self.office.lock:
                return as_json(run(self.office, request.data()))
        except KeyError as missing:
            return as_json({"error": f"missing: {missing.args[0]}"}, 400)
        except (Impossible, ValueError, TypeError) as wrong:
            return as_json({"error": str(wrong)}, 400)


def _client_in(request: Request) -> str:
    """Whose rows are meant, as far as it shows before anything is parsed: a request that hangs is counted, too."""
    found = CLIENT_IN_BODY.search(request.raw)
    return found[1].decode() if found else request.query.get("client_id", request.query.get("kod", ""))


class Sandbox(Listening, Still):
    """A running office. `close` ends its threads and its socket."""

    def __init__(self, options: Options) -> None:
        super().__init__(options, Clock(options.speedup))
        self.office.address = self._listen("backoffice", options, self.serve, options.client_ca)

    @property
    def address(self) -> str:
        return self.office.address

    def close(self) -> None:
        self.office.closing = True
        self.office.wake()  # whoever hangs is let go
        self._hang_up()

    def about(self) -> dict[str, Any]:
        """The first line of stdout."""
        return {
            "base": self.address, "wsdl": f"{self.address}/bo?wsdl", "address": self.address, "user": access.USER,
            "token": self.token, "header": access.HEADER, "portal": self.office.name,
            "clients": [{"id": one.id, "name": one.name, "kind": one.kind} for one in self.office.clients.values()],
        }  # fmt: skip
