"""Elements of universal lists: lists.element.*, and the lists a CRM card shows by itself (contract, section 8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sandbox.bitrix24 import filters, lists
from sandbox.bitrix24.doors import BadRequest, door
from sandbox.bitrix24.formats import integer, items
from sandbox.bitrix24.list_values import CRM_PREFIXES, Property, WrongValue, comparable, points_to, written
from sandbox.bitrix24.lists import Element, UniversalList, find, mapping, missing, required
from sandbox.bitrix24.paging import page
from sandbox.bitrix24.registry import Call, Listed, RestError, method
from sandbox.bitrix24.state import Portal

if TYPE_CHECKING:
    from sandbox.bitrix24.server import Sandbox

SCOPE = lists.SCOPE
TEXTS = ("PREVIEW_TEXT", "DETAIL_TEXT")
#: What comes without a SELECT; the rest only when named.
SHOWN = ("ID", "NAME", "IBLOCK_SECTION_ID", "CREATED_BY", "CODE")
#: Types by which the portal does not sort (contract, section 8).
UNSORTED = ("S:Money", "S:ECrm", "S:DiskFile", "S:HTML")


@method("lists.element.add", scope=SCOPE)
def add(call: Call) -> int:
    required(call, "IBLOCK_TYPE_ID", "ELEMENT_CODE", "FIELDS")
    found = find(call, lists.ADD)
    fields = mapping(call.get("FIELDS"))
    if not fields.get("NAME"):
        raise missing("NAME")
    code = str(call.get("ELEMENT_CODE"))
    if any(element.code == code for element in found.elements.values()):
        raise RestError(400, "ERROR_ELEMENT_ALREADY_EXISTS", "Element already exists")
    area = lists.area(call.portal)
    made = Element(0, code, str(fields["NAME"]), call.client.user_id, lists.shown_now(call.portal))
    made.section = str(call.get("IBLOCK_SECTION_ID")) if call.get("IBLOCK_SECTION_ID") not in (None, "", 0, "0") else None
    _fill(call.portal, found, made, fields, "ERROR_ADD_ELEMENT")
    made.id = area.next("element")
    found.elements[made.id] = made
    return made.id


def _fill(portal: Portal, found: UniversalList, element: Element, fields: Mapping[str, Any], error: str) -> None:
    """Writes the whole element: a property that is not sent is cleared (contract, section 8)."""
    values = {prop.field_id: _values(portal, prop, fields, error) for prop in found.fields.values() if prop.custom}
    area = lists.area(portal)
    # A value keeps its own id as long as its place is filled.
    for field_id, texts in values.items():
        ids = [number for number, _ in element.values.get(field_id, [])]
        element.values[field_id] = [
            (ids[place] if place < len(ids) else area.next("value"), text) for place, text in enumerate(texts)
        ]
    element.name = str(fields.get("NAME") or element.name)
    element.sort = integer(fields.get("SORT", 500)) or 0
    element.texts = {name: str(fields[name]) for name in TEXTS if fields.get(name)}


def _values(portal: Portal, prop: Property, fields: Mapping[str, Any], error: str) -> list[str]:
    try:
        texts = written(prop, fields.get(prop.field_id), portal.zone)
    except WrongValue as wrong:
        raise RestError(400, "ERROR_ELEMENT_FIELD_VALUE" if wrong.file_id else error, str(wrong)) from None
    if prop.required and not texts:
        raise RestError(400, error, f"The field '{prop.name}' is required")
    return texts


def _chosen(call: Call, found: UniversalList) -> list[Element]:
    number, code = str(call.get("ELEMENT_ID") or ""), str(call.get("ELEMENT_CODE") or "")
    if number and not code:
        element = found.elements.get(int(number)) if number.isdigit() else None
        return [element] if element else []
    return [
        element
        for element in found.elements.values()
        if (not number or str(element.id) == number) and (not code or element.code == code)
    ]


def _one(call: Call, found: UniversalList) -> Element:
    if not call.get("ELEMENT_ID") and not call.get("ELEMENT_CODE"):
        raise missing("ELEMENT_ID")
    element = next(iter(_chosen(call, found)), None)
    if element is None:
        raise RestError(400, "ERROR_ELEMENT_NOT_FOUND", "Element not found")
    return element


@method("lists.element.update", scope=SCOPE)
def update(call: Call) -> bool:
    required(call, "IBLOCK_TYPE_ID", "FIELDS")
    found = find(call, lists.EDIT)
    fields = mapping(call.get("FIELDS"))
    _fill(call.portal, found, _one(call, found), fields, "ERROR_UPDATE_ELEMENT")
    return True


@method("lists.element.delete", scope=SCOPE)
def delete(call: Call) -> bool:
    found = find(call, lists.EDIT)
    del found.elements[_one(call, found).id]
    return True


@method("lists.element.get", scope=SCOPE)
def get(call: Call) -> Listed:
    found = find(call, lists.READ)
    conditions = {key.upper(): value for key, value in mapping(call.get("FILTER")).items()}

    def values(element: Element, name: str) -> list[Any]:
        return _facts(call.portal, found, element, name)

    passes = filters.compile_filter(conditions, values, call.portal.zone)
    rows = sorted((element for element in _chosen(call, found) if passes(element)), key=lambda element: element.id)
    rows = filters.order(rows, _sortable(found, mapping(call.get("ELEMENT_ORDER"))), values)
    names = [str(name) for name in items(call.get("SELECT"))]
    return page(call, rows, lambda element: _shown(found, element, names))


def _sortable(found: UniversalList, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Some kinds of properties the portal does not sort by; it says nothing and leaves the order."""
    fixed = {prop.field_id for prop in found.fields.values() if prop.multiple or prop.type in UNSORTED}
    return {name.upper(): way for name, way in wanted.items() if name.upper() not in fixed}


