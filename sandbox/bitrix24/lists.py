"""Universal lists: lists.* and lists.field.*, with the rights of each list (contract, section 8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.bitrix24 import filters, people
from sandbox.bitrix24.formats import display, integer
from sandbox.bitrix24.list_values import Property, as_list
from sandbox.bitrix24.paging import page
from sandbox.bitrix24.registry import Call, Listed, RestError, method
from sandbox.bitrix24.state import Portal

SCOPE = "lists"
TYPES = ("lists", "bitrix_processes", "lists_socnet")
SYSTEM_FIELDS = {
    "NAME": "Name", "SORT": "Sorting", "ACTIVE_FROM": "Start of activity", "ACTIVE_TO": "End of activity",
    "PREVIEW_PICTURE": "Preview image", "PREVIEW_TEXT": "Preview text", "DETAIL_PICTURE": "Detail image",
    "DETAIL_TEXT": "Detail text", "DATE_CREATE": "Creation date", "CREATED_BY": "Created by",
    "TIMESTAMP_X": "Modification date", "MODIFIED_BY": "Modified by",
}  # fmt: skip
CUSTOM_TYPES = {
    "S": "String", "N": "Number", "L": "List", "F": "File", "G": "Binding to sections", "E": "Binding to elements",
    "S:Date": "Date", "S:DateTime": "Date/Time", "S:HTML": "HTML/text", "E:EList": "Binding to elements as a list",
    "N:Sequence": "Counter", "S:ECrm": "Binding to CRM elements", "S:Money": "Money", "S:DiskFile": "File (Disk)",
    "S:employee": "Binding to employee",
}  # fmt: skip
FORM_SETTINGS = {
    "SHOW_ADD_FORM": "Y", "SHOW_EDIT_FORM": "Y", "ADD_READ_ONLY_FIELD": "N", "EDIT_READ_ONLY_FIELD": "N",
    "SHOW_FIELD_PREVIEW": "N",
}  # fmt: skip
MESSAGES = {"SECTIONS_NAME": "Sections", "SECTION_NAME": "Section", "ELEMENTS_NAME": "Elements", "ELEMENT_NAME": "Element"}
#: What a row shows besides its own values; constant, because nothing here changes them.
ROW_REST: dict[str, Any] = {
    "LID": "s1", "API_CODE": None, "ACTIVE": "Y", "LIST_PAGE_URL": None, "DETAIL_PAGE_URL": None,
    "SECTION_PAGE_URL": None, "CANONICAL_PAGE_URL": None, "DESCRIPTION_TYPE": "text", "RSS_TTL": "24",
    "RSS_ACTIVE": "Y", "RSS_FILE_ACTIVE": "N", "RSS_FILE_LIMIT": None, "RSS_FILE_DAYS": None,
    "RSS_YANDEX_ACTIVE": "N", "XML_ID": None, "TMP_ID": None, "INDEX_ELEMENT": "Y", "INDEX_SECTION": "N",
    "WORKFLOW": "N", "SECTION_CHOOSER": "L", "LIST_MODE": None, "RIGHTS_MODE": "E", "SECTION_PROPERTY": None,
    "PROPERTY_INDEX": None, "VERSION": "1", "LAST_CONV_ELEMENT": "0", "EDIT_FILE_BEFORE": None,
    "EDIT_FILE_AFTER": None, "REST_ON": "N", "FULLTEXT_INDEX": "N", "EXTERNAL_ID": None, "LANG_DIR": "/",
    "SERVER_NAME": None,
}  # fmt: skip
#: From least to most.
LEVELS = "DRESTUWX"
READ, ADD, EDIT, FULL = "R", "E", "U", "X"


@dataclass
class Element:
    id: int
    code: str
    name: str
    created_by: str
    created: str
    section: str | None = None
    sort: int = 500
    #: field id -> the values with their own ids
    values: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)


@dataclass
class UniversalList:
    id: int
    type: str
    code: str | None
    name: str
    changed: str
    description: str = ""
    sort: int = 500
    bizproc: str = "N"
    group: str | None = None
    messages: dict[str, str] = field(default_factory=dict)
    rights: dict[str, str] = field(default_factory=dict)
    fields: dict[str, Property] = field(default_factory=dict)
    elements: dict[int, Element] = field(default_factory=dict)


@dataclass
class Lists:
    """All lists of a portal. Numbers are shared by all of them, as in the portal's own tables."""

    lists: dict[int, UniversalList] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=lambda: {"list": 107, "field": 400, "element": 6990, "value": 3740})

    def next(self, what: str) -> int:
        self.last[what] += 1
        return self.last[what]


