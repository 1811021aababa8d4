"""Tasks with a contact: those whose counterparty it is, and those that name it in a field. Deals are tasks to Planfix, too,
and are none here."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from connectors.planfix import field_types as types
from connectors.planfix import limits
from connectors.planfix.client import Client, Raw, condition, custom_values
from connectors.planfix.errors import doubtful
from connectors.planfix.layout import Layout, PortalField, kind_of, status_names
from connectors.planfix.records import number_in, owners
from connectors.planfix.search import CUSTOM, OBJECT, changed_since
from connectors.planfix.values import day_of, from_wire, moment_of, number_of, people, refs
from kernel.clock import Clock
from kernel.crm import Ref, Task, TaskList
from kernel.crm.tasks import in_order
from kernel.errors import Fault, Misconfigured

COUNTERPARTY = 7  #: SPEC, filters of tasks
PARENT = 73
NAMES_CONTACTS = frozenset({types.CONTACT, types.COUNTERPARTY})
ASKS = ("id", "name", "status", "object", "template", "counterparty", "parent", "assignees", "isDeleted",
        "endDateTime", "hasEndDate", "hasEndTime")  # fmt: skip


class PlanfixTasks:
    """Lists come by rising number and cannot be told otherwise. Of a record with more tasks than `limits.TASKS_READ_MAX` the
    oldest are read, and those that something happened to lately."""

    def __init__(self, client: Client, layout: Layout, clock: Clock, zone: ZoneInfo, site: str) -> None:
        self._client, self._layout, self._clock, self._zone, self._site = client, layout, clock, zone, site

    def of(self, entity: str, record_id: str) -> TaskList:
        mapped, number = self._layout.mapping.entity(entity), number_of(record_id)
        deals, whole = self._deals(), True
        links: list[PortalField | None] = [None]  # the counterparty, which is a field of every task
        if (kind := kind_of(mapped)) == "contact":
            links += self._fields()
        found: dict[int, Raw] = {}
        for link in links:
            narrowed = [_condition(kind, number, link)]
            raws, complete = self._read(narrowed, deals)
            if not complete:
                whole = False
                lately = self._clock.now() - timedelta(days=limits.TASKS_LATELY_DAYS)
                raws += self._read([*narrowed, changed_since("task", lately, self._zone)], deals)[0]
            for raw in raws:
                # A condition that the portal does not know may be passed over in silence: then everything comes.
                if _names(raw, kind, number, link, self._zone) and not raw.get("isDeleted") and not owners(raw) & deals:
                    found[number_in(raw.get("id"))] = raw
        tasks = in_order((self._task(raw) for raw in found.values()), self._zone)
        return TaskList(tasks, 0 if whole else None)

    def _deals(self) -> set[int]:
        """The objects whose tasks are the set's deals: those that go through stages. A record without stages may well stand
        under the same object as everybody's tasks, as the set's journal does."""
        found = set()
        for entity in self._layout.mapping.entities.values():
            if kind_of(entity) == "task" and entity.stage:
                try:
                    found.add(self._layout.object_id(entity))
                except Misconfigured:
                    continue  # an object that is not there has no tasks
        return found

    def _fields(self) -> list[PortalField]:
        """Fields of tasks that name contacts; each is a list of its own, since conditions know no «or». Those that the set
        knows come first."""
        named = [one for one in self._layout.fields("task") if one.type in NAMES_CONTACTS]
        labels = {
            field.label
            for entity in self._layout.mapping.entities.values()
            for field in entity.field.values()
            if field.label
        }
        return sorted(named, key=lambda one: (one.name not in labels, one.id))[: limits.TASK_LINKS_MAX]

    def _read(self, narrowed: list[Raw], deals: set[int]) -> tuple[list[Raw], bool]:
        """Raw tasks, as many as we read at most, and whether that is all of them."""
        others = [condition(OBJECT, sorted(deals), operator="notequal")] if deals else []
        asks = [*ASKS, *(str(one["field"]) for one in narrowed if "field" in one)]
        try:
            return _some(self._client.records_one_by_one("task", [*narrowed, *others], asks))
        except Fault as exc:
            if not others or not doubtful(exc):
                raise
            return _some(self._client.records_one_by_one("task", narrowed, asks))  # then deals are left out by us alone

    def _task(self, raw: Raw) -> Task:
        number, status = number_in(raw.get("id")), raw.get("status")
        ended = isinstance(status, dict) and status.get("isActive") is False
        return Task(
            id=str(number),
            subject=str(raw.get("name") or ""),
            state="done" if ended else "open",
            status=next(iter(status_names(status)), ""),
            responsible=tuple(Ref(one.id, one.name) for one in people(raw.get("assignees"))),
            due=self._due(raw),
            url=f"{self._site}task/{number}",
        )

    def _due(self, raw: Raw) -> date | datetime | None:
        end = raw.get("endDateTime")
        if raw.get("hasEndDate") is False or not end:
            return None
        return moment_of(end, self._zone) if raw.get("hasEndTime") else day_of(end)


def _condition(kind: str, number: int, link: PortalField | None) -> Raw:
    if kind == "task":
        return condition(PARENT, number)
    if link is None:
        return condition(COUNTERPARTY, f"contact:{number}")
    return condition(CUSTOM[link.type], f"contact:{number}", field=link.id)


def _names(raw: Raw, kind: str, number: int, link: PortalField | None, zone: ZoneInfo) -> bool:
    if kind == "task":
        return number_in(raw.get("parent")) == number
    if link is None:
        return number_in(raw.get("counterparty")) == number
    item = custom_values(raw).get(link.id)
    found = refs(from_wire(link.type, item.get("value"), zone)) if item else ()
    return any(number_in(one.id) == number for one in found)


def _some(raws: Iterator[Raw]) -> tuple[list[Raw], bool]:
    found = list(itertools.islice(raws, limits.TASKS_READ_MAX))
    return found, len(found) < limits.TASKS_READ_MAX


__all__ = ["PlanfixTasks"]
