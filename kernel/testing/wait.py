"""Waiting for something that other threads or processes bring about."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: A loaded machine may take its time; only a test that fails waits that long.
WITHIN_SECONDS = 120.0


def until(
    condition: Callable[[], T], what: str, *, within: float = WITHIN_SECONDS, every: float = 0.01, seen: object = None
) -> T:
    """Wait until `condition()` is true, and return what it gave.

    Raises AssertionError after `within` seconds, with `what` was waited for and what the condition gave last, or what
    `seen()` says. Pauses grow from `every` to a quarter of a second, so that waiting costs little.
    """
    end, pause = time.monotonic() + within, every
    while not (found := condition()):
        if time.monotonic() > end:
            last = seen() if callable(seen) else found
            raise AssertionError(f"waited {within:g} s for nothing: {what}; seen last: {last!r}")
        time.sleep(pause)
        pause = min(pause * 1.2, max(every, 0.25))
    return found
