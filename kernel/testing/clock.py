"""A clock that moves only when told, and ids that count."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta


class FakeClock:
    """Keeps kernel.clock.Clock. Sleeping moves it on at once; several threads may sleep."""

    def __init__(self, moment: datetime | None = None) -> None:
        self._moment = moment or datetime(2026, 11, 23, 10, 0, tzinfo=UTC)  # a Monday
        self._start = self._moment
        self._lock = threading.Lock()

    def now(self) -> datetime:
        with self._lock:
            return self._moment

    def sleep(self, seconds: float) -> None:
        self.advance(seconds=seconds)

    def monotonic(self) -> float:
        return (self.now() - self._start).total_seconds()

    def advance(self, **span: float) -> None:
        """Move on: `advance(days=1, seconds=5)`."""
        with self._lock:
            self._moment += timedelta(**span)

    def set(self, moment: datetime) -> None:
        with self._lock:
            self._moment = moment


class CountingIds:
    """Keeps kernel.clock.Ids: `id000001`, `id000002` …"""

    def __init__(self) -> None:
        self._count = 0
        self._lock = threading.Lock()

    def new(self) -> str:
        with self._lock:
            self._count += 1
            return f"id{self._count:06d}"
