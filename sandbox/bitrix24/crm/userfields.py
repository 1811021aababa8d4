"""Custom fields as the CRM keeps them, and their classic methods: crm.deal.userfield.* and so on."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Any

from sandbox.bitrix24 import filters, formats
from sandbox.bitrix24.crm.classic import family
from sandbox.bitrix24.crm.fields import Field, Option, camel, read
from sandbox.bitrix24.crm.rights import admin_only
from sandbox.bitrix24.crm.store import Kind
from sandbox.bitrix24.placements import type_code, types_of
from sandbox.bitrix24.registry import Call, Listed, RestError
from sandbox.bitrix24.state import Portal

TYPES = frozenset({
    "string", "integer", "double", "boolean", "date", "datetime", "enumeration", "money", "url", "address", "employee",
    "crm", "crm_status", "file", "iblock_element", "iblock_section", "hlblock", "string_formatted", "resourcebooking",
})  # fmt: skip
LABELS = ("EDIT_FORM_LABEL", "LIST_COLUMN_LABEL", "LIST_FILTER_LABEL", "ERROR_MESSAGE", "HELP_MESSAGE")
NAME_MAX = 50
SETTINGS: dict[str, dict[str, Any]] = {
    "string": {"SIZE": 20, "ROWS": 1, "REGEXP": "", "MIN_LENGTH": 0, "MAX_LENGTH": 0, "DEFAULT_VALUE": ""},
    "integer": {"SIZE": 20, "MIN_VALUE": 0, "MAX_VALUE": 0, "DEFAULT_VALUE": None},
    "double": {"PRECISION": 2, "SIZE": 20, "MIN_VALUE": 0, "MAX_VALUE": 0, "DEFAULT_VALUE": None},
    "boolean": {"DEFAULT_VALUE": 0, "DISPLAY": "CHECKBOX", "LABEL": ["", ""], "LABEL_CHECKBOX": ""},
    "date": {"DEFAULT_VALUE": {"TYPE": "NONE", "VALUE": ""}},
    "datetime": {"DEFAULT_VALUE": {"TYPE": "NONE", "VALUE": ""}, "USE_SECOND": "Y", "USE_TIMEZONE": "N"},
    "enumeration": {"DISPLAY": "LIST", "LIST_HEIGHT": 1, "CAPTION_NO_VALUE": "", "SHOW_NO_VALUE": "Y"},
    "crm": {"LEAD": "N", "CONTACT": "Y", "COMPANY": "N", "DEAL": "N"},
    "url": {"POPUP": "Y", "SIZE": 20, "MIN_LENGTH": 0, "MAX_LENGTH": 0, "DEFAULT_VALUE": "", "ROWS": 1},
    "money": {"DEFAULT_VALUE": ""},
}


@dataclass(eq=False)
class UserField:
    """The settings of a custom field; `shape` is how records see it."""

    id: int
    kind: Kind
    shape: Field
    type: str
    xml_id: str | None = None
    sort: int = 100
    show_filter: str = "N"
    show_in_list: str = "Y"
    edit_in_list: str = "Y"
    searchable: str = "N"
    labels: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass
class UserFields:
    rows: dict[int, UserField] = field(default_factory=dict)


def all_of(portal: Portal, kind: Kind) -> list[UserField]:
    return [row for row in portal.area(UserFields).rows.values() if row.kind is kind]


def known_type(portal: Portal, name: str) -> bool:
    """A type of the portal's own, or one an application has registered (`rest_5_code`)."""
    registered = {type_code(app, one.code) for app in portal.apps.values() for one in types_of(portal, app) if app.installed}
    return name in TYPES or name in registered


def create(portal: Portal, kind: Kind, name: str, type_id: str, values: dict[str, Any]) -> UserField:
    """A new field; `values` in the classic names. Refused in the classic words."""
    full = field_name(name, kind)
    if not re.fullmatch(r"[A-Z0-9_]+", full):
        raise RestError(400, "ERROR_CORE", "Field name contains invalid characters.")
    if len(full) > NAME_MAX:
        raise RestError(400, "ERROR_CORE", "Field name is too long (more than 50 characters).")
    if not known_type(portal, type_id):
        raise RestError(400, "ERROR_CORE", "Incorrect custom type specified.")
    if full in kind.fields:
        raise RestError(400, "ERROR_CORE", f"Field {full} for object {kind.uf_entity} already exists.")
    shape = Field(full, camel(full), type_id, custom=True, multiple=formats.flag(values.get("MULTIPLE", "N")))
    row = UserField(portal.next_id("userfield"), kind, shape, type_id)
    shape.settings = dict(SETTINGS.get(type_id, {}))
    if type_id == "boolean":
        shape.first = 0
    write(portal, row, values)
    kind.fields[full] = shape
    portal.area(UserFields).rows[row.id] = row
    _event(portal, row, "ADD")
    return row


