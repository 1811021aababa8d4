"""The tasks of a partner that a reader may see, in the rows of the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from kernel.crm import Task
from kernel.extension.portal import Portal
from plugins.partners.crm_tasks import Outcome, TasksAnswer
from plugins.partners.sight import Sight

SHOWN_MAX = 50


@dataclass(frozen=True)
class Row:
    task: Task
    overdue: bool


@dataclass(frozen=True)
class TasksView:
    outcome: Outcome
    at: datetime | None
    rows: Sequence[Row]
    more: int  #: so many further ones the reader may see
    unread: bool  #: and there are some that were not read
    own_only: bool  #: tasks of others are left out


def view(portal: Portal, sight: Sight, partner: str, answer: TasksAnswer) -> TasksView:
    """Whoever may see the whole partner sees all tasks; whoever only has a deal with them, or the settlements alone, sees
    those for which they are responsible themselves."""
    whole, left = sight.whole(partner), answer.tasks.left
    seen = [task for task in answer.tasks.tasks if whole or _is_theirs(task, sight.person)]
    now, zone = portal.clock.now(), portal.zone
    rows = [Row(task, task.is_overdue(now, zone)) for task in seen[:SHOWN_MAX]]
    more = len(seen) - len(rows) + ((left or 0) if whole else 0)
    unread = left is None or (not whole and left > 0)
    return TasksView(answer.outcome, answer.at.astimezone(zone) if answer.at else None, rows, more, unread, not whole)


def _is_theirs(task: Task, person: str) -> bool:
    return bool(person) and any(one.id == person for one in task.responsible)
