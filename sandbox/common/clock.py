"""Sandbox time: limits, delays and retry schedules run K times faster; stamps on records stay real dates."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class Clock:
    """`ticks` is for durations (sped up), `now` for dates shown to people (not sped up); `advance` moves both.

    Were `now` sped up too, a demo of ten minutes at 1000x would stamp its records weeks into the future, and every
    comparison with the service's own clock would be wrong.
    """

    def __init__(self, speedup: float = 1.0) -> None:
        if speedup <= 0:
            raise ValueError("--speedup must be above 0")
        self.speedup = speedup
        self._started = time.monotonic()
        self._advanced_s = 0.0
        self._shifted = timedelta(0)
        self._listeners: list[Callable[[], None]] = []

    def ticks(self) -> float:
        """Sandbox seconds since the start."""
        return (time.monotonic() - self._started) * self.speedup + self._advanced_s

    def now(self) -> datetime:
        """The moment records are stamped with."""
        return datetime.now(UTC) + timedelta(seconds=self._advanced_s) + self._shifted

    def real_seconds(self, sandbox_seconds: float) -> float:
        """How long a thread must really sleep for so many sandbox seconds."""
        return max(sandbox_seconds, 0.0) / self.speedup

    def sleep(self, sandbox_seconds: float) -> None:
        """Wait so many sandbox seconds (not shortened by `advance`)."""
        if sandbox_seconds > 0:
            time.sleep(self.real_seconds(sandbox_seconds))

    def advance(self, seconds: float) -> None:
        """Move the clock forward and wake everyone who waits for it."""
        self._advanced_s += max(seconds, 0.0)
        for wake in self._listeners:
            wake()

    def set_date(self, moment: datetime) -> None:
        """Stamp records as of that moment from now on, past or future; durations and those who wait are not touched."""
        self._shifted += moment - self.now()

    def set_date_given(self, text: str) -> None:
        """The same, as somebody has written it. Raises ValueError in words for them."""
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError("at must be a date and time like 2026-10-29T10:00:00+03:00") from None
        if moment.tzinfo is None:
            raise ValueError("at must have an offset")
        self.set_date(moment)

    def on_advance(self, wake: Callable[[], None]) -> None:
        """Call `wake` whenever the clock is moved by hand."""
        self._listeners.append(wake)


class LedClock(Clock):
    """A clock that somebody else moves: for a simulation that plays both sides, where nobody ever really waits."""

    def __init__(self, read: Callable[[], datetime]) -> None:
        super().__init__()
        self._read, self._start = read, read()

    def ticks(self) -> float:
        return (self._read() - self._start).total_seconds()

    def now(self) -> datetime:
        return self._read()

    def sleep(self, sandbox_seconds: float) -> None:
        if sandbox_seconds > 0:
            raise ValueError("a led clock cannot wait: leave the switches for latency at 0")
