"""Cases and one-time permissions, for our pages and for other plugins."""

from __future__ import annotations

from kernel.errors import BadInput
from kernel.extension.portal import Portal, Unit
from kernel.values import to_micros
from plugins.stage_lock import store
from plugins.stage_lock.model import Case
from plugins.stage_lock.people import settings_of


def open_cases(unit: Unit) -> list[Case]:
    """Cases whose record does not stand where it may, newest first."""
    return store.cases(unit.tx, unit.portal.name, only_open=True)


def stands(unit: Unit, entity: str, record_id: str, stage: str | None) -> bool:
    """Whether the record may stand at that stage: nobody should act on a stage that is about to be put back. The lock
    judges before other plugins see the record."""
    known = store.load(unit.tx, unit.portal.name, entity, record_id)
    return known is None or known.stage is None or known.stage == stage


def grant(unit: Unit, entity: str, record_id: str, stage: str, *, person: str, note: str = "") -> None:
    """Let this record go to that stage, once. Raises BadInput naming the field."""
    portal = unit.portal
    if entity not in settings_of(portal).entities:
        raise BadInput.of("stage_lock_not_locked", field="entity", entity=entity[:40])
    if stage not in portal.mapping.entity(entity).stage:
        raise BadInput.of("stage_lock_no_such_stage", field="stage", stage=stage[:40])
    if not record_id or len(record_id) > 64 or not record_id.isprintable():
        raise BadInput.of("stage_lock_no_record", field="record")
    store.new_grant(
        unit.tx, portal.name, entity, record_id, stage, person=person[:200], note=note[:500], now=to_micros(unit.now)
    )
    unit.resync(entity, record_id)  # it may stand there already, left alone after many reversals
    unit.tx.after_commit(portal.changed)


def watch_over(portal: Portal) -> None:
    """Regular: looks once more at records whose stage we wrote, as soon as no such write is in flight."""
    with portal.unit() as unit:
        store.switched_on(unit.tx, portal.name, to_micros(unit.now))
        store.others_closed(unit.tx, portal.name, to_micros(unit.now))
        for entity, record_id in store.unsure(unit.tx, portal.name):
            unit.resync(entity, record_id)
