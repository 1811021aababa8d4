"""How the portal opens an application's page: the exact iframe request, a page for a real browser, the hidden worker."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from sandbox.bitrix24 import tokens
from sandbox.bitrix24.apps import App
from sandbox.bitrix24.delivery import Post
from sandbox.bitrix24.doors import BadRequest, door
from sandbox.bitrix24.outgoing import send
from sandbox.bitrix24.placements import WORKER, Bound, Widgets, bound_by, types_of
from sandbox.bitrix24.request import Answer, as_html
from sandbox.bitrix24.state import Portal

if TYPE_CHECKING:
    from sandbox.bitrix24.server import Sandbox

FIELD_TYPE = "USERFIELD_TYPE"
PAGE = """<!doctype html>
<html lang="{language}">
<head><meta charset="utf-8"><title>{title}</title></head>
<body>
<h1>{title}</h1>
<iframe name="app" id="app" width="100%" height="640" title="{title}"></iframe>
<form id="opener" method="post" target="app" action="{action}">
{inputs}
</form>
<script>document.getElementById("opener").submit();</script>
</body>
</html>
"""


@dataclass
class Workers:
    """How often a background worker was slow, by date."""

    slow: dict[tuple[str, str, str], int] = field(default_factory=dict)


def request_of(portal: Portal, app: App, handler: str, user: str, code: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Query and body as the portal's page sends them: nothing in them names the user, nothing is signed."""
    token = tokens.recent(portal, app, user)
    query = {
        "DOMAIN": portal.domain, "PROTOCOL": "1" if portal.address.startswith("https") else "0", "LANG": portal.language,
        "APP_SID": portal.secret("sid", portal.next_id("sid")),
    }  # fmt: skip
    fields = {
        "AUTH_ID": token.access, "AUTH_EXPIRES": str(int(token.expires - portal.clock.ticks())),
        "REFRESH_ID": token.refresh, "SERVER_ENDPOINT": portal.server_endpoint,
        "APPLICATION_TOKEN": app.application_token,
        "APPLICATION_SCOPE": ",".join(sorted(portal.faults.granted(app.scopes))), "member_id": portal.member_id,
        "status": "L", "PLACEMENT": code, "PLACEMENT_OPTIONS": json.dumps(options, ensure_ascii=False),
    }  # fmt: skip
    joint = "&" if urlsplit(handler).query else "?"
    return {"method": "POST", "url": f"{handler}{joint}{urlencode(query)}", "query": query, "fields": fields}