def area(portal: Portal) -> Lists:
    return portal.area(Lists)


# -- what the list methods share


def denied() -> RestError:
    return RestError(400, "ACCESS_DENIED", "Access denied")


def missing(name: str) -> RestError:
    return RestError(400, "ERROR_REQUIRED_PARAMETERS_MISSING", f"Required parameter `{name}` is missing")


def required(call: Call, *names: str) -> None:
    for name in names:
        if call.get(name) in (None, "", [], {}):
            raise missing(name)


def mapping(value: Any) -> dict[str, Any]:
    """FIELDS and the like; an empty form value or list is an empty map."""
    return {str(key): item for key, item in value.items()} if isinstance(value, Mapping) else {}


def shown_now(portal: Portal) -> str:
    return display(portal.now())


def level(call: Call, found: UniversalList) -> str:
    """The caller's letter in this list. Administrators may do everything."""
    if call.client.admin:
        return FULL
    user = call.client.user_id
    keys = {"*", f"U{user}"}
    for department in people.departments_of(call.portal, user):
        keys.add(f"D{department}")
        keys |= {f"DR{above}" for above in people.line_of(call.portal, department)}
    letters = [found.rights[key] for key in keys if found.rights.get(key, "") in LEVELS and found.rights.get(key)]
    return max(letters, key=LEVELS.index, default="D")


def may(call: Call, found: UniversalList, least: str) -> bool:
    return LEVELS.index(level(call, found)) >= LEVELS.index(least)


def find(call: Call, least: str) -> UniversalList:
    """The list of IBLOCK_ID or IBLOCK_CODE, if the caller may do that much in it."""
    required(call, "IBLOCK_TYPE_ID")
    if not call.get("IBLOCK_ID") and not call.get("IBLOCK_CODE"):
        raise missing("IBLOCK_ID")
    found = next(iter(_selected(call)), None)
    if found is None:
        raise RestError(400, "ERROR_IBLOCK_NOT_FOUND", "Iblock not found")
    if not may(call, found, least):
        raise denied()
    return found


def _selected(call: Call) -> list[UniversalList]:
    type_id, number, code = (str(call.get(name) or "") for name in ("IBLOCK_TYPE_ID", "IBLOCK_ID", "IBLOCK_CODE"))
    return [
        item
        for item in area(call.portal).lists.values()
        if item.type == type_id and (not number or str(item.id) == number) and (not code or item.code == code)
    ]


# -- lists


@method("lists.add", scope=SCOPE)
def add(call: Call) -> int:
    required(call, "IBLOCK_TYPE_ID", "IBLOCK_CODE")
    fields = mapping(call.get("FIELDS"))
    if not fields.get("NAME"):
        raise missing("FIELDS")
    if not call.client.admin:
        raise denied()
    type_id, code = str(call.get("IBLOCK_TYPE_ID")), str(call.get("IBLOCK_CODE"))
    if type_id not in TYPES:
        raise RestError(400, "ERROR_ADD_IBLOCK", "")
    lists = area(call.portal)
    if any(item.code == code and item.type == type_id for item in lists.lists.values()):
        raise RestError(400, "ERROR_IBLOCK_ALREADY_EXISTS", "Iblock already exists")
    made = UniversalList(lists.next("list"), type_id, code, str(fields["NAME"]), shown_now(call.portal))
    made.rights = _rights(call) or {f"U{call.client.user_id}": FULL}
    made.messages = {key: str(text) for key, text in mapping(call.get("MESSAGES")).items()}
    _fill(made, fields)
    lists.lists[made.id] = made
    return made.id


def _rights(call: Call) -> dict[str, str]:
    return {key: str(letter) for key, letter in mapping(call.get("RIGHTS")).items()}


