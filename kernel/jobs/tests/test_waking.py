"""An idle queue asks the database for next to nothing, and still no job waits, whoever enqueued it and whatever got lost."""

from __future__ import annotations

import hashlib
import inspect
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from dbos import DBOS, _dbos, _queue, _workflow_commands

from kernel.jobs import Job, dbos_threads, engine, waking
from kernel.jobs.dbos_threads import Poller, launching
from kernel.jobs.engine import QUEUE, DbosQueue, Engine, prepare_tables
from kernel.jobs.waking import Pauses, probe_of
from kernel.storage import Database
from kernel.testing import until

pytestmark = pytest.mark.filterwarnings("ignore")  # DBOS' own threads and loops are not ours to judge
WITHIN_SECONDS = 20.0
#: Of the library's functions that we replace or call by ourselves. A new version is read before it is named here.
READ = {
    _queue.queue_thread: "e54ec9c69e992899",
    _queue.queue_worker_thread: "c0b22c3a946ff0c7",
    _workflow_commands.background_jobs_thread: "60186147666ca45e",
}


class FakeProbe:
    def __init__(self, *answers: Any) -> None:
        self.answers, self.asked, self.closed = list(answers), 0, 0

    def happened(self) -> bool:
        self.asked += 1
        answer = self.answers.pop(0) if self.answers else False
        if isinstance(answer, Exception):
            raise answer
        return bool(answer)

    def close(self) -> None:
        self.closed += 1


@pytest.fixture(autouse=True)
def _no_old_reason() -> Iterator[None]:
    waking._COME.clear()
    yield
    waking._COME.clear()


@pytest.fixture
def prepared(database: Database) -> Iterator[tuple[Database, DbosQueue]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        prepare_tables(database)
        queue = DbosQueue(database)
    yield database, queue
    queue.close()


def enqueue(database: Database, queue: DbosQueue, n: int) -> None:
    with database.write() as tx:
        queue.enqueue(tx, Job("note", f"note:{n}", f"lane{n}", n, {"n": n, "trace": "t"}))


def in_background(action: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=action, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("function", READ, ids=lambda function: function.__name__)
def test_the_library_is_the_one_that_was_read(function: Callable[..., Any]) -> None:
    """What we replace must still be what we think it is: read the new version, then put its hash here."""
    found = hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:16]
    assert found == READ[function]


def test_the_library_starts_the_threads_by_the_names_that_we_replace() -> None:
    launch = inspect.getsource(DBOS._launch)
    assert "target=queue_thread, args=(evt, self)" in launch
    assert "target=background_jobs_thread" in launch and "args=(self._background_jobs_stop_event, self)" in launch
    before = _dbos.queue_thread, _dbos.background_jobs_thread
    poller = Poller(FakeProbe)
    with pytest.raises(RuntimeError), launching(poller):  # noqa: PT012
        assert _dbos.queue_thread == poller.run and _dbos.background_jobs_thread is dbos_threads._nothing
        raise RuntimeError
    assert (_dbos.queue_thread, _dbos.background_jobs_thread) == before


def test_a_reason_that_came_before_the_wait_is_not_lost() -> None:
    pauses = Pauses(threading.Event(), FakeProbe)
    waking.wake()
    assert pauses.wait() is False
    assert not waking._COME.is_set(), "the next one is told apart from it"


def test_it_waits_until_this_process_has_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waking, "SAFETY_SECONDS", 600.0)
    probe, woke = FakeProbe(), threading.Event()
    pauses = Pauses(threading.Event(), lambda: probe)
    in_background(lambda: (pauses.wait(), woke.set()))
    assert not woke.wait(0.5)
    waking.wake()
    assert woke.wait(WITHIN_SECONDS) and probe.asked


def test_it_waits_until_the_database_has_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waking, "SAFETY_SECONDS", 600.0)
    probe = FakeProbe(False, False, True)
    assert Pauses(threading.Event(), lambda: probe).wait() is False and probe.asked == 3


def test_where_every_reason_is_lost_it_looks_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waking, "SAFETY_SECONDS", 0.3)
    assert Pauses(threading.Event(), FakeProbe).wait() is False


def test_told_to_stop_it_stops_even_with_a_reason() -> None:
    stop = threading.Event()
    pauses = Pauses(stop, FakeProbe)
    stop.set()
    waking.wake()
    assert pauses.wait() is True and pauses.is_set()


