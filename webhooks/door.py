"""The one door in: POST /hooks/<connector>/<portal>[/<event>].

Find the connector, let it check the proof, store, answer exactly 200, and leave the work to a job. What fails the proof
leaves no trace but a counter. What was answered 200 is on disk before the answer leaves.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from kernel.crm import Event
from kernel.errors import BadInput, Closed, Fault
from kernel.extension import Connecting, Connector, Delivery, NotProven, Plugin
from kernel.extension.portal import Portal
from kernel.jobs import inbox
from kernel.storage.group import GroupCommit
from kernel.telemetry import MASK, bind_trace, log, mask, metrics

_PROOF = r"(?:access_token|refresh_token|application_token|event_token|AUTH_ID|REFRESH_ID|sig|key|secret|password)"
_PROOF_IN_FORM = re.compile(rf"((?:^|[&\[]|%5B){_PROOF}(?:\]|%5D)?=)[^&]*", re.IGNORECASE)
_PROOF_IN_JSON = re.compile(rf'("{_PROOF}"\s*:\s*)"(?:[^"\\]|\\.)*"', re.IGNORECASE)
BODY_BYTES_MAX = 256 * 1024
BODY_BYTES_DRAINED_MAX = 4 * 1024 * 1024


@dataclass(frozen=True)
class Doorway:
    """One portal's entrance."""

    portal: Portal
    connector: Connector
    connecting: Connecting
    plugins: Sequence[Plugin]


def blueprint(doorways: Mapping[tuple[str, str], Doorway]) -> Blueprint:
    """Doorways by (connector name, the portal's word in the address)."""
    door = Blueprint("door", __name__)
    groups = {name: GroupCommit(doorway.portal.database) for name, doorway in doorways.items()}

    @door.post("/hooks/<connector>/<portal>")
    @door.post("/hooks/<connector>/<portal>/<event>")
    def delivered(connector: str, portal: str, event: str = "") -> Response:
        started = time.perf_counter()
        doorway = doorways.get((connector, portal))
        if doorway is None or doorway.connector.intake is None:
            metrics.delivery("unknown", "not_found")
            return _answer(404, error="no such door")
        try:
            response = _receive(doorway, event, groups[connector, portal])
        except Closed as exc:  # whoever sends may try again: by then the desk's new home answers
            metrics.delivery(connector, "closed")
            log.warning("delivery.closed", connector=connector, reason=str(exc))
            response = _answer(503, error="not here any more")
        metrics.intake(connector, time.perf_counter() - started)
        return response

    return door


def _receive(doorway: Doorway, event: str, group: GroupCommit) -> Response:
    name, intake = doorway.connector.name, doorway.connector.intake
    assert intake is not None
    try:
        body = _body()
        events = intake(
            Delivery({key.lower(): value for key, value in request.headers.items()}, body, event), doorway.connecting
        )
    except NotProven as exc:
        metrics.delivery(name, "not_proven")
        return _answer(exc.status, error="not proven")
    except RequestEntityTooLarge:
        metrics.delivery(name, "too_large")
        return _answer(413, error=f"the body is larger than {BODY_BYTES_MAX} bytes", field="body")
    except Fault as exc:  # an installation whose proof could not be checked just now
        metrics.delivery(name, "not_checked")
        log.warning("delivery.not_checked", connector=name, reason=str(exc))
        return _answer(503, error=mask(str(exc)))
    except BadInput as exc:
        metrics.delivery(name, "bad")
        log.warning("delivery.bad", connector=name, field=exc.field, reason=str(exc))
        return _answer(400, error=mask(str(exc)), field=exc.field)
    trace, extra = _store(doorway, events, body, group)
    metrics.delivery(name, "stored")
    return _answer(200, ok=True, trace=trace, **extra)


def _body() -> bytes:
    body = request.stream.read(BODY_BYTES_MAX + 1)
    if len(body) > BODY_BYTES_MAX:
        # Who still sends when we close never reads our answer: let him finish, within reason.
        left = BODY_BYTES_DRAINED_MAX
        while left > 0 and (piece := request.stream.read(min(left, 64 * 1024))):
            left -= len(piece)
        raise RequestEntityTooLarge
    return body


def _store(doorway: Doorway, events: Sequence[Event], body: bytes, group: GroupCommit) -> tuple[str, dict[str, Any]]:
    portal, trace = doorway.portal, ""
    extra: dict[str, Any] = {}
    answers: dict[str, Callable[[Portal, Event], Mapping[str, Any]]] = {}
    for plugin in doorway.plugins:
        answers.update(plugin.answers)
    to_store = [event for event in events if event.name not in answers]
    for event in events:
        if event.name in answers:
            extra.update(answers[event.name](portal, event))
    if to_store:
        text = body.decode("utf-8", "replace")
        kept = _without_proof(text)
        trace = group.run(
            lambda tx: inbox.store_all(
                tx, portal.name, to_store, kept, clock=portal.clock, ids=portal.ids, queue=portal.queue
            )
        )
        with bind_trace(trace):
            log.info(
                "delivery", connector=doorway.connector.name, portal=portal.name,
                events=[f"{event.name} {event.entity}:{event.record_id}" for event in to_store],
            )  # fmt: skip
    return trace, extra


def _without_proof(text: str) -> str:
    """What is kept for looking up later holds no secret: neither one we know, nor what stands under a secret's name."""
    return _PROOF_IN_FORM.sub(r"\1" + MASK, _PROOF_IN_JSON.sub(r'\1"' + MASK + '"', mask(text)))


def _answer(status: int, **body: Any) -> Response:
    return Response(json.dumps(body, ensure_ascii=False), status=status, mimetype="application/json")
