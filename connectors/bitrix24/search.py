"""Finding records and rows: filters that narrow Bitrix24's lists, and the comparison afterwards that makes them exact."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from connectors.bitrix24.client import Client, Query
from connectors.bitrix24.layout import EntityPlan, Layout, Slot, TablePlan
from connectors.bitrix24.portal import rows
from connectors.bitrix24.records import ASKS, ORIGINAL, Raw, asks, canonical, stored
from connectors.bitrix24.system import spellings
from connectors.bitrix24.values import TEXTS, blank, number_in, number_of, same, stamp, to_wire
from kernel.crm import Value, Values
from kernel.errors import BadInput

PARENTS_PER_QUERY = 50


class Finder:
    """Searches of one portal."""

    def __init__(self, client: Client, layout: Layout, zone: ZoneInfo) -> None:
        self._client, self._layout, self._zone = client, layout, zone

    # --- records ----------------------------------------------------------------------------------------------------

    def records(
        self, plan: EntityPlan, where: Values, ids: Iterable[str] | None, changed_since: datetime | None
    ) -> list[Raw]:
        """Raw records that fit, each once, by ascending number."""
        tests: dict[str, Value] = {}
        for name, value in where.items():
            if name not in plan.slots:
                raise BadInput(f"entity «{plan.entity}» has no field «{name}» in the mapping set", field=name)
            tests[name] = canonical(plan.slots[name], value, self._zone)
        chosen = None if ids is None else {number_of(one) for one in ids}
        for name, value in tests.items():
            detailed = self._by_detail(plan, plan.slots[name], value)
            if detailed is not None:
                chosen = detailed if chosen is None else chosen & detailed
        found = self._list(plan, self._filter(plan, tests, changed_since), chosen)
        fitting = [raw for raw in found if all(self._fits(plan.slots[n], value, raw) for n, value in tests.items())]
        return sorted(fitting, key=lambda raw: number_in(raw.get("id")))

    def params(
        self, plan: EntityPlan, conditions: Mapping[str, Any], select: list[str] | None = None, *, everywhere: bool = False
    ) -> dict[str, Any]:
        """A list of an entity's records; those that stand outside of what the set names are among them only if asked for."""
        ours: dict[str, Any] = {"@categoryId": sorted(plan.pipelines.values())} if plan.pipelines and not everywhere else {}
        if plan.sort and not everywhere:
            ours["=typeId"] = plan.sort
        fields = select or asks(plan.slots, ASKS[plan.kind], self._layout.fields(plan.entity_type))
        return {"entityTypeId": plan.entity_type, "filter": {**ours, **conditions}, "select": fields, **ORIGINAL}

    def _list(self, plan: EntityPlan, conditions: Mapping[str, Any], chosen: set[int] | None) -> list[Raw]:
        params = self.params(plan, conditions)
        if chosen is None:
            return list(self._client.all("crm.item.list", params))
        return list(self._client.chosen("crm.item.list", params, sorted(chosen))) if chosen else []

    def _filter(self, plan: EntityPlan, tests: Values, changed_since: datetime | None) -> dict[str, Any]:
        made: dict[str, Any] = {}
        if changed_since is not None:
            made[">=updatedTime"] = stamp(changed_since, self._zone)
        groups = 0
        for name, value in tests.items():
            for key, condition in (self._condition(plan.slots[name], value) or {}).items():
                made[str(groups) if key == "0" else key] = condition
                groups += key == "0"
        return made

    def _condition(self, slot: Slot, value: Value) -> dict[str, Any] | None:
        """Narrows the list; None where Bitrix24 has no fitting condition and the comparison alone decides."""
        if blank(value):
            return None
        if slot.system:
            return slot.system.search(value, self._zone)
        if slot.portal is None:
            return None
        code, kind = slot.portal.code, slot.portal.type
        if isinstance(value, bool):
            return {f"={code}": 1} if kind == "boolean" else None
        if isinstance(value, datetime):
            near = timedelta(seconds=1)
            return {f">={code}": stamp(value - near, self._zone), f"<={code}": stamp(value + near, self._zone)}
        if isinstance(value, date):  # kept as a moment of some zone
            near = timedelta(days=1)
            return {f">={code}": (value - near).isoformat(), f"<={code}": (value + near).isoformat()}
        if isinstance(value, Decimal) and kind in TEXTS:
            return None  # people type the same number in many ways
        hint = str(value) if slot.map.type == "choice" else slot.links_to
        wire = to_wire(slot.portal, value, self._zone, slot.title, hint)
        return {f"@{code}" if isinstance(wire, list) else f"={code}": wire}

    def _fits(self, slot: Slot, value: Value, raw: Raw) -> bool:
        if slot.system:
            if slot.system.fits and value:
                return slot.system.fits(value, raw)
            return slot.system.same(value, stored(slot, raw, self._zone))
        return same(value, stored(slot, raw, self._zone))

    def _by_detail(self, plan: EntityPlan, slot: Slot, value: Value) -> set[int] | None:
        """Numbers of records with that phone, e-mail or messenger: the lists of records cannot be asked for these."""
        if slot.system is None or not slot.system.multi or blank(value):
            return None
        kind, texts = slot.system.multi, spellings(slot.system.multi, value)
        if kind == "IM":
            calls = [(f"crm.{plan.kind}.list", {"filter": {"IM": text}, "select": ["ID"], "start": -1}) for text in texts]
            response = [outcome.get() for outcome in self._client.batch(calls)]
            return {number_in(raw.get("ID")) for answer in response for raw in rows(answer)} - {0}
        owner = plan.kind.upper()
        answer = self._client.call("crm.duplicate.findbycomm", {"type": kind, "values": texts, "entity_type": owner})
        numbers = answer.get(owner) if isinstance(answer, dict) else None
        return {number_in(one) for one in numbers or []} - {0}

    # --- rows -------------------------------------------------------------------------------------------------------

    def rows_query(self, table: TablePlan, parents: list[int], conditions: Mapping[str, Any] | None = None) -> Query:
        fields = asks(table.slots, ("id", table.parent))
        owned = {f"@{table.parent}": parents} if len(parents) > 1 else {f"={table.parent}": parents[0]}
        params = {"entityTypeId": table.entity_type, "filter": {**owned, **(conditions or {})}, "select": fields}
        return Query("crm.item.list", {**params, **ORIGINAL})

    def rows_of_many(self, tables: Mapping[str, TablePlan], numbers: list[int]) -> dict[str, dict[int, list[Raw]]]:
        """By table and record: its rows, by ascending number. All tables and records together, in few requests."""
        parts = [numbers[start : start + PARENTS_PER_QUERY] for start in range(0, len(numbers), PARENTS_PER_QUERY)]
        wanted = [(name, part) for name in tables for part in parts]
        found: dict[str, dict[int, list[Raw]]] = {name: {number: [] for number in numbers} for name in tables}
        if wanted:
            lists = self._client.many([self.rows_query(tables[name], part) for name, part in wanted])
            for (name, _part), listed in zip(wanted, lists, strict=True):
                for raw in listed:
                    found[name].setdefault(number_in(raw.get(tables[name].parent)), []).append(raw)
        return found

    def row_with_key(self, table: TablePlan, number: int, key: str) -> Raw | None:
        """The row of a record that carries our key."""
        slot = table.slots[table.key]
        query = self.rows_query(table, [number], self._condition(slot, key))
        mine = [raw for raw in self._client.all("crm.item.list", query.params) if same(key, stored(slot, raw, self._zone))]
        return mine[0] if mine else None
