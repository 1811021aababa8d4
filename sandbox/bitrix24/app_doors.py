"""Doors for what an administrator does with applications and outgoing webhooks in the portal's pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.bitrix24 import formats, seed, tokens
from sandbox.bitrix24.apps import App
from sandbox.bitrix24.delivery import Post
from sandbox.bitrix24.doors import BadRequest, Running, door
from sandbox.bitrix24.state import Portal


def _app(portal: Portal, data: Mapping[str, Any]) -> App:
    wanted = str(data.get("client_id") or "")
    if wanted and wanted not in portal.apps:
        raise BadRequest(f"no application {wanted!r}")
    return portal.apps[wanted] if wanted else portal.app()


def shown(portal: Portal, app: App) -> dict[str, Any]:
    """What a person sees in the application's card, and what is true of it now."""
    return {
        "client_id": app.client_id, "client_secret": app.client_secret, "oauth": portal.address,
        "server_endpoint": portal.server_endpoint, "member_id": portal.member_id,
        "application_token": app.application_token, "scopes": sorted(app.scopes), "redirect_uri": app.redirect_uri,
        "handler": app.handler, "present": app.present, "installed": app.installed, "version": app.version,
    }  # fmt: skip


@door("POST", "/sandbox/app/install")
def install(sandbox: Running, data: Mapping[str, Any]) -> dict[str, Any]:
    """Send ONAPPINSTALL with tokens. A script is installed at once, a page only by installFinish (20)."""
    portal, handler, kind = sandbox.portal, str(data.get("handler") or ""), str(data.get("kind") or "script")
    user = str(data.get("user") or "1")
    if not handler.startswith(("http://", "https://")) or kind not in ("script", "ui") or user not in portal.people:
        raise BadRequest("install takes handler (an address), kind (script or ui) and user (a known id)")
    with portal.lock:
        app = _app(portal, data)
        app.handler, app.kind, app.installer, app.present = handler, kind, user, True
        app.redirect_uri = str(data.get("redirect_uri") or app.redirect_uri)
        app.application_token = portal.secret("application", portal.next_id("installation"))
        app.installed = kind == "script"
        app.bindings.clear()
        fields = {"VERSION": str(app.version), "ACTIVE": "Y", "INSTALLED": formats.yn(app.installed)}
        form = sandbox.events.form("ONAPPINSTALL", fields | {"LANGUAGE_ID": portal.language}, app, None, user, refresh=True)
        sandbox.delivery.send(Post(handler, form, "app", "ONAPPINSTALL"))
        return shown(portal, app) | {name: form["auth"][name] for name in ("access_token", "refresh_token")}


@door("POST", "/sandbox/app/install-finish")
def install_finish(sandbox: Running, data: Mapping[str, Any]) -> dict[str, Any]:
    """The page called BX24.installFinish()."""
    with sandbox.portal.lock:
        app = _app(sandbox.portal, data)
        app.installed = app.present
        return shown(sandbox.portal, app)


@door("POST", "/sandbox/app/update")
def update(sandbox: Running, data: Mapping[str, Any]) -> dict[str, Any]:
    """A new version: all bindings are gone, the application is told."""
    portal = sandbox.portal
    with portal.lock:
        app = _app(portal, data)
        previous, app.version = app.version, app.version + 1
        app.bindings.clear()
        for forget in sandbox.on_app_gone:
            forget(portal, app)
        if "scopes" in data:
            app.scopes = frozenset(str(word) for word in data["scopes"])
        fields = {"VERSION": str(app.version), "PREVIOUS_VERSION": str(previous), "LANGUAGE_ID": portal.language}
        form = sandbox.events.form("ONAPPUPDATE", fields, app, None, app.installer, refresh=True)
        sandbox.delivery.send(Post(app.handler, form, "app", "ONAPPUPDATE"))
        return shown(portal, app)


@door("POST", "/sandbox/app/uninstall")
def uninstall(sandbox: Running, data: Mapping[str, Any]) -> dict[str, Any]:
    """The application is told without tokens; afterwards its tokens are worth nothing."""
    portal = sandbox.portal
    with portal.lock:
        app = _app(portal, data)
        clean = "1" if data.get("clean", True) else "0"
        form = sandbox.events.form("ONAPPUNINSTALL", {"LANGUAGE_ID": portal.language, "CLEAN": clean}, app, None, None)
        if app.handler:
            sandbox.delivery.send(Post(app.handler, form, "app", "ONAPPUNINSTALL"))
        app.present = app.installed = False
        app.bindings.clear()
        for forget in sandbox.on_app_gone:
            forget(portal, app)
        tokens.revoke(portal, app)
        return shown(portal, app)


@door("POST", "/sandbox/app/revoke")
def revoke(sandbox: Running, data: Mapping[str, Any]) -> dict[str, int]:
    """Every token given out so far stops working, the application stays."""
    with sandbox.portal.lock:
        return {"revoked": tokens.revoke(sandbox.portal, _app(sandbox.portal, data))}


@door("POST", "/sandbox/app/tokens")
def token(sandbox: Running, data: Mapping[str, Any]) -> dict[str, Any]:
    """A fresh pair for a user, as their browser would get in the application's page."""
    portal = sandbox.portal
    with portal.lock:
        app, user = _app(portal, data), str(data.get("user") or app_user(portal))
        if user not in portal.people:
            raise BadRequest(f"no such user {user!r}")
        issued = tokens.issue(portal, app, user)
        return {"access_token": issued.access, "refresh_token": issued.refresh, "user": user}


def app_user(portal: Portal) -> str:
    return portal.app().installer


@door("POST", "/sandbox/outgoing-webhook")
def outgoing(sandbox: Running, data: Mapping[str, Any]) -> dict[str, Any]:
    """Somebody makes an outgoing webhook in the portal's pages; all of one handler go with `"remove": true`."""
    portal, handler = sandbox.portal, str(data.get("handler") or "")
    with portal.lock:
        if data.get("remove"):
            before = len(portal.webhooks)
            portal.webhooks = [hook for hook in portal.webhooks if hook.handler != handler]
            return {"removed": before - len(portal.webhooks)}
        if not handler.startswith("http") or not isinstance(data.get("events"), list):
            raise BadRequest("an outgoing webhook takes events (a list) and handler (an address)")
        hook = seed.outgoing(portal, dict(data))
        portal.webhooks.append(hook)
        return {"id": hook.id, "token": hook.token, "events": sorted(hook.events), "handler": hook.handler}
