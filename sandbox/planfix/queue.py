"""Changes that were answered 202: applied later, in the order they came (contract 2.3, checklist 10)."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable

from sandbox.planfix.errors import Refusal
from sandbox.planfix.state import Portal


class BusyQueue:
    """One thread that applies queued changes when their time has come."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._wake = threading.Condition()
        self._heap: list[tuple[float, int, str, Callable[[], object]]] = []
        self._order = itertools.count()
        self._last_due: dict[str, float] = {}
        self._pending: dict[str, int] = {}
        self._closing = False
        self.scripts_at_work: dict[str, int] = {}  # objects whose script waits for our answer
        portal.clock.on_advance(self.poke)
        self._thread = threading.Thread(target=self._run, name="planfix-busy", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        with self._wake:
            self._closing = True
            self._wake.notify_all()
        self._thread.join(5)

    def poke(self) -> None:
        with self._wake:
            self._wake.notify_all()

    def is_busy(self, target: str) -> bool:
        """Is a script or another change at work on this object? What waits already keeps its place."""
        faults = self._portal.faults
        if self._pending.get(target):
            return True
        if faults.on("busy_while_script") and self.scripts_at_work.get(target):
            return True
        return faults.take("busy_next") or faults.chance("busy_rate")

    def put(self, target: str, apply: Callable[[], object]) -> None:
        """Apply a change to `target` later."""
        with self._wake:
            due = self._portal.clock.ticks() + self._portal.faults.number("busy_ms") / 1000
            due = max(due, self._last_due.get(target, 0.0))
            self._last_due[target] = due
            self._pending[target] = self._pending.get(target, 0) + 1
            heapq.heappush(self._heap, (due, next(self._order), target, apply))
            self._wake.notify_all()

    def waiting(self) -> int:
        return sum(self._pending.values())

    def _pop(self) -> tuple[str, Callable[[], object]]:
        """The change that is due; with busy_order=newest the last one that waits for the same object."""
        _, order, target, apply = heapq.heappop(self._heap)
        if self._portal.faults.word("busy_order") == "newest":
            newest = max((item for item in self._heap if item[2] == target), key=lambda item: item[1], default=None)
            if newest:
                self._heap.remove(newest)
                heapq.heapify(self._heap)
                heapq.heappush(self._heap, (newest[0], order, target, apply))
                return target, newest[3]
        return target, apply

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._closing and (not self._heap or self._heap[0][0] > self._portal.clock.ticks()):
                    pause = self._heap[0][0] - self._portal.clock.ticks() if self._heap else None
                    self._wake.wait(None if pause is None else self._portal.clock.real_seconds(pause) + 0.001)
                if self._closing:
                    return
                target, apply = self._pop()
            self._apply(target, apply)

    def due(self) -> float | None:
        """When the next change is to be applied, in sandbox seconds; None if none waits."""
        with self._wake:
            return self._heap[0][0] if self._heap else None

    def step(self) -> bool:
        """Apply the change that is due, in the caller's thread; false if none is. For a portal without threads."""
        with self._wake:
            if not self._heap or self._heap[0][0] > self._portal.clock.ticks():
                return False
            target, apply = self._pop()
        self._apply(target, apply)
        return True

    def _apply(self, target: str, apply: Callable[[], object]) -> None:
        with self._portal.lock:
            try:
                apply()
            except Refusal as refusal:  # nobody is left to hear it: no way to ask about the queue
                self._portal.note(direction="queue", target=target, error=str(refusal))
            finally:
                with self._wake:
                    self._pending[target] -= 1
