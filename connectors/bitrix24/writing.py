"""Writes of records and rows. The answer shows the whole record, so it is compared with what was sent: Bitrix24 ignores
fields it does not know without a word. None is repeated; a repeat that the caller makes looks for an earlier one's work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connectors.bitrix24 import records
from connectors.bitrix24.client import Client
from connectors.bitrix24.layout import APPLY, EntityPlan, Layout, Slot, TablePlan
from connectors.bitrix24.records import ORIGINAL, Raw, item_of
from connectors.bitrix24.search import Finder
from connectors.bitrix24.values import number_in, number_of
from connectors.bitrix24.work import moves_of
from kernel.crm import Value, Values
from kernel.errors import Fault, Misconfigured, NoRight, NotFound, Rejected, Unverified

LINES_OF_ONE_SAVE = 6
ONE_SAVE = timedelta(seconds=10)


class Writer:
    """Writes into one portal."""

    def __init__(self, client: Client, layout: Layout, finder: Finder, zone: ZoneInfo) -> None:
        self._client, self._layout, self._finder, self._zone = client, layout, finder, zone

    # --- records ----------------------------------------------------------------------------------------------------

    def create(self, entity: str, values: Values, *, key: str, maybe_done: bool, stage: str | None = None) -> str:
        plan = self._layout.plan(entity)
        if not plan.map.key:
            raise Misconfigured(f"mapping set: entity «{entity}» names no key, so it could be made twice")
        keyed = plan.slots[plan.map.key]
        self._require_key(keyed, entity)
        # A key kept in a system field is what is asked for there, if something is.
        ours: Value = values.get(plan.map.key) or key if keyed.system else key
        sent = records.known(plan.slots, {**values, plan.map.key: ours}, f"entity «{entity}»", self._zone)
        if maybe_done:
            found = self._finder.records(plan, {plan.map.key: ours}, None, None)
            if found:
                number = number_in(found[0].get("id"))
                self._repair(plan, number, sent, found[0])
                return str(number)
        begins = self._stage_fields(plan, stage)[0] if stage is not None else _initial_stage(plan)
        fields = {**begins, **records.body(plan.slots, sent, {}, self._zone)}
        item = self._add(plan.entity_type, fields, plan.labels)
        with after_create():
            self._check(plan, number_in(item["id"]), sent, item, made_with=plan.map.key)
        return str(number_in(item["id"]))

    def update(self, entity: str, record_id: str, values: Values, *, stage: str | None = None) -> None:
        plan, number = self._layout.plan(entity), number_of(record_id)
        sent = records.known(plan.slots, values, f"entity «{entity}»", self._zone)
        if sent or stage is not None:
            self._update(plan, number, sent, stage)

    def _update(self, plan: EntityPlan, number: int, sent: Values, stage: str | None) -> None:
        present: Raw = {}
        if any(system.needs_present for name in sent if (system := plan.slots[name].system)):
            present = item_of(self._client.call("crm.item.get", self._one(plan.entity_type, number)))
        fields = records.body(plan.slots, sent, present, self._zone)
        code = ""
        if stage is not None:
            begins, code = self._stage_fields(plan, stage)
            fields |= begins
        item = self._change(plan.entity_type, number, fields, plan.labels) if fields else present
        self._check(plan, number, sent, item, code=code)

    def _stage_fields(self, plan: EntityPlan, stage: str) -> tuple[Raw, str]:
        """What puts a record at that stage, and the stage's code. A stage of another pipeline would be ignored without its
        pipeline."""
        category, code = self.stage(plan, stage)
        return {"stageId": code, **({"categoryId": category} if plan.map.pipeline else {})}, code

    def stage(self, plan: EntityPlan, stage: str) -> tuple[int, str]:
        """The pipeline and the code of our stage."""
        if stage not in plan.map.stage:
            raise Misconfigured(f"mapping set: entity «{plan.entity}» has no stage «{stage}»")
        if stage not in plan.stages.codes:
            self._layout.forget()
            raise Misconfigured(f"bitrix24: there is no stage «{plan.map.stage[stage].label}» (stage «{stage}»): {APPLY}")
        return plan.stages.codes[stage]

    def _repair(self, plan: EntityPlan, number: int, sent: Values, raw: Raw) -> None:
        """An earlier try made the record; whatever of it did not stick is written once more."""
        missing = {name: sent[name] for name in records.differing(plan.slots, sent, raw, self._zone)}
        if missing:
            self._update(plan, number, missing, None)

    def _check(self, plan: EntityPlan, number: int, sent: Values, item: Raw, *, code: str = "", made_with: str = "") -> None:
        if "fm" not in item and any(system.multi for name in sent if (system := plan.slots[name].system)):
            item = item_of(self._client.call("crm.item.get", self._one(plan.entity_type, number)))
        different = records.differing(plan.slots, sent, item, self._zone)
        _require_key_stored(made_with, different, f"{plan.kind} {number}")
        message = list(different.values())
        stands = str(item.get("stageId") or "")
        if code and stands != code and not self._moved_on(plan, number, code):
            message.append(f"stage (it is «{plan.stages.names.get(stands, stands)}»)")
        self._unverified(f"{plan.kind} {number}", message)

    def _moved_on(self, plan: EntityPlan, number: int, code: str) -> bool:
        """The stage was written, and a robot moved the record on before the answer: the history shows both. Written again,
        it would only be moved on again; what to do about that is not for us to say."""
        lines = moves_of(self._client, plan, number, self._zone) or []
        newest = lines[-LINES_OF_ONE_SAVE:]
        return any(line.stage == plan.stages.keys.get(code) and newest[-1].at - line.at < ONE_SAVE for line in newest[:-1])

    # --- rows -------------------------------------------------------------------------------------------------------

    def add_row(self, entity: str, record_id: str, table: str, values: Values, *, key: str, maybe_done: bool) -> str:
        rows, number = self._layout.table(entity, table), number_of(record_id)
        self._require_key(rows.slots[rows.key], f"{entity}.{table}")
        sent = records.known(rows.slots, {**values, rows.key: key}, f"table «{table}»", self._zone)
        if maybe_done:
            found = self._finder.row_with_key(rows, number, key)
            if found:
                row_key = number_in(found.get("id"))
                missing = {name: sent[name] for name in records.differing(rows.slots, sent, found, self._zone)}
                if missing:
                    self._update_row(rows, row_key, missing)
                return str(row_key)
        fields = {rows.parent: number, **records.body(rows.slots, sent, {}, self._zone)}
        item = self._add(rows.entity_type, fields, rows.labels)
        with after_create():
            self._check_row(rows, item, sent, made_with=rows.key)
            if number_in(item.get(rows.parent)) != number:
                message = f"bitrix24: row {item['id']} of «{rows.label}» does not belong to {entity} {number}"
                raise Unverified(message, maybe_done=True)
        return str(number_in(item["id"]))

    def update_row(self, entity: str, record_id: str, table: str, row_key: str, values: Values) -> None:
        rows = self._layout.table(entity, table)
        sent = records.known(rows.slots, values, f"table «{table}»", self._zone)
        number_of(record_id)
        if sent:
            self._update_row(rows, number_of(row_key), sent)

    def _update_row(self, rows: TablePlan, row_key: int, sent: Values) -> None:
        fields = records.body(rows.slots, sent, {}, self._zone)
        self._check_row(rows, self._change(rows.entity_type, row_key, fields, rows.labels), sent)

    def _check_row(self, rows: TablePlan, item: Raw, sent: Values, made_with: str = "") -> None:
        different = records.differing(rows.slots, sent, item, self._zone)
        what = f"row {item.get('id')} of «{rows.label}»"
        _require_key_stored(made_with, different, what)
        self._unverified(what, list(different.values()))

    # --- inside -----------------------------------------------------------------------------------------------------

    def _one(self, entity_type: int, number: int) -> dict[str, Any]:
        return {"entityTypeId": entity_type, "id": number, **ORIGINAL}

    def _add(self, entity_type: int, fields: Mapping[str, Any], labels: Mapping[str, str]) -> Raw:
        with self._sending(labels):
            params = {"entityTypeId": entity_type, "fields": fields, **ORIGINAL}
            item = item_of(self._client.call("crm.item.add", params, writes=True))
        if not number_in(item.get("id")):
            raise Unverified("bitrix24: an answer without the number of what was made", maybe_done=True)
        return item

    def _change(self, entity_type: int, number: int, fields: Mapping[str, Any], labels: Mapping[str, str]) -> Raw:
        with self._sending(labels):
            params = {**self._one(entity_type, number), "fields": fields}
            return item_of(self._client.call("crm.item.update", params, writes=True))

    @contextmanager
    def _sending(self, labels: Mapping[str, str]) -> Iterator[None]:
        """A refusal may mean that the portal was rebuilt: it is read anew next time. Fields are named as staff see them."""
        try:
            yield
        except (NotFound, NoRight):
            raise
        except Rejected as exc:
            self._layout.forget()
            raise Rejected(
                in_words(str(exc), labels), vendor_code=exc.vendor_code, request_id=exc.request_id
            ) from exc  # fmt: skip

    def _unverified(self, what: str, message: list[str]) -> None:
        if message:
            self._layout.forget()
            raise Unverified(f"bitrix24: {what} does not show what was written: {', '.join(message)}", maybe_done=True)

    def _require_key(self, slot: Slot, where: str) -> None:
        """Before anything is made: without its key, a lost answer would mean a second one."""
        if not slot.usable:
            self._layout.forget()
            raise Misconfigured(f"bitrix24: {where} has no field «{slot.title}» for our key: {APPLY}")


@contextmanager
def after_create() -> Iterator[None]:
    """What fails in here fails after something was made: a repeat has to look for it first."""
    try:
        yield
    except Rejected as exc:
        raise Unverified(f"bitrix24: what was made cannot be read: {exc}", maybe_done=True) from exc
    except Fault as exc:
        exc.maybe_done = True
        raise


def in_words(text: str, labels: Mapping[str, str]) -> str:
    """The portal's words with codes of fields replaced by what staff see."""
    for code in sorted(labels, key=len, reverse=True):
        if code.startswith("UF_") and code in text and labels[code] != code:
            text = text.replace(code, f"«{labels[code]}»")
    return text


def _initial_stage(plan: EntityPlan) -> dict[str, Any]:
    """Where a new record begins: at a stage that says so, else at the portal's own choice in the first pipeline; a contact
    with the type that the set names."""
    for stage_key, stage in plan.map.stage.items():
        if stage.start and stage_key in plan.stages.codes:
            category, code = plan.stages.codes[stage_key]
            return {"stageId": code, **({"categoryId": category} if plan.pipelines else {})}
    if plan.sort:
        return {"typeId": plan.sort}
    return {"categoryId": next(iter(plan.pipelines.values()))} if plan.pipelines else {}


def _require_key_stored(key: str, different: Mapping[str, str], what: str) -> None:
    """A record without our key would not be found by a repeat, which would then make one more."""
    if key and key in different:
        raise Misconfigured(f"bitrix24 made {what} but did not keep our key: {different[key]}")
