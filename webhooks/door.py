"""The one door in: /hooks/<connector>/<connection>[/<rest>], with any method that the connector takes.

Find the connection, let its connector check the proof, store, answer as this vendor wants it, and leave the work to a job.
What fails the proof leaves no trace but a counter. What was answered is on disk before the answer leaves.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.wsgi import get_input_stream

from kernel.crm import Event
from kernel.errors import BadInput, Closed, Fault
from kernel.extension import OK, Connection, Delivery, NotProven, Plugin, Received, Reply, TooOften
from kernel.extension.portal import Portal
from kernel.extension.receiving import Arrival, keep_many
from kernel.storage import Tx
from kernel.storage.group import GroupCommit
from kernel.telemetry import MASK, log, mask, metrics

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

ADDRESS = "/hooks/"
HEADERS = (
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
)
_PROOF = r"(?:access_token|refresh_token|application_token|event_token|AUTH_ID|REFRESH_ID|sig|key|secret|password)"
_PROOF_IN_FORM = re.compile(rf"((?:^|[&\[]|%5B){_PROOF}(?:\]|%5D)?=)[^&]*", re.IGNORECASE)
_PROOF_IN_JSON = re.compile(rf'("{_PROOF}"\s*:\s*)"(?:[^"\\]|\\.)*"', re.IGNORECASE)
Group = GroupCommit[Arrival, str]  #: gives the trace of each
BODY_BYTES_DRAINED_MAX = 4 * 1024 * 1024


@dataclass(frozen=True)
class HookRoute:
    """One connection's entrance."""

    portal: Portal
    connection: Connection
    plugins: Sequence[Plugin]


class Door:
    """WSGI: answers what comes to /hooks/ and hands all else to the application behind it.

    It stands before the web framework: what that does for pages (routing, sessions, languages, cookies) takes longer than
    storing a delivery, and a delivery needs none of it.
    """

    def __init__(self, routes: Iterable[HookRoute], behind: WSGIApplication) -> None:
        self._behind = behind
        self._routes: dict[tuple[str, str], list[tuple[HookRoute, Group]]] = {}
        self._published: dict[tuple[str, str], Callable[[], Reply]] = {}
        for route in routes:
            connector = route.connection.connector
            if connector.receive is not None:
                name = route.portal.mapping.portal.portal if connector.at_portal else route.connection.name
                self._routes.setdefault((connector.name, name), []).append((route, _group(route)))
                self._published |= {(connector.name, word): show for word, show in connector.published.items()}

    @classmethod
    def before(cls, portal: Portal, plugins: Sequence[Plugin], behind: WSGIApplication) -> Door:
        """The doors of all connections of that portal."""
        return cls([HookRoute(portal, one, plugins) for one in portal.connections.values()], behind)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if not path.startswith(ADDRESS):
            return self._behind(environ, start_response)
        reply, more = self._delivered(environ, path)
        size = ("Content-Length", str(len(reply.body)))
        start_response(
            f"{reply.status} {_phrase(reply.status)}", [("Content-Type", reply.content_type), *HEADERS, size, *more]
        )
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else reply.body]

    def _delivered(self, environ: WSGIEnvironment, path: str) -> tuple[Reply, list[tuple[str, str]]]:
        started = time.perf_counter()
        connector, name, rest = [*path.removeprefix(ADDRESS).split("/", 2), "", ""][:3]
        if not rest and (show := self._published.get((connector, name))):
            return _shown(show, environ["REQUEST_METHOD"])
        routes = self._routes.get((connector, name), [])
        if not routes or path.endswith("/"):
            metrics.delivery("unknown", "not_found")
            return _json(404, {"error": "no such door"}), []
        methods, full_name = routes[0][0].connection.connector.methods, routes[0][0].connection.full_name
        if environ["REQUEST_METHOD"] not in methods:
            allowed = ", ".join(methods)
            return _json(405, {"error": f"a delivery is a {allowed}"}), [("Allow", allowed)]
        try:
            reply = _receive(routes, rest, environ)
        except Closed as exc:  # whoever sends may try again: by then the desk's new home answers
            metrics.delivery(full_name, "closed")
            log.warning("delivery.closed", connection=full_name, reason=str(exc))
            reply = _json(503, {"error": "not here any more"})
        except Exception:
            metrics.delivery(full_name, "broken")
            log.exception("delivery.broken", connection=full_name)
            reply = _json(500, {"error": "not stored"})
        metrics.intake(full_name, time.perf_counter() - started)
        return reply, list(reply.headers)


def _json(status: int, result: Mapping[str, Any]) -> Reply:
    return Reply(json.dumps(result, ensure_ascii=False).encode("utf-8", "replace"), status, "application/json")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:  # a vendor's own
        return "OK"


def _group(route: HookRoute) -> Group:
    """Deliveries that come in together share a commit."""

    def together(tx: Tx, arrivals: Sequence[Arrival]) -> list[str]:
        return keep_many(tx, route.portal, route.plugins, route.connection, arrivals)

    return GroupCommit(route.portal.database, together)


