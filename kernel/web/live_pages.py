"""The addresses of live updates: a stream of events, and the version alone for whoever polls."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from kernel.web.access import may_listen
from kernel.web.identity import COOKIE, current_user
from kernel.web.live import TooMany
from kernel.web.rights import ANY_ROLE, needs
from kernel.web.site import Site


def blueprint(site: Site) -> Blueprint:
    pages, live = Blueprint("live", __name__), site.live

    @pages.get("/live")
    @needs(ANY_ROLE)
    def stream() -> Response:
        user = current_user()
        page, instead = (f"{user.csrf}:{text}" if text else "" for text in map(request.args.get, ("page", "instead")))
        allowed = (lambda: True) if user.open else may_listen(site, request.cookies.get(COOKIE, ""))
        listener = live.listen(page, instead, allowed, request.args.get("topic", ""))
        response = Response(listener, mimetype="text/event-stream", direct_passthrough=True)
        response.call_on_close(listener.close)
        response.headers["X-Accel-Buffering"] = "no"
        return response

    @pages.get("/live/version")
    @needs(ANY_ROLE)
    def version() -> Response:
        return jsonify(version=live.version(request.args.get("topic", "")))

    @pages.errorhandler(TooMany)
    def too_many(_exc: TooMany) -> tuple[Response, int, dict[str, str]]:
        return jsonify(error="too many listeners: poll /live/version"), 503, {"Retry-After": "30"}

    return pages
