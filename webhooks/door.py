"""The one door in: POST /hooks/<connector>/<portal>[/<event>].

Find the connector, let it check the proof, store, answer exactly 200, and leave the work to a job. What fails the proof
leaves no trace but a counter. What was answered 200 is on disk before the answer leaves.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.wsgi import get_input_stream

from kernel.crm import Event
from kernel.errors import BadInput, Closed, Fault
from kernel.extension import Connection, Connector, Delivery, NotProven, Plugin
from kernel.extension.portal import Portal
from kernel.jobs import inbox
from kernel.storage import Tx
from kernel.storage.group import GroupCommit
from kernel.telemetry import MASK, log, mask, metrics

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

ADDRESS = "/hooks/"
HEADERS = (
    ("Content-Type", "application/json"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
)
Answer = tuple[int, dict[str, Any]]  #: status and what to say
_PROOF = r"(?:access_token|refresh_token|application_token|event_token|AUTH_ID|REFRESH_ID|sig|key|secret|password)"
_PROOF_IN_FORM = re.compile(rf"((?:^|[&\[]|%5B){_PROOF}(?:\]|%5D)?=)[^&]*", re.IGNORECASE)
_PROOF_IN_JSON = re.compile(rf'("{_PROOF}"\s*:\s*)"(?:[^"\\]|\\.)*"', re.IGNORECASE)
Group = GroupCommit[inbox.StoredDelivery, str]  #: gives the trace of each
BODY_BYTES_MAX = 256 * 1024
BODY_BYTES_DRAINED_MAX = 4 * 1024 * 1024


@dataclass(frozen=True)
class HookRoute:
    """One portal's entrance."""

    portal: Portal
    connector: Connector
    connection: Connection
    plugins: Sequence[Plugin]


class Door:
    """WSGI: answers what comes to /hooks/ and hands all else to the application behind it.

    It stands before the web framework: what that does for pages (routing, sessions, languages, cookies) takes longer than
    storing a delivery, and a delivery needs none of it.
    """

    def __init__(self, routes: Mapping[tuple[str, str], HookRoute], behind: WSGIApplication) -> None:
        """Doorways by (connector name, the portal's word in the address)."""
        self._routes, self._behind = routes, behind
        self._groups = {name: _group(route.portal) for name, route in routes.items()}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if not path.startswith(ADDRESS):
            return self._behind(environ, start_response)
        status, result = self._delivered(environ, path)
        body = json.dumps(result, ensure_ascii=False).encode("utf-8", "replace")
        more = [("Allow", "POST")] if status == HTTPStatus.METHOD_NOT_ALLOWED else []
        start_response(f"{status} {HTTPStatus(status).phrase}", [*HEADERS, ("Content-Length", str(len(body))), *more])
        return [body]

    def _delivered(self, environ: WSGIEnvironment, path: str) -> Answer:
        started = time.perf_counter()
        connector, portal, event, *rest = [*path.removeprefix(ADDRESS).split("/"), "", ""]
        route = self._routes.get((connector, portal))
        if route is None or route.connector.intake is None or any(rest) or path.endswith("/"):
            metrics.delivery("unknown", "not_found")
            return 404, {"error": "no such door"}
        if environ["REQUEST_METHOD"] != "POST":
            return 405, {"error": "a delivery is a POST"}
        try:
            answer = _receive(route, event, environ, self._groups[connector, portal])
        except Closed as exc:  # whoever sends may try again: by then the desk's new home answers
            metrics.delivery(connector, "closed")
            log.warning("delivery.closed", connector=connector, reason=str(exc))
            answer = 503, {"error": "not here any more"}
        except Exception:
            metrics.delivery(connector, "broken")
            log.exception("delivery.broken", connector=connector)
            answer = 500, {"error": "not stored"}
        metrics.intake(connector, time.perf_counter() - started)
        return answer


def _group(portal: Portal) -> Group:
    """Deliveries that come in together share a commit."""

    def together(tx: Tx, deliveries: Sequence[inbox.StoredDelivery]) -> list[str]:
        return inbox.store_many(tx, portal.name, deliveries, clock=portal.clock, ids=portal.ids, queue=portal.queue)

    return GroupCommit(portal.database, together)


def _receive(route: HookRoute, event: str, environ: WSGIEnvironment, group: Group) -> Answer:
    name, intake = route.connector.name, route.connector.intake
    assert intake is not None
    try:
        body = _body(environ)
        events = intake(Delivery(_headers(environ), body, event), route.connection)
    except NotProven as exc:
        metrics.delivery(name, "not_proven")
        return exc.status, {"error": "not proven"}
    except RequestEntityTooLarge:
        metrics.delivery(name, "too_large")
        return 413, {"error": f"the body is larger than {BODY_BYTES_MAX} bytes", "field": "body"}
    except HTTPException as exc:  # who sent it went away half-way
        metrics.delivery(name, "bad")
        return exc.code or 400, {"error": "not a whole request", "field": "body"}
    except Fault as exc:  # an installation whose proof could not be checked just now
        metrics.delivery(name, "not_checked")
        log.warning("delivery.not_checked", connector=name, reason=str(exc))
        return 503, {"error": mask(str(exc))}
    except BadInput as exc:
        metrics.delivery(name, "bad")
        log.warning("delivery.bad", connector=name, field=exc.field, reason=str(exc))
        return 400, {"error": mask(str(exc)), "field": exc.field}
    trace, extra = _store(route, events, body, group)
    metrics.delivery(name, "stored")
    return 200, {"ok": True, "trace": trace, **extra}


def _headers(environ: WSGIEnvironment) -> dict[str, str]:
    """By their names in small letters."""
    found = {key[5:].replace("_", "-").lower(): str(value) for key, value in environ.items() if key.startswith("HTTP_")}
    for key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if value := environ.get(key):
            found[key.replace("_", "-").lower()] = value
    return found


def _body(environ: WSGIEnvironment) -> bytes:
    stream = get_input_stream(environ)
    body = stream.read(BODY_BYTES_MAX + 1)
    if len(body) > BODY_BYTES_MAX:
        # Who still sends when we close never reads our answer: let him finish, within reason.
        left = BODY_BYTES_DRAINED_MAX
        while left > 0 and (piece := stream.read(min(left, 64 * 1024))):
            left -= len(piece)
        raise RequestEntityTooLarge
    return body


def _store(route: HookRoute, events: Sequence[Event], body: bytes, group: Group) -> tuple[str, dict[str, Any]]:
    portal, trace = route.portal, ""
    extra: dict[str, Any] = {}
    answers: dict[str, Callable[[Portal, Event], Mapping[str, Any]]] = {}
    for plugin in route.plugins:
        answers.update(plugin.answers)
    to_store = [event for event in events if event.name not in answers]
    for event in events:
        if event.name in answers:
            extra.update(answers[event.name](portal, event))
    if to_store:
        text = body.decode("utf-8", "replace")
        kept = _without_proof(text)
        trace = group.run(inbox.StoredDelivery(to_store, kept))
        log.info(
            "delivery", trace=trace, connector=route.connector.name, portal=portal.name,
            events=[f"{event.name} {event.entity}:{event.record_id}" for event in to_store],
        )  # fmt: skip
    return trace, extra


def _without_proof(text: str) -> str:
    """What is kept for looking up later holds no secret: neither one we know, nor what stands under a secret's name."""
    return _PROOF_IN_FORM.sub(r"\1" + MASK, _PROOF_IN_JSON.sub(r'\1"' + MASK + '"', mask(text)))
