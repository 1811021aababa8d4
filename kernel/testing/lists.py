"""The lists of the CRM in memory; `crm` is the MemoryCRM they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kernel.crm import ListChange, ListElement, Lists, Start, Value
from kernel.errors import Fault, Misconfigured, Rejected
from kernel.mapping import write_value


@dataclass(frozen=True)
class ListWrite:
    """One request that changed elements."""

    changes: tuple[ListChange, ...]

    @property
    def codes(self) -> list[str]:
        return [one.element.code for one in self.changes]


class MemoryLists(Lists):
    """What the set's lists hold. Like the real ones it forgets a field that is not sent, and it may die between two changes
    of one request: those before are made then."""

    at_once = 50

    def __init__(self, crm: Any) -> None:
        self._crm = crm
        self.kept: dict[tuple[str, str], ListElement] = {}
        self.writes: list[ListWrite] = []  #: in order; also those whose answer was lost
        self.asked: list[tuple[Start, ...]] = []
        self.refuses: dict[str, Fault] = {}  #: by code: what the CRM says to it
        self.every_seconds = 5.0

    def write(self, changes: Sequence[ListChange]) -> list[Fault | None]:
        assert 0 < len(changes) <= self.at_once, f"{len(changes)} changes are not one request"
        plans = {one.element.list: self._fields(one.element.list) for one in changes}
        with self._crm._call("write_lists"):
            self.writes.append(ListWrite(tuple(changes)))
            return [self._made(one, plans[one.element.list]) for one in changes]

    def _made(self, change: ListChange, fields: Any) -> Fault | None:
        self._crm.trouble.point("list.element")
        one = change.element
        if (fault := self.refuses.get(one.code)) is not None:
            return fault
        if not change.drop and not one.name.strip():
            return Rejected("memory: an element without a name")
        if change.drop:
            self.kept.pop((one.list, one.code), None)
        else:
            values: dict[str, Value] = {name: write_value(fields[name], value) for name, value in one.values.items()}
            kept = {name: value for name, value in values.items() if value not in (None, "")}
            self.kept[one.list, one.code] = replace(one, values=kept)
        return None

    def codes(self, starts: Sequence[Start]) -> list[frozenset[str]]:
        for start in starts:
            self._fields(start.list)
        with self._crm._call("list_codes"):
            self.asked.append(tuple(starts))
            return [frozenset(one.code for one in self._that_begin(start)) for start in starts]

    def read(self, start: Start) -> list[ListElement]:
        self._fields(start.list)
        with self._crm._call("list_read"):
            return sorted(self._that_begin(start), key=lambda one: one.code)

    def _that_begin(self, start: Start) -> Iterable[ListElement]:
        return [one for (name, code), one in self.kept.items() if name == start.list and code.startswith(start.code)]

    def _fields(self, name: str) -> Any:
        if name not in self._crm.mapping.lists:
            raise Misconfigured(f"the mapping set names no list «{name}»")
        return self._crm.mapping.lists[name].field
