"""The real engine on both databases: enqueued in our transaction, in order, and finished by the next worker of that id."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dbos import WorkflowSerializationFormat

from kernel.ending import ending
from kernel.jobs import Again, Job
from kernel.jobs.dbos_threads import active
from kernel.jobs.engine import QUEUE, VERSION, DbosQueue, Engine, prepare_tables
from kernel.jobs.queue import PRIORITY_MAX
from kernel.storage import Database
from kernel.testing import until

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.filterwarnings("ignore")  # DBOS' own threads and loops are not ours to judge


@pytest.fixture
def prepared(database: Database) -> Iterator[tuple[Database, DbosQueue]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        prepare_tables(database)
        queue = DbosQueue(database)
    yield database, queue
    queue.close()


def enqueue(database: Database, queue: DbosQueue, *jobs: Job) -> None:
    with database.write() as tx:
        for job in jobs:
            queue.enqueue(tx, job)


def done(database: Database) -> int:
    schema = "dbos." if database.dialect == "postgresql" else ""
    with database.read() as tx:
        return int(tx.value(f"SELECT COUNT(*) FROM {schema}workflow_status WHERE status = 'SUCCESS'"))


def job(n: int, lane: str = "a", name: str = "note") -> Job:
    """Its key sorts the other way round than its number: only the number may order a lane."""
    return Job(name, f"{name}:{lane}:{900 - n}", lane, n, {"n": n, "lane": lane, "trace": "t"})


@pytest.mark.row("PL-01", "PL-02", "PL-03", "PL-07")
def test_jobs_run_once_in_order_and_again_keeps_the_place(prepared: tuple[Database, DbosQueue]) -> None:
    database, queue = prepared
    seen: list[tuple[str, int]] = []
    tries: dict[int, int] = {}

    def note(args: Any) -> None:
        n = args["n"]
        tries[n] = tries.get(n, 0) + 1
        if n == 2 and args["lane"] == "a" and tries[n] == 1:
            raise Again(0.3)
        seen.append((args["lane"], n))

    with pytest.raises(RuntimeError), database.write() as tx:  # noqa: PT012
        queue.enqueue(tx, job(99))
        raise RuntimeError
    enqueue(database, queue, *(job(n) for n in (3, 1, 4, 2, 5)), job(1, "b"))
    enqueue(database, queue, job(1))  # the same key again
    engine = Engine(database, {"note": note}, worker_id="w1")
    engine.start()
    try:
        until(lambda: len(seen) >= 6, "six jobs are done", seen=lambda: seen)
        until(lambda: done(database) >= 6, "all six have ended", seen=lambda: done(database))
    finally:
        engine.stop(within_seconds=60)
    assert [n for lane, n in seen if lane == "a"] == [1, 2, 3, 4, 5] and ("b", 1) in seen and len(seen) == 6


DIES = """
import os, sys, time
from kernel.jobs.engine import Engine
from kernel.storage import Database

def die(args):
    os._exit(9)

