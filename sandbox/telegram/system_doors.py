"""Doors about the sandbox itself: figures, log, switches, clock, waiting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.telegram.doors import Running, door, number

WAIT_SECONDS_MAX = 120.0


@door("GET", "/sandbox/state")
def state(sandbox: Running, data: Mapping[str, Any]) -> Any:
    world = sandbox.world
    return {
        "portal": world.name, "counters": dict(sorted(world.counters.items())), "waiting": sandbox.sender.waiting(),
        "paused": sandbox.sender.paused, "ticks": round(world.clock.ticks(), 3), "now": world.clock.now().isoformat(),
        "speedup": world.clock.speedup,
        "bots": [
            {"id": bot.id, "username": bot.username, "privacy": bot.privacy, "webhook": bot.webhook.url,
             "allowed_updates": sorted(bot.allowed or ()), "pending": len(bot.updates)}
            for bot in world.bots.values()
        ],
        "people": [
            {"id": one.id, "name": one.name, "username": one.username, "language": one.language}
            for one in world.people.values()
        ],
    }  # fmt: skip


@door("GET", "/sandbox/log")
def log(sandbox: Running, data: Mapping[str, Any]) -> Any:
    since, wanted = number(data.get("since", 0)), data.get("direction")
    entries = [one for one in sandbox.world.log if one["n"] > since and (not wanted or one["direction"] == wanted)]
    return {"entries": entries, "last": entries[-1]["n"] if entries else since}


@door("GET", "/sandbox/faults")
def faults(sandbox: Running, data: Mapping[str, Any]) -> Any:
    return sandbox.world.faults.table()


@door("POST", "/sandbox/faults")
def set_faults(sandbox: Running, data: Mapping[str, Any]) -> Any:
    made = sandbox.world.faults.set_all(data)
    sandbox.world.wake()
    return made


@door("POST", "/sandbox/pause", locked=False)
def pause(sandbox: Running, data: Mapping[str, Any]) -> Any:
    sandbox.sender.pause(True)
    return {"paused": True}


@door("POST", "/sandbox/resume", locked=False)
def resume(sandbox: Running, data: Mapping[str, Any]) -> Any:
    sandbox.sender.pause(False)
    return {"paused": False}


@door("POST", "/sandbox/wait-idle", locked=False)
def wait_idle(sandbox: Running, data: Mapping[str, Any]) -> Any:
    idle = sandbox.sender.wait_idle(min(float(data.get("timeout", 10)), WAIT_SECONDS_MAX))
    return {"idle": idle, "waiting": sandbox.sender.waiting()}


@door("POST", "/sandbox/advance", locked=False)
def advance(sandbox: Running, data: Mapping[str, Any]) -> Any:
    clock = sandbox.world.clock
    clock.advance(float(data.get("seconds", 0)))
    return {"ticks": round(clock.ticks(), 3), "now": clock.now().isoformat()}


@door("POST", "/sandbox/date")
def date(sandbox: Running, data: Mapping[str, Any]) -> Any:
    sandbox.world.clock.set_date_given(str(data.get("at")))
    return {"now": sandbox.world.clock.now().isoformat()}
