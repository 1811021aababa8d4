"""The process is told to stop: work that only waits for its turn gives it up, since it is taken up at the next start."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ending: ContextVar[threading.Event | None] = ContextVar("ending", default=None)


@contextmanager
def ended_by(event: threading.Event) -> Iterator[None]:
    """What runs in here may be cut short where it waits. Only for what begins again by itself; never for a request of
    somebody who waits for the answer."""
    token = _ending.set(event)
    try:
        yield
    finally:
        _ending.reset(token)


def ending() -> threading.Event | None:
    """Set as soon as the present work may be cut short; None if it may not."""
    return _ending.get()
