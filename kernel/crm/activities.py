"""What staff plan to do about a record: calls, meetings, things to do. A CRM may bind one to several records at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class Activity:
    """Something planned that is not done."""

    id: str
    subject: str = ""


@dataclass(frozen=True)
class Left:
    """An activity that the CRM did not let go, and its own words why."""

    activity: Activity
    reason: str


class Activities(Protocol):
    """What a CRM that has activities can tell of them, and how they come to another record."""

    def open_of(self, entity: str, record_id: str) -> tuple[Activity, ...]:
        """What is planned for that record and not done, oldest first."""

    def add(
        self, entity: str, record_id: str, subject: str, text: str, *, responsible: str, due_at: datetime, key: str,
        maybe_done: bool = False,
    ) -> str:  # fmt: skip
        """Plan something for that record, to be done by that person and time; its id. With `maybe_done` the one of `key` is
        looked for first, done or not."""

    def move(self, entity: str, record_id: str, to: str) -> tuple[Left, ...]:
        """Bind what is open of a record to another of its kind instead; what else it is bound to stays. Returns those that
        stayed where they were. A repeat moves what an earlier try has left over."""


__all__ = ["Activities", "Activity", "Left"]
