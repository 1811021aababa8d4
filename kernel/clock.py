"""Time and ids, handed in from the one place that puts things together, so that a simulation can own them."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The present moment, with a zone."""

    def sleep(self, seconds: float) -> None: ...

    def monotonic(self) -> float: ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def monotonic(self) -> float:
        return time.monotonic()


class Ids(Protocol):
    def new(self) -> str:
        """A fresh id, unique across machines, sorting roughly by time."""


class TimeIds:
    """48 bits of milliseconds and 80 random bits, as 32 hex digits."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def new(self) -> str:
        return f"{int(self._clock.now().timestamp() * 1000):012x}{secrets.token_hex(10)}"
