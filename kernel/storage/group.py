"""Many small writes of several threads, one commit: who comes while another commits goes with the next one, together.

Each caller returns only after the commit that holds his write. A write that fails takes none of the others with it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from kernel.storage.database import Database, Tx

T = TypeVar("T")
TOGETHER_MAX = 100


@dataclass
class _Entry:
    action: Callable[[Tx], Any]
    done: bool = False
    result: Any = None
    failed: BaseException | None = None


class GroupCommit:
    """On SQLite this spares threads the wait for each other's turn at the file, which there is a sleep, not a queue."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Entry] = []
        self._lock, self._turn = threading.Lock(), threading.Lock()

    def run(self, action: Callable[[Tx], T]) -> T:
        """Carry `action` out in a transaction that may hold others' too; returns when it is committed."""
        entry = _Entry(action)
        with self._lock:
            self._waiting.append(entry)
        with self._turn:
            if not entry.done:
                with self._lock:
                    group, self._waiting = self._waiting[:TOGETHER_MAX], self._waiting[TOGETHER_MAX:]
                self._commit(group)
        if entry.failed is not None:
            raise entry.failed
        return cast("T", entry.result)

    def _commit(self, group: list[_Entry]) -> None:
        try:
            with self._database.write() as tx:
                for entry in group:
                    self._carry_out(tx, entry)
        except BaseException as exc:  # nothing of it stands
            for entry in group:
                entry.failed = entry.failed or exc
        finally:
            for entry in group:
                entry.done = True

    @staticmethod
    def _carry_out(tx: Tx, entry: _Entry) -> None:
        point = tx.connection.begin_nested()
        try:
            entry.result = entry.action(tx)
        except Exception as exc:
            point.rollback()
            entry.failed = exc
        else:
            point.commit()
