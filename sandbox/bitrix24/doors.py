"""The sandbox's own doors, everything under /sandbox/: functions registered by address, no Bitrix24 at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from sandbox.bitrix24.apps import App
from sandbox.bitrix24.delivery import Delivery
from sandbox.bitrix24.events import Events
from sandbox.bitrix24.state import Portal


class Running(Protocol):
    """What a door may use of the sandbox that serves it."""

    portal: Portal
    delivery: Delivery
    events: Events
    on_app_gone: list[Callable[[Portal, App], None]]

    def records(self) -> dict[str, int]: ...


#: What a door is given: the running sandbox, the JSON body or the query as a dict.
DoorFunction = Callable[[Any, Mapping[str, Any]], Any]
DOORS: dict[tuple[str, str], DoorFunction] = {}


class BadRequest(Exception):
    """A door was asked for nonsense: 400 with the reason."""


def door(verb: str, path: str) -> Callable[[DoorFunction], DoorFunction]:
    """`@door("POST", "/sandbox/lead")`. The function runs without the portal's lock and returns what goes out as JSON."""

    def put(run: DoorFunction) -> DoorFunction:
        DOORS[verb, path] = run
        return run

    return put
