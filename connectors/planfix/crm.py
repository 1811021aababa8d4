"""The kernel's CRM on top of Planfix: reading here, writing in writing.py and comments.py, searching in search.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from connectors.planfix import records, settings, work
from connectors.planfix.client import Client, Raw, connect
from connectors.planfix.comments import put_comment
from connectors.planfix.layout import EntityPlan, Layout, kind_of
from connectors.planfix.missing import find_missing
from connectors.planfix.people import PlanfixPeople
from connectors.planfix.search import Finder
from connectors.planfix.talk import PlanfixComments
from connectors.planfix.tasks import PlanfixTasks
from connectors.planfix.values import number_of
from connectors.planfix.work import PlanfixBin, PlanfixHistory
from connectors.planfix.writing import Writer
from kernel.clock import Clock
from kernel.crm import (
    CRM,
    NO_VALUES,
    Changed,
    Comments,
    Elsewhere,
    History,
    MissingItem,
    People,
    Record,
    RecycleBin,
    Row,
    Tasks,
    Values,
)
from kernel.errors import NotFound
from kernel.extension import Connection


def crm(connection: Connection) -> CRM:
    """Build the CRM of one portal. Raises Misconfigured."""
    read = settings.read(connection.settings, connection.mapping.portal.time_zone)
    client = connect(connection, read)
    return PlanfixCRM(client, Layout(client, connection.mapping, connection.clock), connection.clock, read.zone, read.site)


class PlanfixCRM(CRM):
    """Planfix keeps no working days."""

    name = "planfix"
    elsewhere_is_foreign = True  #: tasks of every object are one kind to Planfix; most of them are nothing of the set's

    def __init__(self, client: Client, layout: Layout, clock: Clock, zone: ZoneInfo, site: str) -> None:
        self._client, self._layout, self._zone, self._site = client, layout, zone, site
        self._clock = clock
        self._finder = Finder(client, layout, zone)
        self._writer = Writer(client, layout, self._finder, clock, zone)
        self.people: People | None = PlanfixPeople(client, layout, self._finder, clock, zone)
        self.bin: RecycleBin | None = PlanfixBin(client, layout)
        self.comments: Comments | None = PlanfixComments(client, layout, self._finder, zone)
        self.tasks: Tasks | None = PlanfixTasks(client, layout, clock, zone, site)
        self.history: History | None = PlanfixHistory(client, layout, zone)

    # --- reading ----------------------------------------------------------------------------------------------------

    def get(self, entity: str, record_id: str, *, tables: Iterable[str] = ()) -> Record:
        plan, number = self._layout.plan(entity), number_of(record_id)
        raw = self._present(plan, number)
        rows = {name: self._rows(plan, name, number) for name in tables}
        record = records.record(plan, raw, self._zone, self._site, rows)
        if record.elsewhere:
            if plan.kind == "task":
                self._layout.note_status(raw.get("status"))
                raise Elsewhere(f"planfix: task {number} is not one of «{plan.map.object}»", record)
            raise Elsewhere(f"planfix: contact {number} is not one of the template «{plan.map.object}»", record)
        return record

    def find(
        self,
        entity: str,
        *,
        where: Values = NO_VALUES,
        ids: Iterable[str] | None = None,
        changed_since: datetime | None = None,
        tables: Iterable[str] = (),
    ) -> list[Record]:
        plan = self._layout.plan(entity)
        found = self._finder.records(plan, where, ids, changed_since)
        rows = {
            name: self._finder.rows_of_many(plan, self._layout.table(entity, name), found) if found else {}
            for name in tables
        }
        return [
            records.record(
                plan, raw, self._zone, self._site, {name: rows[name][records.number_in(raw.get("id"))] for name in rows}
            )
            for raw in found
        ]

    def existing(self, entity: str, ids: Iterable[str]) -> frozenset[str]:
        """Those of `ids` that are there, spelled as they were asked: a contact goes by «contact:118» and by «118»."""
        asked = {one: number_of(one) for one in ids}
        found = self._finder.existing(self._layout.plan(entity), asked)
        return frozenset(one for one, number in asked.items() if number in found)

    def changed(self, since: Mapping[str, datetime]) -> list[Changed]:
        return work.changed(self._finder, self._layout, since, self._zone, self._site)

    def owner_of(self, entity: str, row_id: str) -> str:
        owner, _, table = entity.partition("/")
        plan = self._layout.plan(owner)
        raw = self._client.row(number_of(row_id), records.asks(self._layout.table(owner, table).slots, records.ROW_ASKS))
        number = records.number_in(raw.get(plan.kind))
        if not number:
            raise NotFound(f"planfix: there is no row {row_id} of a {plan.kind}")
        return records.record_id(plan, number)

    def missing(self) -> list[MissingItem]:
        self._layout.forget()
        return find_missing(self._layout, self._client)

    def link(self, entity: str, record_id: str) -> str:
        kind = kind_of(self._layout.mapping.entity(entity))
        return f"{self._site}{kind}/{number_of(record_id)}"

    # --- writing ----------------------------------------------------------------------------------------------------

    def create(self, entity: str, values: Values, *, key: str, maybe_done: bool = False, stage: str | None = None) -> str:
        return self._writer.create(entity, values, key=key, maybe_done=maybe_done, stage=stage)

    def update(self, entity: str, record_id: str, values: Values, *, stage: str | None = None) -> None:
        self._writer.update(entity, record_id, values, stage=stage)

    def add_row(self, entity: str, record_id: str, table: str, values: Values, *, key: str, maybe_done: bool = False) -> str:
        return self._writer.add_row(entity, record_id, table, values, key=key, maybe_done=maybe_done)

    def update_row(self, entity: str, record_id: str, table: str, row_key: str, values: Values) -> None:
        self._writer.update_row(entity, record_id, table, row_key, values)

    def comment(
        self, entity: str, record_id: str, text: str, *, to: Iterable[str] = (), key: str, maybe_done: bool = False
    ) -> str:
        kind, number = kind_of(self._layout.mapping.entity(entity)), number_of(record_id)
        return put_comment(self._client, kind, number, text, to=to, key=key, maybe_done=maybe_done)

    # --- helpers ----------------------------------------------------------------------------------------------------

    def _rows(self, plan: EntityPlan, table: str, number: int) -> tuple[Row, ...]:
        rows = self._layout.table(plan.entity, table)
        return tuple(records.row(rows, raw, self._zone) for raw in self._finder.rows_of(plan, rows, number))

    def _present(self, plan: EntityPlan, number: int) -> Raw:
        """The record, if it is not deleted."""
        raw = self._client.record(plan.kind, number, records.record_asks(plan))
        if raw.get("isDeleted") is True:
            raise NotFound(f"planfix: {plan.kind} {number} is deleted")
        return raw
