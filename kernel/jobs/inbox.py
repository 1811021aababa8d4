"""Deliveries: stored before they are answered, each with the job that will look at the record it names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kernel.clock import Clock, Ids
from kernel.crm import Event
from kernel.jobs.queue import Job, Queue, enqueue_all, next_number, next_numbers
from kernel.storage import Row, Tx
from kernel.telemetry import mask
from kernel.values import to_micros

BODY_KEPT_CHARACTERS = 20_000
STATES = ("new", "done", "failed", "dropped")
SWEPT = "annex.sweep"  #: the event name of a sync that a sweep asked for
ASKED = "annex.look"  #: the event name of a sync that we ask for ourselves; stored in the inbox, so the word of 0.1.0 stays
SYNC_JOB = "look"  #: the name of a sync job in the queue: jobs that 0.1.0 left waiting have it, so it stays


@dataclass(frozen=True)
class Stored:
    """`id` is the trace that goes with the delivery to its last effect; `fresh` is false for a repeat."""

    id: str
    fresh: bool


@dataclass(frozen=True)
class StoredDelivery:
    """A proven delivery: what it names, and its text for looking up later, without secrets."""

    events: Sequence[Event]
    body: str


def store(tx: Tx, portal: str, event: Event, body: str, *, clock: Clock, ids: Ids, queue: Queue) -> Stored:
    """Keep a proven delivery of one event and enqueue the sync. A repeat of a known delivery changes nothing."""
    return _store(tx, portal, [(event, body)], clock, ids, queue)[0]


def store_all(tx: Tx, portal: str, events: Sequence[Event], body: str, *, clock: Clock, ids: Ids, queue: Queue) -> str:
    """Keep every event of one delivery; returns the trace of the first."""
    return store_many(tx, portal, [StoredDelivery(events, body)], clock=clock, ids=ids, queue=queue)[0]


def store_many(
    tx: Tx, portal: str, deliveries: Sequence[StoredDelivery], *, clock: Clock, ids: Ids, queue: Queue
) -> list[str]:
    """Keep every event of each delivery, with a handful of statements for all; the trace of each delivery's first."""
    items, firsts = list[tuple[Event, str]](), list[int]()
    for one in deliveries:
        firsts.append(len(items))
        for number, event in enumerate(one.events):
            # One delivery may name several records: each is known by the delivery and its place in it.
            known = f"{event.delivery}#{number}" if number and event.delivery else event.delivery
            items.append((replace(event, delivery=known), one.body))
    stored = _store(tx, portal, items, clock, ids, queue)
    return [stored[first].id for first in firsts]


def _store(tx: Tx, portal: str, items: Sequence[tuple[Event, str]], clock: Clock, ids: Ids, queue: Queue) -> list[Stored]:
    at = to_micros(clock.now())
    rows = [
        (
            ids.new(), portal, event.name, event.entity, event.record_id, event.author[:200], event.delivery,
            body[:BODY_KEPT_CHARACTERS].replace("\x00", "\ufffd"), at, "new", "",
        )
        for event, body in items
    ]  # fmt: skip
    # In the order of the deliveries' names: two doors that take in the same ones at once do not wait for each other.
    fresh = {
        found
        for (found,) in tx.insert_returning(
            "inbox (id, portal, event, entity, record_id, author, delivery, body, received_at, state, reason)",
            sorted(rows, key=lambda row: (row[6], row[0])), "ON CONFLICT DO NOTHING RETURNING id",
        )
    }  # fmt: skip
    syncs = [(event, row[0]) for (event, _), row in zip(items, rows, strict=True) if row[0] in fresh]
    lanes = [_lane(portal, event.entity, event.record_id) for event, _ in syncs]
    jobs = [
        _sync_job(portal, event.entity, event.record_id, trace, number, "")
        for (event, trace), number in zip(syncs, next_numbers(tx, lanes), strict=True)
    ]
    enqueue_all(queue, tx, jobs)
    known = {row[6]: _known(tx, portal, row[6]) for row in rows if row[0] not in fresh}
    return [Stored(row[0], True) if row[0] in fresh else Stored(known[row[6]] or row[0], False) for row in rows]


def _known(tx: Tx, portal: str, delivery: str) -> str:
    """Under which id that delivery came in first."""
    # `<> ''` is what lets SQLite use the index, which holds no empty ones; without it, it reads the whole table.
    found = tx.value("SELECT id FROM inbox WHERE portal = :p AND delivery = :d AND delivery <> ''", p=portal, d=delivery)
    return str(found or "")


def ask(
    tx: Tx,
    portal: str,
    entity: str,
    record_id: str,
    *,
    trace: str,
    clock: Clock,
    ids: Ids,
    queue: Queue,
    event: str = ASKED,
    author: str = "",
) -> None:
    """A sync that we ask for ourselves: kept like a delivery, so that it is seen to wait and is not lost."""
    new_id = ids.new()
    tx.run(
        "INSERT INTO inbox (id, portal, event, entity, record_id, author, delivery, body, received_at, state, reason) "
        "VALUES (:id, :p, :event, :entity, :record, :author, '', '', :at, 'new', '')",
        id=new_id, p=portal, event=event, entity=entity, record=record_id, author=author, at=to_micros(clock.now()),
    )  # fmt: skip
    sync(tx, portal, entity, record_id, trace=trace, queue=queue, mark=f":{new_id}")


