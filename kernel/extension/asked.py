"""What the tries of a call asked of the other side, request by request: for whoever keeps a log of questions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TypeVar

from kernel.clock import Clock
from kernel.datasets import outcome_of
from kernel.errors import AnnexError, Fault
from kernel.values import to_micros

T = TypeVar("T")
_noted: ContextVar[list[Asked] | None] = ContextVar("noted", default=None)


@dataclass(frozen=True)
class Asked:
    """One request with what became of it."""

    what: str  #: "OpenAccount"
    face: str = ""  #: "soap", "xml"
    outcome: str = ""  #: a word of `kernel.datasets.Outcome`, or `rejected`: a definite no
    at: int = 0  #: microseconds: when it left
    ms: int = 0
    rows: int = 0
    client_id: str = ""  #: whom the answer is about
    code: str = ""
    trace_id: str = ""  #: the other side's


@contextmanager
def noted() -> Iterator[list[Asked]]:
    """What is asked meanwhile, in its order."""
    found: list[Asked] = []
    token = _noted.set(found)
    try:
        yield found
    finally:
        _noted.reset(token)


def ask(clock: Clock, what: str, face: str, run: Callable[[], T], judged: Callable[[T, Asked], Asked]) -> T:
    """Have `run` ask, and note it; `judged` says what of the answer is worth noting."""
    one, began = Asked(what, face, at=to_micros(clock.now())), clock.monotonic()

    def note(ended: Asked) -> None:
        if (notes := _noted.get()) is not None:
            notes.append(replace(ended, ms=int((clock.monotonic() - began) * 1000)))

    try:
        answer = run()
    except AnnexError as exc:
        code, trace_id = (exc.vendor_code, exc.request_id) if isinstance(exc, Fault) else ("", "")
        note(replace(one, outcome=outcome_of(exc), code=code, trace_id=trace_id))
        raise
    note(judged(answer, one))
    return answer
