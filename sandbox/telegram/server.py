"""Puts the world together: methods, doors, page, threads, listening socket."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import parse_qsl

from sandbox.common.clock import Clock
from sandbox.common.http import CUT
from sandbox.common.options import CommonOptions
from sandbox.common.serving import Listening
from sandbox.telegram import (
    bot_methods,
    calls,
    chat_methods,
    edit_methods,
    group_doors,
    people_doors,
    polling,
    reading_doors,
    seed,
    send_methods,
    system_doors,
)
from sandbox.telegram.doors import DOORS
from sandbox.telegram.faults import Faults
from sandbox.telegram.page import Page
from sandbox.telegram.people import Impossible
from sandbox.telegram.request import Answer, Request, as_html, as_json
from sandbox.telegram.state import World
from sandbox.telegram.webhook import Sender

#: Importing them puts their methods and doors on the lists.
REGISTERED = (
    bot_methods, chat_methods, edit_methods, polling, send_methods, group_doors, people_doors, reading_doors, system_doors,
)  # fmt: skip


@dataclass(frozen=True)
class Options(CommonOptions):
    token: str = "7000000001:sandbox"  # noqa: S105 - a word for a sandbox, not a secret
    portal: str = "partners"


class Still:
    """A world without threads and sockets: `serve` answers, `sender.step` delivers what is due."""

    def __init__(self, options: Options, clock: Clock) -> None:
        faults = Faults(options.seed)
        faults.set_all(dict(options.faults))
        self.world = World(clock, faults)
        self.token = options.token
        seed.load(self.world, options.portal, options.token)
        self.sender = Sender(self.world)
        self.page = Page(self.world)

    def serve(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """The world as a WSGI application."""
        answer = self._answer(Request.of(environ), environ.get("HTTP_ACCEPT_LANGUAGE", ""))
        environ[CUT] = answer.cut
        start(answer.line, answer.all_headers())
        return [answer.body]

    def _answer(self, request: Request, languages: str) -> Answer:
        try:
            if request.path.startswith("/bot"):
                return calls.serve(self.world, request)
            if request.path.startswith("/file/"):
                return calls.serve_file(self.world, request)
            if request.path.startswith("/sandbox/"):
                return self._door(request)
            page = self.page.serve(request, languages)
            if page is not None:
                return page
        except Exception as error:
            # A mistake of the sandbox itself must be seen by the test that made it.
            self.world.note(direction="in", path=request.path.rpartition("/")[2], status=500, error=repr(error))
            return as_json({"ok": False, "error_code": 500, "description": f"sandbox broken: {error!r}"}, 500)
        return as_html("<html><body><h1>404 Not Found</h1></body></html>", 404)

    def _door(self, request: Request) -> Answer:
        found = DOORS.get((request.verb, request.path.rstrip("/")))
        if found is None:
            return as_json({"error": f"no door {request.verb} {request.path}"}, 404)
        run, locked = found
        data = dict(parse_qsl(request.query)) if request.verb == "GET" else request.fields
        try:
            if locked:
                with self.world.lock:
                    result = run(self, data)
            else:
                result = run(self, data)
        except KeyError as missing:
            return as_json({"error": f"missing: {missing.args[0]}"}, 400)
        except (Impossible, ValueError, TypeError) as wrong:
            return as_json({"error": str(wrong)}, 400)
        return result if isinstance(result, Answer) else as_json(result)


class Sandbox(Listening, Still):
    """A running world. `close` ends its threads and its socket."""

    def __init__(self, options: Options) -> None:
        super().__init__(options, Clock(options.speedup))
        self.world.address = self._listen("telegram", options, self.serve)

    @property
    def address(self) -> str:
        return self.world.address

    def start(self) -> Self:
        self.sender.start()
        return super().start()

    def close(self) -> None:
        self.sender.close()
        self._hang_up()

    def about(self) -> dict[str, Any]:
        """The first line of stdout."""
        return {
            "base": f"{self.address}/bot", "files": f"{self.address}/file/bot", "address": self.address,
            "token": self.token, "portal": self.world.name,
            "bots": [{"id": bot.id, "username": bot.username} for bot in self.world.bots.values()],
            "people": [{"id": one.id, "name": one.name} for one in self.world.people.values()],
            "groups": [{"id": one.id, "title": one.title, "kind": one.kind} for one in self.world.groups.values()],
        }  # fmt: skip
