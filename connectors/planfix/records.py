"""Between Planfix' answers and our records: reading, the body of a write, and what differs after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from connectors.planfix.client import Raw, custom_values
from connectors.planfix.layout import EntityPlan, Slot, TablePlan, status_names
from connectors.planfix.system import full_name
from connectors.planfix.values import blank, from_wire, moment_of, number_of, person_id, refs, same, to_wire
from kernel.crm import Record, Ref, Row, Value, Values
from kernel.errors import BadInput
from kernel.mapping import read_value, write_value

TASK_ASKS = ("id", "name", "status", "object", "template", "dateTime", "dateOfLastUpdate", "isDeleted")
CONTACT_ASKS = ("id", "name", "midname", "lastname", "createdDate", "dateOfLastUpdate", "isDeleted")
ROW_ASKS = ("key", "task", "contact")

Slots = Mapping[str, Slot]


def asks(slots: Slots, fixed: Iterable[str] = ()) -> list[str]:
    """Words and numbers for `fields`. Custom values come only for numbers."""
    words = list(fixed)
    for slot in slots.values():
        words += slot.system.asks if slot.system else [str(slot.portal.id)] if slot.portal else []
    return list(dict.fromkeys(words))


def record_asks(plan: EntityPlan) -> list[str]:
    fixed = TASK_ASKS if plan.kind == "task" else CONTACT_ASKS
    return asks(plan.slots, (*fixed, "template") if plan.template_id else fixed)


def record_id(plan: EntityPlan, number: int) -> str:
    """Contacts carry their kind in the id, so that it is the one by which other records point to them."""
    return f"contact:{number}" if plan.kind == "contact" else str(number)


def owners(raw: Raw) -> set[int]:
    """Under which object a task stands, as far as the answer tells; 0: under none."""
    return {number_in(raw[part]) for part in ("object", "template") if part in raw}


def stands_elsewhere(plan: EntityPlan, raw: Raw) -> bool:
    """Whether the task stands under another object than this entity's. An answer that names none is believed to be ours."""
    found = owners(raw)
    return bool(plan.object_id and found) and plan.object_id not in found


def _of_another_template(plan: EntityPlan, raw: Raw) -> bool:
    """Of a contact. A portal that does not tell the template has said by its script that it is one of ours."""
    return bool(plan.template_id) and number_in(raw.get("template")) not in (0, plan.template_id)


def record(plan: EntityPlan, raw: Raw, zone: ZoneInfo, site: str, rows: Mapping[str, tuple[Row, ...]]) -> Record:
    number, labels = number_in(raw.get("id")), status_names(raw.get("status"))
    task, elsewhere = plan.kind == "task", stands_elsewhere(plan, raw)
    stage = next((stage for label in labels if (stage := plan.map.stage_of(label))), None)
    return Record(
        entity=plan.entity,
        id=record_id(plan, number),
        name=str(raw.get("name") or "") if task else full_name(raw),
        stage=stage if task and not elsewhere else None,  # another object's status may have the same name
        stage_label=labels[0] if labels and task else "",
        values=read(plan.slots, raw, zone),
        rows=rows,
        created_at=moment_of(raw.get("dateTime" if task else "createdDate"), zone),
        changed_at=moment_of(raw.get("dateOfLastUpdate"), zone),
        url=f"{site}{plan.kind}/{number}",
        elsewhere=elsewhere or _of_another_template(plan, raw),
    )


def row(plan: TablePlan, raw: Raw, zone: ZoneInfo) -> Row:
    return Row(str(raw["key"]), read(plan.slots, raw, zone))


def read(slots: Slots, raw: Raw, zone: ZoneInfo) -> dict[str, Value]:
    """All mapped fields, typed; None where the portal shows nothing."""
    custom = custom_values(raw)
    return {name: read_value(slot.map, stored(slot, raw, custom, zone)) for name, slot in slots.items()}


def stored(slot: Slot, raw: Raw, custom: Mapping[int, Raw], zone: ZoneInfo) -> Value:
    """What stands there, before the mapping's type is asked of it."""
    if slot.system:
        return slot.system.read(raw)
    item = custom.get(slot.portal.id) if slot.portal else None
    if item is None or slot.portal is None:
        return None
    kind = item["field"].get("type")
    return from_wire(kind if isinstance(kind, int) else slot.portal.type, item.get("value"), zone)


def known(slots: Slots, values: Values, where: str, zone: ZoneInfo) -> dict[str, Value]:
    """The values that can be written: names are checked, what the set can do without is left out."""
    for name in values:
        if name not in slots:
            raise BadInput(f"{where} has no field «{name}» in the mapping set", field=name)
    return {name: canonical(slots[name], value, zone) for name, value in values.items() if slots[name].usable}


def canonical(slot: Slot, value: Value, zone: ZoneInfo) -> Value:
    """The value as the portal would show it: a choice by its label, ids with their kind before them, days of its zone."""
    match slot.map.type, value:
        case "date", datetime() if value.tzinfo:
            return value.astimezone(zone).date()
        case "deal", Ref():
            return Ref(str(number_of(value.id)), value.name)
        case (("contact" | "company" | "user"), Ref()):  # companies are contacts there
            return Ref(person_id(value.id, "user" if slot.map.type == "user" else "contact"), value.name)
        case "users", Ref() | tuple():
            return tuple(Ref(person_id(ref.id, "user"), ref.name) for ref in refs(value))
    return write_value(slot.map, value)


def system_part(slots: Slots, values: Values, present: Raw) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for name, value in values.items():
        system = slots[name].system
        if system:
            body.update(system.write(value, present))
    return body


def custom_part(slots: Slots, values: Values, zone: ZoneInfo) -> list[dict[str, Any]]:
    items = []
    for name, value in values.items():
        portal = slots[name].portal
        if portal:
            items.append({"field": {"id": portal.id}, "value": to_wire(portal.type, value, zone, slots[name].title)})
    return items


def differing(slots: Slots, sent: Values, raw: Raw, zone: ZoneInfo) -> dict[str, str]:
    """The fields that do not show what was sent, each with what to tell about it."""
    custom = custom_values(raw)
    found = {}
    for name, value in sent.items():
        slot, shows = slots[name], stored(slots[name], raw, custom, zone)
        compare = slot.system.same if slot.system else same
        if not compare(value, shows):
            found[name] = f"«{slot.title}» ({why(slot, empty=blank(shows))})"
    return found


def why(slot: Slot, *, empty: bool) -> str:
    """Why a field does not show what was written, as far as it can be told."""
    if not slot.attached:
        return "it is not attached to the object, so Planfix drops what is written"
    return "it stays empty: is it attached, and may the robot change it?" if empty else "it shows another value"


def concerns_people(slots: Slots, values: Values) -> bool:
    """Whether somebody is put in charge by this: they have to be notified."""
    return any(slots[name].map.type in ("user", "users") for name in values)


def number_in(raw: Any) -> int:
    """The number of a record in an answer, with or without its kind before it; 0 where there is none."""
    given = raw.get("id") if isinstance(raw, dict) else raw
    text = str(given).rpartition(":")[2] if isinstance(given, int | str) and not isinstance(given, bool) else ""
    return int(text) if text.isascii() and text.isdigit() else 0
