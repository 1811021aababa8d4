"""Who may change the CRM itself: administrators only. Records are open to everybody from whom no door has hidden them."""

from __future__ import annotations

from sandbox.bitrix24.crm.store import Kind, Record
from sandbox.bitrix24.registry import Call, RestError


def admin_only(call: Call, code: str = "", text: str = "Access denied.") -> None:
    if not call.client.admin:
        raise RestError(400, code, text)


def sees(call: Call, kind: Kind, record: Record) -> bool:
    return call.client.admin or (call.client.user_id, record["ID"]) not in kind.hidden


def sight_only(call: Call, kind: Kind, record: Record, code: str = "") -> Record:
    if not sees(call, kind, record):
        raise RestError(400, code, "Access denied.")
    return record
