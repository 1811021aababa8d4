"""The kernel's CRM on top of Bitrix24: reading here, writing in writing.py and comments.py, searching in search.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from connectors.bitrix24 import records, settings
from connectors.bitrix24.activities import BitrixActivities
from connectors.bitrix24.admins import Admins
from connectors.bitrix24.changes import Changes
from connectors.bitrix24.client import Client, connect
from connectors.bitrix24.comments import put_comment
from connectors.bitrix24.layout import EntityPlan, Layout, TablePlan
from connectors.bitrix24.lists import BitrixLists
from connectors.bitrix24.missing import find_missing
from connectors.bitrix24.names import Names
from connectors.bitrix24.notices import BitrixNotices
from connectors.bitrix24.people import BitrixPeople
from connectors.bitrix24.portal import rows as listed
from connectors.bitrix24.processes import BitrixProcesses
from connectors.bitrix24.records import ORIGINAL, Raw, item_of
from connectors.bitrix24.search import Finder
from connectors.bitrix24.talk import BitrixComments
from connectors.bitrix24.tasks import BitrixTasks
from connectors.bitrix24.texts import BitrixTexts
from connectors.bitrix24.values import number_in, number_of
from connectors.bitrix24.work import BitrixHistory, BitrixWorkdays
from connectors.bitrix24.writing import Writer
from kernel.clock import Clock
from kernel.crm import (
    CRM,
    NO_VALUES,
    Activities,
    Changed,
    Comments,
    Elsewhere,
    History,
    Lists,
    MissingItem,
    Notices,
    People,
    Processes,
    Record,
    Row,
    Tasks,
    Texts,
    Value,
    Values,
    Workdays,
)
from kernel.errors import NotFound
from kernel.extension import Connection
from kernel.http import HttpClient, RateLimit

IDS = "ids"  #: under which name the set-up keeps the numbers of what it made

PAGE_ROWS = 50


def crm(connection: Connection) -> CRM:
    """Build the CRM of one portal. Raises Misconfigured."""
    read = settings.read(connection.settings, connection.mapping.portal.time_zone)
    client = connect(connection, read)
    layout = Layout(client, connection.mapping, connection.clock, lambda: connection.vault.get(IDS))
    admins = Admins(connection, read).present if read.client_id else frozenset
    http = connection.http(read.url, rate_limit=read.rate_limit)
    return BitrixCRM(client, layout, connection.clock, read.zone, read.url, admins, http, read.rate_limit)


class BitrixCRM(CRM):
    name = "bitrix24"

    def __init__(
        self, client: Client, layout: Layout, clock: Clock, zone: ZoneInfo, site: str,
        admins: Callable[[], frozenset[str]] = frozenset, http: HttpClient | None = None,
        rate_limit: RateLimit | None = None,
    ) -> None:  # fmt: skip
        self._client, self._layout, self._clock, self._zone, self._site = client, layout, clock, zone, site
        self._finder = Finder(client, layout, zone)
        self._writer = Writer(client, layout, self._finder, zone)
        self._names = Names(client, clock)
        self.people: People | None = BitrixPeople(client, self._names, clock, zone, admins)
        self.notices: Notices | None = BitrixNotices(client)
        self.processes: Processes | None = BitrixProcesses(client, layout, site)
        self.workdays: Workdays | None = BitrixWorkdays(client)
        self.history: History | None = BitrixHistory(client, layout, zone)
        self.comments: Comments | None = BitrixComments(client, layout, self._finder, self._names, zone, site, http)
        self.tasks: Tasks | None = BitrixTasks(client, layout, zone, site)
        self.texts: Texts | None = BitrixTexts(client)
        self.activities: Activities | None = BitrixActivities(client, layout, zone)
        self.lists: Lists | None = BitrixLists(client, layout, zone, rate_limit)
        self._changes = Changes(client, layout, self._finder, zone, lambda plan, raws: self._records(plan, raws, {}, {}))

    # --- reading ----------------------------------------------------------------------------------------------------

    def get(self, entity: str, record_id: str, *, tables: Iterable[str] = ()) -> Record:
        plan, number = self._layout.plan(entity), number_of(record_id)
        wanted = {name: self._layout.table(entity, name) for name in tables}
        raw, rows = self._read(plan, number, wanted)
        [record] = self._records(plan, [raw], wanted, {name: {number: found} for name, found in rows.items()})
        if record.elsewhere:
            raise Elsewhere(f"bitrix24: {plan.kind} {number} is {_where(plan)}", record)
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
        wanted = {name: self._layout.table(entity, name) for name in tables}
        found = self._finder.records(plan, where, ids, changed_since)
        rows = self._finder.rows_of_many(wanted, [number_in(raw.get("id")) for raw in found])
        return [one for one in self._records(plan, found, wanted, rows) if not one.elsewhere]

    def existing(self, entity: str, ids: Iterable[str]) -> frozenset[str]:
        plan = self._layout.plan(entity)
        params = self._finder.params(plan, {}, ["id"], everywhere=True)
        found = self._client.chosen("crm.item.list", params, [number_of(one) for one in ids])
        return frozenset(str(number_in(raw.get("id"))) for raw in found)

    def changed(self, since: Mapping[str, datetime]) -> list[Changed]:
        return self._changes.since(since)

    def owner_of(self, entity: str, row_id: str) -> str:
        return self._changes.owner_of(entity, row_id)

    def missing(self) -> list[MissingItem]:
        self._layout.forget()
        return find_missing(self._layout, self._client)

    def link(self, entity: str, record_id: str) -> str:
        return f"{self._site}{self._layout.address(entity)}{number_of(record_id)}/"

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
        plan, number = self._layout.plan(entity), number_of(record_id)
        link = self.link(entity, record_id)
        return put_comment(self._client, plan, number, text, to=to, key=key, maybe_done=maybe_done, link=link)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _read(self, plan: EntityPlan, number: int, tables: Mapping[str, TablePlan]) -> tuple[Raw, dict[str, list[Raw]]]:
        """The record and its rows as one request, further ones only for more than a page of rows."""
        queries = {name: self._finder.rows_query(table, [number]) for name, table in tables.items()}
        one = ("crm.item.get", {"entityTypeId": plan.entity_type, "id": number, **ORIGINAL})
        response = self._client.batch([one, *(query.page() for query in queries.values())])
        raw = item_of(response[0].get())
        if not raw:
            raise NotFound(f"bitrix24: there is no {plan.kind} {number}")
        rows: dict[str, list[Raw]] = {}
        for (name, query), outcome in zip(queries.items(), response[1:], strict=True):
            rows[name] = list(listed(outcome.get(), "items"))
            if len(rows[name]) >= PAGE_ROWS:
                rows[name] = list(self._client.all(query.method, query.params))
        return raw, rows

    def _records(
        self,
        plan: EntityPlan,
        raws: list[Raw],
        tables: Mapping[str, TablePlan],
        rows: Mapping[str, Mapping[int, list[Raw]]],
    ) -> list[Record]:
        strangers = {raw.get("stageId") for raw in raws} - {None, "", *plan.stages.keys} if plan.map.stage else set()
        outdated = bool(strangers) and self._layout.outdated()
        if outdated or (self._is_new(plan, raws, tables, rows) and self._layout.doubt()):
            plan = self._layout.plan(plan.entity)
            tables = {name: self._layout.table(plan.entity, name) for name in tables}
        values = [records.read(plan.slots, raw, self._zone) for raw in raws]
        made: dict[str, dict[int, list[tuple[str, dict[str, Value]]]]] = {
            name: {
                number: [(str(number_in(raw.get("id"))), records.read(tables[name].slots, raw, self._zone)) for raw in found]
                for number, found in rows[name].items()
            }
            for name in tables
        }
        self._names.fill([
            *((plan.slots, one) for one in values),
            *((tables[name].slots, one) for name in made for found in made[name].values() for _key, one in found),
        ])  # fmt: skip
        return [
            records.record(
                plan, raw, one,
                {name: tuple(Row(*row) for row in made[name].get(number_in(raw.get("id")), ())) for name in tables},
                self._zone, self._site,
            )
            for raw, one in zip(raws, values, strict=True)
        ]  # fmt: skip

    @staticmethod
    def _is_new(
        plan: EntityPlan,
        raws: list[Raw],
        tables: Mapping[str, TablePlan],
        rows: Mapping[str, Mapping[int, list[Raw]]],
    ) -> bool:
        """Whether something stands at a stage, or holds a list's value, that staff made since we read the portal."""
        codes: set[Any] = {raw.get("stageId") for raw in raws} if plan.map.stage else set()
        if codes - {None, ""} - set(plan.stages.names) or records.strange(plan.slots, raws):
            return True
        return any(records.strange(tables[name].slots, found) for name in tables for found in rows[name].values())


def _where(plan: EntityPlan) -> str:
    """In words, what a record is that stands outside of what the set names."""
    if plan.kind == "company":
        return "one of the portal's own companies"
    return f"not of the type «{plan.map.object}»" if plan.sort else "not in a pipeline that the mapping set names"
