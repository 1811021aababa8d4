"""The leaky bucket by source address, and operating time by client and method (contract, section 3)."""

from __future__ import annotations

import threading
from collections import deque

from sandbox.bitrix24.registry import Client, RestError
from sandbox.bitrix24.state import Portal

#: plan: how many requests leak out a second, and above how many a request is refused.
PLANS = {"standard": (2.0, 50), "enterprise": (5.0, 250)}
SLOT_SECONDS = 60
SLOTS = 10


class Bucket:
    """Each HTTP request counts one, a batch also one."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._lock = threading.Lock()
        self._levels: dict[str, tuple[float, float]] = {}

    def pour(self, source: str) -> None:
        """Count a request, or refuse it; a refused one is not poured in. Without a limit the level is still kept."""
        plan = self._portal.faults.word("plan")
        leak, capacity = PLANS.get(plan, PLANS["standard"])
        now = self._portal.clock.ticks()
        with self._lock:
            level, then = self._levels.get(source, (0.0, now))
            level = max(0.0, level - (now - then) * leak)
            full = plan != "off" and level + 1 > capacity
            level = level if full else level + 1
            self._levels[source] = (level, now)
            counters = self._portal.counters
            counters.bucket_max = max(counters.bucket_max, level)
            if full:
                counters.refused += 1
                raise RestError(503, "QUERY_LIMIT_EXCEEDED", "Too many requests")


class Operating:
    """Ten buckets of one minute. The call that crosses the limit still succeeds, the next one does not."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._used: dict[tuple[str, str], deque[list[float]]] = {}

    def check(self, client: Client, method: str) -> None:
        limit = self._portal.faults.number("operating_limit")
        if limit and self._sum(self._slots(client, method)) >= limit:
            self._portal.counters.refused += 1
            raise RestError(429, "OPERATION_TIME_LIMIT", "Method is blocked due to operation time limit.")

    def spend(self, client: Client, method: str, seconds: float) -> tuple[float, int]:
        """Book the time of one call; what `time` shows: operating seconds and when the oldest minute falls out."""
        faults = self._portal.faults
        chosen = faults.word("operating_method").lower()
        if chosen in ("", method):
            seconds += faults.number("operating_seconds")
        slots = self._slots(client, method)
        minute = self._minute()
        if not slots or slots[-1][0] != minute:
            slots.append([minute, 0.0])
        slots[-1][1] += seconds
        left = slots[0][0] * SLOT_SECONDS + SLOT_SECONDS * SLOTS - self._portal.clock.ticks()
        return self._sum(slots), int(self._portal.clock.now().timestamp() + left)

    def _minute(self) -> int:
        return int(self._portal.clock.ticks() // SLOT_SECONDS)

    def _slots(self, client: Client, method: str) -> deque[list[float]]:
        slots = self._used.setdefault((client.id, method), deque())
        while slots and slots[0][0] <= self._minute() - SLOTS:
            slots.popleft()
        return slots

    @staticmethod
    def _sum(slots: deque[list[float]]) -> float:
        return sum(slot[1] for slot in slots)
