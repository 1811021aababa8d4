"""A worker: runs jobs and regular work until it is told to stop; what it cannot finish is taken up at the next start."""

from __future__ import annotations

import threading

from app.bootstrap import Annex
from kernel.errors import AnnexError
from kernel.extension.listening import Listener
from kernel.jobs.engine import Engine
from kernel.jobs.regular import Ticker
from kernel.telemetry import log


class Worker:
    """At most one per process, and never two alive with the same id."""

    def __init__(self, annex: Annex, worker_id: str) -> None:
        self._id = worker_id
        self._portal = annex.running.portal
        self._engine = Engine(annex.database, annex.handlers(), worker_id=worker_id)
        self._ticker = Ticker(annex.database, annex.clock, annex.works())
        running = annex.running
        self._listeners = [
            Listener(running.portal, running.plugins, one, worker_id)
            for one in running.portal.connections.values()
            if one.connector.listen is not None
        ]

    def start(self) -> None:
        self._engine.start()
        self._ticker.start()
        for listener in self._listeners:
            listener.start()
        threading.Thread(target=self._say_what_lacks, name="lacks", daemon=True).start()
        log.info("worker.started", worker=self._id)

    def _say_what_lacks(self) -> None:
        """Into the log at each start: what `annex doctor` would say of the portal."""
        try:
            for lack in self._portal.crm.lacks():
                log.warning("portal.lacks", what=f"{lack.kind} {lack.name}", where=lack.where, remedy=lack.remedy)
        except AnnexError as exc:
            log.warning("portal.unknown", reason=str(exc))

    def stop(self) -> None:
        for listener in self._listeners:
            listener.stop()
        self._ticker.stop()
        self._engine.stop()
        log.info("worker.stopped", worker=self._id)
