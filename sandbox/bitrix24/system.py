"""Methods about the portal itself: what exists, what is allowed, what time it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.bitrix24 import formats
from sandbox.bitrix24.registry import METHODS, Call, RestError, method


@method("methods")
def methods(call: Call) -> list[str]:
    scope = call.get("scope")
    names = sorted([*METHODS, "batch"])
    if scope is None and not formats.flag(call.get("full")):
        return [name for name in names if name == "batch" or _open(name, call.client.scopes)]
    return [name for name in names if scope in (None, "") or (name in METHODS and scope in METHODS[name].scope)]


def _open(name: str, scopes: frozenset[str]) -> bool:
    wanted = METHODS[name].scope.replace(",", " ").split()
    return all(any(word in scopes for word in choice.split("|")) for choice in wanted)


@method("scope")
def scope(call: Call) -> list[str]:
    return sorted(call.client.scopes)


@method("server.time")
def server_time(call: Call) -> str:
    return str(formats.iso(call.portal.now()))


@method("feature.get")
def feature(call: Call) -> dict[str, str]:
    code = str(call.get("code") or "")
    if not code:
        raise RestError(400, "ERROR_ARGUMENT", "Argument 'CODE' is null or empty", argument="CODE")
    features = {"rest_offline_extended": call.portal.faults.on("offline_extended"), "rest_offline": True}
    return {"value": "Y" if features.get(code, False) else "N"}


@method("method.get")
def method_get(call: Call) -> dict[str, bool]:
    name = str(call.get("name") or "").lower()
    exists = name in METHODS or name == "batch"
    return {"isExisting": exists, "isAvailable": exists and (name == "batch" or _open(name, call.client.scopes))}


@method("app.info")
def app_info(call: Call) -> dict[str, Any]:
    portal = call.portal
    if call.client.kind != "app":
        raise RestError(400, "ACCESS_DENIED", "Access denied! Application context required")
    app = portal.apps[call.client.id]
    return {
        "ID": app.id, "CODE": app.client_id, "VERSION": app.version, "STATUS": "L", "INSTALLED": app.installed,
        "PAYMENT_EXPIRED": "N", "DAYS": None, "LANGUAGE_ID": portal.language, "LICENSE": f"{portal.language}_pro100",
        "LICENSE_TYPE": "pro100", "LICENSE_FAMILY": "pro",
    }  # fmt: skip


@method("access.name")
def access_name(call: Call) -> dict[str, Any]:
    found = {}
    for code in formats.items(call.get("access")):
        user = call.portal.people.get(str(code).removeprefix("U"))
        if user:
            found[str(code)] = {"provider": "", "name": user.full_name, "provider_id": "user"}
    return formats.empty_list(found)  # type: ignore[no-any-return]


# -- small settings an application keeps at the portal


@dataclass
class Options:
    """By client and, for user.option, by user; `user` is empty for the application's own."""

    values: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)


def _options(call: Call, user: str) -> dict[str, Any]:
    return call.portal.area(Options).values.setdefault((call.client.id, user), {})


def _get(call: Call, user: str) -> Any:
    name = call.get("option")
    return _options(call, user).get(str(name), "") if name else formats.empty_list(_options(call, user))


def _set(call: Call, user: str) -> bool:
    sent = call.get("options")
    if not isinstance(sent, dict) or not sent:
        raise RestError(400, "ERROR_ARGUMENT", "Argument 'options' is null or empty", argument="options")
    _options(call, user).update(sent)
    return True


@method("app.option.get", app="access_denied")
def app_option_get(call: Call) -> Any:
    return _get(call, "")


@method("app.option.set", app="access_denied", admin=True)
def app_option_set(call: Call) -> bool:
    return _set(call, "")


@method("user.option.get", app="access_denied")
def user_option_get(call: Call) -> Any:
    return _get(call, call.client.user_id)


@method("user.option.set", app="access_denied")
def user_option_set(call: Call) -> bool:
    return _set(call, call.client.user_id)
