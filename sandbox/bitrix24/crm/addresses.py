"""Addresses: crm.address.*. One of each type belongs to a lead or a requisite; contacts and companies keep their own only
where the portal still works the old way (switch `old_addresses`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.bitrix24 import filters, formats
from sandbox.bitrix24.crm import changes
from sandbox.bitrix24.crm.enums import LISTS
from sandbox.bitrix24.crm.store import COMPANY, CONTACT, LEAD, Kind, Record, crm
from sandbox.bitrix24.faults import SWITCHES
from sandbox.bitrix24.paging import page
from sandbox.bitrix24.registry import Call, Listed, RestError, method
from sandbox.bitrix24.state import Portal
from sandbox.common.switches import ONOFF, Switch

REQUISITE = 8
TEXTS = {
    "ADDRESS_1": "Street, house no.", "ADDRESS_2": "Apartment, office, room, floor", "CITY": "City",
    "POSTAL_CODE": "Zip/postal code", "REGION": "Region", "PROVINCE": "State/Province", "COUNTRY": "Country",
    "COUNTRY_CODE": "COUNTRY_CODE",
}  # fmt: skip
KEY = ("TYPE_ID", "ENTITY_TYPE_ID", "ENTITY_ID")
NUMBERS = (*KEY, "LOC_ADDR_ID", "ANCHOR_TYPE_ID", "ANCHOR_ID")
SWITCHES["old_addresses"] = Switch("off", "addresses may belong to contacts and companies themselves", ONOFF)

Address = dict[str, Any]
Key = tuple[int, int, int]


@dataclass
class Addresses:
    rows: dict[Key, Address] = field(default_factory=dict)


def attach(sandbox: Any) -> None:
    sandbox.counts.append(lambda portal: {"addresses": len(portal.area(Addresses).rows)})

    def forget(portal: Portal, kind: Kind, record: Record) -> None:
        rows = portal.area(Addresses).rows
        for key in [key for key in rows if key[1:] == (kind.type_id, record["ID"])]:
            del rows[key]

    sandbox.portal.area(changes.Hooks).deleted.append(forget)


def _sent(call: Call) -> dict[str, Any]:
    return {key.upper(): value for key, value in formats.mapping(call.get("fields"), "fields").items()}


def _key(call: Call, sent: dict[str, Any]) -> Key:
    type_id, owner_type, owner = (formats.integer(sent.get(name)) for name in KEY)
    if type_id not in {number for number, _ in LISTS["addresstype"]}:
        raise RestError(400, "", "TYPE_ID is not defined or invalid.")
    allowed = {LEAD, REQUISITE} | ({CONTACT, COMPANY} if call.portal.faults.on("old_addresses") else set())
    if owner_type not in allowed:
        raise RestError(400, "", "ENTITY_TYPE_ID is not defined or invalid.")
    if owner is None or owner <= 0:
        raise RestError(400, "", "ENTITY_ID is not defined or invalid.")
    assert type_id is not None
    return type_id, owner_type, owner


def _write(row: Address, sent: dict[str, Any]) -> None:
    for name in TEXTS:
        if name in sent:
            row[name] = None if sent[name] in (None, "") else str(sent[name])


def _event(call: Call, what: str, key: Key) -> None:
    values = {"TYPE_ID": key[0], "ENTITY_TYPE_ID": key[1], "ENTITY_ID": key[2]}
    call.portal.raise_event(
        f"ONCRMADDRESS{what}", {"FIELDS": values}, call.client.user_id, str(call.get("auth_connector") or "")
    )


@method("crm.address.fields", scope="crm")
def fields(call: Call) -> dict[str, Any]:
    return {
        name: {
            "type": "integer" if name in NUMBERS else "string", "isRequired": name in KEY,
            "isReadOnly": name.startswith("ANCHOR"), "isImmutable": name in KEY, "isMultiple": False, "isDynamic": False,
            "title": TEXTS.get(name, "Location address ID" if name == "LOC_ADDR_ID" else name),
        }
        for name in (*KEY, *TEXTS, "LOC_ADDR_ID", "ANCHOR_TYPE_ID", "ANCHOR_ID")
    }  # fmt: skip


@method("crm.address.add", scope="crm")
def add(call: Call) -> bool:
    sent, rows = _sent(call), call.portal.area(Addresses).rows
    key = _key(call, sent)
    kind = crm(call.portal).kinds.get(key[1])
    if kind is not None and kind.get(key[2]) is None:
        raise RestError(400, "", "ENTITY_ID is not defined or invalid.")
    if key in rows:
        raise RestError(400, "", "TypeAddress exists.")
    # A requisite is not imitated: it is its own anchor.
    row: Address = {**dict(zip(KEY, key, strict=True)), **dict.fromkeys(TEXTS)}
    row |= {"LOC_ADDR_ID": call.portal.next_id("location"), "ANCHOR_TYPE_ID": key[1], "ANCHOR_ID": key[2]}
    _write(row, sent)
    rows[key] = row
    _event(call, "REGISTER", key)
    return True


def _known(call: Call) -> tuple[Key, Address]:
    key = _key(call, _sent(call))
    row = call.portal.area(Addresses).rows.get(key)
    if row is None:
        raise RestError(400, "", "TypeAddress not found.")
    return key, row


@method("crm.address.update", scope="crm")
def update(call: Call) -> bool:
    key, row = _known(call)
    _write(row, _sent(call))
    _event(call, "REGISTER", key)
    return True


@method("crm.address.delete", scope="crm")
def delete(call: Call) -> bool:
    key, _row = _known(call)
    del call.portal.area(Addresses).rows[key]
    _event(call, "UNREGISTER", key)
    return True


@method("crm.address.list", scope="crm")
def listing(call: Call) -> Listed:
    conditions = {key.upper(): value for key, value in formats.mapping(call.get("filter"), "filter").items()}
    order = {key.upper(): value for key, value in formats.mapping(call.get("order"), "order").items()}
    wanted = {str(name).upper() for name in formats.items(call.get("select"))} - {"*"}
    rows = filters.select(call.portal.area(Addresses).rows.values(), conditions, call.portal.zone)

    def show(row: Address) -> dict[str, Any]:
        return {name: formats.text(value) for name, value in row.items() if not wanted or name in wanted}

    return page(call, filters.order(rows, order), show)
