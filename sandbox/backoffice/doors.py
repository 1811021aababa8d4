"""The sandbox's own doors, everything under /sandbox/: functions registered by address. They run with the office's lock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.backoffice.state import Office

DoorFunction = Callable[[Office, Mapping[str, Any]], Any]
DOORS: dict[tuple[str, str], DoorFunction] = {}


def door(verb: str, path: str) -> Callable[[DoorFunction], DoorFunction]:
    """`@door("POST", "/sandbox/client")`; what the function returns goes out as JSON."""

    def put(run: DoorFunction) -> DoorFunction:
        DOORS[verb, path] = run
        return run

    return put
