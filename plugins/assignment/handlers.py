"""A record was synced: it joins the queue, or what we know of it is brought up to date; then the queue moves on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from kernel.crm import Person, Record
from kernel.errors import Fault, Misconfigured
from kernel.extension import Seen
from kernel.extension.portal import Portal, Unit
from kernel.telemetry import log
from kernel.values import from_micros, to_micros
from plugins.assignment import assigning, clients, eligibility, store
from plugins.assignment.assigning import Asked
from plugins.assignment.clients import CardManager
from plugins.assignment.rules import is_closed, joins, owner_of, start_stages, taken_by_hand
from plugins.assignment.settings import QueueSettings
from plugins.assignment.store import Decision, Waiting

EVERY_SECONDS = 15
PAGES_SECONDS = 60  #: the pages show fitness no older than this, even where nothing waits


@dataclass(frozen=True)
class Prepared:
    """What was read for the queue in which the record stands or which it may join."""

    asked: Asked
    people: Sequence[Person]
    cards: Sequence[CardManager] = ()  #: of a record that has just come: who is responsible for its client's card

    @property
    def queue(self) -> str:
        return self.asked.queue

    def author(self, name: str) -> Person | None:
        """Who that is, by the CRM's id or name of them."""
        return next((one for one in self.people if name and name in (one.id, one.name)), None)


def check_fields(portal: Portal, name: str, queue: QueueSettings) -> None:
    """Not every set has leads, so what a queue needs is checked by queue."""
    fields = portal.mapping.entity(queue.entity).field
    for field in ("assigned", *(("source",) if queue.sources else ())):
        if field not in fields:
            raise Misconfigured(f"[plugin.assignment.queue.{name}] needs the field «{field}» of «{queue.entity}» mapped")


def prepare(portal: Portal, record: Record) -> Prepared | None:
    """Ask who is fit, if the record is one to give out, and read what waits before it."""
    with portal.database.read() as tx:
        waits = store.waiting(tx, portal.name, record.entity, record.id)
        decided = store.newest(tx, portal.name, record.entity, record.id)
    name = waits.queue if waits else ""
    if not waits and decided is None:
        name = _queue_for(portal, record)
    if not name or eligibility.queue_of(portal, name) is None:
        return None
    cards = [] if waits else clients.managers_of(portal, record)
    return Prepared(assigning.ask(portal, name, joins=True), portal.people(), cards)


def _queue_for(portal: Portal, record: Record) -> str:
    """The first queue whose records look like this one; who made it and when is checked later, under the queue's row."""
    entity = portal.mapping.entity(record.entity)
    for name, queue in eligibility.settings_of(portal).queue.items():
        if queue.entity != record.entity:
            continue
        check_fields(portal, name, queue)
        stages = start_stages(entity, queue.stages)
        if (not stages or record.stage in stages) and (not queue.sources or record.values.get("source") in queue.sources):
            return name
    return ""


def record_seen(unit: Unit, seen: Seen) -> None:
    """The one handler of leads and deals."""
    tx, portal, record = unit.tx, unit.portal.name, seen.record
    prepared = seen.prepared if isinstance(seen.prepared, Prepared) else None
    waits = store.waiting(tx, portal, record.entity, record.id)
    name = waits.queue if waits else prepared.queue if prepared else ""
    row = None
    if prepared and prepared.queue == name:
        row = assigning.hold(unit, prepared.asked)
    elif name:
        row = store.open_queue(tx, portal, name, to_micros(unit.now))
    if name:  # as it stands now that the queue is ours
        waits = store.waiting(tx, portal, record.entity, record.id)
    decided = store.newest(tx, portal, record.entity, record.id)
    if waits:
        assigning.settle(unit, waits, seen.expected, prepared.author(seen.author) if prepared else None)
    elif decided:
        _follow(unit, seen, decided)
    elif prepared and row:
        _begin(unit, seen, prepared, from_micros(row["since"]))
    clients.note(unit, seen.expected)
    if prepared:
        clients.note_cards(unit, prepared.cards)
    if name:
        assigning.give(unit, name)


