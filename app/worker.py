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
        self._portal = annex.runtime.portal
        self._engine = Engine(annex.database, annex.handlers(), worker_id=worker_id)
        self._ticker = Ticker(annex.database, annex.clock, annex.works(), each_tick=annex.run_timers)
        self._stopping, self._stopped = threading.Lock(), False
        runtime = annex.runtime
        self._listeners = [
            Listener(runtime.portal, runtime.plugins, one, worker_id)
            for one in runtime.portal.connections.values()
            if one.connector.listen is not None and not one.off
        ]

    def start(self) -> None:
        self._engine.start()
        self._ticker.start()
        for listener in self._listeners:
            listener.start()
        threading.Thread(target=self._log_missing, name="missing", daemon=True).start()
        log.info("worker.started", worker=self._id)

    def _log_missing(self) -> None:
        """Into the log at each start: what `annex doctor` would say of the portal."""
        try:
            for item in self._portal.crm.missing():
                log.warning("portal.missing", what=f"{item.kind} {item.name}", where=item.where, remedy=item.remedy)
        except AnnexError as exc:
            log.warning("portal.unknown", reason=str(exc))

    def stop(self) -> None:
        """Tell all parts at once, then wait for each: none needs another. Whoever comes second waits until it is done."""
        with self._stopping:
            if self._stopped:
                return
            stops = [*(one.stop for one in self._listeners), self._ticker.stop, self._engine.stop]
            threads = [threading.Thread(target=stop, name="annex-stop", daemon=True) for stop in stops]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self._stopped = True
            log.info("worker.stopped", worker=self._id)
