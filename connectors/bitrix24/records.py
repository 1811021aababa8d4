"""Between Bitrix24's items and our records: reading, the body of a write, and what differs after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from connectors.bitrix24.codes import Kind
from connectors.bitrix24.layout import EntityPlan, Slot
from connectors.bitrix24.system import full_name
from connectors.bitrix24.values import from_wire, moment_of, number_in, number_of, refs, same, to_wire
from kernel.crm import Record, Ref, Row, Value, Values
from kernel.errors import BadInput
from kernel.mapping import read_value, write_value

Raw = Mapping[str, Any]
Slots = Mapping[str, Slot]
_COMMON = ("id", "createdTime", "updatedTime", "createdBy")
ASKS: Mapping[Kind, tuple[str, ...]] = {
    "deal": (*_COMMON, "title", "stageId", "categoryId", "movedBy"),
    "lead": (*_COMMON, "title", "stageId", "movedBy"),
    "smart": (*_COMMON, "title", "stageId", "categoryId", "movedBy"),
    "contact": (*_COMMON, "name", "secondName", "lastName", "typeId"),
    "company": (*_COMMON, "title", "isMyCompany"),
}
ORIGINAL = {"useOriginalUfNames": "Y"}  #: custom fields under their own names


def asks(slots: Slots, fixed: Iterable[str], known: Iterable[str] = ()) -> list[str]:
    """Names for `select`. Of the fixed ones only those that the portal knows, where it told."""
    there = set(known)
    words = [word for word in fixed if not there or word in there or word == "id"]
    for slot in slots.values():
        words += slot.system.asks if slot.system else [slot.portal.code] if slot.portal else []
    return list(dict.fromkeys(words))


def record(
    plan: EntityPlan, raw: Raw, values: Values, rows: Mapping[str, tuple[Row, ...]], zone: ZoneInfo, site: str
) -> Record:
    number, code = number_in(raw.get("id")), str(raw.get("stageId") or "")
    return Record(
        entity=plan.entity,
        id=str(number),
        name=full_name(raw) if plan.kind == "contact" else str(raw.get("title") or ""),
        stage=plan.stages.keys.get(code),
        stage_label=plan.stages.names.get(code, code) if plan.map.stage else "",
        values=values,
        rows=rows,
        created_at=moment_of(raw.get("createdTime"), zone),
        changed_at=moment_of(raw.get("updatedTime"), zone),
        created_by=person_in(raw.get("createdBy")),
        moved_by=person_in(raw.get("movedBy")),
        url=f"{site}{plan.address}{number}/",
        elsewhere=elsewhere(plan, raw),
    )


def elsewhere(plan: EntityPlan, raw: Raw) -> bool:
    """Whether it is in a pipeline that the set does not name, a contact of another type, or one of the portal's own
    companies, in whose name documents are written."""
    if plan.kind == "company":
        return raw.get("isMyCompany") in ("Y", True)
    if plan.sort:
        return str(raw.get("typeId") or "") != plan.sort
    return bool(plan.pipelines) and number_in(raw.get("categoryId")) not in plan.pipelines.values()


def person_in(raw: Any) -> str:
    return str(number_in(raw) or "")


def read(slots: Slots, raw: Raw, zone: ZoneInfo) -> dict[str, Value]:
    """All mapped fields, typed; None where the portal shows nothing."""
    return {name: read_value(slot.map, stored(slot, raw, zone)) for name, slot in slots.items()}


def stored(slot: Slot, raw: Raw, zone: ZoneInfo) -> Value:
    """What stands there, before the mapping's type is asked of it."""
    if slot.system:
        value = slot.system.read(raw, zone)
    elif slot.portal:
        value = from_wire(slot.portal, raw.get(slot.portal.code), zone, slot.links_to)
    else:
        return None
    if isinstance(value, tuple) and slot.map.type != "users":
        return value[0] if value else None  # the first is the main one
    return value


def known(slots: Slots, values: Values, where: str, zone: ZoneInfo) -> dict[str, Value]:
    """The values that can be written: names are checked, what the set can do without is left out."""
    for name in values:
        if name not in slots:
            raise BadInput(f"{where} has no field «{name}» in the mapping set", field=name)
    return {name: canonical(slots[name], value, zone) for name, value in values.items() if slots[name].usable}


def canonical(slot: Slot, value: Value, zone: ZoneInfo) -> Value:
    """The value as reading would give it: bare numbers, days of the portal's zone, a list's choice by our key."""
    match slot.map.type, value:
        case "date", datetime() if value.tzinfo:
            return value.astimezone(zone).date()
        case (("contact" | "company" | "user" | "deal"), Ref()):
            return Ref(str(number_of(value.id)), value.name)
        case "users", Ref() | tuple():
            return tuple(Ref(str(number_of(ref.id)), ref.name) for ref in refs(value))
        case "choice", str() if slot.portal and slot.portal.type == "enumeration":
            option = slot.portal.option_of(slot.map.values.get(value, value), value)
            return (option.key or option.label) if option else value
    return write_value(slot.map, value)


def body(slots: Slots, values: Values, present: Raw, zone: ZoneInfo) -> dict[str, Any]:
    """What goes into `fields`."""
    made: dict[str, Any] = {}
    for name, value in values.items():
        slot = slots[name]
        if slot.system:
            part = slot.system.write(value, present, zone)
            made.update({**part, "fm": {**made.get("fm", {}), **part["fm"]}} if "fm" in part else part)
        elif slot.portal:
            hint = str(value) if slot.map.type == "choice" else slot.links_to
            made[slot.portal.code] = to_wire(slot.portal, value, zone, slot.title, hint)
    return made


def differing(slots: Slots, sent: Values, raw: Raw, zone: ZoneInfo) -> dict[str, str]:
    """The fields that do not show what was sent, each with what to tell about it."""
    found = {}
    for name, value in sent.items():
        slot = slots[name]
        if slot.portal and slot.portal.code not in raw:
            found[name] = f"«{slot.title}» (Bitrix24 has no field {slot.portal.code} any more)"
            continue
        compare = slot.system.same if slot.system else same
        if not compare(value, stored(slot, raw, zone)):
            found[name] = f"«{slot.title}» (it shows another value)"
    return found


def strange(slots: Slots, raws: Iterable[Raw]) -> bool:
    """Whether some list shows a value that was made after we last read the portal."""
    for slot in slots.values():
        if slot.portal and slot.portal.type == "enumeration":
            known, code = {"", "0", "None", *(option.id for option in slot.portal.options)}, slot.portal.code
            for raw in raws:
                value = raw.get(code)
                if {str(one) for one in (value if isinstance(value, list) else [value])} - known:
                    return True
    return False


def item_of(answer: Any) -> Raw:
    """The record in an answer of crm.item.get, add or update; empty where there is none."""
    item = answer.get("item") if isinstance(answer, dict) else None
    return item if isinstance(item, dict) else {}