def _begin(unit: Unit, seen: Seen, prepared: Prepared, began: datetime) -> None:
    """A record that was never decided: it joins the queue, is somebody's by hand, or is none of ours."""
    portal, record, now, name = unit.portal, seen.expected, to_micros(unit.now), prepared.queue
    queue = eligibility.settings_of(portal).queue[name]
    members, stand_ins = eligibility.ids_of(unit.tx, portal, name)
    stages = start_stages(portal.mapping.entity(record.entity), queue.stages)
    if not joins(record, stages, queue.sources, members, began - timedelta(hours=queue.backlog_hours)):
        return
    owner = owner_of(record)
    created = to_micros(record.created_at) if record.created_at else now
    number = assigning.number_of(record.id)
    one = Waiting(record.entity, record.id, name, created, number, now, now, record.name, owner.id, owner.name, "")
    if taken_by_hand(record, prepared.author(seen.author), members, stand_ins):
        assigning.drop(unit, one, "by_hand", owner)
        return
    store.join(unit.tx, portal.name, one)
    assigning.changed(unit, name)


def _follow(unit: Unit, seen: Seen, decision: Decision) -> None:
    """A record that was given: whether a person changed it since, and whether it is still in that person's hands."""
    if decision.outcome != "given" or decision.ended_at is not None:
        return
    tx, portal, now = unit.tx, unit.portal.name, to_micros(unit.now)
    owner = owner_of(seen.expected)
    if owner.id != decision.person and not store.write_failed(tx, portal, decision):
        store.mark(tx, portal, decision, changed_at=now, changed_to=owner.name or owner.id or "—", ended_at=now)
        assigning.changed(unit, decision.queue)
    elif is_closed(unit.portal.mapping.entity(decision.entity), seen.record):
        store.mark(tx, portal, decision, ended_at=now)
        assigning.changed(unit, decision.queue)


def gone(entity: str) -> Callable[[Unit, str], None]:
    """What to do when the CRM has no such record (any more)."""

    def record_gone(unit: Unit, record_id: str) -> None:
        tx, portal = unit.tx, unit.portal.name
        clients.gone(tx, portal, entity, record_id)
        if waits := store.waiting(tx, portal, entity, record_id):
            store.open_queue(tx, portal, waits.queue, to_micros(unit.now))
            if waits := store.waiting(tx, portal, entity, record_id):
                assigning.drop(unit, waits, "deleted")
                for behind in store.front(tx, portal, waits.queue, most=1):  # it may have held them up
                    unit.resync(behind.entity, behind.record_id)
        elif (one := store.newest(tx, portal, entity, record_id)) and one.ended_at is None:
            store.mark(tx, portal, one, ended_at=to_micros(unit.now))
            assigning.changed(unit, one.queue)

    return record_gone


# --- regular work and hooks -------------------------------------------------------------------------------------------


def give_out_all(portal: Portal) -> None:
    """What waits is given out as soon as somebody fits, whatever nobody reported."""
    assigning.put_back_refused(portal)
    for name in eligibility.settings_of(portal).queue:
        with portal.database.read() as tx:
            waits = store.count_waiting(tx, portal.name, name) > 0
        assigning.give_out(portal, name, seconds=eligibility.FRESH_SECONDS if waits else PAGES_SECONDS)


def eligibility_changed(portal: Portal, _people: Collection[str]) -> None:
    """Somebody began or ended their day, say: what was known of who is eligible is no longer true."""
    for name in eligibility.settings_of(portal).queue:
        with portal.unit() as unit:
            store.forget_eligibility(unit.tx, portal.name, name)
        try:
            assigning.give_out(portal, name)
        except Fault as exc:  # whoever told us has their own work to do; the next round gives out
            log.warning("assignment.later", queue=name, reason=str(exc))
