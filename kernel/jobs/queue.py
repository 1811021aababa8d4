"""Jobs: enqueued in our own transaction, run at least once, in order within a lane."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

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


@runtime_checkable
class ManyQueue(Queue, Protocol):
    """A queue that can take many jobs with few statements."""

    def enqueue_many(self, tx: Tx, jobs: Sequence[Job]) -> None: ...


def enqueue_all(queue: Queue, tx: Tx, jobs: Sequence[Job]) -> None:
    """Enqueue them in their order, the fast way where the queue has one."""
    if isinstance(queue, ManyQueue):
        queue.enqueue_many(tx, jobs)
    else:
        for job in jobs:
            queue.enqueue(tx, job)


Handler = Callable[[Mapping[str, Any]], None]


def next_number(tx: Tx, lane: str) -> int:
    """The lane's next running number, drawn in this transaction."""
    number = tx.value(
        "INSERT INTO lane (name, last) VALUES (:n, 1) ON CONFLICT (name) DO UPDATE SET last = lane.last + 1 RETURNING last",
        n=lane,
    )
    return int(number)


def next_numbers(tx: Tx, lanes: Sequence[str]) -> list[int]:
    """The same for many: a number for each lane named, in order where one is named twice.

    Lanes are held in the order of their names, so that two who draw many at once do not wait for each other.
    """
    named = sorted(Counter(lanes).items())
    drawn = dict(
        tx.insert_returning(
            "lane (name, last)", named,
            "ON CONFLICT (name) DO UPDATE SET last = lane.last + excluded.last RETURNING name, last",
        )
    )  # fmt: skip
    following = {name: int(drawn[name]) - count for name, count in named}
    numbers = []
    for name in lanes:
        following[name] += 1
        numbers.append(following[name])
    return numbers
