"""A sync: read a record as it is now, and let every plugin that watches it act in one unit of work.

A CRM's event says only that something changed; what, is found by reading. One sync covers all deliveries about its record
that came in before it began, so a burst costs one reading.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from kernel.crm import Elsewhere, Record
from kernel.crm.codec import pack_record, unpack_record, unpack_values
from kernel.crm.gone import note_back, note_gone
from kernel.crm.seen import elsewhere_name, keep_seen, last_seen, owner_seen
from kernel.errors import AnnexError, Fault, NotFound, Throttled
from kernel.extension.comments import hand_over, is_about_comments
from kernel.extension.comments import read as read_comments
from kernel.extension.model import PHASES, Keeps, Plugin, Seen, Watch, author_of
from kernel.extension.portal import Portal, Unit, Write
from kernel.extension.reading import ReadAgain, ReadOnlyPortal
from kernel.jobs import Again, inbox, outgoing
from kernel.jobs.inbox import Waiting
from kernel.jobs.outgoing import Call
from kernel.telemetry import log
from kernel.values import to_micros

_ESCAPE = re.compile(r"\\(u0000|.)")
SWEPT_WAITS_SECONDS = 1.0
PAUSE_SECONDS_MIN, PAUSE_SECONDS_MAX = 1.0, 15.0  #: a CRM that is back must not wait long for us


def sync(portal: Portal, plugins: Sequence[Plugin], args: Mapping[str, Any], *, attempt: int = 0) -> None:
    """Run one sync job. Raises Again when the CRM cannot answer now."""
    entity, record_id = args["entity"], args["id"]
    if is_about_comments(entity):
        _sync_comments(portal, plugins, args, attempt)
        return
    if "/" in entity:
        _sync_owner(portal, args, attempt)
        return
    watches = _in_turn(plugins, entity)
    with portal.database.read() as tx:
        waiting = inbox.waiting_for(tx, portal.name, entity, record_id)
    if not waiting:
        return
    if pause := _delivery_may_follow(portal, waiting):
        raise Again(pause)
    ids, events = [one.id for one in waiting], tuple(one.event for one in waiting)
    keepers = [keeps for plugin in plugins for keeps in plugin.keeps if keeps.entity == entity]
    record: Record | None = None
    prepared: dict[str, Any] = {}
    began = 0
    try:
        try:
            record, prepared, began = _read(portal, watches, entity, record_id)
        except NotFound:
            if keepers:
                portal.people()  # so that whoever is told of it is at hand
        author = portal.name_of(author_of(events))
    except Fault as exc:
        _again_or_give_up(portal, ids, exc, args, attempt)
        return
    except AnnexError as exc:  # set up wrong: a person has to fix it, then retry
        _give_up(portal, ids, exc)
        return
    with portal.unit(author=author, trace=args["trace"]) as unit:
        if not inbox.still_new(unit.tx, portal.name, entity, record_id, ids):
            # We stood still since the reading, and somebody in our place has read the record anew: ours is old.
            log.warning("sync.overtaken", entity=entity, record=record_id)
            raise Again(PAUSE_SECONDS_MIN)
        if record is None:
            _gone(unit, watches, keepers, entity, record_id)
            inbox.settle(unit.tx, ids, "done", "the CRM has no such record", portal.clock)
            return
        if keepers and note_back(unit.tx, portal.name, entity, record_id):
            log.info("sync.back", entity=entity, record=record_id)
            for keeps in keepers:
                if keeps.back is not None:
                    keeps.back(unit, record_id)
        before = last_seen(unit.tx, portal.name, entity, record_id)
        with_ours = _with_our_writes(record, outgoing.unseen_writes(unit.tx, portal.name, f"{entity}:{record_id}", began))
        for plugin, watch in watches:
            if record.elsewhere and not watch.elsewhere:
                if watch.gone is not None:
                    watch.gone(unit, record_id)
                continue
            # All judge the same reading; what those before have written in this pass stands in `expected`.
            expected = _with_writes(with_ours, unit.writes_to(entity, record_id))
            watch.handle(unit, Seen(record, before, events, expected, prepared.get(plugin.name)))
        kept = replace(record, entity=elsewhere_name(entity)) if record.elsewhere else record
        keep_seen(unit.tx, portal.name, kept, began)  # what changed while we were at it may not be in it
        inbox.settle(unit.tx, ids, "done", "it stands outside of the set" if record.elsewhere else "", portal.clock)
    log.info("sync.done", entity=entity, record=record_id, deliveries=len(ids))


def _gone(
    unit: Unit, watches: Sequence[tuple[Plugin, Watch]], keepers: Sequence[Keeps], entity: str, record_id: str
) -> None:
    """The CRM has no such record: watching plugins hear of it each time, those that keep figures of it once."""
    log.info("sync.gone", entity=entity, record=record_id)
    for _plugin, watch in watches:
        if watch.gone is not None:
            watch.gone(unit, record_id)
    if keepers and note_gone(unit.tx, unit.portal.name, entity, record_id, to_micros(unit.now)):
        for keeps in keepers:
            keeps.gone(unit, record_id)


def _was_ours(portal: Portal, entity: str, record_id: str) -> bool:
    with portal.database.read() as tx:
        return last_seen(tx, portal.name, entity, record_id) is not None


def _in_turn(plugins: Sequence[Plugin], entity: str) -> list[tuple[Plugin, Watch]]:
    """Who watches that kind of record: by phase, and by name within a phase."""
    found = [(plugin, watch) for plugin in plugins for watch in plugin.watches if watch.entity == entity]
    return sorted(found, key=lambda pair: (PHASES.index(pair[1].phase), pair[0].name))


def _read(
    portal: Portal, watches: Sequence[tuple[Plugin, Watch]], entity: str, record_id: str
) -> tuple[Record, dict[str, Any], int]:
    """The record, what each plugin prepared from it, and the moment at which that reading began. A plugin that cannot judge
    it has it read once more, for all of them."""
    tables = sorted({table for _, watch in watches for table in watch.tables})
    for last in (False, True):
        began = to_micros(portal.clock.now())
        try:
            record = _storable(portal.crm.get(entity, record_id, tables=tables))
        except Elsewhere as exc:
            if portal.crm.elsewhere_is_foreign and not _was_ours(portal, entity, record_id):
                raise
            record = _storable(exc.record)
        view = ReadOnlyPortal.of(portal, read_at=began, last_reading=last)
        judging = [pair for pair in watches if pair[1].prepare and (pair[1].elsewhere or not record.elsewhere)]
        try:
            return record, {plugin.name: watch.prepare(view, record) for plugin, watch in judging if watch.prepare}, began
        except ReadAgain as again:
            if last:
                raise
            portal.clock.sleep(again.after_seconds)
    raise AssertionError


def _delivery_may_follow(portal: Portal, waiting: Sequence[Waiting]) -> float:
    """Seconds to wait where only a sweep has asked, just now: the delivery may be in flight, and says who it was."""
    if any(one.event.name != inbox.SWEPT for one in waiting):
        return 0.0
    left = max(one.received_at for one in waiting) / 1e6 + SWEPT_WAITS_SECONDS - portal.clock.now().timestamp()
    return left if 0 < left <= SWEPT_WAITS_SECONDS else 0.0


def _sync_owner(portal: Portal, args: Mapping[str, Any], attempt: int) -> None:
    """A child row changed: what has to be read is the record to which it belongs."""
    entity, row_id = args["entity"], args["id"]
    with portal.database.read() as tx:
        waiting = inbox.waiting_for(tx, portal.name, entity, row_id)
        ids, author = [one.id for one in waiting], author_of([one.event for one in waiting])
        owner = owner_seen(tx, portal.name, entity, row_id)
    if not ids:
        return
    try:
        owners = {portal.crm.owner_of(entity, row_id)}
    except NotFound:  # deleted: whose it was we know from before
        owners = set()
    except Fault as exc:
        _again_or_give_up(portal, ids, exc, args, attempt)
        return
    except AnnexError as exc:
        _give_up(portal, ids, exc)
        return
    with portal.unit(trace=args["trace"]) as unit:
        for one in sorted((owners | {owner or ""}) - {""}):  # of both, where the row has moved
            unit.resync(entity.partition("/")[0], one, author=author)
        inbox.settle(unit.tx, ids, "done", "", portal.clock)


def _sync_comments(portal: Portal, plugins: Sequence[Plugin], args: Mapping[str, Any], attempt: int) -> None:
    """A record was commented: its comments are read, and what is new among them is handed over."""
    entity, record_id = args["entity"], args["id"]
    with portal.database.read() as tx:
        waiting = inbox.waiting_for(tx, portal.name, entity, record_id)
    if not waiting:
        return
    ids, reported_at = [one.id for one in waiting], min(one.received_at for one in waiting)
    try:
        found, reason = read_comments(portal, plugins, entity, record_id, reported_at), ""
    except NotFound:
        found, reason = [], "the CRM has no such record or comment"
    except Fault as exc:
        _again_or_give_up(portal, ids, exc, args, attempt)
        return
    except AnnexError as exc:
        _give_up(portal, ids, exc)
        return
    with portal.unit(trace=args["trace"]) as unit:
        if not inbox.still_new(unit.tx, portal.name, entity, record_id, ids):
            log.warning("sync.overtaken", entity=entity, record=record_id)
            raise Again(PAUSE_SECONDS_MIN)
        hand_over(unit, plugins, found, reported_at)
        inbox.settle(unit.tx, ids, "done", reason, portal.clock)


def _again_or_give_up(portal: Portal, ids: list[str], exc: Fault, args: Mapping[str, Any], attempt: int) -> None:
    if not exc.retry:
        _give_up(portal, ids, exc)
        return
    wait = exc.wait_seconds if isinstance(exc, Throttled) else PAUSE_SECONDS_MIN * 2 ** min(attempt, 6)
    log.warning("sync.again", entity=args["entity"], record=args["id"], reason=str(exc))
    raise Again(min(max(wait, PAUSE_SECONDS_MIN), PAUSE_SECONDS_MAX)) from exc


def _storable(record: Record) -> Record:
    """Without NUL characters, which no PostgreSQL text can hold."""
    packed = pack_record(record)
    # Escape by escape: a backslash that somebody typed is one, too, and what follows it is no escape.
    clean = _ESCAPE.sub(lambda found: "\ufffd" if found[1] == "u0000" else found[0], packed)
    return record if clean == packed else unpack_record(clean)


def _with_our_writes(record: Record, calls: Sequence[Call]) -> Record:
    """The record as it will stand once our own calls in flight have arrived: what a comparison before writing needs."""
    return _with_writes(
        record,
        [
            Write(unpack_values(body["values"]), body.get("stage"), body.get("table", ""), body.get("row_key", ""))
            for body in (call.payload for call in calls)
        ],
    )


def _with_writes(record: Record, writes: Sequence[Write]) -> Record:
    if not writes:
        return record
    values, stage, rows = dict(record.values), record.stage, {t: list(found) for t, found in record.rows.items()}
    for write in writes:
        if not write.table:
            values.update(write.values)
            stage = write.stage or stage
            continue
        table = rows.get(write.table, [])
        for n, row in enumerate(table):
            if row.key == write.row_key:
                table[n] = replace(row, values={**row.values, **write.values})
    return replace(record, values=values, stage=stage, rows={t: tuple(found) for t, found in rows.items()})


def _give_up(portal: Portal, ids: list[str], exc: AnnexError) -> None:
    """Into the list that a person looks at, with its reason."""
    log.error("sync.failed", reason=str(exc))
    with portal.database.write() as tx:
        inbox.settle(tx, ids, "failed", str(exc), portal.clock)
