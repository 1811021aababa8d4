"""Writes of records and rows. Each is read back, since Planfix says «success» to what it then drops; none is repeated,
and a repeat that the caller makes looks first for what an earlier try may have made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from zoneinfo import ZoneInfo

from connectors.planfix import limits, records
from connectors.planfix.client import Client, Raw, Written
from connectors.planfix.layout import EntityPlan, Layout, Slot, TablePlan, status_names
from connectors.planfix.records import number_in
from connectors.planfix.search import Finder
from connectors.planfix.values import number_of
from kernel.clock import Clock
from kernel.crm import Value, Values
from kernel.errors import Fault, Misconfigured, Rejected, Unverified


class Writer:
    """Writes into one portal."""

    def __init__(self, client: Client, layout: Layout, finder: Finder, clock: Clock, zone: ZoneInfo) -> None:
        self._client, self._layout, self._finder, self._clock, self._zone = client, layout, finder, clock, zone

    # --- records ----------------------------------------------------------------------------------------------------

    def create(self, entity: str, values: Values, *, key: str, maybe_done: bool, stage: str | None = None) -> str:
        plan = self._layout.plan(entity)
        if not plan.map.key:
            raise Misconfigured(f"mapping set: entity «{entity}» names no key, so it could be made twice")
        keyed = plan.slots[plan.map.key]
        self._require_key(keyed, entity)
        # A key kept in the name is the name that is asked for, where there is one.
        ours: Value = values.get(plan.map.key) or key if keyed.system else key
        sent = records.known(plan.slots, {**values, plan.map.key: ours}, f"entity «{entity}»", self._zone)
        if maybe_done:
            found = self._finder.records(plan, {plan.map.key: ours}, None, None)
            if found:
                number = number_in(found[0].get("id"))
                self._repair(plan, number, sent, found[0])
                return records.record_id(plan, number)
        body: dict[str, Any] = {"name": plan.map.object or entity, **self._body(plan, sent, {})}
        if plan.kind == "task":
            body["object"] = body["template"] = {"id": plan.object_id}
            if stage is not None:
                body["status"] = {"id": self._layout.status_id(plan, stage)}
        elif template := self._layout.template_id(plan.map):
            body["template"] = {"id": template}
        with self._sending():
            number = self._client.create(plan.kind, body)
        with after_create():
            self._check(plan, number, sent, None, Written(), made_with=plan.map.key)
        return records.record_id(plan, number)

    def update(self, entity: str, record_id: str, values: Values, *, stage: str | None = None) -> None:
        plan, number = self._layout.plan(entity), number_of(record_id)
        sent = records.known(plan.slots, values, f"entity «{entity}»", self._zone)
        if sent or stage is not None:
            self._update(plan, number, sent, stage)

    def _update(self, plan: EntityPlan, number: int, sent: Values, stage: str | None) -> None:
        present: Raw = {}
        asked = {n: plan.slots[n] for n in sent if (system := plan.slots[n].system) and system.needs_present}
        if asked:
            present = self._client.record(plan.kind, number, records.asks(asked, ["id"]))
        body = self._body(plan, sent, present)
        if stage is not None:
            body |= self._put_at(plan, number, stage)
        # Figures we keep up to date need no notice and no line in the log; a new stage or a new person in charge does.
        silent = stage is None and not records.concerns_people(plan.slots, sent)
        with self._sending():
            written = self._client.update(plan.kind, number, body, silent=silent)
        self._check(plan, number, sent, stage, written)

    def _put_at(self, plan: EntityPlan, number: int, stage: str) -> Raw:
        """A stage is one of the entity's object, so a task that stands under another is put under that one again."""
        stands = self._client.record(plan.kind, number, ("id", "object", "template"))
        body: Raw = {"status": {"id": self._layout.status_id(plan, stage)}}
        if records.stands_elsewhere(plan, stands):
            return {**body, "object": {"id": plan.object_id}, "template": {"id": plan.object_id}}
        return body

    def _repair(self, plan: EntityPlan, number: int, sent: Values, raw: Raw) -> None:
        """An earlier try made the record; whatever of it did not stick is written once more."""
        missing = {name: sent[name] for name in records.differing(plan.slots, sent, raw, self._zone)}
        if missing:
            self._update(plan, number, missing, None)

    def _body(self, plan: EntityPlan, sent: Values, present: Raw) -> dict[str, Any]:
        body = records.system_part(plan.slots, sent, present)
        custom = records.custom_part(plan.slots, sent, self._zone)
        return {**body, "customFieldData": custom} if custom else body

    def _check(
        self, plan: EntityPlan, number: int, sent: Values, stage: str | None, written: Written, made_with: str = ""
    ) -> None:
        slots = {name: plan.slots[name] for name in sent}
        fields = records.asks(slots, ("id", "status", "object", "template") if stage is not None else ("id",))

        def differs() -> list[str]:
            raw = self._client.record(plan.kind, number, fields)
            different = records.differing(slots, sent, raw, self._zone)
            _require_key_stored(made_with, different, f"{plan.kind} {number}")
            response = list(different.values())
            if stage is not None and stage not in map(plan.map.stage_of, status_names(raw.get("status"))):
                response.append(f"status (it is «{next(iter(status_names(raw.get('status'))), '?')}»)")
            if stage is not None and records.stands_elsewhere(plan, raw):
                response.append(f"object (it is not «{plan.map.object}»: put it back by hand, REST does not do it here)")
            return response

        self._verify(f"{plan.kind} {number}", differs, written)

    def _verify(self, what: str, differs: Callable[[], list[str]], written: Written) -> None:
        """Read back; after a 202 with growing pauses, since the change waits for a script to end."""
        for pause in (0.0, *(limits.QUEUED_PAUSES_SECONDS if written.queued else ())):
            if pause:
                self._clock.sleep(pause)
            response = differs()
            if not response:
                return
        self._layout.forget()
        late = "; Planfix has put the change into its queue" if written.queued else ""
        named = f"; Planfix names {', '.join(written.failures)}" if written.failures else ""
        raise Unverified(
            f"planfix: {what} does not show what was written: {', '.join(response)}{named}{late}", maybe_done=True
        )

    # --- rows -------------------------------------------------------------------------------------------------------

    def add_row(self, entity: str, record_id: str, table: str, values: Values, *, key: str, maybe_done: bool) -> str:
        plan, number, rows = self._layout.plan(entity), number_of(record_id), self._layout.table(entity, table)
        self._require_key(rows.slots[rows.key], f"{entity}.{table}")
        sent = records.known(rows.slots, {**values, rows.key: key}, f"table «{table}»", self._zone)
        if maybe_done:
            found = self._finder.rows_of(plan, rows, number, key)
            if found:
                row_key = number_in(found[0].get("key"))
                missing = {name: sent[name] for name in records.differing(rows.slots, sent, found[0], self._zone)}
                if missing:
                    self._update_row(plan, rows, number, row_key, missing)
                return str(row_key)
        with self._sending():
            row_key = self._client.add_row(plan.kind, number, rows.id, records.custom_part(rows.slots, sent, self._zone))
        with after_create():
            self._check_row(plan, rows, number, row_key, sent, Written(), made_with=rows.key)
        return str(row_key)

    def update_row(self, entity: str, record_id: str, table: str, row_key: str, values: Values) -> None:
        plan, rows = self._layout.plan(entity), self._layout.table(entity, table)
        sent = records.known(rows.slots, values, f"table «{table}»", self._zone)
        if sent:
            self._update_row(plan, rows, number_of(record_id), number_of(row_key), sent)

    def _update_row(self, plan: EntityPlan, rows: TablePlan, number: int, row_key: int, sent: Values) -> None:
        with self._sending():
            written = self._client.update_row(row_key, records.custom_part(rows.slots, sent, self._zone))
        self._check_row(plan, rows, number, row_key, sent, written)

    def _check_row(
        self,
        plan: EntityPlan,
        rows: TablePlan,
        number: int,
        row_key: int,
        sent: Values,
        written: Written,
        made_with: str = "",
    ) -> None:
        slots = {name: rows.slots[name] for name in sent}

        def differs() -> list[str]:
            try:
                raw = self._client.row(row_key, records.asks(slots, records.ROW_ASKS))
            except Rejected:  # the single row is described contradictorily; the list is not
                listed = self._finder.rows_of(plan, rows, number)
                raw = next((one for one in listed if number_in(one.get("key")) == row_key), {})
            different = records.differing(slots, sent, raw, self._zone)
            _require_key_stored(made_with, different, f"row {row_key}")
            return list(different.values())

        self._verify(f"row {row_key} of «{rows.label}»", differs, written)

    @contextmanager
    def _sending(self) -> Iterator[None]:
        """A refusal may mean that the portal was rebuilt: its numbers are asked anew the next time."""
        try:
            yield
        except Rejected:
            self._layout.forget()
            raise

    def _require_key(self, slot: Slot, where: str) -> None:
        """Before anything is made: without its key, a lost answer would mean a second one."""
        if not slot.system and (slot.portal is None or not slot.attached):
            self._layout.forget()
            raise Misconfigured(
                f"planfix: {where} has no place for our key in «{slot.title}»: {records.why(slot, empty=True)}"
            )


@contextmanager
def after_create() -> Iterator[None]:
    """What fails in here fails after something was made: a repeat has to look for it first."""
    try:
        yield
    except Rejected as exc:
        raise Unverified(f"planfix: what was made cannot be read: {exc}", maybe_done=True) from exc
    except Fault as exc:
        exc.maybe_done = True
        raise


def _require_key_stored(key: str, different: Mapping[str, str], what: str) -> None:
    """A record without our key would not be found by a repeat, which would then make one more."""
    if key and key in different:
        raise Misconfigured(f"planfix made {what} but did not keep our key: {different[key]}")
