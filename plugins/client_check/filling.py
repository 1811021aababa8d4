"""Clients that were there before: taken over from what was last seen; active ones that nobody has touched, from the CRM."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from kernel.crm import Record
from kernel.crm.gone import gone_since
from kernel.crm.seen import seen_after
from kernel.errors import Fault
from kernel.extension.portal import Portal
from kernel.http import background
from kernel.telemetry import log
from kernel.values import to_micros
from plugins.client_check import store
from plugins.client_check.handlers import card_of
from plugins.client_check.settings import settings_of
from plugins.dossier.api import clients

AT_ONCE = 500


def fill(portal: Portal) -> None:
    """Regular: once for each declaration of the set. What is known already is newer than what comes here."""
    settings = settings_of(portal)
    declared = json.dumps([settings.client_id, settings.status, settings.active, clients(portal.mapping)])
    with portal.read() as unit:
        if store.filled(unit.tx, portal.name) == declared:
            return
    for entity in clients(portal.mapping):
        for records in _seen(portal, entity):
            _keep(portal, records)
        if settings.status not in portal.mapping.entity(entity).field:
            continue
        try:
            with background():
                active = portal.crm.find(entity, where={settings.status: settings.active})
        except Fault as exc:
            log.warning("client_check.unread", entity=entity, reason=str(exc))
            return
        for start in range(0, len(active), AT_ONCE):
            _keep(portal, active[start : start + AT_ONCE])
    with portal.unit() as unit:
        store.keep_filled(unit.tx, portal.name, declared)


def _seen(portal: Portal, entity: str) -> Iterator[list[Record]]:
    after = ""
    while True:
        with portal.read() as unit:
            found = seen_after(unit.tx, portal.name, entity, after, AT_ONCE)
            there = [
                one.record for one in found if gone_since(unit.tx, portal.name, entity, one.record.id) is None
            ]  # fmt: skip
        if not found:
            return
        yield there
        after = found[-1].record.id


def _keep(portal: Portal, records: Iterable[Record]) -> None:
    active = settings_of(portal).active
    with portal.unit() as unit:
        now = to_micros(unit.now)
        for record in records:
            one = card_of(portal, record, now)
            if not one.client_id and one.status != active:
                continue
            if store.keep_card(unit.tx, portal.name, one, now, only_new=True) and one.client_id:
                store.stands(unit.tx, portal.name, one.client_id, now)
        unit.tx.after_commit(portal.changed)
