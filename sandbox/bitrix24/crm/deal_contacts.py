"""Contacts of a deal: crm.deal.contact.*, and the like of leads, companies of contacts."""

from __future__ import annotations

from typing import Any

from sandbox.bitrix24 import formats
from sandbox.bitrix24.crm import changes
from sandbox.bitrix24.crm.classic import record_of
from sandbox.bitrix24.crm.items import actor
from sandbox.bitrix24.crm.store import CONTACT, DEAL, Record, crm
from sandbox.bitrix24.registry import Call, RestError, method


def _deal(call: Call) -> Record:
    return record_of(call, crm(call.portal).kinds[DEAL])


def _write(call: Call, record: Record, ids: list[int]) -> bool:
    changes.update(call.portal, crm(call.portal).kinds[DEAL], record, {"CONTACT_IDS": ids}, actor(call))
    return True


def _contact(call: Call, item: Any) -> int:
    number = formats.integer(item.get("CONTACT_ID")) if isinstance(item, dict) else None
    if not number or number not in crm(call.portal).kinds[CONTACT].records:
        raise RestError(400, "", "The parameter 'fields' is not valid: CONTACT_ID is not defined or invalid.")
    return number


@method("crm.deal.contact.items.get", scope="crm")
def get(call: Call) -> list[dict[str, Any]]:
    ids = _deal(call)["CONTACT_IDS"]
    return [
        {"CONTACT_ID": ident, "SORT": (number + 1) * 10, "ROLE_ID": 0, "IS_PRIMARY": formats.yn(number == 0)}
        for number, ident in enumerate(ids)
    ]


@method("crm.deal.contact.items.set", scope="crm")
def put(call: Call) -> bool:
    items = [item for item in formats.items(call.get("items")) if isinstance(item, dict)]
    items.sort(key=lambda item: (not formats.flag(item.get("IS_PRIMARY", "N")), formats.integer(item.get("SORT")) or 0))
    return _write(call, _deal(call), [_contact(call, item) for item in items])


@method("crm.deal.contact.items.delete", scope="crm")
def clear(call: Call) -> bool:
    return _write(call, _deal(call), [])


@method("crm.deal.contact.add", scope="crm")
def add(call: Call) -> bool:
    record, number = _deal(call), _contact(call, call.get("fields"))
    if number in record["CONTACT_IDS"]:
        return False
    first = formats.flag(call.get("fields").get("IS_PRIMARY", "N"))
    return _write(call, record, [number, *record["CONTACT_IDS"]] if first else [*record["CONTACT_IDS"], number])


@method("crm.deal.contact.delete", scope="crm")
def remove(call: Call) -> bool:
    record, number = _deal(call), _contact(call, call.get("fields"))
    return _write(call, record, [ident for ident in record["CONTACT_IDS"] if ident != number])
