"""Widgets: placement.* and userfieldtype.* (contract, section 10). How they are opened stands in frames.py."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.bitrix24.apps import App
from sandbox.bitrix24.bindings import app_of
from sandbox.bitrix24.formats import empty_list, integer, mapping
from sandbox.bitrix24.paging import page
from sandbox.bitrix24.registry import Call, Listed, RestError, method
from sandbox.bitrix24.state import Portal

if TYPE_CHECKING:
    from sandbox.bitrix24.server import Sandbox

WORKER = "PAGE_BACKGROUND_WORKER"
CRM_KINDS = ("LEAD", "DEAL", "CONTACT", "COMPANY", "QUOTE", "SMART_INVOICE", "ORDER")
CRM_PLACES = ("DETAIL_TAB", "DETAIL_TOOLBAR", "DETAIL_ACTIVITY", "LIST_MENU", "LIST_TOOLBAR", "ACTIVITY_TIMELINE_MENU")
#: code -> the scope it needs besides `placement`
CODES: dict[str, str] = {
    **{f"CRM_{kind}_{place}": "crm" for kind in CRM_KINDS for place in CRM_PLACES},
    "LEFT_MENU": "", WORKER: "", "REST_APP_URI": "", "CALL_CARD": "telephony",
}  # fmt: skip
DYNAMIC = re.compile(rf"CRM_DYNAMIC_\d+_({'|'.join(CRM_PLACES)})")
ONE_ONLY = (WORKER, "REST_APP_URI")
#: What `placement.bind` keeps of OPTIONS; everything else it silently drops.
KEPT_OPTIONS = {WORKER: ("errorHandlerUrl",)}
TYPE_CODE_LENGTH_MAX = 50


@dataclass
class Bound:
    """One placement.bind."""

    client_id: str
    code: str
    handler: str
    user_id: str = ""
    title: str = ""
    description: str = ""
    group: str = ""
    languages: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class FieldType:
    """A kind of custom field whose block in the card is a page of the application."""

    client_id: str
    code: str
    handler: str
    title: str = ""
    description: str = ""
    height: int = 0


@dataclass
class Widgets:
    bound: list[Bound] = field(default_factory=list)
    types: list[FieldType] = field(default_factory=list)


def attach(sandbox: Sandbox) -> None:
    sandbox.on_app_gone.append(_forget)


def _forget(portal: Portal, app: App) -> None:
    """An update or removal of the application drops all it had bound (contract, section 4)."""
    widgets = portal.area(Widgets)
    widgets.bound = [item for item in widgets.bound if item.client_id != app.client_id]
    widgets.types = [item for item in widgets.types if item.client_id != app.client_id]


def bound_by(portal: Portal, app: App) -> list[Bound]:
    return [item for item in portal.area(Widgets).bound if item.client_id == app.client_id]


def types_of(portal: Portal, app: App) -> list[FieldType]:
    return [item for item in portal.area(Widgets).types if item.client_id == app.client_id]


def type_code(app: App, code: str) -> str:
    """The name under which userfieldconfig.add knows the type."""
    return f"rest_{app.id}_{code}"


def needed(call: Call, name: str) -> str:
    value = call.get(name)
    if value in (None, "", [], {}):
        raise RestError(400, "ERROR_ARGUMENT", f"Argument '{name}' is null or empty", argument=name)
    if not isinstance(value, str):
        text = f"The value of an argument '{name}' must be of type string"
        raise RestError(400, "ERROR_ARGUMENT", text, argument=name)
    return value


def codes(call: Call) -> list[str]:
    """The places this application's scopes open."""
    return [code for code, scope in CODES.items() if not scope or scope in call.client.scopes]


# -- placement.*


@method("placement.list", scope="placement", app="wrong_auth_type")
def listed(call: Call) -> list[str]:
    return codes(call)


@method("placement.bind", scope="placement", app="wrong_auth_type", admin=True)
def bind(call: Call) -> bool:
    code, handler = needed(call, "PLACEMENT").upper(), needed(call, "HANDLER")
    if code not in codes(call) and not (DYNAMIC.fullmatch(code) and "crm" in call.client.scopes):
        raise RestError(400, "ERROR_PLACEMENT_NOT_FOUND", "Placement not found")
    user_id = str(integer(call.get("USER_ID")) or "")
    options = mapping(call.get("OPTIONS"), "OPTIONS")
    _check(call, code, handler, user_id, options)
    app = app_of(call)
    made = Bound(app.client_id, code, handler, user_id)
    made.options = {name: options[name] for name in KEPT_OPTIONS.get(code, ()) if name in options}
    made.title = str(call.get("TITLE") or app.title)
    made.description = str(call.get("DESCRIPTION") or "")
    made.group = str(call.get("GROUP_NAME") or "")
    made.languages = mapping(call.get("LANG_ALL"), "LANG_ALL")
    call.portal.area(Widgets).bound.append(made)
    return True


