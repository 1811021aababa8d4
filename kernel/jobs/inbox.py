"""Deliveries: stored before they are answered, each with the job that will look at the record it names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kernel.clock import Clock, Ids
from kernel.crm import Event
from kernel.jobs.queue import Job, Queue, next_number
from kernel.storage import Tx
from kernel.telemetry import mask
from kernel.values import to_micros

BODY_KEPT_CHARACTERS = 20_000
SWEPT = "annex.sweep"  #: the event name of a look that a sweep asked for
ASKED = "annex.look"  #: the event name of a look that we ask for ourselves


@dataclass(frozen=True)
class Stored:
    """`id` is the trace that goes with the delivery to its last effect; `fresh` is false for a repeat."""

    id: str
    fresh: bool


def store(tx: Tx, portal: str, event: Event, body: str, *, clock: Clock, ids: Ids, queue: Queue) -> Stored:
    """Keep a proven delivery and enqueue the look. A repeat of a known delivery changes nothing."""
    if event.delivery:
        known = tx.value("SELECT id FROM inbox WHERE portal = :p AND delivery = :d", p=portal, d=event.delivery)
        if known:
            return Stored(known, fresh=False)
    new_id = ids.new()
    added = tx.run(
        "INSERT INTO inbox (id, portal, event, entity, record_id, author, delivery, body, received_at, state, reason) "
        "VALUES (:id, :p, :event, :entity, :record, :author, :delivery, :body, :at, 'new', '') ON CONFLICT DO NOTHING",
        id=new_id, p=portal, event=event.name, entity=event.entity, record=event.record_id, author=event.author[:200],
        delivery=event.delivery, body=body[:BODY_KEPT_CHARACTERS].replace("\x00", "\ufffd"),
        at=to_micros(clock.now()),
    )  # fmt: skip
    if not added:  # the same delivery came in by another process a moment ago
        return Stored(new_id, fresh=False)
    look(tx, portal, event.entity, event.record_id, trace=new_id, queue=queue)
    return Stored(new_id, fresh=True)


def store_all(tx: Tx, portal: str, events: Sequence[Event], body: str, *, clock: Clock, ids: Ids, queue: Queue) -> str:
    """Keep every event of one delivery; returns the trace of the first."""
    traces = []
    for number, event in enumerate(events):
        # One delivery may tell of several records: each is known by the delivery and its place in it.
        one = replace(event, delivery=f"{event.delivery}#{number}") if number and event.delivery else event
        traces.append(store(tx, portal, one, body, clock=clock, ids=ids, queue=queue).id)
    return traces[0]


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
    """A look that we ask for ourselves: kept like a delivery, so that it is seen to wait and is not lost."""
    new_id = ids.new()
    tx.run(
        "INSERT INTO inbox (id, portal, event, entity, record_id, author, delivery, body, received_at, state, reason) "
        "VALUES (:id, :p, :event, :entity, :record, :author, '', '', :at, 'new', '')",
        id=new_id, p=portal, event=event, entity=entity, record=record_id, author=author, at=to_micros(clock.now()),
    )  # fmt: skip
    look(tx, portal, entity, record_id, trace=trace, queue=queue, mark=f":{new_id}")


def look(tx: Tx, portal: str, entity: str, record_id: str, *, trace: str, queue: Queue, mark: str = "") -> None:
    """Enqueue a look at the record; looks at one record never overlap. `mark` tells jobs of one trace apart."""
    lane = f"look:{portal}:{entity}:{record_id}"
    args = {"portal": portal, "entity": entity, "id": record_id, "trace": trace}
    queue.enqueue(tx, Job("look", f"look:{trace}{mark}", lane, next_number(tx, lane), args))


def overdue(tx: Tx, before: int) -> list[tuple[str, str, str, str]]:
    """(portal, entity, record, trace) of deliveries taken in before that moment (microseconds) that no look has covered."""
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
    """Deliveries about the record that no look has covered yet, oldest first."""
    rows = tx.all(
        "SELECT id, event, author, delivery, received_at FROM inbox WHERE portal = :p AND entity = :e AND record_id = :r "
        "AND state = 'new' ORDER BY received_at, id",
        p=portal, e=entity, r=record_id,
    )  # fmt: skip
    return [
        Waiting(row["id"], Event(row["event"], entity, record_id, row["author"], row["delivery"]), row["received_at"])
        for row in rows
    ]


def settle(tx: Tx, ids: list[str], state: str, reason: str, clock: Clock) -> None:
    """Mark deliveries as `done`, `failed` or `dropped`."""
    tx.run_many(
        "UPDATE inbox SET state = :s, reason = :why, done_at = :at WHERE id = :id",
        [
            {"s": state, "why": mask(reason)[:500], "at": None if state == "new" else to_micros(clock.now()), "id": one}
            for one in ids
        ],
    )
