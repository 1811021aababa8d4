"""Fill a portal from portals/*.toml: people, the application, robots, outgoing webhooks are data."""

from __future__ import annotations

import re
import tomllib
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

from sandbox.bitrix24.apps import App, OutgoingWebhook
from sandbox.bitrix24.people_model import Department, User
from sandbox.bitrix24.state import Portal

PORTALS = Path(__file__).parent / "portals"
#: The last number given out before the first of each kind is made, so that kinds are told apart in a log.
FIRST_IDS = {
    "lead": 900, "deal": 5100, "contact": 800, "company": 600, "activity": 7300, "comment": 4400, "multifield": 2200,
    "history": 9000, "userfield": 6990, "enum": 3300, "binding": 184, "webhook": 974, "trigger": 0,
}  # fmt: skip
DEFAULT_SCOPES = (
    "crm", "placement", "bizproc", "im", "imbot", "telephony", "user", "department", "timeman", "lists",
    "userfieldconfig", "messageservice", "call", "humanresources", "basic", "disk", "task",
)  # fmt: skip


def portal_names() -> list[str]:
    """Names that --portal takes, the default one first."""
    names = sorted(path.stem.replace("_", "-") for path in PORTALS.glob("*.toml"))
    return sorted(names, key=lambda name: name != "empty")


def load(portal: Portal, name: str, token: str) -> None:
    """Seed `portal` from the file of that name; `token` is the administrator's webhook code."""
    text = (PORTALS / f"{name.replace('-', '_')}.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text.replace("{post-to}", portal.post_to))
    portal.config, portal.name, portal.title = data, name, data["title"]
    portal.zone, portal.language = _zone(data.get("zone", "+03:00")), data.get("language", "ru")
    portal.next_ids.update(FIRST_IDS)
    for item in data.get("department", []):
        department = Department(**item)
        portal.departments[department.id] = department
    for item in data["user"]:
        user = User(**item)
        user.webhook = token if user.id == "1" else f"staff-{user.id}"
        portal.people[user.id] = user
    portal.next_ids["user"] = max(int(ident) for ident in portal.people)
    app = _app(portal, data.get("app", {}))
    portal.apps[app.client_id] = app
    portal.webhooks = [outgoing(portal, item) for item in data.get("webhook", [])]


def outgoing(portal: Portal, item: dict[str, Any]) -> OutgoingWebhook:
    """An outgoing webhook as somebody made it in the portal's pages."""
    number = portal.next_id("webhook")
    events = frozenset(str(name).upper() for name in item["events"])
    return OutgoingWebhook(number, str(item["handler"]), str(item.get("token") or portal.secret("hook", number)), events)


def _app(portal: Portal, data: dict[str, Any]) -> App:
    return App(
        client_id=data.get("client_id", f"local.{portal.secret('app', length=14)}.{portal.secret('id')[:8]}"),
        client_secret=data.get("client_secret", portal.secret("client", length=50)),
        application_token=portal.secret("application", 1),
        title=data.get("title", "Annex"),
        scopes=frozenset(data.get("scopes", DEFAULT_SCOPES)),
        redirect_uri=data.get("redirect_uri", f"{portal.post_to}/oauth/bitrix24"),
        present=data.get("present", True),
    )


def _zone(text: str) -> timezone:
    found = re.fullmatch(r"([+-])(\d\d):(\d\d)", text)
    if not found:
        raise ValueError(f"zone must look like +03:00, not {text!r}")
    sign, hours, minutes = found.groups()
    shift = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-shift if sign == "-" else shift)