def _check(call: Call, code: str, handler: str, user_id: str, options: Mapping[str, Any]) -> None:
    """Refusals under HTTP 200, as this method has them (contract, section 2)."""
    if user_id and code != WORKER:
        raise RestError(200, "ERROR_PLACEMENT_USER_MODE", "User mode is not available")
    if code == WORKER and not options.get("errorHandlerUrl"):
        raise RestError(200, "EMPTY_ERROR_HANDLER_URL", "")
    same = [item for item in bound_by(call.portal, app_of(call)) if item.code == code and item.user_id == user_id]
    if code in ONE_ONLY and same:
        raise RestError(200, "ERROR_PLACEMENT_MAX_COUNT", "")
    if any(item.handler == handler for item in same) and call.portal.faults.word("placement_repeat") == "refuse":
        raise RestError(400, "ERROR_CORE", "Unable to set placement handler: Handler already binded")


@method("placement.get", scope="placement", app="wrong_auth_type", admin=True)
def get(call: Call) -> list[dict[str, Any]]:
    language = call.portal.language
    return [_shown(item, language) for item in bound_by(call.portal, app_of(call))]


def _shown(item: Bound, language: str) -> dict[str, Any]:
    own = {language: {"TITLE": item.title, "DESCRIPTION": item.description, "GROUP_NAME": item.group}}
    return {
        "placement": item.code, "userId": int(item.user_id or 0), "handler": item.handler,
        "options": empty_list(item.options), "title": item.title, "description": item.description,
        "langAll": item.languages or own,
    }  # fmt: skip


@method("placement.unbind", scope="placement", app="wrong_auth_type", admin=True)
def unbind(call: Call) -> dict[str, int]:
    code, handler = needed(call, "PLACEMENT").upper(), str(call.get("HANDLER") or "")
    user_id = call.get("USER_ID")
    gone = [
        item
        for item in bound_by(call.portal, app_of(call))
        if item.code == code and handler in ("", item.handler) and (user_id is None or str(user_id or "") == item.user_id)
    ]
    kept = call.portal.area(Widgets).bound
    for item in gone:
        kept.remove(item)
    # The portal counts every handler twice: once when found, once when removed.
    return {"count": 2 * len(gone)}


# -- userfieldtype.*


@method("userfieldtype.add", scope="placement", app="wrong_auth_type", admin=True)
def type_add(call: Call) -> bool:
    code, handler, app = needed(call, "USER_TYPE_ID"), needed(call, "HANDLER"), app_of(call)
    if not re.fullmatch("[a-z0-9_]+", code) or len(type_code(app, code)) > TYPE_CODE_LENGTH_MAX:
        raise RestError(400, "ERROR_ARGUMENT", "Wrong USER_TYPE_ID", argument="USER_TYPE_ID")
    if any(code == item.code or handler == item.handler for item in types_of(call.portal, app)):
        raise RestError(400, "ERROR_CORE", "Unable to set placement handler: Handler already binded")
    made = FieldType(app.client_id, code, handler)
    _fill(made, call)
    call.portal.area(Widgets).types.append(made)
    return True


def _fill(item: FieldType, call: Call) -> None:
    item.handler = str(call.get("HANDLER") or item.handler)
    item.title = str(call.get("TITLE", item.title) or "")
    item.description = str(call.get("DESCRIPTION", item.description) or "")
    item.height = integer(mapping(call.get("OPTIONS"), "OPTIONS").get("height", item.height)) or 0


@method("userfieldtype.list", scope="placement", app="wrong_auth_type", admin=True)
def type_list(call: Call) -> Listed:
    return page(call, types_of(call.portal, app_of(call)), _type_shown)


def _type_shown(item: FieldType) -> dict[str, str]:
    return {
        "USER_TYPE_ID": item.code, "HANDLER": item.handler, "TITLE": item.title, "DESCRIPTION": item.description,
    }  # fmt: skip


def _type(call: Call) -> FieldType:
    code = needed(call, "USER_TYPE_ID")
    found = next((item for item in types_of(call.portal, app_of(call)) if item.code == code), None)
    if found is None:
        raise RestError(400, "ERROR_NOT_FOUND", "User Field Type not found")
    return found


@method("userfieldtype.update", scope="placement", app="wrong_auth_type", admin=True)
def type_update(call: Call) -> bool:
    _fill(_type(call), call)
    return True


@method("userfieldtype.delete", scope="placement", app="wrong_auth_type", admin=True)
def type_delete(call: Call) -> bool:
    call.portal.area(Widgets).types.remove(_type(call))
    return True
