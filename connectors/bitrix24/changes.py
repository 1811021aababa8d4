"""A sweep over everything in one request: which records and rows changed since some moment, and whose rows they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connectors.bitrix24.client import Client, Query
from connectors.bitrix24.codes import smart_key
from connectors.bitrix24.layout import EntityPlan, Layout
from connectors.bitrix24.records import Raw
from connectors.bitrix24.search import Finder
from connectors.bitrix24.values import moment_of, number_in, number_of, stamp
from kernel.crm import Changed, Record
from kernel.errors import BadInput, NotFound

SECOND = timedelta(seconds=1)  #: times come without fractions, so a record may have changed until the second's end
Read = Callable[[EntityPlan, list[Raw]], list[Record]]


class Changes:
    """`read` makes records of an entity's raw ones."""

    def __init__(self, client: Client, layout: Layout, finder: Finder, zone: ZoneInfo, read: Read) -> None:
        self._client, self._layout, self._finder, self._zone, self._read = client, layout, finder, zone, read

    def since(self, since: Mapping[str, datetime]) -> list[Changed]:
        """Entities with their tables. What changed in the second before the given moment comes again."""
        plans = {name: self._layout.plan(name) for name in since}
        queries: dict[str, Query] = {}
        parents: dict[str, str] = {}
        for name, plan in plans.items():
            later = {">=updatedTime": stamp(since[name] - SECOND, self._zone)}
            # Contacts of other types change far more often than they become ours, which an event tells.
            params = self._finder.params(plan, later, everywhere=not plan.sort)
            queries[name] = Query("crm.item.list", params)
            for table in plan.map.table:
                rows, key = self._layout.table(name, table), smart_key(name, table)
                parents[key] = rows.parent
                select = ["id", "updatedTime", rows.parent]
                params = {"entityTypeId": rows.entity_type, "filter": later, "select": select}
                queries[key] = Query("crm.item.list", params)
        results = self._client.many(list(queries.values())) if queries else []
        found: list[Changed] = []
        for name, listed in zip(queries, results, strict=True):
            if name in plans:
                records = self._read(plans[name], list(listed))
                found += [
                    Changed(
                        name, one.id, (one.changed_at or since[name]) + SECOND, record=one, rows_apart=True,
                        elsewhere=one.elsewhere,
                    )
                    for one in records
                ]  # fmt: skip
            else:
                moment = since[name.partition("/")[0]]
                found += [self._row(name, raw, parents[name], moment) for raw in listed]
        return found

    def owner_of(self, entity: str, row_id: str) -> str:
        """The record a row belongs to. Raises NotFound."""
        name, _, table = entity.partition("/")
        if not table:
            raise BadInput(f"«{entity}» is no table; it is like «deal/operation»")
        rows, number = self._layout.table(name, table), number_of(row_id)
        answer = self._client.call("crm.item.get", {"entityTypeId": rows.entity_type, "id": number})
        item = answer.get("item") if isinstance(answer, dict) else None
        owner = number_in(item.get(rows.parent)) if isinstance(item, dict) else 0
        if not owner:
            raise NotFound(f"bitrix24: row {number} of «{table}» belongs to no {name}")
        return str(owner)

    def _row(self, name: str, raw: Mapping[str, Any], parent: str, moment: datetime) -> Changed:
        at = (moment_of(raw.get("updatedTime"), self._zone) or moment) + SECOND
        return Changed(name, str(number_in(raw.get("id"))), at, owner=str(number_in(raw.get(parent)) or ""))
