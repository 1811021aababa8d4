"""The authorisation server, which plays under the portal's own address (contract, section 4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from sandbox.bitrix24 import tokens
from sandbox.bitrix24.apps import App, Token
from sandbox.bitrix24.calls import timing
from sandbox.bitrix24.request import Answer, Request, as_html, as_json
from sandbox.bitrix24.state import Portal


@dataclass
class Codes:
    """Authorisation codes: who, which application, until when."""

    open: dict[str, tuple[str, str, float]] = field(default_factory=dict)


class Refused(Exception):
    def __init__(self, error: str, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.error, self.status = error, status


def serve(portal: Portal, request: Request) -> Answer:
    """/oauth/authorize/, /oauth/token/ and /oauth/rest/app.info."""
    path = request.path.rstrip("/").removesuffix(".json")
    tree = {**request.query, **request.body()}
    with portal.lock:
        answer = _serve(portal, path, tree)
    portal.note(
        direction="in", verb=request.verb, path=request.path, method="oauth", who="", status=answer.status, cut=False
    )
    return answer


def _serve(portal: Portal, path: str, tree: dict[str, Any]) -> Answer:
    try:
        if path == "/oauth/authorize":
            return _authorize(portal, tree)
        if path in ("/oauth/token", "/oauth/rest/oauth/token"):
            return as_json(_token(portal, tree))
        if path == "/oauth/rest/app.info":
            shown = _info(portal, str(tree.get("auth") or tree.get("access_token") or ""))
            return as_json({"result": shown, "time": timing(portal, portal.clock.now().timestamp(), 0.0)})
    except Refused as refused:
        return as_json({"error": refused.error, "error_description": str(refused)}, refused.status)
    return as_json({"error": "ERROR_METHOD_NOT_FOUND", "error_description": "Method not found!"}, 404)


def _authorize(portal: Portal, tree: dict[str, Any]) -> Answer:
    """Consent is given at once, for `user` or the administrator. A failure is a page, never a redirect."""
    app = portal.apps.get(str(tree.get("client_id", "")))
    user = portal.people.get(str(tree.get("user") or "1"))
    if app is None or not app.present or user is None or not user.active:
        return as_html("<html><body><h1>Application not found</h1></body></html>", 404)
    code = portal.secret("code", portal.next_id("code"), length=62)
    portal.area(Codes).open[code] = (app.client_id, user.id, portal.clock.ticks() + portal.faults.number("code_seconds"))
    query = urlencode({
        "code": code, "state": tree.get("state", ""), "domain": portal.domain, "member_id": portal.member_id,
        "scope": ",".join(sorted(app.scopes)), "server_domain": portal.domain,
    })  # fmt: skip
    mark = "&" if "?" in app.redirect_uri else "?"
    return Answer(302, b"", "text/html", {"Location": f"{app.redirect_uri}{mark}{query}"})


def _token(portal: Portal, tree: dict[str, Any]) -> dict[str, Any]:
    if portal.faults.take("refresh_fails_next"):
        raise Refused("INTERNAL_SERVER_ERROR", "Internal server error", 500)
    kind = str(tree.get("grant_type") or "")
    if kind not in ("authorization_code", "refresh_token"):
        raise Refused("invalid_request", "Invalid grant_type parameter or parameter missing")
    app = portal.apps.get(str(tree.get("client_id") or ""))
    if app is None or tree.get("client_secret") != app.client_secret:
        raise Refused("invalid_client", "The client credentials are invalid", 401)
    if portal.faults.on("payment_required"):
        raise Refused("PAYMENT_REQUIRED", "Payment required", 401)
    if kind == "authorization_code":
        return _shown(portal, app, _by_code(portal, app, str(tree.get("code") or "")))
    token = _by_refresh(portal, app, str(tree.get("refresh_token") or ""))
    stamp = int(portal.clock.now().timestamp() + portal.faults.number("token_seconds"))
    return _shown(portal, app, token) | {"expires": stamp, "user_id": int(token.user_id)}


def _by_code(portal: Portal, app: App, code: str) -> Token:
    client_id, user_id, until = portal.area(Codes).open.pop(code, ("", "", 0.0))
    if client_id != app.client_id or portal.clock.ticks() > until:
        raise Refused("invalid_grant", "The authorization code is invalid or has expired")
    return tokens.issue(portal, app, user_id)


def _by_refresh(portal: Portal, app: App, refresh: str) -> Token:
    store = portal.area(tokens.Tokens)
    old = store.by_refresh.get(refresh)
    if old is None or old.client_id != app.client_id or portal.clock.ticks() > old.refresh_expires:
        raise Refused("invalid_grant", "Invalid refresh token")
    if not app.present:
        raise Refused("NOT_INSTALLED", "Application is not installed", 401)
    if portal.faults.word("old_refresh") == "dies":
        del store.by_refresh[refresh]
    return tokens.issue(portal, app, old.user_id)


def _shown(portal: Portal, app: App, token: Token) -> dict[str, Any]:
    return {
        "access_token": token.access, "client_endpoint": portal.client_endpoint, "domain": f"oauth.{portal.domain}",
        "expires_in": int(portal.faults.number("token_seconds")), "member_id": portal.member_id,
        "refresh_token": token.refresh, "scope": ",".join(sorted(portal.faults.granted(app.scopes))),
        "server_endpoint": portal.server_endpoint, "status": "L",
    }  # fmt: skip


def _info(portal: Portal, access: str) -> dict[str, Any]:
    """What the authorisation server knows about a token: proof of who runs the page."""
    token = portal.area(tokens.Tokens).by_access.get(access)
    app = portal.apps.get(token.client_id) if token else None
    if token is None or app is None or not app.present:
        raise Refused("invalid_token", "Unable to get application by token", 401)
    left = int(token.expires - portal.clock.ticks())
    if left <= 0:
        raise Refused("expired_token", "The access token provided has expired.", 401)
    return {
        "client_id": app.client_id, "scope": ",".join(sorted(app.scopes)),
        "expires": (portal.now() + timedelta(seconds=left)).isoformat(), "user_id": int(token.user_id),
        "install": {
            "installed": app.installed, "version": str(app.version), "status": "L", "scope": ",".join(sorted(app.scopes)),
            "domain": portal.domain, "uri": portal.address, "client_endpoint": portal.client_endpoint,
            "member_id": portal.member_id, "member_type": "PAID",
        },
    }  # fmt: skip
