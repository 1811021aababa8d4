"""Doors to look in, to break things and to move the clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sandbox.bitrix24 import app_doors, batch, calls
from sandbox.bitrix24.doors import BadRequest, door
from sandbox.bitrix24.registry import Client, RestError
from sandbox.bitrix24.rest import ALL_SCOPES

if TYPE_CHECKING:
    from sandbox.bitrix24.server import Sandbox

WAIT_SECONDS_MAX = 120.0


@door("GET", "/sandbox/state")
def state(sandbox: Sandbox, data: Mapping[str, Any]) -> dict[str, Any]:
    portal, clock = sandbox.portal, sandbox.portal.clock
    with portal.lock:
        counters = {
            name: dict(value) if isinstance(value, Mapping) else value for name, value in vars(portal.counters).items()
        }
        return {
            "portal": portal.name, "counters": counters, "records": sandbox.records(), "queue": sandbox.delivery.waiting(),
            "paused": sandbox.delivery.paused, "ticks": round(clock.ticks(), 3), "now": clock.now().isoformat(),
            "speedup": clock.speedup, "post_to": portal.post_to, "moved_to": portal.config.get("moved_to"),
            "app": app_doors.shown(portal, portal.app()),
            "bindings": [
                {"event": b.event, "handler": b.handler, "offline": b.offline} for b in portal.app().bindings
            ],
            "outgoing_webhooks": [{"id": h.id, "handler": h.handler, "events": sorted(h.events)} for h in portal.webhooks],
        }  # fmt: skip


@door("GET", "/sandbox/log")
def log(sandbox: Sandbox, data: Mapping[str, Any]) -> dict[str, Any]:
    since, wanted = int(data.get("since", 0)), data.get("direction")
    with sandbox.portal.lock:
        entries = [entry for entry in sandbox.portal.log if entry["n"] > since]
    entries = [entry for entry in entries if not wanted or entry["direction"] == wanted]
    return {"entries": entries, "last": entries[-1]["n"] if entries else since}


@door("GET", "/sandbox/faults")
def faults_get(sandbox: Sandbox, data: Mapping[str, Any]) -> dict[str, Any]:
    with sandbox.portal.lock:
        return sandbox.portal.faults.table()


@door("POST", "/sandbox/faults")
def faults_set(sandbox: Sandbox, data: Mapping[str, Any]) -> dict[str, Any]:
    with sandbox.portal.lock:
        try:
            done = sandbox.portal.faults.set_all(data)
        except ValueError as error:
            raise BadRequest(str(error)) from None
    sandbox.delivery.poke()
    return done


@door("POST", "/sandbox/pause")
def pause(sandbox: Sandbox, data: Mapping[str, Any]) -> dict[str, bool]:
    sandbox.delivery.pause(True)
    return {"paused": True}


@door("POST", "/sandbox/resume")
def resume(sandbox: Sandbox, data: Mapping[str, Any]) -> dict[str, bool]:
    sandbox.delivery.pause(False)
    return {"paused": False}


@door("POST", "/sandbox/wait-idle")
def wait_idle(sandbox: Sandbox, data: Mapping[str, Any]) -> dict[str, Any]:
    idle = sandbox.delivery.wait_idle(min(float(data.get("timeout", 10)), WAIT_SECONDS_MAX))
    return {"idle": idle, "queue": sandbox.delivery.waiting()}


@door("POST", "/sandbox/advance")
def advance(sandbox: Sandbox, data: Mapping[str, Any]) -> dict[str, Any]:
    clock = sandbox.portal.clock
    clock.advance(float(data.get("seconds", 0)))
    return {"ticks": round(clock.ticks(), 3), "now": clock.now().isoformat()}


@door("POST", "/sandbox/date")
def date(sandbox: Sandbox, data: Mapping[str, Any]) -> dict[str, Any]:
    try:
        sandbox.portal.clock.set_date_given(str(data.get("at")))
    except ValueError as error:
        raise BadRequest(str(error)) from None
    return {"now": sandbox.portal.clock.now().isoformat()}


@door("POST", "/sandbox/rename-portal")
def rename_portal(sandbox: Sandbox, data: Mapping[str, Any]) -> dict[str, Any]:
    """REST answers 302 to another address from now on (13); an empty `to` ends it."""
    target = str(data.get("to") or "").rstrip("/")
    with sandbox.portal.lock:
        sandbox.portal.config["moved_to"] = target or None
    return {"moved_to": target or None}


@door("POST", "/sandbox/as-user")
def as_user(sandbox: Sandbox, data: Mapping[str, Any]) -> dict[str, Any]:
    """A person at work in the portal's own pages: no limits and no faults, but rights, events and robots."""
    portal, name = sandbox.portal, str(data.get("method") or "").lower()
    user = portal.people.get(str(data.get("user") or ""))
    if user is None:
        raise BadRequest(f"no such user {data.get('user')!r}")
    client = Client("webhook", f"page-{user.id}", user.id, ALL_SCOPES, portal.member_id, user.admin)
    params = data.get("params") or {}
    with portal.lock:
        if name == "batch":
            return {"result": batch.run(portal, None, client, params, "")}
        try:
            return calls.perform(portal, None, client, name, params).envelope()
        except RestError as error:
            return calls.error_body(error) | {"status": error.status}