def sync(tx: Tx, portal: str, entity: str, record_id: str, *, trace: str, queue: Queue, mark: str = "") -> None:
    """Enqueue a sync of the record; syncs of one record never overlap. `mark` tells jobs of one trace apart."""
    number = next_number(tx, _lane(portal, entity, record_id))
    queue.enqueue(tx, _sync_job(portal, entity, record_id, trace, number, mark))


def _sync_job(portal: str, entity: str, record_id: str, trace: str, number: int, mark: str) -> Job:
    args = {"portal": portal, "entity": entity, "id": record_id, "trace": trace}
    return Job(SYNC_JOB, f"{SYNC_JOB}:{trace}{mark}", _lane(portal, entity, record_id), number, args)


def _lane(portal: str, entity: str, record_id: str) -> str:
    return f"{SYNC_JOB}:{portal}:{entity}:{record_id}"


def overdue(tx: Tx, before: int) -> list[tuple[str, str, str, str]]:
    """(portal, entity, record, trace) of deliveries taken in before that moment (microseconds) that no sync has covered."""
    rows = tx.all(
        "SELECT portal, entity, record_id, MIN(id) AS id FROM inbox WHERE state = 'new' AND received_at < :b "
        "GROUP BY portal, entity, record_id ORDER BY MIN(id)",
        b=before,
    )
    return [(row["portal"], row["entity"], row["record_id"], row["id"]) for row in rows]


@dataclass(frozen=True)
class Waiting:
    id: str
    event: Event
    received_at: int  #: microseconds


def waiting_for(tx: Tx, portal: str, entity: str, record_id: str) -> list[Waiting]:
    """Deliveries about the record that no sync has covered yet, oldest first."""
    rows = tx.all(
        "SELECT id, event, author, delivery, received_at FROM inbox WHERE portal = :p AND entity = :e AND record_id = :r "
        "AND state = 'new' ORDER BY received_at, id",
        p=portal, e=entity, r=record_id,
    )  # fmt: skip
    return [
        Waiting(row["id"], Event(row["event"], entity, record_id, row["author"], row["delivery"]), row["received_at"])
        for row in rows
    ]


def still_new(tx: Tx, portal: str, entity: str, record_id: str, ids: list[str]) -> bool:
    """Whether no other sync has covered any of them; holds them until the end, so that the answer stays true."""
    held = " FOR UPDATE" if tx.dialect == "postgresql" else ""
    rows = tx.all(
        "SELECT id FROM inbox WHERE portal = :p AND entity = :e AND record_id = :r AND state = 'new' "
        f"ORDER BY received_at, id{held}",
        p=portal, e=entity, r=record_id,
    )  # fmt: skip
    return {row["id"] for row in rows} >= set(ids)


def settle(tx: Tx, ids: list[str], state: str, reason: str, clock: Clock) -> None:
    """Mark deliveries as `done`, `failed` or `dropped`."""
    tx.run_many(
        "UPDATE inbox SET state = :s, reason = :why, done_at = :at WHERE id = :id",
        [
            {"s": state, "why": mask(reason)[:500], "at": None if state == "new" else to_micros(clock.now()), "id": one}
            for one in ids
        ],
    )


def again(tx: Tx, one: str, *, queue: Queue, mark: str, clock: Clock) -> bool:
    """A person asks for a failed delivery to be handled once more; whether there was such a one."""
    row = _failed(tx, one)
    if row is None:
        return False
    settle(tx, [one], "new", "", clock)
    sync(tx, row["portal"], row["entity"], row["record_id"], trace=one, queue=queue, mark=f":{mark}")
    return True


def drop(tx: Tx, one: str, reason: str, clock: Clock) -> bool:
    """A person gives a failed delivery up; whether there was such a one."""
    if _failed(tx, one) is None:
        return False
    settle(tx, [one], "dropped", reason, clock)
    return True


def _failed(tx: Tx, one: str) -> Row | None:
    return tx.lock("SELECT * FROM inbox WHERE id = :i AND state = 'failed'", i=one)


def failed(tx: Tx) -> list[Row]:
    """Those that wait for a person, oldest first."""
    return tx.all("SELECT * FROM inbox WHERE state = 'failed' ORDER BY received_at")


def unsettled(tx: Tx) -> list[Row]:
    """Those that were neither handled nor given up."""
    return tx.all("SELECT state, reason FROM inbox WHERE state NOT IN ('done', 'dropped')")


def stored_row(tx: Tx, one: str) -> Row | None:
    """A delivery with every column, for people."""
    return tx.one("SELECT * FROM inbox WHERE id = :i", i=one)


def count(tx: Tx, state: str) -> int:
    return int(tx.value("SELECT COUNT(*) FROM inbox WHERE state = :s", s=state))


def newest_at(tx: Tx) -> int | None:
    """When the newest delivery came in (microseconds)."""
    # One question per state: so each is answered from the index, and the table may be long.
    found = [
        tx.value("SELECT received_at FROM inbox WHERE state = :s ORDER BY received_at DESC LIMIT 1", s=state)
        for state in STATES
    ]
    return max((at for at in found if at is not None), default=None)


def forget(tx: Tx, before: int) -> None:
    """Let go of settled deliveries that were taken in before that moment (microseconds)."""
    tx.run("DELETE FROM inbox WHERE state IN ('done', 'dropped') AND received_at < :old", old=before)