def test_while_the_database_is_away_it_looks_and_makes_a_new_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waking, "SAFETY_SECONDS", 600.0)
    monkeypatch.setattr(waking, "AWAY_SECONDS", 0.01)
    probes = [FakeProbe(OSError("gone")), FakeProbe(True)]
    left = list(probes)
    pauses = Pauses(threading.Event(), lambda: left.pop(0))
    assert pauses.wait() is False and probes[0].closed == 1
    assert pauses.wait() is False and probes[1].asked == 1


def test_what_waits_behind_something_that_runs_is_looked_at_ever_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waking, "SAFETY_SECONDS", 600.0)
    pauses = Pauses(threading.Event(), lambda: FakeProbe(*[True] * 20))
    for _ in range(6):
        pauses.wait()
    assert pauses._blocked == waking.BLOCKED_SECONDS_MAX <= 0.5
    waking.wake()
    pauses.wait()
    assert pauses._blocked == waking.LOOKS_APART_SECONDS


@pytest.mark.row("PL-01")
def test_the_probe_notices_what_others_commit_and_nothing_else(prepared: tuple[Database, DbosQueue]) -> None:
    database, queue = prepared
    probe = probe_of(database, QUEUE)
    try:
        probe.happened()
        assert not probe.happened(), "nothing happened"
        with pytest.raises(RuntimeError), database.write() as tx:  # noqa: PT012
            queue.enqueue(tx, Job("note", "gone", "a", 1, {}))
            raise RuntimeError
        assert not probe.happened(), "what was taken back never happened"
        enqueue(database, queue, 1)
        assert probe.happened()
    finally:
        probe.close()


class RunningEngine:
    """An engine that notes what it ran."""

    def __init__(self, database: Database) -> None:
        self.seen: list[int] = []
        self._engine = Engine(database, {"note": lambda args: self.seen.append(args["n"])}, worker_id="w1")

    def __enter__(self) -> RunningEngine:
        self._engine.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.stop(within_seconds=60)

    def wait_for(self, *numbers: int) -> None:
        until(lambda: self.seen == list(numbers), f"{numbers} have run", seen=lambda: self.seen)


@pytest.mark.row("PL-01")
@pytest.mark.parametrize(
    ("silent", "safety_seconds"),
    [({"wake"}, 600.0), ({"probe_of"}, 600.0), ({"wake", "probe_of"}, 0.5)],
    ids=["another process enqueues: nobody wakes us", "this process enqueues: the database is silent", "both are silent"],
)
def test_what_is_enqueued_runs_whoever_is_silent(
    prepared: tuple[Database, DbosQueue], monkeypatch: pytest.MonkeyPatch, silent: set[str], safety_seconds: float
) -> None:
    """Where both are silent, it is found by looking now and then; else that would come too late."""
    database, queue = prepared
    monkeypatch.setattr(waking, "SAFETY_SECONDS", safety_seconds)
    for name, mute in {"wake": lambda: None, "probe_of": lambda *_: FakeProbe()}.items():
        if name in silent:
            monkeypatch.setattr(engine, name, mute)
    with RunningEngine(database) as running:
        for n in (1, 2):
            enqueue(database, queue, n)
            running.wait_for(*range(1, n + 1))


OBSERVED_SECONDS = 2.0
STATEMENTS_MAX = 8  #: a poll for safety may fall into the time, and two for schedules; the library by itself makes hundreds


@pytest.mark.row("PL-01")
def test_an_idle_worker_asks_next_to_nothing_however_much_is_stored(prepared: tuple[Database, DbosQueue]) -> None:
    """Upper bounds only: a busy machine makes fewer."""
    database, queue = prepared
    schema = "dbos." if database.dialect == "postgresql" else ""
    with RunningEngine(database) as running:
        enqueue(database, queue, 1)
        running.wait_for(1)
    with database.write() as tx:
        for n in range(40):
            tx.run(
                f"INSERT INTO {schema}application_versions (version_id, version_name, version_timestamp, created_at) "
                "VALUES (:i, :n, 1, 1)",
                i=f"old{n}", n=f"old{n}",
            )  # fmt: skip
    for n in range(10):
        queue._client.register_queue(f"other{n}")
    with RunningEngine(database) as running:
        enqueue(database, queue, 2)
        running.wait_for(2)
        time.sleep(0.5)  # the end of the job is written
        statements: list[str] = []

        def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
            statements.append(statement)

        asked = _dbos._get_dbos_instance()._sys_db.engine
        sa.event.listen(asked, "before_cursor_execute", note)
        time.sleep(OBSERVED_SECONDS)
        sa.event.remove(asked, "before_cursor_execute", note)
        assert len(statements) <= STATEMENTS_MAX, statements[:20]
        enqueue(database, queue, 3)
        running.wait_for(2, 3)
