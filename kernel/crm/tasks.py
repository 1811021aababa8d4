"""Tasks of staff that hang on a record: what one holds, and what a CRM that has them can tell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

from kernel.crm.model import Ref

TaskState = Literal["pending", "in_progress", "to_accept", "deferred", "declined", "open", "done"]
"""Where a task stands. "to_accept": its responsible calls it done, who gave it has not agreed yet. "open": not done, and the
CRM has no word of its own for more."""


@dataclass(frozen=True)
class Task:
    """One task as the CRM holds it at the moment of reading."""

    id: str
    subject: str
    state: TaskState
    status: str = ""  #: what staff see, where the portal names its statuses itself; empty where they are the vendor's
    responsible: tuple[Ref, ...] = ()  #: people, or groups of them
    due: date | datetime | None = None  #: a day means its end
    url: str = ""  #: where staff open it

    @property
    def is_open(self) -> bool:
        return self.state not in ("done", "declined")

    def is_overdue(self, now: datetime, zone: ZoneInfo) -> bool:
        """Whether something should have been done by now. What waits to be accepted was done in time."""
        if self.due is None or not self.is_open or self.state == "to_accept":
            return False
        return self.due < now if isinstance(self.due, datetime) else self.due < now.astimezone(zone).date()


@dataclass(frozen=True)
class TaskList:
    """The tasks of a record, in the order of `in_order`."""

    tasks: tuple[Task, ...] = ()
    left: int | None = 0  #: how many more there are that were not read; None: some, and the CRM does not say how many


class Tasks(Protocol):
    """What a CRM that has tasks can tell of them."""

    def of(self, entity: str, record_id: str) -> TaskList:
        """The record's tasks: those that are bound to it or name it, and are no deals of the set. All that are open, as
        far as the CRM lets them be read in a few requests, then those that are done. Of a record that is not there: none.
        Raises NoRight where our access does not reach to tasks."""


def in_order(tasks: Iterable[Task], zone: ZoneInfo) -> tuple[Task, ...]:
    """Open ones first: what is due soonest, then what is due never; after them the newest of the rest."""

    def place(task: Task) -> tuple[int, float, int]:
        number = -int(task.id) if task.id.isdecimal() else 0
        if not task.is_open:
            return 2, 0.0, number
        return (1, 0.0, number) if task.due is None else (0, _end(task.due, zone), number)

    return tuple(sorted(tasks, key=place))


def _end(due: date | datetime, zone: ZoneInfo) -> float:
    if isinstance(due, datetime):
        return due.timestamp()
    return datetime(due.year, due.month, due.day, 23, 59, 59, tzinfo=zone).timestamp()


__all__ = ["Task", "TaskList", "TaskState", "Tasks", "in_order"]
