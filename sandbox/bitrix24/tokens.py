"""Tokens of applications, and the `auth` block that goes out with events and pages (contract, sections 4 and 5)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.bitrix24.apps import App, Token
from sandbox.bitrix24.state import Portal


@dataclass
class Tokens:
    """All tokens ever given out, by access and by refresh word."""

    by_access: dict[str, Token] = field(default_factory=dict)
    by_refresh: dict[str, Token] = field(default_factory=dict)
    recent: dict[tuple[str, str], Token] = field(default_factory=dict)


def issue(portal: Portal, app: App, user_id: str) -> Token:
    """A fresh pair."""
    store, now = portal.area(Tokens), portal.clock.ticks()
    number = portal.next_id("token")
    token = Token(
        access=portal.secret("access", number, length=64), refresh=portal.secret("refresh", number, length=64),
        client_id=app.client_id, user_id=user_id, issued=now, expires=now + portal.faults.number("token_seconds"),
        refresh_expires=now + portal.faults.number("refresh_days") * 86_400,
    )  # fmt: skip
    store.by_access[token.access] = token
    store.by_refresh[token.refresh] = token
    store.recent[app.client_id, user_id] = token
    return token


def recent(portal: Portal, app: App, user_id: str) -> Token:
    """A token for an event or a page: one of the first half of its life is used again, as thousands go out."""
    known = portal.area(Tokens).recent.get((app.client_id, user_id))
    now = portal.clock.ticks()
    if known and known.access in portal.area(Tokens).by_access and now < (known.issued + known.expires) / 2:
        return known
    return issue(portal, app, user_id)


def revoke(portal: Portal, app: App) -> int:
    """All tokens of an application stop working; how many there were."""
    store = portal.area(Tokens)
    gone = [token for token in store.by_access.values() if token.client_id == app.client_id]
    for token in gone:
        store.by_access.pop(token.access, None)
        store.by_refresh.pop(token.refresh, None)
    store.recent.clear()
    return len(gone)


def bare_auth(portal: Portal, application_token: str) -> dict[str, Any]:
    """Without tokens: after a robot, for outgoing webhooks, at the uninstallation."""
    return {
        "domain": portal.domain, "client_endpoint": portal.client_endpoint, "server_endpoint": portal.server_endpoint,
        "member_id": portal.member_id, "application_token": application_token,
    }  # fmt: skip


def full_auth(portal: Portal, app: App, user_id: str, *, refresh: bool = False) -> dict[str, Any]:
    """With the user's tokens. `refresh` only for ONAPPINSTALL, ONOFFLINEEVENT and robots' requests."""
    token = recent(portal, app, user_id)
    left = int(token.expires - portal.clock.ticks())
    block: dict[str, Any] = {"access_token": token.access}
    if portal.faults.on("expires_in_events"):
        block["expires"] = str(int(portal.clock.now().timestamp()) + left)
    block |= {
        "expires_in": str(left), "scope": ",".join(sorted(portal.faults.granted(app.scopes))), "domain": portal.domain,
        "server_endpoint": portal.server_endpoint, "status": "L", "client_endpoint": portal.client_endpoint,
        "member_id": portal.member_id,
    }  # fmt: skip
    if portal.faults.on("expires_in_events"):
        block["user_id"] = user_id
    block["application_token"] = app.application_token
    if refresh:
        block["refresh_token"] = token.refresh
    return block
