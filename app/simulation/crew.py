"""Several pieces of work at once, one at a time: each in a thread of its own, and only the one that holds the baton runs.

A piece gives the baton back at every commit and every call, so that the pieces interleave there in all ways that
seeded randomness can choose, and the same seed gives the same story.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from kernel.testing import Crash


@dataclass(eq=False)
class Piece:
    """Some work of one process. `dying`: its process was killed; it will never do anything again."""

    process: str
    work: Callable[[], object]
    give_up: Callable[[], None] = lambda: None  #: what makes others take it over while it stands still
    done: bool = False
    dying: bool = False
    failed: BaseException | None = None
    _go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _back: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _thread: threading.Thread | None = None

    def go_on(self) -> None:
        """Let it work until it gives the baton back, ends or dies."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=f"simulated {self.process}", daemon=True)
            self._thread.start()
        self._go.release()
        self._back.acquire()

    def hand_over(self) -> None:
        """Called by the work itself: others' turn."""
        self._back.release()
        self._go.acquire()
        if self.dying:
            raise Crash("killed")

    def _run(self) -> None:
        _at_work.piece = self
        self._go.acquire()
        try:
            if not self.dying:
                self.work()
        except BaseException as exc:  # handed to whoever plays the story
            self.failed = exc
        self.done = True
        self._back.release()


class _AtWork(threading.local):
    piece: Piece | None = None


_at_work = _AtWork()


def at_work() -> Piece | None:
    """The piece whose thread this is."""
    return _at_work.piece


class Crew:
    """All pieces begun and not ended."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []

    def begin(self, process: str, work: Callable[[], object], give_up: Callable[[], None] = lambda: None) -> Piece:
        piece = Piece(process, work, give_up)
        self.pieces.append(piece)
        return piece

    def go_on(self, piece: Piece) -> bool:
        """One stretch of work; whether it has ended. Raises Crash when its process died in it, and what the work raised."""
        piece.go_on()
        if piece.done:
            self.pieces.remove(piece)
            if piece.failed is not None:
                raise piece.failed
        return piece.done

    def kill(self, process: str) -> None:
        """Everything the process was doing is gone, wherever it stood."""
        for piece in [one for one in self.pieces if one.process == process]:
            self._end(piece)
            if not isinstance(piece.failed, Crash | None):
                raise piece.failed

    def end(self) -> None:
        """The story is over, also where it broke off: no thread is left behind."""
        for piece in list(self.pieces):
            self._end(piece)

    def _end(self, piece: Piece) -> None:
        piece.dying = True
        while not piece.done:
            piece.go_on()
        self.pieces.remove(piece)
