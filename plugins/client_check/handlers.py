"""A card or a deal was seen, or a card is gone: what we know of ClientIDs follows in the same unit of work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from kernel.crm import Record, Ref
from kernel.extension import Seen
from kernel.extension.portal import Portal, Unit
from kernel.mapping import client_fields
from kernel.storage import Tx
from kernel.values import to_micros
from plugins.client_check import store
from plugins.client_check.model import Card
from plugins.client_check.settings import settings_of
from plugins.dossier.api import clients
from plugins.opening import api as opening


def card_of(portal: Portal, record: Record, now: int) -> Card:
    """What of it is compared."""
    settings, owner = settings_of(portal), record.values.get("assigned")
    return Card(
        record.entity, record.id, record.name, owner.id if isinstance(owner, Ref) else "",
        _text(record.values.get(settings.status)), _text(record.values.get(settings.client_id)), now,
    )  # fmt: skip


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def card_seen(unit: Unit, seen: Seen) -> None:
    """As it will stand when our own writes have arrived: what a head has just put right is no difference any more."""
    if seen.record.entity not in clients(unit.portal.mapping):
        return
    keep(unit, card_of(unit.portal, seen.expected, to_micros(unit.now)))


def keep(unit: Unit, one: Card) -> None:
    """The card stands so now."""
    tx, portal, now = unit.tx, unit.portal.name, to_micros(unit.now)
    before = store.card(tx, portal, one.entity, one.record)
    store.change_how(tx, portal, one.entity, one.record, now, gone=False)
    lost = before.client_id if before is not None and before.client_id != one.client_id else ""
    for number in sorted({lost, one.client_id} - {""}):  # in one order: two cards may swap their numbers at once
        if number == lost and before is not None:
            store.left(tx, portal, before, "replaced" if one.client_id else "removed", now)
        else:
            store.stands(tx, portal, number, now)
    _keep_row(unit, before, one, now)


def _keep_row(unit: Unit, before: Card | None, one: Card, now: int) -> None:
    tx, portal = unit.tx, unit.portal.name
    if not one.client_id and one.status != settings_of(unit.portal).active:
        if before is not None:
            store.drop_card(tx, portal, *one.key)
            tx.after_commit(unit.portal.changed)
        return
    if before is not None:
        same = (before.status, before.client_id) == (one.status, one.client_id)
        one = replace(one, moved_to=before.moved_to, since=before.since if same else now)
        if same:  # what the back office said of its ИНН is not said of another state
            one = replace(one, found=before.found, found_at=before.found_at)
    if one != before:
        store.keep_card(tx, portal, one, now)
        tx.after_commit(unit.portal.changed)


def set_card(unit: Unit, one: Card) -> None:
    """We are writing this into the card, so nothing is missing where it stood before."""
    now = to_micros(unit.now)
    before = store.card(unit.tx, unit.portal.name, *one.key)
    if one.client_id:
        store.stands(unit.tx, unit.portal.name, one.client_id, now)
    _keep_row(unit, before, one, now)


def card_gone(entity: str, unit: Unit, record: str) -> None:
    """Deleted, or merged into another card. No CRM says into which: its deals name the survivor, so they are read."""
    tx, portal, now = unit.tx, unit.portal.name, to_micros(unit.now)
    known = store.card(tx, portal, entity, record)
    store.change_how(tx, portal, entity, record, now, gone=True)
    if known is not None:
        store.drop_card(tx, portal, entity, record)
        if known.client_id:
            store.left(tx, portal, known, "gone", now)
            for deal in opening.deals_of(tx, portal, entity, record):
                unit.resync("deal", deal)
    tx.after_commit(unit.portal.changed)


def cards_after(entity: str, tx: Tx, portal: str, after: str, most: int) -> list[str]:
    """What the sweep asks the CRM for, in turn: cards that are gone without word, and those that came back."""
    return store.records_after(tx, portal, entity, after, most)


def deal_seen(unit: Unit, seen: Seen) -> None:
    """A deal that went over to another client may be that of a merged card."""
    if seen.before is None:
        return
    for entity, name in client_fields(unit.portal.mapping.entity(seen.record.entity)):
        old, new = seen.before.values.get(name), seen.record.values.get(name)
        if isinstance(old, Ref) and isinstance(new, Ref) and old.id != new.id:
            store.note_moved(unit.tx, unit.portal.name, entity, old.id, new.id, to_micros(unit.now))
            unit.tx.after_commit(unit.portal.changed)


def client_forgotten(unit: Unit, client_id: str, _cards: Sequence[tuple[str, str]]) -> None:
    store.forget(unit.tx, unit.portal.name, client_id)
