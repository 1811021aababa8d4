"""Records of the CRM, kind by kind, with the indexes that keep thousands of them quick."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.bitrix24 import filters, formats
from sandbox.bitrix24.crm import tables
from sandbox.bitrix24.crm.fields import Field, table
from sandbox.bitrix24.registry import RestError
from sandbox.bitrix24.state import Portal

LEAD, DEAL, CONTACT, COMPANY = 1, 2, 3, 4
Record = dict[str, Any]
MULTI = ("PHONE", "EMAIL", "WEB", "IM", "LINK")


@dataclass(eq=False)
class Kind:
    """One kind of record: deals, contacts, a smart process …"""

    type_id: int
    code: str  #: DEAL, or DYNAMIC_1040
    short: str  #: D, or T410
    fields: dict[str, Field]
    uf_entity: str  #: CRM_DEAL, or CRM_7
    event: str  #: ONCRMDEAL, or ONCRMDYNAMICITEM
    title: str = ""
    stage: str = ""  #: name of the field with the stage; empty = no stages
    categories: bool = False
    multi: bool = False  #: has phones and e-mails
    records: dict[int, Record] = field(default_factory=dict)
    ids: list[int] = field(default_factory=list)  #: sorted
    index: dict[str, dict[Any, set[int]]] = field(default_factory=dict)
    required: list[tuple[str, frozenset[str]]] = field(default_factory=list)  #: field, stages at which it must be filled
    hidden: set[tuple[str, int]] = field(default_factory=set)  #: person and record: the roles do not show it to them

    @property
    def dynamic(self) -> bool:
        return self.type_id >= 128

    def by_camel(self) -> dict[str, Field]:
        return {wanted.camel: wanted for wanted in self.fields.values()}

    def named(self, common: str) -> str:
        """The name of a field all kinds have, in this kind: smart processes say CREATED_TIME for DATE_CREATE."""
        return DYNAMIC_NAMES.get(common, common) if self.dynamic else common

    # -- records

    def get(self, ident: Any) -> Record | None:
        number = formats.integer(ident)
        return self.records.get(number) if number is not None else None

    def put(self, record: Record) -> None:
        number = record["ID"]
        if number not in self.records:
            bisect.insort(self.ids, number)
        self.records[number] = record
        for name in self.indexed():
            self._enter(name, record.get(name), number)

    def change(self, record: Record, changes: Mapping[str, Any]) -> None:
        """Write values, keeping the indexes right."""
        for name, value in changes.items():
            if _is_indexed(name):
                self.index.get(name, {}).get(_key(record.get(name)), set()).discard(record["ID"])
                self._enter(name, value, record["ID"])
            record[name] = value

    def remove(self, record: Record) -> None:
        for name in self.indexed():
            self.index.get(name, {}).get(_key(record.get(name)), set()).discard(record["ID"])
        del self.records[record["ID"]]
        del self.ids[bisect.bisect_left(self.ids, record["ID"])]

    def indexed(self) -> list[str]:
        return [name for name in self.fields if _is_indexed(name)]

    def _enter(self, name: str, value: Any, number: int) -> None:
        if value not in (None, ""):
            self.index.setdefault(name, {}).setdefault(_key(value), set()).add(number)

    # -- looking for records

    def find(
        self, tree: Mapping[str, Any], order: Mapping[str, Any], zone: Any, *, groups: bool, first: int = 0
    ) -> list[Record]:
        """Matching records in order; `tree` in UPPER names. With `first`, only so many are needed."""
        rest = dict(tree)
        test_id_only = not order or list(order) == ["ID"]
        numbers = self._candidates(rest)
        if test_id_only and str(next(iter(order.values()), "ASC")).upper().startswith("DESC"):
            numbers = list(reversed(numbers))
        test = filters.compile_filter(rest, value_of, zone, groups) if rest else None
        found: list[Record] = []
        for record in self._records(numbers):
            if test is None or test(record):
                found.append(record)
                if first and test_id_only and len(found) == first:
                    return found
        return found if test_id_only else filters.order(found, order, value_of)

    def _records(self, numbers: list[int]) -> Iterator[Record]:
        return (self.records[number] for number in numbers)

    def _candidates(self, rest: dict[str, Any]) -> list[int]:
        """Narrow by what is indexed, taking those conditions out of `rest`; sorted numbers."""
        numbers: list[int] | None = None
        for key in list(rest):
            sign, name = filters.split(key)
            if name == "ID" and sign in ("=", "@"):
                wanted = {n for n in (formats.integer(item) for item in formats.items(rest.pop(key))) if n is not None}
                numbers = _both(numbers, sorted(wanted & self.records.keys()))
            elif name in self.index and sign in ("=", "@") and rest[key] not in (None, ""):
                known = self.index[name]
                hits = set().union(*(known.get(_key(item), set()) for item in formats.items(rest.pop(key))))
                numbers = _both(numbers, sorted(hits))
        low, high = 0, len(self.ids)
        for key in list(rest):
            sign, name = filters.split(key)
            bound = formats.integer(rest[key]) if name == "ID" and sign in (">", ">=", "<", "<=") else None
            if bound is not None:
                del rest[key]
                at = (bisect.bisect_right if sign in (">", "<=") else bisect.bisect_left)(self.ids, bound)
                low, high = (max(low, at), high) if sign.startswith(">") else (low, min(high, at))
        span = self.ids[low:high]
        return span if numbers is None else _both(numbers, span)


DYNAMIC_NAMES = {
    "DATE_CREATE": "CREATED_TIME", "DATE_MODIFY": "UPDATED_TIME", "CREATED_BY_ID": "CREATED_BY",
    "MODIFY_BY_ID": "UPDATED_BY", "MOVED_BY_ID": "MOVED_BY",
}  # fmt: skip


def _is_indexed(name: str) -> bool:
    return name in ("ORIGIN_ID", "XML_ID") or name.startswith("PARENT_ID_")


def _key(value: Any) -> str:
    return str(value).casefold()


def _both(one: list[int] | None, other: list[int]) -> list[int]:
    if one is None:
        return other
    if len(one) < len(other):
        kept = set(one)
        return [number for number in other if number in kept] if len(one) > 64 else _pick(one, other)
    kept = set(other)
    return [number for number in one if number in kept]


def _pick(few: list[int], many: list[int]) -> list[int]:
    found = []
    for number in few:
        at = bisect.bisect_left(many, number)
        if at < len(many) and many[at] == number:
            found.append(number)
    return found


def value_of(record: Record, name: str) -> Any:
    """A value for filters and order; phones and e-mails are lists of what is written in them."""
    if name in MULTI:
        return [item["value"] for item in record["FM"] if item["typeId"] == name]
    return record.get(name)


# -- all of it


@dataclass
class Crm:
    """The area of the CRM."""

    kinds: dict[int, Kind] = field(default_factory=dict)

    def by_uf_entity(self, entity: str) -> Kind | None:
        return next((kind for kind in self.kinds.values() if kind.uf_entity == entity), None)

    def by_code(self, code: str) -> Kind | None:
        """By `deal`, `DEAL`, `D`, `dynamic_1040`."""
        code = code.upper()
        return next((kind for kind in self.kinds.values() if code in (kind.code, kind.short)), None)


def crm(portal: Portal) -> Crm:
    """The CRM of a portal, with what every new one has."""
    area = portal.area(Crm)
    if not area.kinds:
        for made in (
            Kind(LEAD, "LEAD", "L", table(tables.LEAD), "CRM_LEAD", "ONCRMLEAD", "Лид", "STATUS_ID", multi=True),
            Kind(DEAL, "DEAL", "D", table(tables.DEAL), "CRM_DEAL", "ONCRMDEAL", "Сделка", "STAGE_ID", categories=True),
            Kind(CONTACT, "CONTACT", "C", table(tables.CONTACT), "CRM_CONTACT", "ONCRMCONTACT", "Контакт", multi=True),
            Kind(COMPANY, "COMPANY", "CO", table(tables.COMPANY), "CRM_COMPANY", "ONCRMCOMPANY", "Компания", multi=True),
        ):
            area.kinds[made.type_id] = made
    return area


def kind_of(portal: Portal, type_id: Any) -> Kind:
    """A kind by entityTypeId, or the typed dialect's refusal."""
    number = formats.integer(type_id)
    found = crm(portal).kinds.get(number) if number is not None else None
    if found is None:
        raise RestError(400, "NOT_FOUND", "Smart process not found")
    return found
