"""Jobs: enqueued in our own transaction, run at least once, in order within a lane."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from kernel.storage import Tx

PRIORITY_MAX = 2**31 - 1


@dataclass(frozen=True)
class Job:
    """`key` makes a second enqueue harmless; jobs of one `lane` run one after another, by `number`."""

    name: str
    key: str
    lane: str
    number: int
    args: Mapping[str, Any]


class Again(Exception):
    """Raised by a job: not now; come back after so many seconds, keeping the place in the lane."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Queue(Protocol):
    def enqueue(self, tx: Tx, job: Job) -> None:
        """Takes effect with the commit of `tx`, or not at all."""


Handler = Callable[[Mapping[str, Any]], None]


def next_number(tx: Tx, lane: str) -> int:
    """The lane's next running number, drawn in this transaction."""
    number = tx.value(
        "INSERT INTO lane (name, last) VALUES (:n, 1) ON CONFLICT (name) DO UPDATE SET last = lane.last + 1 RETURNING last",
        n=lane,
    )
    return int(number)
