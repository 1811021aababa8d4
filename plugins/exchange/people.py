"""Whom a deal's messages are addressed to, by what was last read of it."""

from __future__ import annotations

from kernel.crm import Ref
from kernel.crm.seen import last_seen
from kernel.extension.portal import Unit


def manager_of(unit: Unit, record_id: str) -> tuple[str, ...]:
    record = last_seen(unit.tx, unit.portal.name, "deal", record_id)
    manager = record.values.get("manager") if record else None
    return (manager.id,) if isinstance(manager, Ref) else ()
