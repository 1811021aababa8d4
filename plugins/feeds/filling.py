"""Filling a feed from what was last seen, when it is new or declared otherwise; and letting old deletions go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from kernel.crm import Record
from kernel.crm.gone import gone_since
from kernel.crm.seen import elsewhere_name, known_of, seen_after
from kernel.extension.portal import Portal, Unit
from kernel.mapping import FeedMap
from kernel.values import to_micros
from plugins.feeds import store
from plugins.feeds.handlers import keep_state
from plugins.feeds.rules import body_of, clean, declared, entry_id
from plugins.feeds.settings import FeedsSettings

AT_ONCE = 500


def fill(portal: Portal) -> None:
    """Each feed holds what its declaration says of what was seen. Goes on where it stopped."""
    for feed in portal.mapping.feeds.values():
        while not is_filled(portal, feed):
            with portal.unit() as unit:
                _fill_some(unit, feed)


def is_filled(portal: Portal, feed: FeedMap) -> bool:
    with portal.read() as unit:
        known = store.filling_of(unit.tx, feed.name, hold=False)
    return known is not None and known.declared == declared(feed, portal.mapping.entities)


def _fill_some(unit: Unit, feed: FeedMap) -> None:
    wanted = declared(feed, unit.portal.mapping.entities)
    store.prepare(unit.tx, unit.portal.ids, [feed.name])
    one = store.filling_of(unit.tx, feed.name, hold=True)
    assert one is not None
    if one.declared == wanted:
        return
    if one.filling != wanted:
        one = store.Filling(feed.name, one.declared, wanted, feed.of[0], "")
    found = [] if feed.changes else _seen(unit, one.entity, one.after)  # states do not tell of changes before
    for _, record in found:
        if record is not None:
            keep_state(unit, feed, record)
    following = feed.of[feed.of.index(one.entity) + 1 :]
    if len(found) == AT_ONCE:
        one = replace(one, after=found[-1][0])
    elif following:
        one = replace(one, entity=following[0], after="")
    else:
        store.take_out_entity(unit.tx, feed.name, feed.of, to_micros(unit.now))
        one = replace(one, declared=wanted, filling="")
    store.keep_filling(unit.tx, one)


def _seen(unit: Unit, entity: str, after: str) -> list[tuple[str, Record | None]]:
    """The next ids, and what was last seen of each; None where it is gone, or stands elsewhere by now."""
    tx, portal, found = unit.tx, unit.portal.name, list[tuple[str, Record | None]]()
    for known in seen_after(tx, portal, entity, after, AT_ONCE):
        record_id = known.record.id
        outside = known_of(tx, portal, elsewhere_name(entity), record_id)
        there = gone_since(tx, portal, entity, record_id) is None and not (outside and outside.read_at > known.read_at)
        found.append((record_id, known.record if there else None))
    return found


def tidy(portal: Portal) -> None:
    """Deletions are kept for as long as the set says."""
    days = portal.settings("feeds", FeedsSettings).tombstone_days
    before = to_micros(portal.clock.now() - timedelta(days=days))
    for feed in portal.mapping.feeds:
        with portal.unit() as unit:
            store.forget_deletions(unit.tx, feed, before)


def verify(unit: Unit) -> Iterator[str]:
    """What was last seen of each record, and what the feeds hold of it, agree."""
    portal = unit.portal
    for feed in portal.mapping.feeds.values():
        known = store.filling_of(unit.tx, feed.name, hold=False)
        if feed.changes or known is None or known.declared != declared(feed, portal.mapping.entities):
            continue
        for entity in feed.of:
            yield from _differing(unit, feed, entity)


def _differing(unit: Unit, feed: FeedMap, entity: str) -> Iterator[str]:
    plan, after = unit.portal.mapping.entity(entity), ""
    while found := _seen(unit, entity, after):
        after = found[-1][0]
        for record_id, record in found:
            body = body_of(feed, plan, record, unit.portal.zone) if record else None
            held = store.body_of_entry(unit.tx, feed.name, clean(entry_id(feed, entity, record_id)))
            if held != body:
                yield f"feed {feed.name}: {entity} {record_id} is held otherwise than it was last seen"