def _facts(portal: Portal, found: UniversalList, element: Element, name: str) -> list[Any]:
    """The values of a field as filters and sorting see them."""
    prop = found.fields.get(name)
    if prop and prop.custom:
        return [comparable(prop, text, portal.zone) for _, text in element.values.get(name, [])]
    if name == "ID":
        return [element.id]
    if name == "SORT":
        return [element.sort]
    value = _plain(element).get(name)
    return [] if value in (None, "") else [value]


def _plain(element: Element) -> dict[str, Any]:
    return {
        "ID": str(element.id), "CODE": element.code, "NAME": element.name, "IBLOCK_SECTION_ID": element.section,
        "CREATED_BY": element.created_by, "DATE_CREATE": element.created, "SORT": str(element.sort),
        **{name: element.texts.get(name) for name in TEXTS},
    }  # fmt: skip


def _shown(found: UniversalList, element: Element, names: list[str]) -> dict[str, Any]:
    plain = _plain(element)
    wanted = names or [*SHOWN, *(name for name in found.fields)]
    shown = {name: plain[name] for name in wanted if name in plain}
    for name in wanted:
        values = element.values.get(name)
        if values:
            shown[name] = {str(number): text for number, text in values}
    return shown


def lists_in_card(portal: Portal, kind: str, number: str) -> list[dict[str, Any]]:
    """The lists the portal itself shows in a CRM card, with the elements bound to that record (point 40)."""
    shown = []
    for found in lists.area(portal).lists.values():
        fields = [prop for prop in found.fields.values() if prop.type_settings.get("VISIBLE") == "Y"]
        fields = [prop for prop in fields if prop.type == "S:ECrm" and kind in prop.crm_kinds()]
        if fields:
            bound = [element for element in found.elements.values() if _bound(element, fields, kind, number)]
            shown.append({"list": found.id, "name": found.name, "elements": [_shown(found, item, []) for item in bound]})
    return shown


def _bound(element: Element, fields: list[Property], kind: str, number: str) -> bool:
    pairs = ((prop, text) for prop in fields for _, text in element.values.get(prop.field_id, []))
    return any(points_to(prop, text, kind, number) for prop, text in pairs)


@door("GET", "/sandbox/card-lists")
def card_lists(sandbox: Sandbox, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`?contact=830`: the tabs with lists in that card."""
    kinds = {kind.lower(): kind for kind in CRM_PREFIXES}
    for word, number in asked.items():
        if word in kinds:
            with sandbox.portal.lock:
                return lists_in_card(sandbox.portal, kinds[word], str(number))
    raise BadRequest("say whose card: lead, contact, company or deal")