def _fill(found: UniversalList, fields: Mapping[str, Any]) -> None:
    found.name = str(fields.get("NAME") or found.name)
    found.description = str(fields.get("DESCRIPTION", found.description) or "")
    found.sort = integer(fields.get("SORT", found.sort)) or 0
    found.bizproc = str(fields.get("BIZPROC") or found.bizproc)


@method("lists.get", scope=SCOPE)
def get(call: Call) -> Listed:
    required(call, "IBLOCK_TYPE_ID")
    chosen = _selected(call)
    readable = [item for item in chosen if may(call, item, READ)]
    if chosen and not readable and (call.get("IBLOCK_ID") or call.get("IBLOCK_CODE")):
        raise denied()
    return page(call, filters.order([row(item) for item in readable], mapping(call.get("IBLOCK_ORDER"))))


def row(found: UniversalList) -> dict[str, Any]:
    return {
        "ID": str(found.id), "TIMESTAMP_X": found.changed, "IBLOCK_TYPE_ID": found.type, "CODE": found.code,
        "NAME": found.name, "SORT": str(found.sort), "PICTURE": None, "DESCRIPTION": found.description,
        "BIZPROC": found.bizproc, "SOCNET_GROUP_ID": found.group, **ROW_REST, **MESSAGES, **found.messages,
    }  # fmt: skip


@method("lists.update", scope=SCOPE)
def update(call: Call) -> bool:
    found = find(call, FULL)
    fields = mapping(call.get("FIELDS"))
    if not fields.get("NAME"):
        raise missing("FIELDS")
    _fill(found, fields)
    found.messages |= {key: str(text) for key, text in mapping(call.get("MESSAGES")).items()}
    found.rights = _rights(call) | found.rights  # rights once given cannot be changed, only new ones added
    found.changed = shown_now(call.portal)
    return True


@method("lists.delete", scope=SCOPE)
def delete(call: Call) -> bool:
    del area(call.portal).lists[find(call, FULL).id]
    return True


@method("lists.get.iblock.type.id", scope=SCOPE)
def type_of(call: Call) -> str | bool:
    number = str(call.get("IBLOCK_ID") or "")
    if not number:
        raise missing("IBLOCK_ID")
    return next((item.type for item in area(call.portal).lists.values() if str(item.id) == number), False)


# -- fields


@method("lists.field.type.get", scope=SCOPE)
def field_types(call: Call) -> dict[str, str]:
    found = find(call, FULL)
    used = {"NAME", *found.fields}
    return {code: name for code, name in {**SYSTEM_FIELDS, **CUSTOM_TYPES}.items() if code not in used}


@method("lists.field.add", scope=SCOPE)
def field_add(call: Call) -> str:
    found = find(call, FULL)
    fields = mapping(call.get("FIELDS"))
    for name in ("NAME", "TYPE"):
        if not fields.get(name):
            raise missing(name)
    kind = str(fields["TYPE"])
    lists = area(call.portal)
    if kind in SYSTEM_FIELDS:
        if kind in found.fields or kind == "NAME":
            raise _unsaved("Property already exists")
        made = Property(kind, 0, kind, str(fields["NAME"]))
    else:
        number = lists.next("field")
        made = Property(f"PROPERTY_{number}", number, kind, str(fields["NAME"]), _code(found, fields, kind))
    _shape(lists, made, fields)
    found.fields[made.field_id] = made
    return made.field_id


def _code(found: UniversalList, fields: Mapping[str, Any], kind: str) -> str:
    if kind not in CUSTOM_TYPES:
        raise _unsaved("Error saving the field")
    code = str(fields.get("CODE") or "")
    if not code:
        raise _unsaved("Please fill the code fields")
    if any(item.code == code for item in found.fields.values()):
        raise _unsaved("Property already exists")
    return code


def _unsaved(why: str) -> RestError:
    return RestError(400, "ERROR_SAVE_FIELD", why)


