"""event.bind and its family: an application says what it wants to hear."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from sandbox.bitrix24 import formats
from sandbox.bitrix24.apps import App, Binding
from sandbox.bitrix24.events import EVENTS, known, scope_of
from sandbox.bitrix24.registry import Call, RestError, method


def app_of(call: Call) -> App:
    return call.portal.apps[call.client.id]


def _event(call: Call) -> str:
    name = str(call.get("event") or "").strip().upper()
    if not name:
        raise RestError(400, "ERROR_ARGUMENT", "Argument 'EVENT' is null or empty", argument="EVENT")
    return name


@method("event.bind", app="wrong_auth_type")
def bind(call: Call) -> bool:
    name, handler = _event(call), str(call.get("handler") or "")
    offline = str(call.get("event_type") or "online").lower() == "offline"
    if not known(name) or scope_of(name) not in ("", *call.client.scopes):
        raise RestError(400, "ERROR_EVENT_NOT_FOUND", "Event not found")
    auth_type = str(formats.integer(call.get("auth_type")) or "0")
    if not call.client.admin:
        if offline:
            text = "Access denied! Offline events binding requires administrator access rights"
            raise RestError(403, "ACCESS_DENIED", text)
        if auth_type not in ("0", call.client.user_id):
            text = "Access denied! Event binding with AUTH_TYPE requires administrator access rights"
            raise RestError(403, "ACCESS_DENIED", text)
    app = app_of(call)
    if not offline:
        _check_handler(call, app, handler)
    connector = str(call.get("auth_connector") or "")
    if any((b.event, b.handler, b.offline, b.connector, b.auth_type) ==
           (name, "" if offline else handler, offline, connector, auth_type) for b in app.bindings):  # fmt: skip
        raise RestError(400, "ERROR_CORE", "Unable to set event handler: Handler already binded")
    options = formats.mapping(call.get("options"), "options")
    pause = formats.number(options.get("minTimeout"))
    app.bindings.append(Binding(
        call.portal.next_id("binding"), name, "" if offline else handler, auth_type, offline, connector,
        float(pause) if pause is not None else 1.0,
    ))  # fmt: skip
    return True


def _check_handler(call: Call, app: App, handler: str) -> None:
    if not handler:
        raise RestError(400, "ERROR_ARGUMENT", "Argument 'HANDLER' is null or empty", argument="HANDLER")
    parts = urlsplit(handler)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise RestError(400, "ERROR_UNSUPPORTED_PROTOCOL", f"Unsupported event handler protocol: {handler}")
    own = urlsplit(app.handler or app.redirect_uri).netloc
    if call.portal.faults.word("handler_domain") == "own" and parts.netloc != own:
        raise RestError(400, "ERROR_WRONG_HANDLER_URL", "Wrong handler URL: its domain differs from the application's")


@method("event.unbind", app="wrong_auth_type")
def unbind(call: Call) -> dict[str, int]:
    name, app = str(call.get("event") or "").upper(), app_of(call)
    handler, auth_type, kind = call.get("handler"), call.get("auth_type"), call.get("event_type")
    if auth_type is not None and not call.client.admin and str(auth_type) != call.client.user_id:
        text = "Access denied! Event unbinding with AUTH_TYPE requires administrator access rights"
        raise RestError(403, "ACCESS_DENIED", text)
    gone = [
        b for b in app.bindings
        if (not name or b.event == name) and (handler is None or b.handler == handler)
        and (auth_type is None or b.auth_type == str(auth_type))
        and (kind is None or b.offline == (str(kind).lower() == "offline"))
    ]  # fmt: skip
    app.bindings = [b for b in app.bindings if b not in gone]
    return {"count": len(gone)}


@method("event.get", app="wrong_auth_type")
def get(call: Call) -> list[dict[str, Any]]:
    return [_shown(binding) for binding in app_of(call).bindings]


def _shown(binding: Binding) -> dict[str, Any]:
    row: dict[str, Any] = {
        "event": binding.event, "handler": binding.handler, "auth_type": binding.auth_type, "offline": int(binding.offline)
    }  # fmt: skip
    if binding.offline:
        del row["handler"]
    return row | ({"connector_id": binding.connector} if binding.connector else {})


@method("events", app="wrong_auth_type")
def events(call: Call) -> list[str]:
    wanted = call.get("scope")
    return [
        name for name, scope in EVENTS.items()
        if (wanted is None and (not scope or scope in call.client.scopes)) or (wanted is not None and scope == wanted)
    ]  # fmt: skip


@method("event.test", app="wrong_auth_type")
def test(call: Call) -> int:
    query = {key: value for key, value in call.params.items() if key.lower() != "auth"}
    call.portal.raise_event("ONAPPTEST", {"QUERY": query}, call.client.user_id)
    return 1
