"""The sandbox's own doors, everything under /sandbox/: functions registered by address, no Bitrix24 at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.bitrix24.server import Sandbox

#: What a door is given: the running sandbox (its `.portal` is the memory), the JSON body or the query as a dict.
DoorFunction = Callable[["Sandbox", Mapping[str, Any]], Any]
DOORS: dict[tuple[str, str], DoorFunction] = {}


class Wrong(Exception):
    """A door was asked for nonsense: 400 with the reason."""


def door(verb: str, path: str) -> Callable[[DoorFunction], DoorFunction]:
    """`@door("POST", "/sandbox/lead")`. The function runs without the portal's lock and returns what goes out as JSON."""

    def put(run: DoorFunction) -> DoorFunction:
        DOORS[verb, path] = run
        return run

    return put