def _shape(lists: Lists, made: Property, fields: Mapping[str, Any]) -> None:
    """Everything of a field but its type, which never changes."""
    made.name = str(fields.get("NAME") or made.name)
    made.sort = integer(fields.get("SORT", made.sort)) or 0
    made.default = fields.get("DEFAULT_VALUE", made.default)
    made.required = fields.get("IS_REQUIRED", "Y" if made.required else "N") == "Y"
    made.multiple = made.custom and fields.get("MULTIPLE", "Y" if made.multiple else "N") == "Y"
    made.settings = {**FORM_SETTINGS, **made.settings, **mapping(fields.get("SETTINGS"))}
    made.type_settings |= mapping(fields.get("USER_TYPE_SETTINGS"))
    made.link = str(fields["LINK_IBLOCK_ID"]) if fields.get("LINK_IBLOCK_ID") else made.link
    if made.type == "L":
        made.options = _options(lists, made, fields)


def _options(lists: Lists, made: Property, fields: Mapping[str, Any]) -> dict[str, str]:
    """Options keep their ids; temporary ids of new ones are replaced. What LIST leaves out goes."""
    texts = [line for line in str(fields.get("LIST_TEXT_VALUES") or "").split("\n") if line.strip()]
    given = fields.get("LIST")
    if given is None and not texts:
        return made.options
    items = mapping(given) if isinstance(given, Mapping) else {f"n{i}": item for i, item in enumerate(as_list(given))}
    kept: dict[str, str] = {}
    for key, item in items.items():
        text = str(item.get("VALUE", "") if isinstance(item, Mapping) else item)
        if text:
            kept[key if key in made.options else str(lists.next("value"))] = text
    return kept | {str(lists.next("value")): text.strip() for text in texts}


@method("lists.field.get", scope=SCOPE)
def field_get(call: Call) -> dict[str, Any] | list[Any]:
    found = find(call, READ)
    name = Property("NAME", 0, "NAME", SYSTEM_FIELDS["NAME"], sort=10, required=True, settings=dict(FORM_SETTINGS))
    fields = {"NAME": name, **dict(sorted(found.fields.items(), key=lambda pair: pair[1].sort))}
    asked = str(call.get("FIELD_ID") or "")
    if not asked:
        return {key: described(item) for key, item in fields.items()}
    # Asked for one field, the portal answers under the letter of its type, not under its id.
    return {fields[asked].type: described(fields[asked])} if asked in fields else []


def described(item: Property) -> dict[str, Any]:
    base, _, user_type = item.type.partition(":")
    shown: dict[str, Any] = {
        "FIELD_ID": item.field_id, "SORT": item.sort, "NAME": item.name, "IS_REQUIRED": "Y" if item.required else "N",
        "MULTIPLE": "Y" if item.multiple else "N", "DEFAULT_VALUE": item.default, "TYPE": item.type,
    }  # fmt: skip
    if item.custom:
        shown |= {
            "PROPERTY_TYPE": base, "PROPERTY_USER_TYPE": user_type or False, "CODE": item.code, "ID": str(item.number),
            "LINK_IBLOCK_ID": item.link, "ROW_COUNT": "1", "COL_COUNT": "30",
            "USER_TYPE_SETTINGS": item.type_settings or None,
        }  # fmt: skip
    shown["SETTINGS"] = item.settings or dict(FORM_SETTINGS)
    if item.type == "L":
        shown["DISPLAY_VALUES_FORM"] = item.options or []
    return shown


def _field(call: Call, found: UniversalList) -> Property | None:
    required(call, "FIELD_ID")
    return found.fields.get(str(call.get("FIELD_ID")))


@method("lists.field.update", scope=SCOPE)
def field_update(call: Call) -> bool:
    found = find(call, FULL)
    item = _field(call, found)
    fields = mapping(call.get("FIELDS"))
    if not fields:
        raise missing("FIELDS")
    if item is None:
        raise RestError(400, "ERROR_UPDATE_FIELD", "Error updating the field")
    _shape(area(call.portal), item, fields)
    return True


@method("lists.field.delete", scope=SCOPE)
def field_delete(call: Call) -> bool:
    found = find(call, FULL)
    item = _field(call, found)
    if item is not None:
        del found.fields[item.field_id]
        for element in found.elements.values():
            element.values.pop(item.field_id, None)
    return True
