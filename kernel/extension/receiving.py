"""Keeping what came in from a connection, by its door or its listener, in the unit of work of whoever brings it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kernel.conversations import Incoming, store
from kernel.crm import Event
from kernel.extension.comments import routed
from kernel.extension.connector import Connection, Received
from kernel.extension.decisions import receipt_came
from kernel.extension.model import Plugin
from kernel.extension.portal import Portal, Unit
from kernel.jobs import inbox, old_proofs
from kernel.jobs.outgoing import Receipt
from kernel.storage import Tx


@dataclass(frozen=True)
class Arrival:
    """What is to be kept of one delivery."""

    events: Sequence[Event] = ()
    messages: Sequence[Incoming] = ()
    receipts: Sequence[Receipt] = ()
    text: str = ""  #: the delivery's body for looking up later, without secrets

    @classmethod
    def of(cls, received: Received) -> Arrival:
        return cls(received.events, received.messages, received.receipts)

    def __bool__(self) -> bool:
        return bool(self.events or self.messages or self.receipts)


def keep_many(
    tx: Tx, portal: Portal, plugins: Sequence[Plugin], connection: Connection, arrivals: Sequence[Arrival]
) -> list[str]:
    """Keep all of it, with a handful of statements; the trace of each arrival's first part."""
    with_events = [one for one in arrivals if one.events]
    reported = [inbox.StoredDelivery(_events(portal, plugins, connection, one.events), one.text) for one in with_events]
    traces: dict[int, str] = {}
    if reported:
        stored = inbox.store_many(tx, portal.name, reported, clock=portal.clock, ids=portal.ids, queue=portal.queue)
        traces = {id(one): trace for one, trace in zip(with_events, stored, strict=True)}
        noted = portal.memory.setdefault("old proofs", {})
        old_proofs.note(tx, connection.full_name, [e for one in with_events for e in one.events], portal.clock, noted)
    for one in arrivals:
        if one.messages:
            found = store.receive_many(
                tx, connection.full_name, one.messages, clock=portal.clock, ids=portal.ids, queue=portal.queue
            )
            traces.setdefault(id(one), found[0])
        if one.receipts:
            unit = Unit(portal, tx, author="", trace=portal.ids.new())
            for receipt in one.receipts:
                receipt_came(unit, plugins, connection.full_name, receipt)
            unit.flush()
            traces.setdefault(id(one), "")
    return [traces.get(id(one), "") for one in arrivals]


def _events(portal: Portal, plugins: Sequence[Plugin], connection: Connection, events: Sequence[Event]) -> Sequence[Event]:
    """Whoever reports them, they are about records of the CRM. Deliveries' names are each connection's own."""
    events = [routed(portal, plugins, event) for event in events]
    if connection.full_name == portal.name:
        return events
    return [
        replace(event, delivery=f"{connection.full_name}:{event.delivery}") if event.delivery else event for event in events
    ]
