"""Tasks with a partner, as the CRM tells them when somebody opens the page: read at most a minute ago, or not shown.

A thread of its own asks, so that a page waits for a slow CRM only so long, holds no database open meanwhile, and several
readers of one partner share a question.
"""

from __future__ import annotations

import threading
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from kernel.crm import TaskList
from kernel.errors import AnnexError, NoRight
from kernel.extension.portal import Portal
from kernel.telemetry import log
from plugins.partners.settings import ENTITY, NAME

FRESH_SECONDS = 60.0  #: the oldest answer that is shown
FAILED_SECONDS = 5.0  #: so long a failure answers for the next ones who ask
WAIT_SECONDS_MAX = 10.0  #: real seconds for which a page waits; the question goes on, and its answer is kept
ASKED_AT_ONCE_MAX = 4  #: partners; a CRM that does not answer must not collect threads

Outcome = Literal["read", "none", "slow", "away", "no_right"]


@dataclass(frozen=True)
class TasksAnswer:
    """What the CRM said of a partner's tasks, or why it said nothing."""

    outcome: Outcome
    at: datetime | None = None  #: when it was asked: what changed since may be missing
    tasks: TaskList = field(default_factory=TaskList)


@dataclass(frozen=True)
class _Kept:
    until: float
    answer: TasksAnswer


class PartnerTasks:
    """One per process."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._kept: dict[str, _Kept] = {}
        self._asking: dict[str, threading.Event] = {}
        self._lock = threading.Lock()

    def known(self, partner: str) -> TasksAnswer | None:
        """What was read less than a minute ago; nobody is asked."""
        with self._lock:
            kept = self._kept.get(partner)
        return kept.answer if kept and self._portal.clock.monotonic() < kept.until else None

    def answer(self, partner: str) -> TasksAnswer:
        """The same, or what the CRM says now."""
        if (answer := self.known(partner)) is not None:
            return answer
        with self._lock:
            done = self._asking.get(partner)
            if done is None:
                if len(self._asking) >= ASKED_AT_ONCE_MAX:
                    return TasksAnswer("slow")
                done = self._asking[partner] = threading.Event()
                context = copy_context()
                threading.Thread(
                    target=lambda: context.run(self._ask, partner, done), name="annex-tasks", daemon=True
                ).start()
        done.wait(WAIT_SECONDS_MAX)
        return self.known(partner) or TasksAnswer("slow")

    def _ask(self, partner: str, done: threading.Event) -> None:
        clock = self._portal.clock
        began, at = clock.monotonic(), clock.now()
        answer = TasksAnswer("away")
        try:
            tasks = self._portal.crm.tasks
            answer = TasksAnswer("none") if tasks is None else TasksAnswer("read", at, tasks.of(ENTITY, partner))
        except NoRight as exc:
            log.warning("partners.tasks_unread", reason=str(exc))
            answer = TasksAnswer("no_right")
        except AnnexError as exc:
            log.warning("partners.tasks_unread", reason=str(exc))
        finally:
            until = began + FRESH_SECONDS if answer.outcome == "read" else clock.monotonic() + FAILED_SECONDS
            with self._lock:
                now = clock.monotonic()
                self._kept = {one: kept for one, kept in self._kept.items() if now < kept.until}
                self._kept[partner] = _Kept(until, answer)
                del self._asking[partner]
            done.set()


def tasks_of(portal: Portal) -> PartnerTasks:
    found: PartnerTasks = portal.memory.setdefault(f"{NAME}.tasks", PartnerTasks(portal))
    return found
