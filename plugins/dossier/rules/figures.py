"""Figures of the request log: how long questions took, and how many failed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

FAILED = ("unavailable", "maintenance", "bad_answer", "refused", "moved")


@dataclass(frozen=True)
class Figures:
    """Of one set on one day. Milliseconds of those questions that left."""

    day: date
    set_name: str
    count: int
    median: int
    p95: int
    failed: int

    @property
    def share(self) -> str:
        """Per cent, one digit behind the comma."""
        tenths = (self.failed * 2000 + self.count) // (2 * self.count)
        return f"{tenths // 10},{tenths % 10}"


def figures(lines: Iterable[tuple[date, str, str, int]]) -> list[Figures]:
    """Of (day, set, outcome, milliseconds); the newest day first."""
    heaps: dict[tuple[date, str], list[tuple[str, int]]] = {}
    for day, set_name, outcome, ms in lines:
        heaps.setdefault((day, set_name), []).append((outcome, ms))
    found = []
    for (day, set_name), heap in heaps.items():
        times = sorted(ms for _, ms in heap)
        failed = sum(outcome in FAILED for outcome, _ in heap)
        found.append(Figures(day, set_name, len(heap), nearest(times, 50), nearest(times, 95), failed))
    return sorted(sorted(found, key=lambda one: one.set_name), key=lambda one: one.day, reverse=True)


def nearest(times: Sequence[int], per_cent: int) -> int:
    """The smallest value that so many per cent of them do not exceed."""
    return times[max(-(-len(times) * per_cent // 100), 1) - 1]
