"""The sandbox's own door, everything under /sandbox/: not Planfix, only for tests, demo and training."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, request

from sandbox.planfix import contacts, rearrange, web
from sandbox.planfix.delivery import Delivery
from sandbox.planfix.queue import BusyQueue
from sandbox.planfix.run import Run
from sandbox.planfix.scripts import Scripts
from sandbox.planfix.state import Portal

WAIT_SECONDS_MAX = 120.0


def routes(door: Blueprint, portal: Portal, delivery: Delivery, busy: BusyQueue, scripts: Scripts) -> None:
    """Register /sandbox/…"""

    def wrong(why: str, status: int = 400) -> Response:
        return web.raw({"error": why}, status)

    @door.get("/state")
    def state() -> Response:
        with portal.lock:
            clock = portal.clock
            return web.raw({
                "portal": portal.name,
                "counters": asdict(portal.counters) | {
                    "tasks": len(portal.tasks), "contacts": len(portal.contacts), "rows": len(portal.rows),
                    "comments": len(portal.comments),
                },
                "queue": delivery.waiting(), "busy_queue": busy.waiting(), "paused": delivery.paused,
                "ticks": round(clock.ticks(), 3), "now": clock.now().isoformat(), "speedup": clock.speedup,
                "stopped_until": delivery.stopped_until if delivery.stopped_until > clock.ticks() else None,
                "post_to": portal.post_to,
                "scripts": [
                    {"name": s.name, "event": s.event, "trigger": s.trigger, "enabled": s.enabled}
                    for s in portal.scripts
                ],
            })  # fmt: skip

    @door.get("/faults")
    def faults_get() -> Response:
        with portal.lock:
            return web.raw(portal.faults.table())

    @door.post("/faults")
    def faults_set() -> Response:
        with portal.lock:
            try:
                shown = portal.faults.set_all(web.body())
            except ValueError as error:
                return wrong(str(error))
        delivery.poke()
        return web.raw(shown)

    @door.post("/button")
    def button() -> Response:
        data = web.body()
        user = portal.users.get(str(data.get("user", "")))
        if user is None:
            return wrong(f"no such user {data.get('user')!r}")
        contact = web.ref(data.get("contact"))
        pressed = scripts.press(web.ref(data.get("task")), str(data.get("button", "")), user, contact=contact)
        run = pressed.pop("run", None)
        if isinstance(run, Run):
            finished = run.done.wait(min(float(data.get("timeout", 15)), WAIT_SECONDS_MAX))
            pressed |= run.result if finished else {"state": "queued"}
        return web.raw(pressed)

    @door.post("/pause")
    def pause() -> Response:
        delivery.pause(True)
        return web.raw({"paused": True})

    @door.post("/resume")
    def resume() -> Response:
        delivery.pause(False)
        return web.raw({"paused": False})

    @door.post("/wait-idle")
    def wait_idle() -> Response:
        timeout = min(float(web.body().get("timeout", 10)), WAIT_SECONDS_MAX)
        until = time.monotonic() + timeout
        idle = delivery.wait_idle(timeout)
        while busy.waiting() and time.monotonic() < until:  # queued changes set off scripts too
            time.sleep(0.01)
            idle = delivery.wait_idle(max(until - time.monotonic(), 0))
        return web.raw({"idle": idle and not busy.waiting(), "queue": delivery.waiting()})

    @door.post("/advance")
    def advance() -> Response:
        portal.clock.advance(float(web.body().get("seconds", 0)))
        return web.raw({"ticks": round(portal.clock.ticks(), 3), "now": portal.clock.now().isoformat()})

    @door.post("/date")
    def date() -> Response:
        try:
            portal.clock.set_date_given(str(web.body().get("at")))
        except ValueError as error:
            return wrong(str(error))
        return web.raw({"now": portal.clock.now().isoformat()})

    @door.get("/log")
    def log() -> Response:
        since = int(request.args.get("since", "0"))
        with portal.lock:
            entries = [entry for entry in portal.log if entry["n"] > since]
        wanted = request.args.get("direction")
        entries = [entry for entry in entries if not wanted or entry["direction"] == wanted]
        return web.raw({"entries": entries, "last": entries[-1]["n"] if entries else since})

    @door.post("/merge-contacts")
    def merge_contacts() -> Response:
        data = web.body()
        survivor, gone = web.ref(data.get("survivor")), web.ref(data.get("gone"))
        with portal.lock:
            if survivor == gone or survivor not in portal.contacts or gone not in portal.contacts:
                return wrong("survivor and gone must be two contacts")
            moved = contacts.merge(portal, portal.contacts[survivor], portal.contacts[gone])
        return web.raw({"survivor": survivor, "gone": gone, "tasks": moved})

    def rearranged(how: Any) -> Response:
        with portal.lock:
            try:
                return web.raw({"done": how(portal, web.body())})
            except (KeyError, ValueError) as error:
                return wrong(str(error.args[0]) if error.args else str(error))

    @door.post("/portal/remove")
    def portal_remove() -> Response:
        return rearranged(rearrange.remove)

    @door.post("/portal/rename")
    def portal_rename() -> Response:
        return rearranged(rearrange.rename)

    @door.post("/portal/detach")
    def portal_detach() -> Response:
        return rearranged(rearrange.detach)

    @door.post("/portal/attach")
    def portal_attach() -> Response:
        return rearranged(rearrange.attach)

    @door.post("/portal/user")
    def portal_user() -> Response:
        return rearranged(rearrange.user)

    @door.post("/portal/script")
    def portal_script() -> Response:
        return rearranged(rearrange.script)