def options_of(code: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """PLACEMENT_OPTIONS of a place, with the page it is opened from."""
    if code == FIELD_TYPE:
        return dict(given)
    if code == WORKER:
        return {"ID": WORKER, "URI": "/crm/deal/kanban/category/0/", **given}
    if code == "CALL_CARD":
        # Everything is a word here, even what is false or missing (contract, section 10).
        shown = {name: value if isinstance(value, list) else _word(value) for name, value in given.items()}
        return {"CRM_ACTIVITY_ID": "undefined", "CRM_ENTITY_ID": "0", "CALL_LIST_MODE": "false", "URI": "/", **shown}
    shown = {name: _word(value) if isinstance(value, int) else value for name, value in given.items()}
    return {**shown, "URI": shown.get("URI", _page_of(code, shown))}


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "undefined" if value is None else str(value)


def _page_of(code: str, options: Mapping[str, Any]) -> str:
    kind = code.split("_")[1].lower() if code.startswith("CRM_") else ""
    return f"/crm/{kind}/details/{options['ID']}/?IFRAME=Y&IFRAME_TYPE=SIDE_SLIDER" if kind and "ID" in options else "/"


def opened(portal: Portal, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The request of the widget asked for; Wrong if there is none to be seen."""
    code, user = str(asked.get("placement") or "DEFAULT").upper(), str(asked.get("user") or "1")
    person = portal.people.get(user)
    if person is None or not person.active:
        raise BadRequest(f"no such user {user!r}")
    app = portal.apps.get(str(asked.get("client_id") or "")) or portal.app()
    # The installer's own page is opened before installFinish, widgets only after it (20).
    if not app.present or not (app.installed or code == "DEFAULT"):
        raise BadRequest("the application is not installed: its widgets are not shown")
    options = asked.get("options") or {}
    if isinstance(options, str):
        options = json.loads(options)
    handler = _handler(portal, app, code, user, asked)
    return request_of(portal, app, handler, user, code, options_of(code, options))


def _handler(portal: Portal, app: App, code: str, user: str, asked: Mapping[str, Any]) -> str:
    if code == "DEFAULT":
        return str(asked.get("handler") or app.handler)
    if code == FIELD_TYPE:
        wanted = str(asked.get("user_type") or "")
        found = [item.handler for item in types_of(portal, app) if wanted in ("", item.code)]
    else:
        bound = [item for item in bound_by(portal, app) if item.code == code and item.user_id in ("", user)]
        # A worker bound for one person goes before the one for everybody.
        found = [item.handler for item in sorted(bound, key=lambda item: item.user_id == "")]
    wanted = str(asked.get("handler") or "")
    found = [handler for handler in found if wanted in ("", handler)]
    if not found:
        raise BadRequest(f"nothing is bound to {code}")
    return found[0]


@door("POST", "/sandbox/open")
def open_widget(sandbox: Sandbox, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """`{"placement": "LEFT_MENU", "user": "7", "options": {…}}`: what a browser would send, without sending it."""
    with sandbox.portal.lock:
        return opened(sandbox.portal, wanted)


@door("GET", "/sandbox/frame")
def frame(sandbox: Sandbox, asked: Mapping[str, Any]) -> Answer:
    """`?placement=…&user=…&ID=830`: a page as the portal's own, with the widget in a frame."""
    known = ("placement", "user", "handler", "client_id", "user_type", "options")
    options = {name: value for name, value in asked.items() if name not in known}
    with sandbox.portal.lock:
        made = opened(sandbox.portal, {**asked, "options": asked.get("options") or options})
        language = sandbox.portal.language
    inputs = "\n".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
        for name, value in made["fields"].items()
    )
    title = html.escape(made["fields"]["PLACEMENT"])
    return as_html(PAGE.format(language=language, title=title, action=html.escape(made["url"]), inputs=inputs))


@door("POST", "/sandbox/page")
def page_loaded(sandbox: Sandbox, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """`{"user": "7", "uri": "/crm/…"}`: somebody opens a page, so the hidden worker loads; `took` pretends its time."""
    portal = sandbox.portal
    with portal.lock:
        made = opened(portal, {**wanted, "placement": WORKER, "options": {"URI": str(wanted.get("uri") or "/")}})
    post = Post(made["url"], made["fields"], "placement", WORKER)
    took = wanted.get("took")
    if took is None:
        began = portal.clock.ticks()
        answer = sandbox.delivery.post_now(post)
        took = (portal.clock.ticks() - began) / portal.clock.speedup
        status = answer.status_code if answer is not None else 0
    else:
        status = 0
    with portal.lock:
        removed = _timed(portal, made, float(took))
    return {"status": status, "took": float(took), "removed": removed}


def _timed(portal: Portal, made: Mapping[str, Any], took: float) -> bool:
    """Count slow answers of a day; one too many and the worker is gone (contract, section 10)."""
    if took <= portal.faults.number("worker_slow_s"):
        return False
    app = next(app for app in portal.apps.values() if app.application_token == made["fields"]["APPLICATION_TOKEN"])
    gone = next(
        (item for item in bound_by(portal, app) if item.code == WORKER and made["url"].startswith(item.handler)), None
    )
    if gone is None:
        return False
    key, slow = (app.client_id, gone.handler, portal.now().date().isoformat()), portal.area(Workers).slow
    slow[key] = slow.get(key, 0) + 1
    if slow[key] <= portal.faults.number("worker_slow_max"):
        return False
    _remove(portal, gone, took)
    return True


def _remove(portal: Portal, gone: Bound, took: float) -> None:
    portal.area(Widgets).bound.remove(gone)
    # Told without tokens: the address stands in OPTIONS[errorHandlerUrl].
    text = f"Placement handler loading time exceeded: {took:.1f} s"
    form = {"error": "ERROR_PLACEMENT_LOADING_OVERTIME", "error_description": text, "PLACEMENT": WORKER}
    send(portal, Post(str(gone.options["errorHandlerUrl"]), form, "placement", "ERROR_PLACEMENT_LOADING_OVERTIME"))
