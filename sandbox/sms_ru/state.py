"""One account under one lock: money, messages, lists, callbacks."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sandbox.common.clock import Clock
from sandbox.sms_ru.faults import Faults

LOG_ENTRIES_MAX = 20_000
FINAL = (103, 104, 105, 106, 107, 108, 110, 150)


@dataclass
class Sms:
    """A message that was accepted."""

    id: str
    to: str
    text: str
    sender: str
    segments: int
    cost: Decimal
    test: bool
    sent_at: int  #: unix time
    code: int = 100
    status_at: int = 0
    outcome: int = 103
    due: float = 0.0  #: sandbox seconds: when the next status comes


@dataclass
class Status:
    """A line that the account's callbacks have still to get."""

    url: str
    line: str
    due: float
    attempt: int = 0
    copy: bool = False


@dataclass
class Account:
    """Everything one sandbox is. Take `lock` before reading or writing."""

    clock: Clock
    faults: Faults
    api_id: str
    login: str = "annex"
    name: str = "broker"
    address: str = "http://127.0.0.1"
    balance: Decimal = Decimal("1000.00")
    price: Decimal = Decimal("4.20")  #: of one segment
    spent: Decimal = Decimal(0)
    limit: int = 0  #: messages a day; 0: none
    used: int = 0
    free: int = 0
    senders: list[str] = field(default_factory=list)
    stoplist: dict[str, str] = field(default_factory=dict)
    no_route: set[str] = field(default_factory=set)  #: numbers refused with 207
    callbacks: list[str] = field(default_factory=list)
    messages: dict[str, Sms] = field(default_factory=dict)
    waiting: list[Status] = field(default_factory=list)
    sends: int = 0  #: requests of sms/send that were accepted, for lose_answer_every
    next_number: int = 1_000_071
    counters: Counter[str] = field(default_factory=Counter)
    log: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=LOG_ENTRIES_MAX))

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.closing = False
        self.clock.on_advance(self.wake)

    def wake(self) -> None:
        with self.changed:
            self.changed.notify_all()

    def now(self) -> int:
        return int(self.clock.now().timestamp())

    def new_id(self) -> str:
        """«202647-1000071»: year and week, then a number."""
        year, week, _ = self.clock.now().isocalendar()
        self.next_number += 1
        return f"{year}{week:02d}-{self.next_number}"

    def note(self, **what: Any) -> None:
        """Append to the log of GET /sandbox/log. Never the key."""
        with self.lock:
            self.counters["log"] += 1
            self.log.append({"n": self.counters["log"], "at": round(self.clock.ticks(), 3), **what})

    # -- what becomes of messages

    def walk(self) -> None:
        """Give every message the statuses whose moment has come: 100, 102, then its outcome."""
        step = self.faults.number("status_step")
        for one in self.messages.values():
            while one.code not in FINAL and one.code != one.outcome and one.due <= self.clock.ticks():
                one.code = 102 if one.code == 100 and one.outcome != 102 else one.outcome
                one.status_at, one.due = self.now(), one.due + step
                if not one.test or self.faults.on("callback_test"):
                    self._tell(one)

    def _tell(self, one: Sms) -> None:
        lines = [f"sms_status\n{one.id}\n{one.code}\n{one.status_at}"]
        if self.faults.on("callback_strangers"):
            lines += [
                f"sms_status\n202601-{one.id[-4:]}\n103\n{one.status_at}",
                f"callcheck_status\n{one.id}\n401\n{one.status_at}",
            ]
        for url in self.callbacks:
            for line in lines:
                late = self.faults.chance("callback_reorder_rate")
                due = self.clock.ticks() + (3 * self.faults.number("status_step") + 1 if late else 0)
                self.waiting.append(Status(url, line, due))

    def next_step(self) -> float | None:
        """When the next status is due, in sandbox seconds."""
        return min(
            (one.due for one in self.messages.values() if one.code not in FINAL and one.code != one.outcome), default=None
        )
