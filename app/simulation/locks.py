"""Locks for pieces of work that take turns: who waits for one hands over, instead of stopping the whole story."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, Literal
from unittest.mock import patch

from app.simulation.crew import Piece, at_work

_storyteller = object()


class TurnLock:
    """Lock and RLock in one: whoever holds it may take it again only if `again`."""

    def __init__(self, *, again: bool = False) -> None:
        self._again = again
        self._owner: object | None = None
        self._depth = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        me: Piece | object = at_work() or _storyteller
        while self._owner is not None and not (self._again and self._owner is me):
            if not blocking:
                return False
            if not isinstance(me, Piece):
                raise AssertionError("the storyteller waits for a lock that only a piece of work can give back")
            me.hand_over()
        self._owner, self._depth = me, self._depth + 1
        return True

    def release(self) -> None:
        self._depth -= 1
        if not self._depth:
            self._owner = None

    def locked(self) -> bool:
        return self._owner is not None

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *exc: object) -> Literal[False]:
        self.release()
        return False


class TurnEvent:
    """Waiting for it lets the others go on; if none of them sets it, the time is passed by sleeping."""

    def __init__(self, sleep: Callable[[float], None]) -> None:
        self._sleep, self._set = sleep, False

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True

    def clear(self) -> None:
        self._set = False

    def wait(self, timeout: float | None = None) -> bool:
        me = at_work()
        while not self._set:
            if isinstance(me, Piece):
                me.hand_over()
            if not self._set and timeout is not None:
                self._sleep(timeout)
                break
            if me is None:
                raise AssertionError("the storyteller waits for what only a piece of work can do")
        return self._set


@contextmanager
def turns_in(module: Any, sleep: Callable[[float], None]) -> Iterator[None]:
    """For a module that makes locks while it works, not only when it is put together."""
    before = module.threading
    module.threading = SimpleNamespace(**_kinds(sleep), local=threading.local)
    try:
        yield
    finally:
        module.threading = before


@contextmanager
def taking_turns(sleep: Callable[[float], None]) -> Iterator[None]:
    """Whatever is put together inside gets such locks."""
    with patch.multiple(threading, **_kinds(sleep)):
        yield


def _kinds(sleep: Callable[[float], None]) -> dict[str, Any]:
    return {"Lock": TurnLock, "RLock": lambda: TurnLock(again=True), "Event": lambda: TurnEvent(sleep)}
