"""All contracts of a client are closed in the back office, or one is open again: the manager is told, or the card set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kernel.crm import Record, Ref, Value
from kernel.datasets import Cell, Unread
from kernel.errors import NotFound
from kernel.extension.portal import Portal, Unit
from kernel.texts import translate
from plugins.client_status import store
from plugins.client_status.settings import settings_of
from plugins.client_status.store import Finding
from plugins.dossier import api as dossier

CARDS_AT_ONCE = 50
STATUS = "client_status"


def state_of(cells: Iterable[Cell], closed: Sequence[str]) -> str:
    """Empty where the answer does not say it: there are no contracts, or one stands in a way that could not be read."""
    every = list(cells)
    if not every or any(cell is None or isinstance(cell, Unread) for cell in every):
        return "open" if any(isinstance(cell, str) and cell not in closed for cell in every) else ""
    return "closed" if all(str(cell) in closed for cell in every) else "open"


def answer_kept(unit: Unit, entity: str, record_id: str, client_id: str, set_name: str) -> None:
    settings = settings_of(unit.portal)
    declared = unit.portal.mapping.sets.get(set_name)
    if settings.archive == "off" or set_name != settings.data_set or declared is None:
        return
    kept = dossier.kept(unit.tx, unit.portal.name, set_name, client_id)
    table = declared.table.get(settings.table)
    if kept is None or table is None or settings.column not in table.places or not kept.answer.complete or kept.answer.cut:
        return
    place = table.places[settings.column]
    found = kept.answer.tables.get(settings.table)
    if found and (state := state_of((row.cells[place] for row in found.rows), settings.closed)):
        store.keep(unit.tx, unit.portal.name, Finding(entity, record_id, client_id, state, kept.at))


def client_changed(unit: Unit, entity: str, record_id: str, client_id: str) -> None:
    store.forget(unit.tx, unit.portal.name, client_id, entity, record_id)


def client_forgotten(unit: Unit, client_id: str, _cards: Sequence[tuple[str, str]]) -> None:
    store.forget(unit.tx, unit.portal.name, client_id)


def compare(portal: Portal) -> None:
    """What the back office said, with what stands in the card."""
    with portal.database.read() as tx:
        findings = store.pending(tx, portal.name, CARDS_AT_ONCE)
    for one in findings:
        try:
            card: Record | None = portal.crm.get(one.entity, one.record)
        except NotFound:
            card = None
        with portal.unit() as unit:
            if store.compared(unit.tx, portal.name, one) and card is not None:
                _act(unit, one, card)


def _act(unit: Unit, one: Finding, card: Record) -> None:
    settings = settings_of(unit.portal)
    fields = unit.portal.mapping.entity(one.entity).field
    stands_closed = card.values.get(STATUS) == settings.status_closed
    if STATUS not in fields or settings.archive == "off" or stands_closed == (one.state == "closed"):
        return
    wanted = settings.status_closed if one.state == "closed" else settings.status_open
    label = fields[STATUS].values.get(wanted, wanted)
    code = f"client_status_{one.state}_{settings.archive}"
    if settings.archive == "set":
        unit.update(one.entity, one.record, {STATUS: wanted})
    text = translate(unit.portal.mapping.portal.language, code, client=one.client_id, status=label)
    key = f"client_status:{one.entity}:{one.record}:{one.state}:{one.since}"
    unit.comment(one.entity, one.record, text, to=_manager(card.values.get("assigned")), key=key)


def _manager(value: Value) -> tuple[str, ...]:
    return (value.id,) if isinstance(value, Ref) else ()
