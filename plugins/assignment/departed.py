"""Who has left the CRM: what they were given and nobody has begun goes round again, and the heads are told of all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kernel.crm import Record
from kernel.errors import Fault
from kernel.extension.portal import Portal, Unit
from kernel.telemetry import log
from kernel.texts import translate
from kernel.values import to_micros
from plugins.assignment import assigning, eligibility, store
from plugins.assignment.rules import heads_of, is_closed, owner_of, start_stages
from plugins.assignment.store import Decision

EVERY_SECONDS = 30
LINKS_MAX = 20


@dataclass(frozen=True)
class _Left:
    """What somebody who has left still holds, as just read."""

    person: str
    name: str
    decisions: Sequence[Decision]
    records: Mapping[tuple[str, str], Record]
    links: Mapping[tuple[str, str], str]  #: made before the database is open: a CRM may be asked how its addresses are made


def departed(portal: Portal) -> None:
    """Regular: ask who of those who hold something still works here."""
    people = portal.crm.people
    if people is None:
        return
    with portal.database.read() as tx:
        held = store.held(tx, portal.name)
    try:
        gone = sorted(set(held) - people.active(held)) if held else []
        if not gone or not any(one.active for one in portal.people(seconds=0)):
            return  # no office is empty: the CRM shows us nobody
        for person in gone:
            decisions = held[person]
            named = [(one.entity, one.record_id) for one in decisions]
            records = assigning.read_records(portal, named)
            links = {one: portal.crm.link(*one) for one in named}
            _hand_on(portal, _Left(person, decisions[0].person_name, decisions, records, links))
    except Fault as exc:  # the next round asks again
        log.warning("assignment.departed_unread", reason=str(exc))


def _hand_on(portal: Portal, left: _Left) -> None:
    with portal.unit() as unit:
        for queue in sorted({one.queue for one in left.decisions}):
            store.open_queue(unit.tx, portal.name, queue, to_micros(unit.now))
        again: list[Decision] = []
        begun: list[Decision] = []
        for before in left.decisions:
            one = store.newest(unit.tx, portal.name, before.entity, before.record_id)
            record = left.records.get((before.entity, before.record_id))
            if one is None or (one.number, one.outcome, one.ended_at) != (before.number, "given", None) or record is None:
                continue  # somebody else has settled it meanwhile, or a sync will
            if owner_of(record).id != left.person or is_closed(portal.mapping.entity(one.entity), record):
                continue
            if _is_untouched(portal, one, record):
                assigning.take_back(unit, one, "departed")
                again.append(one)
            else:
                store.mark(unit.tx, portal.name, one, ended_at=to_micros(unit.now))
                assigning.changed(unit, one.queue)
                begun.append(one)
        if again or begun:
            _tell(unit, left, again, begun)
            log.info("assignment.departed", person=left.person, again=len(again), begun=len(begun))


def _is_untouched(portal: Portal, one: Decision, record: Record) -> bool:
    """Nobody has moved it on from where records are given out."""
    queue = eligibility.queue_of(portal, one.queue)
    return record.stage in start_stages(portal.mapping.entity(one.entity), queue.stages if queue else ())


def _tell(unit: Unit, left: _Left, again: Sequence[Decision], begun: Sequence[Decision]) -> None:
    """One comment for the heads, in the first of these records."""
    portal, language = unit.portal, unit.portal.mapping.portal.language
    first = (*again, *begun)[0]
    queue = eligibility.queue_of(portal, first.queue)
    # As `departed` has just read them: the CRM is not asked while the database is open.
    heads = heads_of(portal.staff.known(), queue.groups if queue else (), queue.tell if queue else ())
    lines = [translate(language, "asg_departed", person=left.name)]
    for code, found in (("asg_departed_again", again), ("asg_departed_begun", begun)):
        if found:
            named = [f"— {one.name or one.record_id}: {left.links[one.entity, one.record_id]}" for one in found[:LINKS_MAX]]
            lines += [translate(language, code, count=len(found)), *named, *(["— …"] if len(found) > LINKS_MAX else [])]
    unit.comment(
        first.entity, first.record_id, "\n".join(lines), to=tuple(one.id for one in heads),
        key=f"assignment:departed:{left.person}:{first.entity}:{first.record_id}:{first.number}",
    )  # fmt: skip
