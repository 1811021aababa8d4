"""userfieldconfig.*: custom fields in camelCase, for every kind; needs the scope of the module too."""

from __future__ import annotations

from typing import Any

from sandbox.bitrix24 import filters, formats
from sandbox.bitrix24.crm import userfields
from sandbox.bitrix24.crm.rights import admin_only
from sandbox.bitrix24.crm.store import Kind, crm
from sandbox.bitrix24.crm.userfields import UserField, UserFields
from sandbox.bitrix24.paging import page
from sandbox.bitrix24.registry import Call, Listed, RestError, method

DENIED = "You do not have permission to {} user field settings"
#: What `add` takes no notice of (contract, section 6).
IGNORED_BY_ADD = frozenset({"SHOW_IN_LIST", "LIST_COLUMN_LABEL", "LIST_FILTER_LABEL", "ERROR_MESSAGE", "LABEL"})
UPPER = {
    "xmlId": "XML_ID", "sort": "SORT", "multiple": "MULTIPLE", "mandatory": "MANDATORY", "showFilter": "SHOW_FILTER",
    "showInList": "SHOW_IN_LIST", "editInList": "EDIT_IN_LIST", "isSearchable": "IS_SEARCHABLE", "settings": "SETTINGS",
    "editFormLabel": "EDIT_FORM_LABEL", "listColumnLabel": "LIST_COLUMN_LABEL", "listFilterLabel": "LIST_FILTER_LABEL",
    "errorMessage": "ERROR_MESSAGE", "helpMessage": "HELP_MESSAGE",
}  # fmt: skip
LABELS = {
    "editFormLabel": "EDIT_FORM_LABEL", "listColumnLabel": "LIST_COLUMN_LABEL", "listFilterLabel": "LIST_FILTER_LABEL",
    "errorMessage": "ERROR_MESSAGE", "helpMessage": "HELP_MESSAGE",
}  # fmt: skip


def _module(call: Call) -> None:
    module = str(call.get("moduleId") or "")
    if not module:
        raise RestError(400, "100", "Could not find value for parameter {moduleId}")
    if module != "crm":
        raise RestError(400, "", f"Module {module} is not supported")
    if "crm" not in call.client.scopes:
        raise RestError(400, "", "The current method required more scopes. (crm)")


def _by_id(call: Call) -> UserField:
    number = formats.integer(call.get("id"))
    row = call.portal.area(UserFields).rows.get(number or 0)
    if row is None:
        raise RestError(400, "", "Field not found")
    return row


def _shown(row: UserField) -> dict[str, Any]:
    shape = row.shape
    languages = list(dict.fromkeys(lang for label in row.labels.values() for lang in label))
    shown: dict[str, Any] = {
        "id": str(row.id), "entityId": row.kind.uf_entity, "fieldName": shape.upper, "userTypeId": row.type,
        "xmlId": row.xml_id, "sort": str(row.sort), "multiple": formats.yn(shape.multiple),
        "mandatory": formats.yn(shape.mandatory), "showFilter": row.show_filter, "showInList": row.show_in_list,
        "editInList": row.edit_in_list, "isSearchable": row.searchable, "settings": formats.empty_list(shape.settings),
        "languageId": formats.empty_list({lang: lang for lang in languages}),
    }  # fmt: skip
    for camel, upper in LABELS.items():
        known = row.labels.get(upper, {})
        shown[camel] = {lang: known.get(lang) or None for lang in languages} or None
    return shown


def _with_options(row: UserField) -> dict[str, Any]:
    shown = _shown(row)
    if row.type == "enumeration":
        shown["enum"] = [
            {"id": str(o.id), "userFieldId": str(row.id), "value": o.value, "def": formats.yn(o.default),
             "sort": str(o.sort), "xmlId": o.xml_id}
            for o in row.shape.options
        ]  # fmt: skip
    return shown


@method("userfieldconfig.list", scope="userfieldconfig")
def listing(call: Call) -> Listed:
    _module(call)
    select = call.get("select")
    language = str(select.get("language") or "") if isinstance(select, dict) else ""
    rows = []
    for row in call.portal.area(UserFields).rows.values():
        shown = _shown(row)
        for camel, upper in LABELS.items():  # one language at most, and only when asked for
            text = row.labels.get(upper, {}).get(language)
            shown[camel] = {language: text} if text else None
        shown["languageId"] = {language: language} if language else []
        rows.append(shown)
    found = filters.select(rows, formats.mapping(call.get("filter"), "filter"), call.portal.zone)
    found = filters.order(found, formats.mapping(call.get("order"), "order") or {"id": "ASC"})
    return page(call, found, wrap=lambda shown: {"fields": shown})


@method("userfieldconfig.get", scope="userfieldconfig")
def get(call: Call) -> dict[str, Any]:
    _module(call)
    return {"field": _with_options(_by_id(call))}


def _kind(call: Call, entity: str) -> Kind:
    kind = crm(call.portal).by_uf_entity(entity)
    if kind is None:
        raise RestError(400, "", DENIED.format("add"))
    return kind


def _values(sent: dict[str, Any]) -> dict[str, Any]:
    return {UPPER[key]: value for key, value in sent.items() if key in UPPER}


@method("userfieldconfig.add", scope="userfieldconfig")
def add(call: Call) -> dict[str, Any]:
    _module(call)
    admin_only(call, "", DENIED.format("add"))
    sent = formats.mapping(call.get("field"), "field")
    kind = _kind(call, str(sent.get("entityId") or ""))
    name, type_id = str(sent.get("fieldName") or ""), str(sent.get("userTypeId") or "")
    if not name or not type_id:
        missing = "FIELD_NAME" if not name else "USER_TYPE_ID"
        raise RestError(400, "", f"The '{missing}' field is not found.")
    values = {key: value for key, value in _values(sent).items() if key not in IGNORED_BY_ADD}
    row = userfields.create(call.portal, kind, name, type_id, values)
    _write_enum(call, row, sent)
    return {"field": _with_options(row)}


def _write_enum(call: Call, row: UserField, sent: dict[str, Any]) -> None:
    if row.type == "enumeration" and sent.get("enum"):
        items = [item for item in formats.items(sent["enum"]) if isinstance(item, dict)]
        userfields.write_options(call.portal, row.shape, items)


@method("userfieldconfig.update", scope="userfieldconfig")
def update(call: Call) -> dict[str, Any]:
    _module(call)
    admin_only(call, "", DENIED.format("edit"))
    row, sent = _by_id(call), formats.mapping(call.get("field"), "field")
    values = {key: value for key, value in _values(sent).items() if key != "MULTIPLE"}
    userfields.write(call.portal, row, values)
    if sent.get("userTypeId") == "enumeration":  # without it the options are left alone
        _write_enum(call, row, sent)
    return {"field": _with_options(row)}


@method("userfieldconfig.delete", scope="userfieldconfig")
def delete(call: Call) -> None:
    _module(call)
    admin_only(call, "", DENIED.format("delete"))
    userfields.remove(call.portal, _by_id(call))


@method("userfieldconfig.gettypes", scope="userfieldconfig")
def types(call: Call) -> dict[str, Any]:
    _module(call)
    return {"types": {name: {"userTypeId": name, "description": name} for name in sorted(userfields.TYPES)}}
