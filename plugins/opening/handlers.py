"""A deal or a client was synced: what that means for the registration. Load, decide, keep, in one unit of work."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kernel.crm import Record, Ref
from kernel.errors import NotFound
from kernel.extension import Seen
from kernel.extension.portal import Portal, Unit
from plugins.opening import handover, registering, store
from plugins.opening.settings import naming_client, push_of, settings_of
from plugins.opening.store import ACCEPTED, ASKING, CHECKED_BAD, KNOWN, OPEN, REFUSED, REJECTED, WAITING, Deal
from plugins.opening.telling import changed
from plugins.stage_lock import api as stage_lock
from plugins.stage_lock.api import Objection


@dataclass(frozen=True)
class Prepared:
    """The deal's client as just read; None if it names none that is there."""

    client: Record | None


def prepare(portal: Portal, record: Record) -> Prepared | None:
    push = push_of(portal)
    if push is None or record.entity != push.entity or record.stage != push.stage:
        return None
    for entity, field in naming_client(portal, push):
        client = record.values.get(field)
        if isinstance(client, Ref):
            try:
                return Prepared(portal.crm.get(entity, client.id))
            except NotFound:
                continue
    return Prepared(None)


def deal_seen(unit: Unit, seen: Seen) -> None:
    push, portal, record = push_of(unit.portal), unit.portal.name, seen.record
    if push is None or record.entity != push.entity:
        return
    known = store.locked(unit.tx, portal, record.id)
    if known is None and record.stage != push.stage:
        if old_deal := store.deal_before(unit.tx, portal, record.id):
            unit.resync(record.entity, old_deal)
        return
    if not stage_lock.stands(unit, record.entity, record.id, record.stage):
        return  # it is about to be put back
    before = known or Deal(portal, record.id)
    owner = record.values.get("assigned")
    one = replace(
        before, name=record.name, owner=owner.id if isinstance(owner, Ref) else "", stage=record.stage or "", gone=False
    )  # fmt: skip
    if one.state == ACCEPTED:
        one = handover.go_on(unit, one, seen)
    elif record.stage == push.stage and one.state not in (ASKING, OPEN, REFUSED) and isinstance(seen.prepared, Prepared):
        entered = before.stage != push.stage
        one = registering.consider(unit, one, record, seen.prepared.client, entered=entered)
    if one != known:
        changed(unit, one)


def deal_gone(unit: Unit, record_id: str) -> None:
    """What was begun goes on; only there will be no next deal."""
    known = store.locked(unit.tx, unit.portal.name, record_id)
    if known is not None and not known.gone:
        changed(unit, replace(known, gone=True))


def client_seen(unit: Unit, seen: Seen) -> None:
    """The client changed: their card is filled, or what was found wrong may be right by now."""
    push = push_of(unit.portal)
    if push is None:
        return
    client = f"{seen.record.entity}:{seen.record.id}"
    for known in store.of_client(unit.tx, unit.portal.name, client):
        if known.state == ACCEPTED and known.finished_at is None:
            one = store.locked(unit.tx, unit.portal.name, known.deal)
            if one is not None:
                handover.fill_card(unit, one, seen)
        elif known.state in (CHECKED_BAD, KNOWN, REJECTED, WAITING) and known.stage == push.stage and not known.gone:
            unit.resync(push.entity, known.deal)


def hold(unit: Unit, record: Record, _start: str, to: str) -> Objection | None:
    """While a client is being handed over nobody moves the deal; and nobody but us says that the account is open."""
    push = push_of(unit.portal)
    if push is None or record.entity != push.entity:
        return None
    one = store.load(unit.tx, unit.portal.name, record.id)
    if one is not None and one.in_transit:
        return Objection("opn_hold", no_override=True)
    if to == settings_of(unit.portal).won and (one is None or one.state != ACCEPTED):
        return Objection("opn_hold_opened", no_override=True)
    return None
