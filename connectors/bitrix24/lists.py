"""Elements of universal lists: written by their code, so that no number has to be known; fifty a request, of any lists.

`lists.element.update` empties whatever is not sent, so each change sends all there is. `lists.element.add` refuses a code
that is there: then an earlier answer was lost, or somebody else made it, and it is updated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from connectors.bitrix24 import limits
from connectors.bitrix24.client import Client
from connectors.bitrix24.commands import Call, Outcome
from connectors.bitrix24.layout import APPLY, Layout
from connectors.bitrix24.marks import clean, line
from connectors.bitrix24.setup_lists import BLOCK, CARD, FLAG, find_list_fields, find_lists, list_fields
from connectors.bitrix24.setup_model import ListField, Memory
from connectors.bitrix24.setup_reading import list_fields_in, lists_in
from connectors.bitrix24.values import LINKS, Option, PortalField, from_wire, number_of, to_wire
from kernel.crm import ListChange, ListElement, Lists, Start, Value
from kernel.errors import BadInput, Fault, Misconfigured, NotFound, Rejected
from kernel.http import RateLimit, background
from kernel.mapping import FieldMap, ListMap
from kernel.values import parse_decimal

ADD, UPDATE, DELETE = "lists.element.add", "lists.element.update", "lists.element.delete"
GET = "lists.element.get"
ALREADY_THERE = "ERROR_ELEMENT_ALREADY_EXISTS"
TYPES: Mapping[str, str] = {
    "S": "string", "S:HTML": "string", "S:Money": "string", "N": "double", "S:Date": "date", "S:DateTime": "datetime",
    "L": "enumeration", "S:ECrm": "crm", "S:employee": "employee",
}  # fmt: skip


@dataclass(frozen=True)
class _Slot:
    map: FieldMap
    portal: PortalField


@dataclass(frozen=True)
class _Plan:
    """A list as this portal has it."""

    map: ListMap
    id: str
    slots: Mapping[str, _Slot]  #: by our key
    card: PortalField | None

    def where(self, code: str = "") -> dict[str, Any]:
        return {"IBLOCK_TYPE_ID": BLOCK, "IBLOCK_ID": self.id, **({"ELEMENT_CODE": code} if code else {})}


class BitrixLists(Lists):
    at_once = limits.BATCH_COMMANDS_MAX

    def __init__(self, client: Client, layout: Layout, zone: ZoneInfo, rate_limit: RateLimit | None) -> None:
        self._client, self._layout, self._zone = client, layout, zone
        self.every_seconds = 1 / (rate_limit.per_second * limits.LISTS_SHARE_MAX) if rate_limit else 0.0

    # --- writing ----------------------------------------------------------------------------------------------------

    def write(self, changes: Sequence[ListChange]) -> list[Fault | None]:
        plans = {name: self._plan(name) for name in {one.element.list for one in changes}}
        found: list[Fault | None] = [None] * len(changes)
        calls: dict[int, Call] = {}
        for place, change in enumerate(changes):
            try:
                calls[place] = self._call(plans[change.element.list], change)
            except BadInput as exc:  # not what its field can hold: asking again will not help
                found[place] = Rejected(str(exc))
        for place, fault in self._sent(calls).items():
            found[place] = fault
        again = {place: self._otherwise(plans[one.element.list], one) for place, one in enumerate(changes)
                 if self._is_otherwise(one, found[place])}  # fmt: skip
        for place, fault in self._sent(again).items():
            found[place] = fault
        for place, fault in enumerate(found):
            if changes[place].drop and isinstance(fault, NotFound):
                found[place] = None
            elif fault is not None and fault.vendor_code == "ERROR_IBLOCK_NOT_FOUND":
                self._layout.forget()
        return found

    def _sent(self, calls: Mapping[int, Call]) -> dict[int, Fault | None]:
        if not calls:
            return {}
        with background():
            outcomes = self._client.batch(list(calls.values()), writes=True, patient=False)
        return {place: outcome.fault for place, outcome in zip(calls, outcomes, strict=True)}

    def _call(self, plan: _Plan, change: ListChange) -> Call:
        where = plan.where(change.element.code)
        if change.drop:
            return DELETE, where
        return (UPDATE if change.there else ADD), {**where, "FIELDS": self._fields(plan, change.element)}

    @staticmethod
    def _is_otherwise(change: ListChange, fault: Fault | None) -> bool:
        """Whether an element is there although we did not know, or gone although we thought it there."""
        if change.drop or fault is None:
            return False
        return isinstance(fault, NotFound) if change.there else fault.vendor_code == ALREADY_THERE

    def _otherwise(self, plan: _Plan, change: ListChange) -> Call:
        return self._call(plan, ListChange(change.element, there=not change.there))

    def _fields(self, plan: _Plan, element: ListElement) -> dict[str, Any]:
        name = line(element.name)[: limits.ELEMENT_NAME_CHARACTERS_MAX] or element.code
        fields: dict[str, Any] = {"NAME": name}
        for key, value in element.values.items():
            if key not in plan.slots:
                raise BadInput(f"the list «{plan.map.label}» has no field «{key}»", field=key)
            if value is not None and value != "":
                fields[plan.slots[key].portal.code] = self._wired(plan.slots[key], value)
        if plan.card is not None and element.entity:
            number = number_of(element.record_id.rpartition(":")[2])
            several = len(plan.card.links) != 1
            fields[plan.card.code] = f"{LINKS[element.entity]}_{number}" if several else str(number)
        return fields

    def _wired(self, slot: _Slot, value: Value) -> Any:
        """Days and moments as the portal itself shows them: a list takes no `T` between them."""
        title = slot.map.name
        if isinstance(value, bool):
            value = FLAG["yes" if value else "no"]
        if isinstance(value, datetime) and slot.portal.type == "datetime":
            return f"{value.astimezone(self._zone):%d.%m.%Y %H:%M:%S}"
        if isinstance(value, date) and slot.portal.type in ("date", "datetime"):
            day = value.astimezone(self._zone) if isinstance(value, datetime) else value
            return f"{day:%d.%m.%Y}"
        if isinstance(value, str) and slot.portal.type == "enumeration":
            return to_wire(slot.portal, slot.map.values.get(value, value), self._zone, title, hint=value)
        return to_wire(slot.portal, clean(value) if isinstance(value, str) else value, self._zone, title)

    # --- reading ----------------------------------------------------------------------------------------------------

    def codes(self, starts: Sequence[Start]) -> list[frozenset[str]]:
        calls = [(GET, {**self._query(start), "SELECT": ["ID", "CODE"]}) for start in starts]
        return [frozenset(_code(raw) for raw in raws) for raws in self._every(calls, starts)]

    def read(self, start: Start) -> list[ListElement]:
        [raws] = self._every([(GET, self._query(start))], [start])
        plan = self._plan(start.list)
        return sorted((self._element(plan, raw) for raw in raws), key=lambda one: one.code)

    def _query(self, start: Start) -> dict[str, Any]:
        where = self._plan(start.list).where()
        return {**where, "FILTER": {"=%CODE": f"{start.code}%"}, "ELEMENT_ORDER": {"ID": "asc"}}

    def _every(self, calls: Sequence[Call], starts: Sequence[Start]) -> list[list[dict[str, Any]]]:
        """All pages: the first ones of all together, then the further ones."""
        with background():
            first = self._client.batch(calls, patient=False)
        found = [_rows(outcome) for outcome in first]
        more = [
            (place, (method, {**params, "start": start}))
            for place, (method, params) in enumerate(calls)
            for start in (range(limits.PAGE_ROWS, first[place].total or 0, limits.PAGE_ROWS) if first[place].next else ())
        ]
        for (place, _call), outcome in zip(more, self._client.batch([call for _place, call in more]), strict=True):
            found[place] += _rows(outcome)
        # To SQL `_` means any character.
        return [
            [raw for raw in raws if _code(raw).startswith(start.code)] for raws, start in zip(found, starts, strict=True)
        ]  # fmt: skip

    def _element(self, plan: _Plan, raw: Mapping[str, Any]) -> ListElement:
        values: dict[str, Value] = {}
        for key, slot in plan.slots.items():
            value = self._read(slot, _plain(raw.get(slot.portal.code)))
            if value is not None:
                values[key] = value
        entity, record_id = _card(plan.card, _plain(raw.get(plan.card.code)) if plan.card else None)
        return ListElement(plan.map.name, _code(raw), str(raw.get("NAME") or ""), values, entity, record_id)

    def _read(self, slot: _Slot, raw: Any) -> Value:
        value = from_wire(slot.portal, raw, self._zone)
        if slot.map.type == "decimal" and isinstance(value, str):
            try:
                return parse_decimal(value)
            except BadInput:
                return value
        if slot.map.type == "bool" and isinstance(value, str):
            return value == FLAG["yes"]
        if slot.map.type == "choice" and isinstance(value, str):
            return next((key for key, label in slot.map.values.items() if label == value), value)
        return value

    # --- where it is ------------------------------------------------------------------------------------------------

    def _plan(self, name: str) -> _Plan:
        if name not in self._layout.mapping.lists:
            raise Misconfigured(f"the mapping set names no list «{name}»")
        return self._layout.remember(("list", name), lambda kept: self._made(name, Memory(kept)))

    def _made(self, name: str, memory: Memory) -> _Plan:
        mapping = self._layout.mapping
        one = mapping.lists[name]
        here = lists_in(self._client.call("lists.get", {"IBLOCK_TYPE_ID": BLOCK}))
        found = find_lists(mapping, here, memory).get(name)
        if found is None:
            raise Misconfigured(f"bitrix24: there is no list «{one.label}»: {APPLY}")
        fields = self._client.call("lists.field.get", {"IBLOCK_TYPE_ID": BLOCK, "IBLOCK_ID": found.id})
        wanted = list_fields(one, mapping.portal.language)
        known = find_list_fields(one, wanted, list_fields_in(fields), memory)
        missing = [field.label for key, field in wanted.items() if key not in known]
        if missing:
            raise Misconfigured(f"bitrix24: the list «{one.label}» has no field «{missing[0]}»: {APPLY}")
        slots = {key: _Slot(one.field[key], _field(known[key])) for key in one.field}
        return _Plan(one, found.id, slots, _field(known[CARD.lower()]) if one.link else None)


def _field(field: ListField) -> PortalField:
    options = tuple(Option(number, text) for number, text in field.options.items())
    return PortalField(
        field.id, TYPES.get(field.type, "string"), field.name, field.multiple, options=options, settings=field.settings
    )  # fmt: skip


def _rows(outcome: Outcome) -> list[dict[str, Any]]:
    value = outcome.get()
    return [raw for raw in value if isinstance(raw, dict)] if isinstance(value, list) else []


def _code(raw: Mapping[str, Any]) -> str:
    return str(raw.get("CODE") or "")


def _plain(raw: Any) -> Any:
    """A property comes as `{number of the value: value}`, even where it has one."""
    if not isinstance(raw, dict):
        return raw
    values = list(raw.values())
    return values[0] if len(values) == 1 else values


def _card(field: PortalField | None, raw: Any) -> tuple[str, str]:
    if field is None or not raw:
        return "", ""
    letter, _, number = str(raw).rpartition("_")
    if not letter:
        return (field.links[0] if len(field.links) == 1 else ""), number
    return next((kind for kind, one in LINKS.items() if one == letter), ""), number


__all__ = ["BitrixLists"]