def field_name(name: str, kind: Kind) -> str:
    """The prefix is always there: UF_CRM_, of smart processes UF_CRM_7_."""
    full = name.strip().upper()
    start = f"UF_{kind.uf_entity}_" if kind.dynamic else "UF_CRM_"
    return full if full.startswith(start) else start + full.removeprefix("UF_CRM_")


def write(portal: Portal, row: UserField, values: dict[str, Any]) -> None:
    """What may change after creation."""
    shape = row.shape
    row.xml_id = str(values["XML_ID"]) if values.get("XML_ID") else row.xml_id
    row.sort = formats.integer(values.get("SORT")) or row.sort
    shape.mandatory = formats.flag(values.get("MANDATORY", formats.yn(shape.mandatory)))
    row.show_filter = str(values.get("SHOW_FILTER") or row.show_filter)
    row.show_in_list = formats.yn(values.get("SHOW_IN_LIST", row.show_in_list))
    row.edit_in_list = formats.yn(values.get("EDIT_IN_LIST", row.edit_in_list))
    row.searchable = formats.yn(values.get("IS_SEARCHABLE", row.searchable))
    if isinstance(values.get("SETTINGS"), dict):
        shape.settings |= values["SETTINGS"]
        _default(portal, shape)
    if values.get("LABEL"):
        row.labels |= {name: {portal.language: str(values["LABEL"])} for name in LABELS[:3] if name not in values}
    for name in LABELS:
        label = values.get(name)
        if isinstance(label, dict):
            row.labels[name] = {**row.labels.get(name, {}), **{str(k): str(v or "") for k, v in label.items()}}
        elif isinstance(label, str) and label:
            row.labels[name] = {portal.language: label}
    shape.title = title(row, portal.language)
    if "LIST" in values:
        write_options(portal, shape, [_lower(item) for item in formats.items(values["LIST"]) if isinstance(item, dict)])


def _default(portal: Portal, shape: Field) -> None:
    """What a new record has in the field: the DEFAULT_VALUE of the settings."""
    first = shape.settings.get("DEFAULT_VALUE")
    if shape.kind == "boolean":
        shape.first = int(formats.flag(first))
    elif shape.kind in ("string", "integer", "double") and not shape.multiple and first not in (None, ""):
        shape.first = read(shape, first, portal.zone)


def title(row: UserField, language: str) -> str:
    """The label in that language, else in any, else the field's name."""
    for name in LABELS[:3]:
        found = row.labels.get(name, {})
        text = found.get(language) or next((word for word in found.values() if word), "")
        if text:
            return text
    return row.shape.upper


def _lower(item: dict[str, Any]) -> dict[str, Any]:
    return {{"xml_id": "xmlId"}.get(key.lower(), key.lower()): value for key, value in item.items()}


def write_options(portal: Portal, shape: Field, items: list[dict[str, Any]]) -> None:
    """Options with an id are changed, without one added; `del` removes. Those not named stay."""
    for number, item in enumerate(items, 1):
        ident = formats.integer(item.get("id"))
        known = next((option for option in shape.options if option.id == ident), None)
        if known and formats.flag(item.get("del", "N")):
            shape.options.remove(known)
        elif known:
            known.value = str(item.get("value") or known.value)
            known.sort = formats.integer(item.get("sort")) or known.sort
            known.default = formats.flag(item.get("def", formats.yn(known.default)))
            known.xml_id = str(item.get("xmlId") or known.xml_id)
        elif item.get("value"):
            ident = portal.next_id("enum")
            xml = hashlib.md5(f"{portal.name}{ident}".encode(), usedforsecurity=False).hexdigest()
            shape.options.append(Option(
                ident, str(item["value"]), formats.integer(item.get("sort")) or number * 100,
                formats.flag(item.get("def", "N")), str(item.get("xmlId") or xml),
            ))  # fmt: skip
    shape.options.sort(key=lambda option: (option.sort, option.id))
    default = next((option.id for option in shape.options if option.default), None)
    shape.first = [default] if default and shape.multiple else default


