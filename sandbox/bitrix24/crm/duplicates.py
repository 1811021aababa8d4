"""Who has this phone: crm.duplicate.findbycomm (37)."""

from __future__ import annotations

from typing import Any

from sandbox.bitrix24 import formats
from sandbox.bitrix24.crm import multifields
from sandbox.bitrix24.crm.store import COMPANY, CONTACT, LEAD, Record, crm
from sandbox.bitrix24.registry import Call, RestError, method
from sandbox.bitrix24.state import Portal

VALUES_MAX = 20
HITS_MAX = 20
KINDS = (("LEAD", LEAD), ("CONTACT", CONTACT), ("COMPANY", COMPANY))


def find(portal: Portal, type_id: int, name: str, value: str) -> list[Record]:
    """Records of a kind with that phone or e-mail, oldest first."""
    kind = crm(portal).kinds[type_id]
    return [
        record for record in kind.records.values()
        if any(item["typeId"] == name and same(name, item["value"], value) for item in record["FM"])
    ]  # fmt: skip


def same(name: str, one: str, other: str) -> bool:
    if name == "PHONE":
        return multifields.same_number(one, other)
    return one.strip().casefold() == other.strip().casefold()


@method("crm.duplicate.findbycomm", scope="crm")
def find_by_communication(call: Call) -> Any:
    name = str(call.get("type") or "").upper()
    if not name:
        raise RestError(400, "Communication type is not defined", "Parameter 'type' is required.")
    if name not in ("PHONE", "EMAIL"):
        text = f"Communication type '{name}' is not supported in current context"
        raise RestError(400, text, text)
    values = [str(value) for value in formats.items(call.get("values")) if str(value).strip()][:VALUES_MAX]
    if not values:
        raise RestError(400, "Communication values is not defined", "Parameter 'values' is required.")
    wanted = str(call.get("entity_type") or "").upper()
    found: dict[str, list[int]] = {}
    for code, type_id in KINDS:
        if wanted and code != wanted:
            continue
        ids = sorted({record["ID"] for value in values for record in find(call.portal, type_id, name, value)})
        if ids:
            found[code] = ids[:HITS_MAX]
        if len(ids) >= HITS_MAX:  # so many of one kind silence those that follow
            break
    return found or ({} if call.portal.faults.word("no_match") == "object" else [])
