"""Which of DBOS's threads we replace while it launches, and by what: the one place that reaches into the library.

Its manager of queues lists them each second, and starts a poller for each one and for a queue of its own: we have one
queue, and a poller that waits for a reason (kernel/jobs/waking.py). Its background jobs enqueue delayed work and cancel
what is past a deadline, each second: we use neither. A test compares with the library and fails when that changes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import dbos._dbos
from dbos._queue import Queue, queue_worker_thread

from kernel.jobs.waking import Pauses, Probe, wake
from kernel.telemetry import log

RESTART_SECONDS = 1.0
_library: Any = dbos._dbos  # the module that starts the threads, by the names it imported


class Poller:
    """The thread that takes jobs from our queue. It waits until it is told which queue that is."""

    def __init__(self, make_probe: Callable[[], Probe]) -> None:
        self._make_probe = make_probe
        self._known, self._ended = threading.Event(), threading.Event()
        self._queue: Queue | None = None
        self._stop: threading.Event | None = None  #: the library's, once it has launched

    def take_from(self, queue: Queue) -> None:
        queue.database_backed_queue = False  # else it is read again before each poll; nobody changes it but we, at a start
        self._queue = queue
        self._known.set()

    def stop(self) -> None:
        """Take nothing more; `runs` says when the last look has ended."""
        if self._stop is not None:
            self._stop.set()
            wake()

    def runs(self) -> bool:
        return self._stop is not None and not self._ended.is_set()

    def run(self, stop: threading.Event, runtime: Any) -> None:
        self._stop = stop
        try:
            self._run(stop, runtime)
        finally:
            self._ended.set()

    def _run(self, stop: threading.Event, runtime: Any) -> None:
        while not self._known.wait(0.1):
            if stop.is_set():
                return
        assert self._queue is not None
        pauses = Pauses(stop, self._make_probe)
        try:
            while not stop.is_set():
                try:
                    queue_worker_thread(pauses, runtime, self._queue)  # type: ignore[arg-type]
                except Exception:  # the library's manager would start a poller that died again, too
                    log.exception("jobs.poller")
                    stop.wait(RESTART_SECONDS)
        finally:
            pauses.close()


def active(runtime: Any) -> int:
    """How many jobs this process runs, up to the row that says how each ended."""
    return len(runtime._active_workflows_set.activeList())


def _nothing(stop: threading.Event, runtime: Any) -> None:
    """In place of the library's background jobs."""


@contextmanager
def launching(poller: Poller) -> Iterator[None]:
    """DBOS launches inside with our threads in place of its own."""
    theirs = _library.queue_thread, _library.background_jobs_thread
    _library.queue_thread, _library.background_jobs_thread = poller.run, _nothing
    try:
        yield
    finally:
        _library.queue_thread, _library.background_jobs_thread = theirs
