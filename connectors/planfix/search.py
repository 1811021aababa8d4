"""Finding records and rows: conditions for Planfix' lists, and the comparison afterwards that makes them exact."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connectors.planfix import field_types as types
from connectors.planfix import limits
from connectors.planfix.client import Client, Kind, Raw, condition, custom_values
from connectors.planfix.errors import doubtful
from connectors.planfix.layout import EntityPlan, Layout, Slot, TablePlan
from connectors.planfix.records import ROW_ASKS, asks, canonical, number_in, owners, record_asks, row, stored
from connectors.planfix.values import blank, date_and_time, day_of, number_of, refs, same, to_wire
from kernel.crm import Row, Value, Values
from kernel.errors import BadInput, Fault

OBJECT, IN_NUMBERS, NAME, CREATED, CHANGED_OR_COMMENTED, EMPTY = 51, 57, 8, 12, 79, 153
CONTACT_NUMBERS, CONTACT_TEMPLATE, CONTACT_CHANGED, CONTACT_EMPTY = 4231, 4016, 38, 4153
ROW_LINE = 3108
# HELP, table of filters: 101… for fields of tasks, 4101… for those of contacts.
CUSTOM: Mapping[int, int] = {
    types.LINE: 101,
    types.TEXT: 101,
    types.NUMBER: 102,
    types.DATE: 103,
    types.FLAG: 105,
    types.LIST: 106,
    types.CONTACT: 108,
    types.EMPLOYEE: 109,
    types.COUNTERPARTY: 110,
}


class Finder:
    """Searches of one portal."""

    def __init__(self, client: Client, layout: Layout, zone: ZoneInfo) -> None:
        self._client, self._layout, self._zone = client, layout, zone
        self._refused: set[int] = set()  # types of conditions this portal does not know

    def records(self, plan: EntityPlan, where: Values, ids: Iterable[str] | None, since: datetime | None) -> list[Raw]:
        """Raw records that fit, each once, by ascending number."""
        base = _of_kind(plan)
        if since is not None:
            base.append(changed_since(plan.kind, since, self._zone))
        tests: dict[str, Value] = {}
        for name, value in where.items():
            if name not in plan.slots:
                raise BadInput(f"entity «{plan.entity}» has no field «{name}» in the mapping set", field=name)
            tests[name] = canonical(plan.slots[name], value, self._zone)
        found: dict[int, Raw] = {}
        for chunk in _chunks(ids):
            narrowed = [*base, condition(IN_NUMBERS if plan.kind == "task" else CONTACT_NUMBERS, chunk)] if chunk else base
            for raw in self._list(plan, narrowed, tests):
                number = number_in(raw.get("id"))
                wanted = (not chunk or number in chunk) and not raw.get("isDeleted") and number
                if wanted and all(self._fits(plan.slots[name], value, raw) for name, value in tests.items()):
                    found[number] = raw
        return [found[number] for number in sorted(found)]

    def changed(self, plan: EntityPlan, since: datetime) -> list[Raw]:
        """What changed since then: contacts of the template that is meant, tasks whatever object they stand under; where the
        list does not tell a task's object, only ours."""
        conditions = [*(_of_kind(plan) if plan.template_id else ()), changed_since(plan.kind, since, self._zone)]
        found = [raw for raw in self._list(plan, conditions, {}) if not raw.get("isDeleted")]
        if plan.object_id and any(not owners(raw) for raw in found):
            return self.records(plan, {}, None, since)
        return found

    def existing(self, plan: EntityPlan, ids: Iterable[str]) -> frozenset[int]:
        """Which of these numbers are there and not deleted, whatever object they stand under."""
        found: set[int] = set()
        for chunk in _chunks(ids):
            numbers = condition(IN_NUMBERS if plan.kind == "task" else CONTACT_NUMBERS, chunk)
            raws = self._client.records(plan.kind, [numbers], ["id", "isDeleted"])
            found |= {number_in(raw.get("id")) for raw in raws if not raw.get("isDeleted")} & set(chunk)
        return frozenset(found)

    def narrowed(self, plan: EntityPlan, conditions: list[Raw]) -> list[Raw]:
        """Records of that kind under further conditions of the portal's own making; nothing is compared afterwards."""
        base = _of_kind(plan)
        return self._list(plan, [*base, *conditions], {})

    def rows_of(self, plan: EntityPlan, table: TablePlan, number: int, key: str = "") -> list[Raw]:
        """A record's rows by ascending key; with `key` only those that carry it."""
        conditions: list[Raw] = []
        slot = table.slots[table.key]
        if key and slot.portal and slot.portal.type == types.LINE:
            conditions = [condition(ROW_LINE, key, field=slot.portal.id)]
        fields = asks(table.slots, ROW_ASKS)
        rows = self._client.rows(table.id, fields, kind=plan.kind, of=number, conditions=conditions)
        mine = [raw for raw in rows if number_in(raw.get(plan.kind)) in (0, number) and number_in(raw.get("key"))]
        if key:
            mine = [raw for raw in mine if same(key, stored(slot, raw, custom_values(raw), self._zone))]
        return sorted(mine, key=lambda raw: number_in(raw.get("key")))

    def rows_of_many(self, plan: EntityPlan, table: TablePlan, records: list[Raw]) -> dict[int, tuple[Row, ...]]:
        """Rows of many records by one paged list over all of them, as long as that is cheaper than asking each.

        How many rows the portal has is documented nowhere. Once the list has taken as many pages as there are records, the
        records are asked one by one: never more than twice the requests of the better way.
        """
        numbers = [number_in(raw.get("id")) for raw in records]
        bulk = self._bulk(plan, table, records) if len(numbers) > limits.RECORDS_ASKED_ONE_BY_ONE else None
        if bulk is None:
            bulk = {number: self.rows_of(plan, table, number) for number in numbers}
        return {number: tuple(row(table, raw, self._zone) for raw in bulk.get(number, ())) for number in numbers}

    def _bulk(self, plan: EntityPlan, table: TablePlan, records: list[Raw]) -> dict[int, list[Raw]] | None:
        conditions: list[Raw] = [condition(OBJECT, plan.object_id)] if plan.object_id else []
        days = [day_of(raw.get("dateTime")) for raw in records]
        known = [day for day in days if day]
        if plan.kind == "task" and len(known) == len(days):  # rows of tasks older than all of ours do not concern us
            before = {"dateType": "otherDate", "dateValue": f"{min(known) - timedelta(days=1):%d-%m-%Y}"}
            conditions.append(condition(CREATED, before, operator="gt"))
        found: dict[int, list[Raw]] = {number_in(raw.get("id")): [] for raw in records}
        rows_max = len(records) * limits.PAGE_RECORDS_MAX
        for count, raw in enumerate(self._client.rows(table.id, asks(table.slots, ROW_ASKS), conditions=conditions), 1):
            owner = number_in(raw.get(plan.kind))
            if owner in found and number_in(raw.get("key")):
                found[owner].append(raw)
            if count >= rows_max:
                return None
        return {number: sorted(rows, key=lambda raw: number_in(raw.get("key"))) for number, rows in found.items()}

    def _list(self, plan: EntityPlan, base: list[Raw], tests: Values) -> list[Raw]:
        fields = record_asks(plan)
        narrowed = [made for name, value in tests.items() if (made := self._condition(plan, plan.slots[name], value))]
        try:
            return self._client.records(plan.kind, [*base, *narrowed], fields)
        except Fault as exc:
            # Code 0 is how a type of condition that the portal does not know is refused.
            searches = (system.search for name in tests if (system := plan.slots[name].system))
            spare = {search.type for search in searches if search and search.fallback_type}
            if not doubtful(exc) or not spare - self._refused:
                raise
            self._refused |= spare
            return self._list(plan, base, tests)

    def _condition(self, plan: EntityPlan, slot: Slot, value: Value) -> Raw | None:
        """Narrows the list; None where Planfix has no fitting condition and the comparison alone decides."""
        if slot.system:
            search = slot.system.search
            asked = search.value(value) if search and search.type else None
            if search is None or not asked:
                return None
            return condition(search.fallback_type if search.type in self._refused else search.type, asked)
        if slot.portal is None:
            return None
        shift = 4000 if plan.kind == "contact" else 0
        if blank(value) and value is not False:
            return condition(EMPTY + shift, slot.portal.id)
        number, kind = CUSTOM.get(slot.portal.type), slot.portal.type
        if number is None:
            return None
        if kind == types.DATE:
            wire = {"dateType": "otherDate", "dateValue": to_wire(kind, value, self._zone, slot.title)["date"]}
            return condition(number + shift, wire, field=slot.portal.id)
        if kind in (types.CONTACT, types.EMPLOYEE, types.COUNTERPARTY):
            one = next((ref.id for ref in refs(value)), None)
            return condition(number + shift, one, field=slot.portal.id) if one else None
        return condition(number + shift, to_wire(kind, value, self._zone, slot.title), field=slot.portal.id)

    def _fits(self, slot: Slot, value: Value, raw: Raw) -> bool:
        if slot.system:
            if slot.system.fits and value:
                return slot.system.fits(value, raw)
            return slot.system.same(value, slot.system.read(raw))
        return same(value, stored(slot, raw, custom_values(raw), self._zone))


def _of_kind(plan: EntityPlan) -> list[Raw]:
    """Only tasks of the object, only contacts of the template that the set names."""
    if plan.template_id:
        return [condition(CONTACT_TEMPLATE, plan.template_id)]
    return [condition(OBJECT, [plan.object_id])] if plan.object_id else []


def changed_since(kind: Kind, since: datetime, zone: ZoneInfo) -> Raw:
    """«Changed (or commented) after»: minutes in the robot's zone; a minute early, since seconds are cut off."""
    point = date_and_time(since - timedelta(minutes=1), zone)
    value = {"dateType": "otherDate_withTime", "dateValue": f"{point['date']} {point['time']}"}
    return condition(CHANGED_OR_COMMENTED if kind == "task" else CONTACT_CHANGED, value, operator="gt")


def _chunks(ids: Iterable[str] | None) -> Iterator[list[Any]]:
    """Numbers in portions; one empty portion where all records are meant, none where no ids are given."""
    if ids is None:
        yield []
        return
    numbers = sorted({number_of(one) for one in ids})
    for start in range(0, len(numbers), limits.IDS_PER_REQUEST):
        yield numbers[start : start + limits.IDS_PER_REQUEST]
