"""Inbox, outgoing calls, regular work: once, in order, whoever else does the same at the same time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from kernel.clock import SystemClock
from kernel.crm import Event
from kernel.ending import ending
from kernel.jobs import Job, call_queries, inbox, next_number, next_numbers, outgoing
from kernel.jobs.regular import Ticker, Work
from kernel.storage import Database, Tx
from kernel.testing import CountingIds, FakeClock, MemoryQueue, at_once

CLOCK, IDS = FakeClock(), CountingIds()


def store(database: Database, queue: MemoryQueue, delivery: str, record: str = "7", author: str = "") -> inbox.Stored:
    event = Event("deal.changed", "deal", record, author, delivery)
    with database.write() as tx:
        return inbox.store(tx, "p", event, "body\x00", clock=CLOCK, ids=IDS, queue=queue)


@pytest.mark.row("PL-01", "PL-02")
def test_the_same_delivery_again_changes_nothing(database: Database) -> None:
    queue = MemoryQueue(CLOCK)
    first, second = store(database, queue, "d1"), store(database, queue, "d1")
    assert first.fresh and not second.fresh and first.id == second.id
    assert store(database, queue, "").fresh and store(database, queue, "").fresh  # without an id each is a new one
    assert len(queue.waiting) == 3
    with database.read() as tx:
        assert inbox.waiting_for(tx, "p", "deal", "7")[0].id == first.id
        assert "\x00" not in tx.value("SELECT body FROM inbox WHERE delivery = 'd1'")


@pytest.mark.row("PL-01", "PL-02", "PL-07")
def test_the_same_delivery_at_many_doors_at_once_is_kept_once(database: Database) -> None:
    queue, stored = MemoryQueue(CLOCK), []

    def door() -> None:
        stored.append(store(database, queue, "d1"))

    at_once(*[door] * 8)
    assert [one.fresh for one in stored].count(True) == 1 and len(stored) == 8 and len(queue.waiting) == 1
    with database.read() as tx:
        assert tx.value("SELECT COUNT(*) FROM inbox") == 1


@pytest.mark.row("PL-02")
def test_deliveries_are_settled_and_remembered(database: Database) -> None:
    queue = MemoryQueue(CLOCK)
    one, two = store(database, queue, "a", author="Ігор"), store(database, queue, "b")
    with database.write() as tx:
        inbox.settle(tx, [one.id], "done", "", CLOCK)
    with database.read() as tx:
        assert [one.id for one in inbox.waiting_for(tx, "p", "deal", "7")] == [two.id]
    assert not store(database, queue, "a").fresh


def call(database: Database, queue: MemoryQueue, values: dict[str, Any], *, lane: str = "deal:7", **more: Any) -> str | None:
    verb = more.pop("verb", "update")
    payload = {"entity": "deal", "id": "7", "values": values, "stage": more.pop("stage", None), **more.pop("payload", {})}
    with database.write() as tx:
        return outgoing.enqueue(tx, "p", verb, payload, lane=lane, trace="t", clock=CLOCK, ids=IDS, queue=queue, **more)


@pytest.mark.row("PL-03")
def test_calls_of_a_record_keep_their_order_and_a_key_is_used_once(database: Database) -> None:
    queue = MemoryQueue(CLOCK)
    made = [call(database, queue, {"a": n}, key=f"k{n}") for n in range(3)]
    assert call(database, queue, {"a": 9}, key="k1") is None
    assert call(database, queue, {"a": 9}, lane="deal:8", key="") and call(database, queue, {"a": 9}, lane="deal:8", key="")
    assert [(job.number, job.args["id"]) for job in queue.waiting if job.lane == "out:p:deal:7"] == [
        (n, one) for n, one in enumerate(made, 1)
    ]
    with database.read() as tx:
        known = outgoing.by_key(tx, "p", "k2")
    assert known is not None and known.id == made[2] and known.number == 3


@pytest.mark.row("PL-03")
def test_the_number_of_a_refused_call_leaves_no_job(database: Database) -> None:
    queue = MemoryQueue(CLOCK)
    with pytest.raises(RuntimeError), database.write() as tx:  # noqa: PT012
        outgoing.enqueue(tx, "p", "update", {}, lane="x", trace="", clock=CLOCK, ids=IDS, queue=queue)
        raise RuntimeError
    assert queue.waiting == []


@pytest.mark.row("PL-03")
@pytest.mark.parametrize(
    ("first", "later", "wanted"),
    [
        ({"values": {"a": 1}}, {"values": {"a": 2, "b": 1}}, True),
        ({"values": {"a": 1, "b": 1}}, {"values": {"a": 2}}, False),
        ({"values": {"a": 1}, "stage": "new"}, {"values": {"a": 1}}, False),
        ({"values": {}, "stage": "new"}, {"values": {}, "stage": "closed"}, True),
        ({"values": {"a": 1}, "payload": {"look": True}}, {"values": {"a": 1}}, False),
        ({"values": {"a": 1}, "verb": "comment"}, {"values": {"a": 1}}, False),
        ({"values": {"a": 1}}, {"values": {"a": 1}, "lane": "deal:8"}, False),
    ],
)  # fmt: skip
def test_a_write_is_left_out_only_if_a_later_one_sets_all_of_it(
    database: Database, first: dict[str, Any], later: dict[str, Any], wanted: bool
) -> None:
    queue = MemoryQueue(CLOCK)
    made = call(database, queue, **first)
    call(database, queue, **later)
    with database.read() as tx:
        loaded = outgoing.load(tx, str(made))
        assert loaded is not None and outgoing.superseded(tx, loaded) is wanted


@pytest.mark.row("PL-03")
def test_a_try_is_written_down_before_it_leaves(database: Database) -> None:
    made = str(call(database, MemoryQueue(CLOCK), {"a": 1}))
    with database.write() as tx:
        outgoing.starting(tx, made)
        outgoing.starting(tx, made)
        outgoing.not_sent(tx, made, "slowly")
    with database.read() as tx:
        known = outgoing.load(tx, made)
    assert known is not None and (known.state, known.attempts, known.reason) == ("waiting", 1, "slowly")


@pytest.mark.row("PL-03")
def test_a_persons_retry_runs_again(database: Database) -> None:
    queue = MemoryQueue(CLOCK)
    made = str(call(database, queue, {"a": 1}))
    seen: list[str] = []
    queue.run_until_quiet({"call": lambda args: seen.append(args["id"])})
    with database.write() as tx:
        loaded = outgoing.load(tx, made)
        assert loaded is not None
        outgoing.again(tx, loaded, queue=queue, clock=CLOCK)
    queue.run_until_quiet({"call": lambda args: seen.append(args["id"])})
    assert seen == [made, made]


@pytest.mark.row("PL-07")
def test_numbers_of_a_lane_are_drawn_once_each(database: Database) -> None:
    drawn: list[int] = []

    def draw() -> None:
        for _ in range(5):
            with database.write() as tx:
                drawn.append(next_number(tx, "lane"))

    at_once(*[draw] * 4)
    assert sorted(drawn) == list(range(1, 21))


@pytest.mark.row("PL-07")
def test_of_many_workers_one_does_the_regular_work(database: Database) -> None:
    clock, runs = FakeClock(), []
    work = Work("p:daily", timedelta(minutes=10), lambda: runs.append(1))
    tickers = [Ticker(database, clock, [work]) for _ in range(5)]
    assert not any(ticker.claim(work) for ticker in tickers)  # the first start only writes it down
    clock.advance(seconds=3)
    for due in (1, 0, 1):
        with ThreadPoolExecutor(len(tickers)) as pool:
            claimed = list(pool.map(lambda ticker: ticker.claim(work), tickers))
        assert claimed.count(True) == due and len(claimed) == 5
        clock.advance(minutes=5)
    tickers[0].run(work)
    with database.read() as tx:
        assert runs == [1] and tx.value("SELECT outcome FROM regular") == "done"


def test_what_is_due_is_asked_for_by_one_question_however_much_there_is(database: Database) -> None:
    clock = FakeClock()
    works = [Work(f"w{n}", timedelta(minutes=n + 1), lambda: None) for n in range(20)]
    ticker, statements = Ticker(database, clock, works), list[str]()
    assert ticker.due() == works, "none was ever seen"
    for work in works:
        ticker.claim(work)
    assert ticker.due() == []
    clock.advance(seconds=3)
    assert ticker.due() == works
    assert all(ticker.claim(work) for work in works)
    clock.advance(minutes=2, seconds=30)
    asked, Tx.all = Tx.all, lambda tx, sql, **values: (statements.append(sql), asked(tx, sql, **values))[1]  # type: ignore[method-assign]
    try:
        assert [work.name for work in ticker.due()] == ["w0", "w1"]
    finally:
        Tx.all = asked  # type: ignore[method-assign]
    assert len(statements) == 1


def test_work_that_fails_says_so_and_is_tried_at_its_next_time(database: Database) -> None:
    def broken() -> None:
        raise ValueError("no")

    ticker = Ticker(database, FakeClock(), [work := Work("x", timedelta(minutes=1), broken)])
    ticker.claim(work)
    ticker.run(work)
    with database.read() as tx:
        assert tx.value("SELECT outcome FROM regular") == "ValueError: no"


@pytest.mark.row("PL-13")
def test_work_under_way_hears_of_the_stop_and_is_waited_for(database: Database) -> None:
    begun, heard = threading.Event(), list[bool]()

    def run() -> None:
        begun.set()
        told = ending()
        heard.append(told is not None and told.wait(60))

    ticker = Ticker(database, SystemClock(), [work := Work("x", timedelta(minutes=1), run)])
    ticker.claim(work)
    with database.write() as tx:
        tx.run("UPDATE regular SET next_at = 0")
    ticker.start()
    assert begun.wait(60)
    ticker.stop()
    assert heard == [True]
    with database.read() as tx:
        assert tx.value("SELECT outcome FROM regular") == "done"


def test_the_memory_queue_runs_each_key_once(database: Database) -> None:
    queue, seen = MemoryQueue(CLOCK), []
    for n in (2, 1, 2):
        with database.write() as tx:
            queue.enqueue(tx, Job("x", f"k{n}", "lane", n, {"n": n}))
    queue.run_until_quiet({"x": lambda args: seen.append(args["n"])})
    assert seen == [1, 2]


def test_one_delivery_that_tells_of_several_records_keeps_them_all(database: Database) -> None:
    clock, queue = FakeClock(), MemoryQueue(FakeClock())
    ids = CountingIds()
    events = [Event("deal.changed", "deal", str(n), "", "guid-1") for n in (1, 2, 3)]
    for _ in range(2):
        with database.write() as tx:
            inbox.store_all(tx, "p", events, "body", clock=clock, ids=ids, queue=queue)
    with database.read() as tx:
        assert [row["record_id"] for row in tx.all("SELECT record_id FROM inbox ORDER BY id")] == ["1", "2", "3"]


@pytest.mark.row("PL-01", "PL-02")
def test_many_deliveries_at_once_are_stored_as_one_by_one(database: Database) -> None:
    """Repeats of known ones, repeats of one another, several events in one, several of one record: in one go."""
    queue = MemoryQueue(CLOCK)
    known = store(database, queue, "a", record="1")

    def stored_delivery(delivery: str, *records: str) -> inbox.StoredDelivery:
        return inbox.StoredDelivery([Event("deal.changed", "deal", one, "", delivery) for one in records], "body")

    with database.write() as tx:
        traces = inbox.store_many(
            tx,
            "p",
            [
                stored_delivery("b", "1"),
                stored_delivery("a", "1"),
                stored_delivery("", "2"),
                stored_delivery("c", "2", "1"),
                stored_delivery("b", "1"),
                stored_delivery("", "2"),
            ],
            clock=CLOCK,
            ids=IDS,
            queue=queue,
        )
    assert traces[1] == known.id and traces[4] == traces[0] and len(set(traces)) == 5
    with database.read() as tx:
        rows = tx.all("SELECT record_id, delivery FROM inbox ORDER BY delivery, id")
    assert [(row["delivery"], row["record_id"]) for row in rows] == [
        ("", "2"), ("", "2"), ("a", "1"), ("b", "1"), ("c", "2"), ("c#1", "1"),
    ]  # fmt: skip
    jobs = {lane: [job.number for job in queue.waiting if job.lane == lane] for lane in ("look:p:deal:1", "look:p:deal:2")}
    assert jobs == {"look:p:deal:1": [1, 2, 3], "look:p:deal:2": [1, 2, 3]}
    assert sorted(job.args["trace"] for job in queue.waiting if job.lane == "look:p:deal:2") == sorted(
        [traces[2], traces[3], traces[5]]
    )


def test_numbers_drawn_together_go_on_from_those_drawn_alone(database: Database) -> None:
    with database.write() as tx:
        assert next_number(tx, "b") == 1
        assert next_numbers(tx, ["b", "a", "b", "c", "b"]) == [2, 1, 3, 1, 4]
        assert next_numbers(tx, []) == []
        assert next_number(tx, "b") == 5


@pytest.mark.row("PL-01")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_is_asked_for_each_delivery_and_call_reads_no_whole_table(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite passes an index over some of the rows by unless the question says that it wants only those."""
    asked: list[tuple[str, dict[str, Any]]] = []
    real = Tx._cursor

    def listening(tx: Tx, sql: str, values: Any) -> Any:
        asked.append((sql, dict(values)))
        return real(tx, sql, values)

    monkeypatch.setattr(Tx, "_cursor", listening)
    queue = MemoryQueue(CLOCK)
    store(database, queue, "d")
    store(database, queue, "d")
    made = call(database, queue, {"a": 1}, key="k", target="row", verb="put_row")
    with database.read() as tx:
        found = outgoing.load(tx, str(made))
        assert found is not None and outgoing.by_key(tx, "p", "k") == found
        assert outgoing.newest_values(tx, "p", "row") == {"a": 1}
        assert outgoing.earlier_rows(tx, found) == ("", False)
        outgoing.superseded(tx, found)
        outgoing.unseen_writes(tx, "p", "deal:7", 0)
        outgoing.already_sent(tx, "p", "deal:7", {}, 0)
        assert inbox.waiting_for(tx, "p", "deal", "7")
        call_queries.result_of(tx, "p", "k")
        call_queries.lanes_in_update(tx, "p")
        call_queries.failed_updates(tx, "p")
        call_queries.update_failed(tx, "p", "deal", "7", 0)
        call_queries.updates_of(tx, "p", "deal", "7", after=0, since=0)
        inbox.newest_at(tx)
    monkeypatch.undo()
    questions = [(sql, values) for sql, values in asked if sql.startswith("SELECT")]
    assert len(questions) >= 7
    with database.read() as tx:
        for sql, values in questions:
            for step in tx.all(f"EXPLAIN QUERY PLAN {sql}", **values):
                detail = str(step["detail"])
                assert not detail.startswith("SCAN"), f"{detail}: {sql}"
                assert not detail.endswith(("(portal=?)", "(connection=?)")), f"{detail}: {sql}"
