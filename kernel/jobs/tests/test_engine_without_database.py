"""A job whose database goes away for a moment is not over: it is done when the database is back."""

from __future__ import annotations

import sqlite3
import warnings
from typing import Any

import pytest
import sqlalchemy as sa

from kernel.jobs import engine as module
from kernel.jobs.engine import DbosQueue, Engine, prepare_tables
from kernel.jobs.tests.test_engine import enqueue, job
from kernel.storage import Database
from kernel.testing import until

pytestmark = pytest.mark.filterwarnings("ignore")  # DBOS' own threads and loops are not ours to judge


def gone() -> sa.exc.OperationalError:
    return sa.exc.OperationalError("UPDATE outgoing", {}, Exception("server closed the connection unexpectedly"))


def mistaken() -> sa.exc.OperationalError:
    cause = sqlite3.OperationalError("no such table: outgoing")
    cause.sqlite_errorcode = sqlite3.SQLITE_ERROR
    return sa.exc.OperationalError("UPDATE outgoing", {}, cause)


@pytest.mark.row("PL-01", "PL-03", "PL-07")
def test_a_job_outlives_its_database_and_keeps_its_place(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AWAY_PAUSE_SECONDS_MIN", 0.05)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        prepare_tables(database)
        queue = DbosQueue(database)
    seen: list[int] = []
    trouble: dict[int, list[Exception]] = {1: [gone(), gone()], 2: [mistaken()]}

    def note(args: Any) -> None:
        if waiting := trouble.get(args["n"]):
            raise waiting.pop(0)
        seen.append(args["n"])

    enqueue(database, queue, job(1), job(2), job(3))
    engine = Engine(database, {"note": note}, worker_id="w1")
    engine.start()
    try:
        until(lambda: 3 in seen, "the third job is done", seen=lambda: seen)
    finally:
        engine.stop(within_seconds=60)
        queue.close()
    assert seen == [1, 3], "a mistake of ours is not tried again and again: it would be the same mistake"
