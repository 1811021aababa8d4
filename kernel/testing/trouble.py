"""Trouble to order: a process killed at a chosen commit or call, as `kill -9` would do it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kernel.storage import Database, Tx


class Crash(BaseException):
    """The process is gone at this point. No `except Exception` may catch it, as none catches kill -9."""


class Trouble:
    """Counts the points where a process may die, and lets it die at the chosen one.

    Points are "commit.before" and "commit.after" of each unit of work that writes, and "call.before" and "call.after" of
    each call to the CRM. A point that lies in the middle of a unit of work undoes it, as a real death would.
    """

    def __init__(self) -> None:
        self.passed: list[str] = []
        self._crash_in: int | None = None
        self.ask: Callable[[str], bool] = lambda _point: False  #: or decide at each point whether to die there

    def crash_at(self, nth: int) -> None:
        """Die at the nth point from now on (1: the very next)."""
        self._crash_in = nth

    def calm(self) -> None:
        self._crash_in = None
        self.ask = lambda _point: False

    def point(self, name: str) -> None:
        self.passed.append(name)
        if self._crash_in is not None:
            self._crash_in -= 1
            if self._crash_in == 0:
                self._crash_in = None
                raise Crash(name)
        if self.ask(name):
            raise Crash(name)


class TroubledDatabase(Database):
    """A real database; only the process that uses it may die before or after a commit."""

    def __init__(self, url: str, trouble: Trouble | None = None) -> None:
        super().__init__(url)
        self.trouble = trouble or Trouble()

    @contextmanager
    def write(self) -> Iterator[Tx]:
        with super().write() as tx:
            yield tx
            self.trouble.point("commit.before")
        self.trouble.point("commit.after")
