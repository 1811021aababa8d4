"""Many small writes of several threads, one commit: who comes while another commits goes with the next one, together.

Each caller returns only after the commit that holds their write. A write that fails takes none of the others with it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from kernel.errors import Closed
from kernel.storage.database import Database
from kernel.storage.tx import Tx

T = TypeVar("T")
R = TypeVar("R")
TOGETHER_MAX = 100
AT_ONCE = {"sqlite": 1, "postgresql": 2}  #: groups in flight; a server can take the next one while it commits


class _Refused(Exception):
    """Something in the group cannot be written; its cause says what."""


@dataclass
class _Entry:
    item: Any
    finished: threading.Lock = field(default_factory=threading.Lock)  #: let go when it is done, or is to lead a group
    leads: bool = False
    done: bool = False
    result: Any = None
    failed: BaseException | None = None

    def __post_init__(self) -> None:
        self.finished.acquire()


class GroupCommit(Generic[T, R]):
    """`together` writes all that is given in one unit of work and returns a result for each, in their order.

    There is no thread of its own: the first who comes leads the group, and names who leads the next one. On SQLite this
    spares threads the wait for each other's turn at the file, which there is a sleep, not a queue.
    """

    def __init__(self, database: Database, together: Callable[[Tx, Sequence[T]], Sequence[R]]) -> None:
        self._database, self._together = database, together
        self._waiting: list[_Entry] = []
        self._lock, self._leaders = threading.Lock(), 0
        self._leaders_max = AT_ONCE[database.dialect]

    def run(self, item: T) -> R:
        """Have `item` written in a transaction that may hold others' too; returns when it is committed."""
        entry = _Entry(item)
        with self._lock:
            self._waiting.append(entry)
            entry.leads = self._leaders < self._leaders_max
            self._leaders += entry.leads
        if not entry.leads:
            entry.finished.acquire()
        if not entry.done:
            self._lead(entry)
        if entry.failed is not None:
            raise entry.failed
        result: R = entry.result
        return result

    def _lead(self, first: _Entry) -> None:
        with self._lock:
            free = [entry for entry in self._waiting if not entry.leads]  # another one who leads takes its own along
            group = [first, *free[: TOGETHER_MAX - 1]]
            self._waiting = [entry for entry in self._waiting if entry.leads and entry is not first]
            self._waiting += free[TOGETHER_MAX - 1 :]
        try:
            self._commit(group)
        finally:
            with self._lock:
                following = [entry for entry in self._waiting if not entry.leads][:1]
                for entry in following:
                    entry.leads = True
                self._leaders += len(following) - 1
            for entry in (*following, *group[1:]):  # the next leader first: the disk should not wait for our answers
                entry.finished.release()

    def _commit(self, group: list[_Entry]) -> None:
        try:
            try:
                self._write(group)
            except _Refused:
                self._one_by_one(group)
        except BaseException as exc:  # of those not done nothing stands, or nobody knows
            for entry in group:
                if not entry.done:
                    entry.failed = exc
        finally:
            for entry in group:
                entry.done = True

    def _one_by_one(self, group: list[_Entry]) -> None:
        """One of them spoils it for all, so each gets a transaction of their own."""
        for entry in group:
            try:
                self._write([entry])
            except _Refused as exc:
                entry.failed, entry.done = exc.__cause__, True

    def _write(self, group: list[_Entry]) -> None:
        with self._database.write() as tx:
            try:
                results = self._together(tx, [entry.item for entry in group])
            except Exception as exc:
                if _hopeless(exc):
                    raise
                raise _Refused from exc
        for entry, result in zip(group, results, strict=True):
            entry.result, entry.done = result, True


def _hopeless(exc: Exception) -> bool:
    """Whether it is the database itself: the next one would fare no better, only later."""
    return isinstance(exc, Closed) or (isinstance(exc, sa.exc.DBAPIError) and exc.connection_invalidated)
