"""The optional parts of the CRM in memory; `crm` is the MemoryCRM they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kernel.crm import Move, Person, Workday
from kernel.errors import Rejected


class MemoryPeople:
    """The CRM's staff, as `staff.hire` and `staff.dismiss` leave them."""

    def __init__(self, crm: Any) -> None:
        self._crm = crm

    def all(self) -> list[Person]:
        with self._crm._call("people"):
            return list(self._crm.persons)

    def active(self, people: Iterable[str]) -> frozenset[str]:
        wanted = frozenset(people)
        with self._crm._call("active"):
            return frozenset(one.id for one in self._crm.persons if one.id in wanted and one.active)

    def overdue(self, people: Iterable[str]) -> Mapping[str, int]:
        with self._crm._call("overdue"):
            return {person: self._crm.late.get(person, 0) for person in people}


class MemoryWorkdays:
    """Working days out of `days`; who is not in it has none."""

    def __init__(self, crm: Any) -> None:
        self._crm = crm

    def statuses(self, people: Iterable[str]) -> Mapping[str, Workday]:
        with self._crm._call("workdays"):
            return {person: self._crm.days.get(person, "off") for person in people}

    def start(self, person: str) -> None:
        with self._crm._call("start_workday"):
            if person not in self._crm.days:
                raise Rejected(f"memory: {person} has no working day")
            self._crm.days[person] = "open"


class MemoryHistory:
    """Every move ever made."""

    def __init__(self, crm: Any) -> None:
        self._crm = crm

    def moves(self, entity: str, record_id: str) -> list[Move] | None:
        with self._crm._call("moves"):
            kept, plan = self._crm._find(entity, record_id), self._crm.mapping.entity(entity)
            return list(kept.moves) if plan.stage else None


class MemoryBin:
    """What `staff.delete` took away."""

    def __init__(self, crm: Any) -> None:
        self._crm = crm

    def restore(self, entity: str, record_id: str) -> None:
        with self._crm._call("restore"):
            if (entity, record_id) in self._crm._deleted:
                self._crm.staff.restore(entity, record_id, author=self._crm.annex)
            self._crm._find(entity, record_id)