def remove(portal: Portal, row: UserField) -> None:
    del portal.area(UserFields).rows[row.id]
    del row.kind.fields[row.shape.upper]
    for record in row.kind.records.values():
        record.pop(row.shape.upper, None)
    _event(portal, row, "DELETE")


def _event(portal: Portal, row: UserField, what: str) -> None:
    if portal.faults.on("userfield_events") and not row.kind.dynamic:
        data = {"ID": row.id, "ENTITY_ID": row.kind.uf_entity, "FIELD_NAME": row.shape.upper}
        portal.raise_event(f"{row.kind.event}USERFIELD{what}", {"FIELDS": data}, None)


def options(row: UserField) -> list[dict[str, str]]:
    return [
        {"ID": str(o.id), "SORT": str(o.sort), "VALUE": o.value, "DEF": formats.yn(o.default), "XML_ID": o.xml_id}
        for o in row.shape.options
    ]


def shown(row: UserField) -> dict[str, Any]:
    """Without labels, which look different in every method."""
    record: dict[str, Any] = {
        "ID": str(row.id), "ENTITY_ID": row.kind.uf_entity, "FIELD_NAME": row.shape.upper, "USER_TYPE_ID": row.type,
        "XML_ID": row.xml_id, "SORT": str(row.sort), "MULTIPLE": formats.yn(row.shape.multiple),
        "MANDATORY": formats.yn(row.shape.mandatory), "SHOW_FILTER": row.show_filter, "SHOW_IN_LIST": row.show_in_list,
        "EDIT_IN_LIST": row.edit_in_list, "IS_SEARCHABLE": row.searchable,
        "SETTINGS": formats.empty_list(row.shape.settings),
    }  # fmt: skip
    return record | ({"LIST": options(row)} if row.type == "enumeration" else {})


def _by_id(call: Call, kind: Kind) -> UserField:
    number = formats.integer(call.get("id"))
    row = call.portal.area(UserFields).rows.get(number or 0)
    if row is None or row.kind is not kind:
        raise RestError(400, "ERROR_NOT_FOUND", f"The entity with ID '{call.get('id')}' is not found.")
    return row


@family("userfield.add")
def add(call: Call, kind: Kind) -> int:
    admin_only(call)
    values = {key.upper(): value for key, value in formats.mapping(call.get("fields"), "fields").items()}
    for name in ("FIELD_NAME", "USER_TYPE_ID"):
        if not values.get(name):
            raise RestError(400, "", f"The '{name}' field is not found.")
    return create(call.portal, kind, str(values["FIELD_NAME"]), str(values["USER_TYPE_ID"]), values).id


@family("userfield.get")
def get(call: Call, kind: Kind) -> dict[str, Any]:
    row = _by_id(call, kind)
    languages = dict.fromkeys(["ru", "en", *(lang for label in row.labels.values() for lang in label)])
    return shown(row) | {name: {lang: row.labels.get(name, {}).get(lang, "") for lang in languages} for name in LABELS}


@family("userfield.list")
def listing(call: Call, kind: Kind) -> Listed:
    tree = formats.mapping(call.get("filter"), "filter")
    language = tree.pop("LANG", None)
    rows = []
    for row in all_of(call.portal, kind):
        record = shown(row)
        if language:  # labels come as words, and only when a language is asked for
            record |= {name: row.labels.get(name, {}).get(str(language)) for name in LABELS}
        rows.append(record)
    found = filters.select(rows, tree, call.portal.zone)
    found = filters.order(found, formats.mapping(call.get("order"), "order") or {"ID": "ASC"})
    return Listed(found, len(found))


@family("userfield.update")
def update(call: Call, kind: Kind) -> bool:
    admin_only(call)
    row = _by_id(call, kind)
    write(call.portal, row, {k.upper(): v for k, v in formats.mapping(call.get("fields"), "fields").items()})
    _event(call.portal, row, "UPDATE")
    return True


@family("userfield.delete")
def delete(call: Call, kind: Kind) -> bool:
    admin_only(call)
    remove(call.portal, _by_id(call, kind))
    return True
