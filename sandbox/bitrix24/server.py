"""Puts the portal together: methods, doors, threads, listening socket."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from sandbox.bitrix24 import app_doors, disk, oauth, seed
from sandbox.bitrix24.apps import App
from sandbox.bitrix24.delivery import Delivery
from sandbox.bitrix24.doors import DOORS, BadRequest
from sandbox.bitrix24.events import Events
from sandbox.bitrix24.faults import Faults
from sandbox.bitrix24.request import Answer, Request, as_html, as_json
from sandbox.bitrix24.rest import Rest
from sandbox.bitrix24.state import Portal
from sandbox.common.clock import Clock
from sandbox.common.http import CUT
from sandbox.common.options import CommonOptions
from sandbox.common.serving import Listening

NOT_METHODS = ("tests", "portals", "__main__", "server", "cli")


@dataclass(frozen=True)
class Options(CommonOptions):
    post_to: str = "http://127.0.0.1:8080"


def import_methods() -> list[Any]:
    """Import every module of this folder, so that each puts its methods, doors and switches on the lists."""
    found = []
    for info in pkgutil.walk_packages([str(Path(__file__).parent)], "sandbox.bitrix24."):
        if not any(part in NOT_METHODS for part in info.name.split(".")):
            found.append(importlib.import_module(info.name))
    return found


class Still:
    """A portal without threads and sockets: `serve` answers, `delivery.step` does what is due."""

    def __init__(self, options: Options, clock: Clock) -> None:
        modules = import_methods()  # first: they may bring switches of their own
        faults = Faults(options.seed)
        faults.set_all(dict(options.faults))
        self.portal = Portal(clock, faults, post_to=options.post_to.rstrip("/"))
        seed.load(self.portal, options.portal, options.token)
        self.delivery = Delivery(self.portal)
        self.events = Events(self.portal, self.delivery)
        self.rest = Rest(self.portal)
        #: Called when an application is updated or removed: what it had registered is gone.
        self.on_app_gone: list[Callable[[Portal, App], None]] = []
        #: Figures for /sandbox/state.
        self.counts: list[Callable[[Portal], dict[str, int]]] = []
        # A module that has something to do with a new portal says so with a function `attach(sandbox)`.
        for module in modules:
            attach = getattr(module, "attach", None)
            if attach:
                attach(self)

    def serve(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """The portal as a WSGI application."""
        request = Request.of(environ)
        answer = self._answer(request)
        environ[CUT] = answer.cut
        start(answer.line, answer.all_headers())
        return [answer.body]

    def records(self) -> dict[str, int]:
        return {name: number for count in self.counts for name, number in count(self.portal).items()}

    def _answer(self, request: Request) -> Answer:
        try:
            if request.path.startswith("/rest/"):
                return self.rest.serve(request)
            if request.path.startswith("/oauth/"):
                return oauth.serve(self.portal, request)
            if request.path.startswith("/sandbox/"):
                return self._door(request)
            if request.path.startswith("/disk/"):
                return disk.serve(self.portal, request)
        except Exception as error:
            # A mistake of the sandbox itself must be seen by the test that made it.
            self.portal.note(direction="in", verb=request.verb, path=request.path, status=500, error=repr(error))
            return as_json({"error": "SANDBOX_BROKEN", "error_description": repr(error)}, 500)
        return as_html("<html><body><h1>404 Not Found</h1></body></html>", 404)

    def _door(self, request: Request) -> Answer:
        run = DOORS.get((request.verb, request.path.rstrip("/")))
        if run is None:
            return as_json({"error": f"no door {request.verb} {request.path}"}, 404)
        try:
            result = run(self, request.query if request.verb == "GET" else request.json())
        except BadRequest as wrong:
            return as_json({"error": str(wrong)}, 400)
        return result if isinstance(result, Answer) else as_json(result)


class Sandbox(Listening, Still):
    """A running portal. `close` ends its threads and its socket."""

    def __init__(self, options: Options) -> None:
        super().__init__(options, Clock(options.speedup))
        self.portal.address = self._listen("bitrix24", options, self.serve)

    @property
    def address(self) -> str:
        return self.portal.address

    def start(self) -> Self:
        self.delivery.start()
        return super().start()

    def close(self) -> None:
        self._hang_up()
        self.delivery.close()

    def about(self) -> dict[str, Any]:
        """The first line of stdout."""
        portal = self.portal
        base = {user.id: f"{self.address}/rest/{user.id}/{user.webhook}/" for user in portal.people.values()}
        admin = next(user.id for user in portal.people.values() if user.admin)
        return {
            "base": base[admin],
            "address": self.address,
            "accounts": [
                {"id": u.id, "name": u.full_name, "admin": u.admin, "technical": u.technical, "base": base[u.id]}
                for u in portal.people.values() if u.active
            ],
            "app": app_doors.shown(portal, portal.app()),
            "portal": portal.name,
        }  # fmt: skip