def _receive(routes: Sequence[tuple[HookRoute, Group]], rest: str, environ: WSGIEnvironment) -> Reply:
    """What the connection behind that address answers; where several share it, the first to which it proves itself."""
    connection = routes[0][0].connection
    name, limit = connection.full_name, connection.connector.body_bytes_max
    try:
        body = _body(environ, limit)
    except RequestEntityTooLarge:
        metrics.delivery(name, "too_large")
        return _json(413, {"error": f"the body is larger than {limit} bytes", "field": "body"})
    except HTTPException as exc:  # who sent it went away half-way
        metrics.delivery(name, "bad")
        return _json(exc.code or 400, {"error": "not a whole request", "field": "body"})
    delivery = Delivery(
        _headers(environ), body, rest, environ["REQUEST_METHOD"], _query(environ), environ.get("REMOTE_ADDR", "")
    )  # fmt: skip
    refused: list[NotProven] = []
    for route, group in routes:
        try:
            return _taken(route, group, delivery)
        except NotProven as exc:
            refused.append(exc)
    metrics.delivery(name, "not_proven")
    worst = max(refused, key=lambda one: (bool(one.told), one.status))
    return _json(worst.status, {"error": "not proven", **({"text": worst.told} if worst.told else {})})


def _taken(route: HookRoute, group: Group, delivery: Delivery) -> Reply:
    """Raises NotProven."""
    connection = route.connection
    name, receive = connection.full_name, connection.connector.receive
    assert receive is not None
    try:
        received = receive(delivery, connection)
    except TooOften as exc:
        metrics.delivery(name, "too_often")
        return replace(_json(429, {"error": "too often"}), headers=(("Retry-After", str(exc.wait_seconds)),))
    except Fault as exc:  # an installation whose proof could not be checked just now
        metrics.delivery(name, "not_checked")
        log.warning("delivery.not_checked", connection=name, reason=str(exc))
        return _json(503, {"error": mask(str(exc))})
    except BadInput as exc:
        metrics.delivery(name, "bad")
        log.warning("delivery.bad", connection=name, field=exc.field, reason=exc.code or str(exc))
        text = exc.message(route.portal.mapping.portal.language)
        return _json(400, {"error": mask(text), "field": exc.field})
    trace, extra = _store(route, received, delivery.body, group)
    reply = received.reply if received.told is None else received.told(trace)
    metrics.delivery(name, "stored" if reply.status < 400 else "bad")
    return _json(200, {"ok": True, "trace": trace, **extra}) if reply is OK else reply


def _shown(show: Callable[[], Reply], method: str) -> tuple[Reply, list[tuple[str, str]]]:
    """What is published needs no proof."""
    if method not in ("GET", "HEAD"):
        return _json(405, {"error": "this is only read"}), [("Allow", "GET, HEAD")]
    return show(), []


def _query(environ: WSGIEnvironment) -> dict[str, str]:
    text = environ.get("QUERY_STRING", "")
    return dict(parse_qsl(text, keep_blank_values=True)) if text else {}


def _headers(environ: WSGIEnvironment) -> dict[str, str]:
    """By their names in small letters."""
    found = {key[5:].replace("_", "-").lower(): str(value) for key, value in environ.items() if key.startswith("HTTP_")}
    for key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if value := environ.get(key):
            found[key.replace("_", "-").lower()] = value
    return found


def _body(environ: WSGIEnvironment, bytes_max: int) -> bytes:
    stream = get_input_stream(environ)
    body = stream.read(bytes_max + 1)
    if len(body) > bytes_max:
        # Who still sends when we close never reads our answer: let them finish, within reason.
        left = BODY_BYTES_DRAINED_MAX
        while left > 0 and (piece := stream.read(min(left, 64 * 1024))):
            left -= len(piece)
        raise RequestEntityTooLarge
    return body


def _store(route: HookRoute, received: Received, body: bytes, group: Group) -> tuple[str, dict[str, Any]]:
    portal, trace = route.portal, ""
    extra: dict[str, Any] = {}
    answers: dict[str, Callable[[Portal, Event], Mapping[str, Any]]] = {}
    for plugin in route.plugins:
        answers.update(plugin.answers)
    to_store = [event for event in received.events if event.name not in answers]
    for event in received.events:
        if event.name in answers:
            extra.update(answers[event.name](portal, event))
    text = _without_proof(body.decode("utf-8", "replace")) if to_store else ""
    if arrival := Arrival(to_store, received.messages, received.receipts, text):
        trace = group.run(arrival)
        log.info(
            "delivery", trace=trace, connection=route.connection.full_name,
            events=[f"{event.name} {event.entity}:{event.record_id}" for event in to_store],
            **({"messages": len(received.messages)} if received.messages else {}),
        )  # fmt: skip
    return trace, extra


def _without_proof(text: str) -> str:
    """What is kept for looking up later holds no secret: neither one we know, nor what stands under a secret's name."""
    return _PROOF_IN_FORM.sub(r"\1" + MASK, _PROOF_IN_JSON.sub(r'\1"' + MASK + '"', mask(text)))
