"""The sweep: what changed in the CRM since the last one, compared with what we have seen; what was missed gets a sync.

Events get lost, and none is sent twice. So every now and then the CRM is asked what changed, as cheaply as it allows. How
far a kind of record has been swept is kept by the CRM's own times, so that our clock need not agree with its; each sweep
goes back a little further than that, since a change may become visible later than its time says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from kernel.crm import Changed, Record
from kernel.crm.gone import asked_after, gone_ids, gone_since, keep_asked
from kernel.crm.seen import Known, elsewhere_name, known_of, owner_seen
from kernel.errors import AnnexError, NotFound
from kernel.extension.connector import Sweeping
from kernel.extension.model import Plugin
from kernel.extension.portal import Portal
from kernel.jobs import inbox
from kernel.storage import Row, Tx, installed_at
from kernel.telemetry import log, mask, metrics
from kernel.values import from_micros, to_micros

OVERLAP = timedelta(minutes=2)
SETTLED_SECONDS = 3.0  #: a record read so long after its change shows it, whatever the clocks say
CALM_AFTER_SECONDS = 600.0
FIRST_SWEEP_GOES_BACK = timedelta(hours=1)
FIRST_SWEEP_GOES_BACK_AT_MOST = timedelta(days=7)  #: of whatever was installed longer ago, e.g. by a release without sweeps


@dataclass(frozen=True)
class Swept:
    """The last sweep of a portal."""

    at: datetime
    ok: bool
    found: int  #: records that changed lately
    repaired: int  #: of these, those that no delivery had reported
    reason: str
    down_since: datetime | None
    repaired_ever: int


def sweep(portal: Portal, plugins: Sequence[Plugin], sweeping: Sweeping) -> int:
    """One sweep, if it is time for one; how many syncs it asked for."""
    now = portal.clock.now()
    with portal.database.read() as tx:
        last = _row(tx, portal.name)
        if last and _too_early(tx, portal.name, last, sweeping, now):
            return 0
        turn = (last["turn"] if last else -1) + 1
        since = _since(tx, portal, _entities(portal, plugins, sweeping, turn), now)
    try:
        minded = {watch.entity for plugin in plugins for watch in plugin.watches if watch.elsewhere}
        changed = [one for one in portal.crm.changed(since) if not one.elsewhere or one.entity in minded]
        asked = _existing(portal, plugins, sweeping, turn)
        syncs = list(dict.fromkeys([*_missed(portal, changed), *asked.syncs]))
    except AnnexError as exc:
        _note(portal, now, turn, 0, 0, str(exc))
        log.warning("sweep.failed", reason=str(exc))
        return 0
    with portal.unit() as unit:
        for entity, record_id in syncs:
            inbox.ask(
                unit.tx, portal.name, entity, record_id, trace=portal.ids.new(), clock=portal.clock, ids=portal.ids,
                queue=portal.queue, event=inbox.SWEPT,
            )  # fmt: skip
        _advance(unit.tx, portal.name, since, changed)
        if asked.entity:
            keep_asked(unit.tx, portal.name, asked.entity, asked.ids, most=sweeping.existing_ids)
    _note(portal, now, turn, len(changed), len(syncs), "")
    metrics.swept(portal.name, len(syncs))
    if syncs:
        log.info("sweep.found", syncs=len(syncs), changed=len(changed))
    return len(syncs)


def last_sweep(tx: Tx, portal: str) -> Swept | None:
    row = _row(tx, portal)
    if row is None:
        return None
    down = row["down_since"]
    return Swept(
        from_micros(row["at"]), bool(row["ok"]), row["found"], row["mended"], row["reason"],
        from_micros(down) if down else None, row["mended_ever"],
    )  # fmt: skip


def turns(tx: Tx) -> int:
    """How many sweeps there were, counted at the last one that succeeded."""
    return int(tx.value("SELECT COALESCE(MAX(turn), 0) FROM crm_swept WHERE ok = 1"))


def _row(tx: Tx, portal: str) -> Row | None:
    return tx.one("SELECT * FROM crm_swept WHERE portal = :p", p=portal)


def _too_early(tx: Tx, portal: str, last: Row, sweeping: Sweeping, now: datetime) -> bool:
    """In calm times less often, so that an idle portal is left alone. A portal that was down is asked at once."""
    if not last["ok"]:
        return False
    moment = to_micros(now)
    calm_since = moment - int(CALM_AFTER_SECONDS * 1e6)
    if last["at"] > moment or (last["busy_at"] or 0) > calm_since:
        return False
    if tx.value("SELECT 1 FROM inbox WHERE portal = :p AND received_at > :c LIMIT 1", p=portal, c=calm_since):
        return False
    return bool(moment - last["at"] < int((sweeping.calm_seconds - sweeping.every_seconds / 2) * 1e6))


def _entities(portal: Portal, plugins: Sequence[Plugin], sweeping: Sweeping, turn: int) -> list[str]:
    watched = {watch.entity for plugin in plugins for watch in plugin.watches} & set(portal.mapping.entities)
    return sorted(entity for entity in watched if turn % sweeping.turns.get(entity, 1) == 0)


def _since(tx: Tx, portal: Portal, entities: Sequence[str], now: datetime) -> dict[str, datetime]:
    rows = tx.all("SELECT entity, upto FROM crm_sweep WHERE portal = :p", p=portal.name)
    upto = {row["entity"]: from_micros(row["upto"]) for row in rows}
    first = now - FIRST_SWEEP_GOES_BACK if upto else _first(tx, now)
    return {entity: upto.get(entity, first) - OVERLAP for entity in entities}


def _first(tx: Tx, now: datetime) -> datetime:
    """Where the first sweep of all begins: at the installation, for a worker may have been started long after it."""
    installed = installed_at(tx) or now
    return min(max(installed, now - FIRST_SWEEP_GOES_BACK_AT_MOST), now - FIRST_SWEEP_GOES_BACK)


def _missed(portal: Portal, changed: Sequence[Changed]) -> list[tuple[str, str]]:
    """The records that have to be looked at, each once. May ask the CRM for the owner of a row it did not name."""
    with portal.database.read() as tx:
        rows = [replace(one, owner=_owner(tx, portal.name, one)) if "/" in one.entity else one for one in changed]
    rows = [_owned(portal, one) for one in rows]
    wanted: dict[tuple[str, str], None] = {}
    foreign = portal.crm.elsewhere_is_foreign
    with portal.database.read() as tx:
        for one in rows:
            entity, record_id = (one.entity.partition("/")[0], one.owner) if "/" in one.entity else (one.entity, one.id)
            if not record_id or (entity, record_id) in wanted:
                continue
            if "/" in one.entity and gone_since(tx, portal.name, entity, record_id) is not None:
                continue  # a row that outlived its record would be read for ever; if the record is back is asked in turn
            if one.elsewhere and foreign and known_of(tx, portal.name, entity, record_id) is None:
                continue
            known = known_of(tx, portal.name, elsewhere_name(entity) if one.elsewhere else entity, record_id)
            if _unseen(one, known) and not inbox.waiting_for(tx, portal.name, entity, record_id):
                wanted[entity, record_id] = None
    return list(wanted)


@dataclass(frozen=True)
class _Asked:
    """Which records the CRM was asked for, and which of them have to be looked at."""

    entity: str = ""
    ids: Sequence[str] = ()
    syncs: Sequence[tuple[str, str]] = ()


def _existing(portal: Portal, plugins: Sequence[Plugin], sweeping: Sweeping, turn: int) -> _Asked:
    """No list of changes names a deleted record. So some of those that plugins keep figures of are asked for by their ids,
    a portion now and then, all of them in turn: what is missing was deleted, what was and is there again came back."""
    keepers = [keeps for plugin in plugins for keeps in plugin.keeps if keeps.entity in portal.mapping.entities]
    if not keepers or turn % sweeping.existing_turns:
        return _Asked()
    keeps = keepers[turn // sweeping.existing_turns % len(keepers)]
    with portal.database.read() as tx:
        after = asked_after(tx, portal.name, keeps.entity)
        ids = keeps.ids(tx, portal.name, after, sweeping.existing_ids)
        gone = gone_ids(tx, portal.name, keeps.entity)
    there = portal.crm.existing(keeps.entity, ids) if ids else frozenset()
    with portal.database.read() as tx:
        syncs = [
            (keeps.entity, one)
            for one in ids
            if (one in there) == (one in gone) and not inbox.waiting_for(tx, portal.name, keeps.entity, one)
        ]
    return _Asked(keeps.entity, ids, syncs)


def _owner(tx: Tx, portal: str, one: Changed) -> str:
    return one.owner or owner_seen(tx, portal, one.entity, one.id) or ""


def _owned(portal: Portal, one: Changed) -> Changed:
    if "/" not in one.entity or one.owner:
        return one
    try:
        return replace(one, owner=portal.crm.owner_of(one.entity, one.id))
    except NotFound:
        return one


def _unseen(one: Changed, known: Known | None) -> bool:
    if known is None:
        return True
    if one.record is not None and not one.elsewhere:
        if _differs(one.record, known.record):
            return True
        if one.rows_apart or set(known.record.rows) <= set(one.record.rows):
            return False
    return to_micros(one.at) + int(SETTLED_SECONDS * 1e6) > known.read_at


def _differs(found: Record, seen: Record) -> bool:
    named = {table: rows for table, rows in found.rows.items() if table in seen.rows}
    return (found.stage, found.stage_label, dict(found.values), found.name) != (
        seen.stage, seen.stage_label, dict(seen.values), seen.name,
    ) or any(rows != seen.rows[table] for table, rows in named.items())  # fmt: skip


def _advance(tx: Tx, portal: str, since: Mapping[str, datetime], changed: Sequence[Changed]) -> None:
    for entity, before in since.items():
        newest = max((one.at for one in changed if one.entity.partition("/")[0] == entity), default=before + OVERLAP)
        tx.run(
            "INSERT INTO crm_sweep VALUES (:p, :e, :u) ON CONFLICT (portal, entity) DO UPDATE SET upto = excluded.upto",
            p=portal, e=entity, u=to_micros(max(newest, before + OVERLAP)),
        )  # fmt: skip


def _note(portal: Portal, now: datetime, turn: int, found: int, repaired: int, reason: str) -> None:
    at = to_micros(now)
    with portal.database.write() as tx:
        tx.run(
            "INSERT INTO crm_swept VALUES (:p, :at, :ok, :turn, :f, :m, :why, :down, :m, :busy) "
            "ON CONFLICT (portal) DO UPDATE SET at = excluded.at, ok = excluded.ok, turn = excluded.turn, "
            "found = excluded.found, mended = excluded.mended, reason = excluded.reason, "
            "down_since = CASE WHEN excluded.ok = 1 THEN NULL ELSE COALESCE(crm_swept.down_since, excluded.at) END, "
            "mended_ever = crm_swept.mended_ever + excluded.mended, "
            "busy_at = CASE WHEN excluded.mended > 0 OR excluded.ok = 0 THEN excluded.at ELSE crm_swept.busy_at END",
            p=portal.name, at=at, ok=int(not reason), turn=turn, f=found, m=repaired, why=mask(reason)[:300],
            down=at if reason else None, busy=at if repaired or reason else None,
        )  # fmt: skip