engine = Engine(Database(sys.argv[1]), {"die": die, "note": lambda args: None}, worker_id="w1")
engine.start()
time.sleep(600)
"""


@pytest.mark.row("PL-01", "PL-03")
def test_what_a_killed_worker_had_begun_the_next_one_of_that_id_finishes(prepared: tuple[Database, DbosQueue]) -> None:
    database, queue = prepared
    enqueue(database, queue, job(1, name="die"), job(2))
    died = subprocess.run(
        [sys.executable, "-c", DIES, database.url], cwd=ROOT, timeout=300, check=False, capture_output=True
    )
    assert died.returncode == 9, died.stderr.decode()[-2000:]
    seen: list[int] = []
    engine = Engine(
        database, {"die": lambda args: seen.append(args["n"]), "note": lambda args: seen.append(args["n"])}, worker_id="w1"
    )
    engine.start()
    try:
        until(lambda: len(seen) >= 2, "both jobs are done", seen=lambda: seen)
    finally:
        engine.stop(within_seconds=60)
    assert seen == [1, 2], "the lane's order holds over the death"


@pytest.mark.row("PL-03")
def test_ended_jobs_can_be_forgotten_and_waiting_ones_cannot(prepared: tuple[Database, DbosQueue]) -> None:
    database, queue = prepared
    seen: list[int] = []
    enqueue(database, queue, job(1), job(2))
    engine = Engine(database, {"note": lambda args: seen.append(args["n"])}, worker_id="w1")
    engine.start()
    try:
        until(lambda: done(database) == 2, "both jobs have ended", seen=lambda: done(database))
    finally:
        engine.stop(within_seconds=60)
    enqueue(database, queue, job(3))
    assert queue.forget(datetime.now(UTC) - timedelta(days=1)) == 0
    assert queue.forget(datetime.now(UTC) + timedelta(minutes=1)) == 2
    engine = Engine(database, {"note": lambda args: seen.append(args["n"])}, worker_id="w1")
    engine.start()
    try:
        until(lambda: 3 in seen, "the third job is done", seen=lambda: seen)
    finally:
        engine.stop(within_seconds=60)
    assert seen == [1, 2, 3]


@pytest.mark.row("PL-01", "PL-07")
def test_the_rows_we_write_are_those_of_the_library(prepared: tuple[Database, DbosQueue]) -> None:
    """We enqueue many jobs by rows of our own: should the library make others some day, this says so."""
    database, queue = prepared
    args = {"n": 2**40, "text": "Ігор «7» \\ \n\u2028", "none": None, "list": [1, {"a": True}], "trace": "t"}
    with database.write() as tx:
        queue.enqueue_many(tx, [Job("look", f"ours{n}", f"lane:{n}", n, args) for n in (1, PRIORITY_MAX)])
        queue.enqueue_many(tx, [Job("other", "ours1", "elsewhere", 7, {})])  # a key that is known: nothing changes
        for n in (1, PRIORITY_MAX):
            queue._client.enqueue_in_transaction(
                tx.connection,
                {
                    "workflow_name": "annex_job", "queue_name": QUEUE, "workflow_id": f"theirs{n}",
                    "queue_partition_key": f"lane:{n}", "priority": 1 + n % (PRIORITY_MAX - 1),
                    "serialization_type": WorkflowSerializationFormat.PORTABLE, "app_version": VERSION,
                },
                "look", args,
            )  # fmt: skip
    schema = "dbos." if database.dialect == "postgresql" else ""
    by_chance = ("workflow_uuid", "creator_xid", "created_at", "updated_at", "retention_timestamp", "inputs")
    with database.read() as tx:
        for n in (1, PRIORITY_MAX):
            for table in ("workflow_status", "workflow_input"):
                ours, theirs = (
                    dict(tx.one(f"SELECT * FROM {schema}{table} WHERE workflow_uuid = :id", id=f"{who}{n}") or {})
                    for who in ("ours", "theirs")
                )
                if ours["inputs"] is not None:
                    assert json.loads(ours["inputs"]) == json.loads(theirs["inputs"])
                assert ours.keys() == theirs.keys()
                assert {k: v for k, v in ours.items() if k not in by_chance} == {
                    k: v for k, v in theirs.items() if k not in by_chance
                }
                times = {"created_at", "updated_at", "retention_timestamp"} & ours.keys()
                assert times and all(ours[name] for name in times), "they are the database's own"


@pytest.mark.row("PL-03", "PL-13")
def test_a_job_that_only_waits_does_not_hold_up_the_stop_and_is_taken_up_again(prepared: tuple[Database, DbosQueue]) -> None:
    database, queue = prepared
    tries: list[int] = []

    def note(args: Any) -> None:
        tries.append(args["n"])
        if len(tries) == 1:
            raise Again(60)

    enqueue(database, queue, job(1))
    engine = Engine(database, {"note": note}, worker_id="w1")
    engine.start()
    until(lambda: tries, "it waits")
    engine.stop(within_seconds=30)
    assert active(engine._dbos) == 0 and done(database) == 0
    engine = Engine(database, {"note": note}, worker_id="w1")
    engine.start()
    try:
        until(lambda: done(database) == 1, "the next worker has done it", seen=lambda: tries)
    finally:
        engine.stop(within_seconds=60)
    assert tries == [1, 1]


@pytest.mark.row("PL-03", "PL-13")
def test_a_stop_waits_for_the_job_that_runs_and_knows_that_it_may_be_cut_short(prepared: tuple[Database, DbosQueue]) -> None:
    database, queue = prepared
    begun, ended = threading.Event(), []

    def note(_args: Any) -> None:
        begun.set()
        told = ending()
        ended.append(told is not None and told.wait(60))

    enqueue(database, queue, job(1))
    engine = Engine(database, {"note": note}, worker_id="w1")
    engine.start()
    assert begun.wait(60)
    engine.stop(within_seconds=60)
    assert ended == [True] and done(database) == 1, "its end was written down before the engine left"
