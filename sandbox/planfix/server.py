"""Puts the portal together: application, threads, listening socket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from flask import Blueprint, Flask, Response, g, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from sandbox.common.clock import Clock
from sandbox.common.options import CommonOptions
from sandbox.common.serving import Listening
from sandbox.planfix import (
    access,
    chat,
    comments,
    contacts,
    directories,
    door,
    files,
    incoming,
    meta,
    projects,
    reports,
    rows,
    staff,
    tasks,
    web,
)  # fmt: skip
from sandbox.planfix.access import Limits
from sandbox.planfix.delivery import Delivery
from sandbox.planfix.errors import Refusal
from sandbox.planfix.faults import Faults
from sandbox.planfix.queue import BusyQueue
from sandbox.planfix.scripts import Scripts
from sandbox.planfix.seed import load
from sandbox.planfix.state import Portal


@dataclass(frozen=True)
class Options(CommonOptions):
    portal: str = "exchange-desk"
    post_to: str = "http://127.0.0.1:8080"
    hook_secret: str = "sandbox-hook"  # noqa: S105


class SandboxApp(Flask):
    """REST calls are served one at a time under the portal's lock, as if each were a transaction."""

    portal: Portal

    def dispatch_request(self) -> ResponseReturnValue:
        if request.blueprint != "rest" or request.endpoint in UNLOCKED:
            return super().dispatch_request()  # these take the lock themselves, where they need it
        with self.portal.lock:
            return super().dispatch_request()


UNLOCKED = frozenset({"rest.file_from_url"})  # goes out itself, so it must not hold the lock


class Still:
    """A portal without threads and sockets: `app` answers, `busy.step` and `delivery.step` do what is due."""

    def __init__(self, options: Options, clock: Clock) -> None:
        faults = Faults(options.seed)
        faults.set_all(dict(options.faults))
        self.portal = Portal(clock, faults, post_to=options.post_to.rstrip("/"))
        load(self.portal, options.portal, options.token, options.hook_secret)
        self.busy = BusyQueue(self.portal)
        self.delivery = Delivery(self.portal, self.busy)
        self.scripts = Scripts(self.portal, self.delivery)
        self.chats = chat.Chats(self.portal)
        self.app = build(self.portal, self.busy, self.delivery, self.scripts, self.chats)

    def due_in(self) -> float | None:
        """Sandbox seconds until there is something to do; None if there is nothing."""
        moments = [moment for moment in (self.busy.due(), self.delivery.due()) if moment is not None]
        return min(moments) - self.portal.clock.ticks() if moments else None


class Sandbox(Listening, Still):
    """A running portal. `close` ends its threads and its socket."""

    def __init__(self, options: Options) -> None:
        super().__init__(options, Clock(options.speedup))
        self.portal.address = self._listen("planfix", options, self.app)

    @property
    def address(self) -> str:
        return self.portal.address

    def start(self) -> Self:
        self.busy.start()
        self.delivery.start()
        return super().start()

    def close(self) -> None:
        self._hang_up()
        self.delivery.close()
        self.busy.close()
        self.chats.close()

    def about(self) -> dict[str, Any]:
        """The first line of stdout."""
        robot = self.portal.robot()
        return {
            "base": f"{self.address}/rest/",
            "address": self.address,
            "token": robot.token,
            "accounts": [
                {"id": u.id, "name": u.full_name, "role": u.role, "token": u.token} for u in self.portal.users.values()
            ],
            "portal": self.portal.name,
        }


def build(portal: Portal, busy: BusyQueue, delivery: Delivery, scripts: Scripts, chats: chat.Chats) -> Flask:
    """The application with all doors."""
    app = SandboxApp("sandbox.planfix", static_folder=None)
    app.portal = portal
    app.url_map.converters["ident"] = web.IdentConverter
    app.url_map.strict_slashes = False  # a live client leaves the documented slash out and works
    app.url_map.merge_slashes = False
    limits = Limits(portal)

    rest = Blueprint("rest", __name__, url_prefix="/rest")
    tasks.routes(rest, portal, busy)
    contacts.routes(rest, portal, busy)
    comments.routes(rest, portal)
    rows.routes(rest, portal)
    directories.routes(rest, portal)
    meta.routes(rest, portal)
    staff.routes(rest, portal)
    projects.routes(rest, portal)
    files.routes(rest, portal)
    reports.routes(rest, portal)
    incoming.rest_routes(rest, portal)
    app.register_blueprint(rest)
    own = Blueprint("sandbox", __name__, url_prefix="/sandbox")
    door.routes(own, portal, delivery, busy, scripts)
    public = Blueprint("public", __name__)
    files.public_routes(public, portal)
    incoming.routes(public, portal)
    chat.routes(public, own, chats)
    app.register_blueprint(own)
    app.register_blueprint(public)

    @app.before_request
    def before() -> Response | None:
        if request.path.startswith("/sandbox/"):
            return None
        moved = access.moved(portal)  # API, webhook and chat addresses alike
        return moved or (access.enter(portal, limits) if request.path.startswith("/rest") else None)

    @app.after_request
    def after(response: Response) -> Response:
        if request.path.startswith("/sandbox/"):
            return response
        if request.path.startswith("/rest"):
            response = access.leave(portal, response)
        user = getattr(g, "user", None)
        portal.note(
            direction="in", method=request.method, path=request.path, status=response.status_code,
            who=user.id if user else None, cut=bool(getattr(g, "cut", False)),
        )  # fmt: skip
        return response

    @app.errorhandler(Refusal)
    def refused(refusal: Refusal) -> Response:
        status = 200 if portal.faults.on("answer_200_fail") else refusal.status
        return web.raw(refusal.body, status)

    @app.errorhandler(HTTPException)
    def not_routed(error: HTTPException) -> Response:
        code = 405 if isinstance(error, MethodNotAllowed) else 0
        text = "Method not allowed" if code else "Rest API error"
        return web.raw({"result": "fail", "code": code, "error": text}, error.code or 500)

    return app
