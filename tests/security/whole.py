"""The whole web side as app puts it together, in this process: an outside system of a script instead of the network."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import flask

from app.bootstrap import Annex, build
from app.site import make_site
from connectors.bitrix24.tests.pocket import Portal
from kernel.http import Answer
from kernel.testing import FakeClock, MemoryQueue, session

HOST = "https://annex.example.com"
HOOK_SECRET = "hook-secret-4f0c1d"
MEMBER = "member-0123456789abcdef"
# Every one of them has to stay out of pages, logs, tables and process lists. No test names them to the masking itself.
SECRETS = {
    "webhook": "webhook-code-77aa01", "client": "client-secret-77aa02", "application": "application-token-77aa03",
    "access": "access-token-77aa04", "refresh": "refresh-token-77aa05", "visitor": "visitor-token-77aa06",
    "visitor_refresh": "visitor-refresh-77aa07", "annex": "annex-secret-77aa08",
}  # fmt: skip
BROKER = {
    "ANNEX_SET": "broker-bitrix24", "BITRIX24_URL": "https://broker.bitrix24.ru/", "BITRIX24_CLIENT_ID": "local.1",
    "BITRIX24_CLIENT_SECRET": SECRETS["client"], "BITRIX24_WEBHOOK": f"1/{SECRETS['webhook']}",
}  # fmt: skip
BROKER_WITH_OFFICE = {
    **BROKER, "BACKOFFICE_BROKER_URL": "https://office.example.com/api", "SMS_RU_SMS_API_ID": "api-id-77aa10",
}  # fmt: skip
DESK = {
    "ANNEX_SET": "exchange-desk-planfix", "PLANFIX_URL": "https://desk.example.com/rest/",
    "PLANFIX_TOKEN": "robot-token-77aa09", "PLANFIX_HOOK_SECRET": HOOK_SECRET,
    "TELEGRAM_PARTNERS_TOKEN": "7000000001:of-this-test", "TELEGRAM_PARTNERS_HOOK_SECRET": "telegram-key-of-this-test",
}  # fmt: skip
STAFF = [
    {"ID": "1", "NAME": "Олег", "LAST_NAME": "Власник", "ACTIVE": True, "UF_DEPARTMENT": [1]},
    {"ID": "7", "NAME": "Пётр", "LAST_NAME": "Менеджер", "ACTIVE": True, "UF_DEPARTMENT": [1]},
]


@dataclass
class Whole:
    annex: Annex
    app: flask.Flask
    outside: Portal
    queue: MemoryQueue

    def anybody(self) -> Any:
        return self.app.test_client()

    def signed_in(self, role: Any = "owner", person: str = "") -> Any:
        client = self.app.test_client()
        site = self.app.extensions["annex"]
        client.set_cookie("annex_session", session(site, role, "Олег Власник", person))
        return client

    def csrf(self, client: Any) -> str:
        return str(self.app.extensions["annex"].links.csrf(client.get_cookie("annex_session").value))

    def count(self, table: str) -> int:
        with self.annex.database.read() as tx:
            return int(tx.value(f"SELECT COUNT(*) FROM {table}"))

    def install(self) -> Any:
        """An administrator installs the application."""
        auth = {
            "access_token": SECRETS["access"], "refresh_token": SECRETS["refresh"], "member_id": MEMBER,
            "application_token": SECRETS["application"], "expires_in": "3600",
            "server_endpoint": "https://oauth.bitrix24.tech/rest/",
        }  # fmt: skip
        return self.event("ONAPPINSTALL", auth)

    def event(self, name: str, auth: Mapping[str, str], **fields: str) -> Any:
        form = {"event": name, **{f"data[FIELDS][{key}]": value for key, value in fields.items()}}
        body = urlencode({**form, **{f"auth[{key}]": value for key, value in auth.items()}})
        return self.anybody().post("/hooks/bitrix24/main", data=body, content_type="application/x-www-form-urlencoded")

    def frame(self, page: str = "workday/", client: Any = None, **changed: str) -> Any:
        """The portal shows a page of ours to its user 7."""
        form = {
            "AUTH_ID": SECRETS["visitor"], "REFRESH_ID": SECRETS["visitor_refresh"], "member_id": MEMBER,
            "APPLICATION_TOKEN": SECRETS["application"], "PLACEMENT": "DEFAULT", "AUTH_EXPIRES": "3600", **changed,
        }  # fmt: skip
        return (client or self.anybody()).post(f"/frame/bitrix24/main/{page}?DOMAIN=broker.bitrix24.ru", data=form)


PLANFIX_STAFF = Answer(200, {}, json.dumps({"result": "success", "users": [
    {"id": "user:1", "name": "Олег Власник", "role": "Admin", "status": "Active"},
    {"id": "user:7", "name": "Пётр Менеджер", "role": "User", "status": "Active"},
]}).encode())  # fmt: skip
PROOF = {"application_token": SECRETS["application"], "member_id": MEMBER}


def outside() -> Portal:
    """The CRM: knows the tokens' owners and its staff."""
    portal = Portal()
    owners = {SECRETS["visitor"]: ("7", False), SECRETS["access"]: ("1", True)}

    def profile(params: Any) -> Any:
        number, admin = owners.get(str(params.get("auth")), ("1", True) if "auth" not in params else ("0", False))
        return {"ID": number, "ADMIN": admin}

    portal.methods.update({
        "profile": profile, "app.info": lambda params: {"CODE": "local.1"}, "user.get": lambda params: STAFF,
        "department.get": lambda params: [{"ID": "1", "NAME": "Отдел продаж", "UF_HEAD": "1"}],
    })  # fmt: skip
    portal.before = lambda name, params: PLANFIX_STAFF if name == "user/list" else None
    return portal


@contextmanager
def whole(folder: Path, environment: Mapping[str, str]) -> Iterator[Whole]:
    portal, clock = outside(), FakeClock()
    queue = MemoryQueue(clock)
    settings = {"ANNEX_HOME": str(folder), "ANNEX_PUBLIC_URL": HOST, "ANNEX_SECRET": SECRETS["annex"], **environment}
    annex = build(settings, clock=clock, queue=queue, transport=portal)
    annex.migrate()
    app = make_site(annex)
    try:
        yield Whole(annex, app, portal, queue)
    finally:
        app.extensions["annex"].live.close()
        annex.close()


def signature(task: str, event: str, delivery: str, secret: str = HOOK_SECRET) -> str:
    return hmac.new(secret.encode(), f"{task}|{event}|{delivery}".encode(), hashlib.sha256).hexdigest()


class Page(HTMLParser):
    """A page as a browser takes it: what of it could act."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.wrong: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in ("iframe", "object", "embed", "base", "style", "img") or (tag == "script" and not given.get("src")):
            self.wrong.append(f"<{tag}>")
        for name, value in given.items():
            here = value.strip().lower()
            if name.startswith("on") or name == "style":
                self.wrong.append(f"{tag} {name}={value}")
            if name in ("href", "src", "action", "formaction") and not here.startswith(
                ("/", "#", "?", "https://", "http://")
            ):
                self.wrong.append(f"{tag} {name}={value}")

    def handle_data(self, data: str) -> None:
        self.text += data


__all__ = ["BROKER", "DESK", "HOST", "MEMBER", "PROOF", "SECRETS", "Page", "Whole", "signature", "whole"]
