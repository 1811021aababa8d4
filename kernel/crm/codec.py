"""Typed values to JSON and back, exactly: decimals keep their digits, dates their kind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from kernel.crm.lists import ListChange, ListElement
from kernel.crm.model import Record, Ref, Row, Unreadable, Value, Values


def pack(value: Value) -> Any:
    match value:
        case None | bool() | str():
            return value
        case Decimal():
            return {"decimal": format(value, "f")}
        case datetime():
            return {"datetime": value.isoformat()}
        case date():
            return {"date": value.isoformat()}
        case Ref():
            return {"ref": [value.id, value.name]}
        case Unreadable():
            return {"unreadable": [value.raw, value.code, {name: str(item) for name, item in value.details.items()}]}
        case tuple():
            return {"refs": [[item.id, item.name] for item in value]}
    raise TypeError(f"{type(value).__name__} is not a value")


def unpack(data: Any) -> Value:
    if not isinstance(data, dict):
        return data  # type: ignore[no-any-return]
    [(kind, body)] = data.items()
    match kind:
        case "decimal":
            return Decimal(body)
        case "datetime":
            return datetime.fromisoformat(body)
        case "date":
            return date.fromisoformat(body)
        case "ref":
            return Ref(*body)
        case "unreadable":
            return Unreadable(*body)
        case "refs":
            return tuple(Ref(*item) for item in body)
    raise ValueError(f"unknown kind of value: {kind}")


def pack_values(values: Values) -> dict[str, Any]:
    return {name: pack(value) for name, value in values.items()}


def unpack_values(data: Mapping[str, Any]) -> dict[str, Value]:
    return {name: unpack(value) for name, value in data.items()}


def pack_record(record: Record) -> str:
    return json.dumps(
        {
            "entity": record.entity,
            "id": record.id,
            "name": record.name,
            "stage": record.stage,
            "stage_label": record.stage_label,
            "values": pack_values(record.values),
            "rows": {t: [[row.key, pack_values(row.values)] for row in rows] for t, rows in record.rows.items()},
            "created_at": pack(record.created_at),
            "changed_at": pack(record.changed_at),
            "created_by": record.created_by,
            "moved_by": record.moved_by,
            **({"elsewhere": True} if record.elsewhere else {}),
            "url": record.url,
        },
        ensure_ascii=False,
        sort_keys=True,
    )


def unpack_record(text: str) -> Record:
    data = json.loads(text)
    created, changed = unpack(data["created_at"]), unpack(data.get("changed_at"))
    return Record(
        entity=data["entity"],
        id=data["id"],
        name=data["name"],
        stage=data["stage"],
        stage_label=data["stage_label"],
        values=unpack_values(data["values"]),
        rows={t: tuple(Row(key, unpack_values(values)) for key, values in rows) for t, rows in data["rows"].items()},
        created_at=created if isinstance(created, datetime) else None,
        changed_at=changed if isinstance(changed, datetime) else None,
        created_by=data.get("created_by", ""),
        moved_by=data.get("moved_by", ""),
        elsewhere=data.get("elsewhere", False),
        url=data["url"],
    )


def pack_change(change: ListChange) -> dict[str, Any]:
    one = change.element
    return {
        "list": one.list, "code": one.code, "name": one.name, "values": pack_values(one.values), "entity": one.entity,
        "id": one.record_id, "drop": change.drop, "there": change.there,
    }  # fmt: skip


def unpack_change(data: Mapping[str, Any]) -> ListChange:
    values = unpack_values(data["values"])
    one = ListElement(data["list"], data["code"], data["name"], values, data["entity"], data["id"])
    return ListChange(one, data["drop"], data["there"])
