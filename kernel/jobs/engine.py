"""The real queue: DBOS on our own database. One workflow runs every job; what a job does is looked up by its name.

Traps of DBOS that this file keeps in one place (docs/decisions/jobs-engine.md): JSON instead of pickle, order by our own
numbers, a client made after the fork, a stable executor id, no second live process under one id, retention by us.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from dbos import DBOS, DBOSClient

from kernel.ending import ended_by
from kernel.errors import AnnexError
from kernel.jobs.dbos_threads import Poller, active, launching
from kernel.jobs.queue import PRIORITY_MAX, Again, Handler, Job
from kernel.jobs.waking import LOOKS_APART_SECONDS, probe_of, wake
from kernel.storage import Database, Tx
from kernel.storage.away import is_away
from kernel.storage.database import ABANDONED_SECONDS
from kernel.telemetry import bind_trace, log, metrics

APP = "annex"
QUEUE = "jobs"
WORKFLOW = "annex_job"
SERIALIZATION = "portable_json"  #: JSON that other languages can read, too; the default is pickle
VERSION = "1"  #: of the jobs' shape: a worker only takes over what was started under the same
SCHEDULES_SECONDS = 3600.0  #: between two checks for schedules, which we have none of
SLOTS = 24
FORGOTTEN_AT_ONCE = 500
AWAY_PAUSE_SECONDS_MIN, AWAY_PAUSE_SECONDS_MAX = 0.5, 5.0
STOP_STEP_SECONDS = 0.05  #: how often a stopping engine looks whether all has ended
RECOVERY_ATTEMPTS = 20  #: a job that kills its worker this often is set aside


class _Left(BaseException):
    """The process stops while the job waits. No Exception: DBOS would write it down as the job's end, and the job is to be
    taken up at the next start, like one whose process was killed."""


class DbosQueue:
    """Enqueues through a client of its own; make it after any fork."""

    def __init__(self, database: Database) -> None:
        self._client = DBOSClient(system_database_url=_url(database), application_name=APP)

    def enqueue(self, tx: Tx, job: Job) -> None:
        self.enqueue_many(tx, [job])

    def enqueue_many(self, tx: Tx, jobs: Sequence[Job]) -> None:
        """The rows that DBOS's own `enqueue_in_transaction` makes, for many jobs at once.

        Its way takes longer than all else that a webhook needs. That both make the same rows is tested.
        """
        schema = "dbos." if tx.dialect == "postgresql" else ""
        with tx.at_once():
            tx.insert(
                f"{schema}workflow_status (workflow_uuid, status, name, application_version, queue_name, recovery_attempts, "
                "priority, serialization, queue_partition_key, attributes, application_name)",
                [
                    (
                        job.key, "ENQUEUED", WORKFLOW, VERSION, QUEUE, 0, 1 + job.number % (PRIORITY_MAX - 1),
                        SERIALIZATION, job.lane, "null", APP,
                    )
                    for job in jobs
                ],
                "ON CONFLICT DO NOTHING",
            )  # fmt: skip
            tx.insert(
                f"{schema}workflow_input (workflow_uuid, inputs)",
                [
                    (
                        job.key,
                        json.dumps({"namedArgs": {}, "positionalArgs": [job.name, dict(job.args)]}, ensure_ascii=False),
                    )
                    for job in jobs
                ],
                "ON CONFLICT DO NOTHING",
            )
        tx.after_commit(wake)

    def forget(self, before: datetime) -> int:
        """Drop the bookkeeping of jobs that ended well before that moment; our own tables know what must not run twice."""
        total = 0
        while True:
            found = self._client.list_workflows(
                status=["SUCCESS"], completed_before=before.isoformat(), limit=FORGOTTEN_AT_ONCE,
                load_input=False, load_output=False,
            )  # fmt: skip
            if not found:
                return total
            self._client.delete_workflows([one.workflow_id for one in found])
            total += len(found)

    def close(self) -> None:
        self._client.destroy()


class Engine:
    """Runs jobs in this process until `stop`. At most one per process."""

    def __init__(self, database: Database, handlers: Mapping[str, Handler], *, worker_id: str) -> None:
        self._handlers = handlers
        self._stopping = threading.Event()
        self._poller = Poller(partial(probe_of, database, QUEUE))
        logging.getLogger("dbos").setLevel(logging.WARNING)
        self._dbos = DBOS(
            config={
                "name": APP,
                "system_database_url": _url(database),
                "application_version": VERSION,
                "executor_id": worker_id,
                "use_listen_notify": False,
                "scheduler_polling_interval_sec": SCHEDULES_SECONDS,
                "sys_db_idle_transaction_timeout_sec": float(ABANDONED_SECONDS),
                "log_level": "WARNING",
            }
        )

        @DBOS.workflow(name=WORKFLOW, max_recovery_attempts=RECOVERY_ATTEMPTS)
        def annex_job(name: str, args: dict[str, Any]) -> None:
            self._job(name, args)

    def start(self) -> None:
        with launching(self._poller):
            DBOS.launch()
        queue = DBOS.register_queue(
            QUEUE, partition_concurrency=1, worker_concurrency=SLOTS, polling_interval_sec=LOOKS_APART_SECONDS,
            on_conflict="always_update",
        )  # fmt: skip
        self._poller.take_from(queue)

    def stop(self, *, within_seconds: int = 20) -> None:
        """Take nothing new, let what runs finish; what does not, or only waits, is taken up at the next start.

        The library's own wait is left out: it looks once a second.
        """
        self._stopping.set()
        self._poller.stop()
        until = time.monotonic() + within_seconds
        while (self._poller.runs() or active(self._dbos)) and time.monotonic() < until:
            time.sleep(STOP_STEP_SECONDS)
        DBOS.destroy(workflow_completion_timeout_sec=0)

    def _job(self, name: str, args: Mapping[str, Any]) -> None:
        try:
            with ended_by(self._stopping):
                self._run(name, args)
        finally:
            wake()  # what waits in its lane may go on; the row that says so is written a moment later

    def _run(self, name: str, args: Mapping[str, Any]) -> None:
        pause = AWAY_PAUSE_SECONDS_MIN
        while True:
            with bind_trace(str(args.get("trace", "")), job=name):
                try:
                    self._handlers[name](args)
                except Again as again:
                    seconds = again.seconds
                except AnnexError as exc:
                    metrics.job(name, "failed")
                    log.error("job.failed", error=str(exc))
                    raise
                except Exception as exc:
                    if not is_away(exc):
                        metrics.job(name, "broken")
                        log.exception("job.broken")
                        raise
                    # A job that ended with this would be over for good, for nothing that it did.
                    log.warning("job.database", error=str(exc).partition("\n")[0])
                    metrics.job(name, "again")
                    self._wait(pause)
                    pause = min(2 * pause, AWAY_PAUSE_SECONDS_MAX)
                    continue
                else:
                    metrics.job(name, "done")
                    return
            metrics.job(name, "again")
            self._wait(seconds)

    def _wait(self, seconds: float) -> None:
        """Not the engine's sleep: that is a write to a database that may be away, and nothing ends it."""
        if self._stopping.wait(seconds):
            raise _Left


def prepare_tables(database: Database) -> None:
    """DBOS's own tables, made by whoever migrates; its client makes none."""
    DBOS.migrate(_url(database))


def _url(database: Database) -> str:
    return database.engine.url.render_as_string(hide_password=False)
