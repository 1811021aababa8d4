"""The Bot API's methods: functions registered by name, which is case-insensitive (contract 1.4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.telegram.params import Call

Function = Callable[[Call], Any]


@dataclass(frozen=True)
class Method:
    """`sends`: it changes what people see; the switches with `…_next` are about these."""

    name: str
    run: Function
    sends: bool


METHODS: dict[str, Method] = {}


def method(*names: str, sends: bool = False) -> Callable[[Function], Function]:
    """`@method("sendMessage", sends=True)`. The function runs with the world's lock held."""

    def put(run: Function) -> Function:
        for name in names:
            METHODS[name.lower()] = Method(name, run, sends)
        return run

    return put
