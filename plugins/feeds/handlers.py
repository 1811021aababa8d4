"""A record was seen, or is gone: its entries in the feeds follow in the same unit of work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kernel.crm import Move, Record, Value
from kernel.crm.seen import last_seen
from kernel.errors import Fault
from kernel.extension import Seen
from kernel.extension.portal import Portal, Unit
from kernel.extension.reading import ReadOnlyPortal
from kernel.mapping import FeedMap, MappingSet
from kernel.storage import Tx
from kernel.values import to_micros
from plugins.feeds import store
from plugins.feeds.rules import body_of, change_body, clean, entry_id

STAGE = "@stage"


@dataclass(frozen=True)
class Moves:
    """A record's stage history, with the names of who moved it."""

    moves: Sequence[Move]
    names: Mapping[str, str]


def feeds_of(mapping: MappingSet, entity: str) -> list[FeedMap]:
    return [feed for feed in mapping.feeds.values() if entity in feed.of]


def prepare(portal: ReadOnlyPortal, record: Record) -> Moves | None:
    """The stage history, where it has something that no feed has; None where the CRM keeps none."""
    wanted = [feed for feed in feeds_of(portal.mapping, record.entity) if feed.changes.get(record.entity) == STAGE]
    if not wanted or portal.crm.history is None:
        return None
    with portal.database.read() as tx:
        before = last_seen(tx, portal.name, record.entity, record.id)
        if before is not None and before.stage == record.stage and store.last_move(tx, record.entity, record.id) is not None:
            return None
    moves = portal.crm.history.moves(record.entity, record.id)
    people = {*(one.by for one in moves or ()), record.moved_by} - {""}
    return None if moves is None else Moves(moves, {one: _name_of(portal, one) for one in people})


def _name_of(portal: Portal, person: str) -> str:
    try:
        return next((one.name for one in portal.people() if one.id == person), person)
    except Fault:  # a CRM that does not name its people now: better the number than nothing
        return person


def record_seen(unit: Unit, seen: Seen) -> None:
    record = seen.record
    feeds = feeds_of(unit.portal.mapping, record.entity)
    if not feeds:
        return
    store.share(unit.tx, unit.portal.ids, [feed.name for feed in feeds])
    for feed in feeds:
        if feed.changes:
            _keep_changes(unit, feed, seen)
        else:
            keep_state(unit, feed, record)
    if isinstance(seen.prepared, Moves) and seen.prepared.moves:
        store.keep_move(unit.tx, record.entity, record.id, _ids(seen.prepared.moves)[-1])


def keep_state(unit: Unit, feed: FeedMap, record: Record) -> None:
    """The feed holds the record as it is, or does not hold it."""
    portal = unit.portal
    body = body_of(feed, portal.mapping.entity(record.entity), record, portal.zone)
    entry, now = clean(entry_id(feed, record.entity, record.id)), to_micros(unit.now)
    if body is None:
        store.take_out(unit.tx, feed.name, entry, now)
    else:
        store.put(unit.tx, feed.name, entry, record.entity, record.id, body, now)


def _keep_changes(unit: Unit, feed: FeedMap, seen: Seen) -> None:
    record, source = seen.record, feed.changes[seen.record.entity]
    if source == STAGE and isinstance(seen.prepared, Moves):
        _keep_moves(unit, feed, record, seen.prepared)
    elif seen.before is None:
        return
    elif source == STAGE:
        if (seen.before.stage, seen.before.stage_label) != (record.stage, record.stage_label):
            _keep_change(
                unit, feed, record,
                {"@from": seen.before.stage, "@from.name": seen.before.stage_label, "@to": record.stage,
                 "@to.name": record.stage_label},
            )  # fmt: skip
    elif (old := seen.before.values.get(source)) != (new := record.values.get(source)):
        labels = unit.portal.mapping.entity(record.entity).field[source].values
        _keep_change(
            unit, feed, record,
            {"@from": old, "@from.name": labels.get(str(old)), "@to": new, "@to.name": labels.get(str(new))},
        )  # fmt: skip


def _keep_change(unit: Unit, feed: FeedMap, record: Record, values: Mapping[str, Value]) -> None:
    """One that was found by comparing: who and when, as far as that is known."""
    told = {"@who": unit.author, "@when": record.changed_at or unit.now, **values}
    _put_change(unit, feed, record, unit.portal.ids.new(), told)


def _keep_moves(unit: Unit, feed: FeedMap, record: Record, history: Moves) -> None:
    """All that the CRM's history has and we do not. The same line once more changes nothing: it has the same id."""
    ids, last = _ids(history.moves), store.last_move(unit.tx, record.entity, record.id)
    begin = ids.index(last) + 1 if last in ids else 0
    for number in range(begin, len(ids)):
        move, before = history.moves[number], history.moves[number - 1] if number else None
        by = history.names.get(move.by, "")
        if not by and number == len(ids) - 1 and move.label == record.stage_label:
            # Who moved it last stands in the record; whose delivery it was says it only where there is one move.
            by = history.names.get(record.moved_by, "") or (unit.author if begin == number else "")
        _put_change(
            unit, feed, record, ids[number],
            {
                "@from": before.stage if before else None, "@from.name": before.label if before else None,
                "@to": move.stage, "@to.name": move.label, "@who": by, "@when": move.at,
            },
        )  # fmt: skip


def _ids(moves: Sequence[Move]) -> list[str]:
    """Each line's name: the CRM's number of it, or its place."""
    return [one.id or f"n{place}" for place, one in enumerate(moves, 1)]


def _put_change(unit: Unit, feed: FeedMap, record: Record, change: str, values: Mapping[str, Value]) -> None:
    body = change_body(feed, {"@id": record.id, "@entity": record.entity, **values}, unit.portal.zone)
    entry = clean(f"{entry_id(feed, record.entity, record.id)}:{change}")
    store.put(unit.tx, feed.name, entry, record.entity, record.id, body, to_micros(unit.now))


def stands_elsewhere(entity: str, unit: Unit, record_id: str) -> None:
    """The set knows the record no more, or the CRM has none: it is in no feed of states."""
    feeds = feeds_of(unit.portal.mapping, entity)
    store.share(unit.tx, unit.portal.ids, [feed.name for feed in feeds])
    for feed in feeds:
        if not feed.changes:
            store.take_out(unit.tx, feed.name, clean(entry_id(feed, entity, record_id)), to_micros(unit.now))


def record_gone(entity: str, unit: Unit, record_id: str) -> None:
    """Deleted in the CRM, merged into another, or removed for the person's sake: what we kept of it goes, too."""
    feeds = feeds_of(unit.portal.mapping, entity)
    store.share(unit.tx, unit.portal.ids, [feed.name for feed in feeds])
    for feed in feeds:
        store.take_out_record(unit.tx, feed.name, entity, record_id, to_micros(unit.now))
    store.forget_moves(unit.tx, entity, record_id)


def records_after(entity: str, tx: Tx, _portal: str, after: str, most: int) -> list[str]:
    """Which records of that kind we keep something of."""
    return store.records_after(tx, entity, after, most)
