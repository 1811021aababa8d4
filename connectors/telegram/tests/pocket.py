"""A pocket Bot API for tests: a Transport that answers what a test tells it to, and keeps what was asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from werkzeug.formparser import parse_form_data

from connectors.telegram import connector
from kernel.extension import Connection, Delivery, Received
from kernel.files import FileStore
from kernel.http import Answer, HttpClient, Vault, WindowGate
from kernel.http.gate import SharedGate
from kernel.mapping import load_set
from kernel.storage import Database
from kernel.testing import FakeClock

ROOT = Path(__file__).parents[3]
SET = ROOT / "mappings" / "exchange-desk-planfix"
BOT, GROUP, PERSON = 7000000001, -1002200330044, 510000002
TOKEN = f"{BOT}:AAF-invented-token-of-the-bot_for-tests"
SECRET = "an-invented-hook-secret_of-thirty"
SETTINGS = {
    "TELEGRAM_TOKEN": TOKEN, "TELEGRAM_HOOK_SECRET": SECRET, "TELEGRAM_URL": "https://bots.example.com",
    "TELEGRAM_MODE": "webhook",
}  # fmt: skip
ME = {
    "id": BOT, "is_bot": True, "first_name": "Partner desk", "username": "partner_desk_bot", "can_join_groups": True,
    "can_read_all_group_messages": False, "supports_inline_queries": False,
}  # fmt: skip


@dataclass
class Asked:
    """One request as the vendor sees it: values are texts, nested ones JSON in a text."""

    method: str
    values: dict[str, str]
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)

    def json(self, name: str) -> Any:
        return json.loads(self.values[name])


Scripted = Callable[[Asked], Any]


class Pocket:
    """`answers[method]` is a result, an Answer, an exception, or a function of what was asked."""

    def __init__(self, database: Database, **settings: str) -> None:
        self.asked: list[Asked] = []
        self.answers: dict[str, Any] = {"getMe": ME, "sendMessage": self.posted, "getChat": {
            "id": GROUP, "type": "supergroup", "title": "Partner 118", "accent_color_id": 0, "max_reaction_count": 11,
            "accepted_gift_types": {"unlimited_gifts": False, "limited_gifts": False, "unique_gifts": False,
                                    "premium_subscription": False, "gifts_from_channels": False}}}  # fmt: skip
        self.number = 41
        self.clock = FakeClock()
        self.files = FileStore(database, self.clock)
        self.database = database
        name = "telegram/partners"
        self.connection = Connection(
            settings={**SETTINGS, **settings}, mapping=load_set(SET), clock=self.clock, transport=self.transport,
            http=self._client, vault=Vault(name, database, self.clock, b"secret"), name="partners", connector=connector,
            public_url="https://desk.example.com", files=self.files,
            window=lambda address, limits: WindowGate(f"{name}:{address}", limits, database, self.clock),
        )  # fmt: skip

    def _client(self, url: str, *, rate_limit: Any = None, window: Any = None, headers: Any = dict) -> HttpClient:
        gate = SharedGate("telegram/partners", rate_limit, self.database, self.clock) if rate_limit else None
        return HttpClient("telegram", url, clock=self.clock, gate=gate, transport=self.transport, headers=headers)

    def transport(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None, timeout: float) -> Answer:
        prefix = f"{SETTINGS['TELEGRAM_URL']}/bot{TOKEN}/"
        name = url.removeprefix(prefix) if url.startswith(prefix) else "file"
        asked = Asked(name, *_read(headers.get("Content-Type", ""), body or b""))
        self.asked.append(asked)
        found = self.answers.get(name, True)
        found = found(asked) if callable(found) else found
        if isinstance(found, BaseException):
            raise found
        return found if isinstance(found, Answer) else answer(found)

    def posted(self, asked: Asked) -> Any:
        """A message of the bot as Telegram gives it back."""
        self.number += 1
        return message(self.number, int(asked.values["chat_id"]), text=asked.values.get("text"))

    def called(self, method: str) -> list[Asked]:
        return [one for one in self.asked if one.method == method]

    def deliver(self, update: Any, secret: str | None = SECRET) -> Received:
        body = update if isinstance(update, bytes) else json.dumps(update).encode()
        headers = {} if secret is None else {"x-telegram-bot-api-secret-token": secret}
        assert connector.receive is not None
        return connector.receive(Delivery({"content-type": "application/json", **headers}, body), self.connection)


def message(number: int, chat: int = GROUP, **content: Any) -> dict[str, Any]:
    kind = "supergroup" if chat < 0 else "private"
    kept = {key: value for key, value in content.items() if value is not None}
    return {"message_id": number, "date": 1795290000, "from": {key: ME[key] for key in ("id", "is_bot", "first_name")},
            "chat": {"id": chat, "type": kind, "title": "Partner 118"}, **kept}  # fmt: skip


def answer(result: Any) -> Answer:
    return Answer(200, {}, json.dumps({"ok": True, "result": result}).encode())


def refusal(code: int, description: str, **parameters: Any) -> Answer:
    body = {"ok": False, "error_code": code, "description": description}
    return Answer(code, {}, json.dumps(body | ({"parameters": parameters} if parameters else {})).encode())


def _read(content_type: str, body: bytes) -> tuple[dict[str, str], dict[str, tuple[str, bytes]]]:
    if not content_type.startswith("multipart/"):
        return dict(parse_qsl(body.decode(), keep_blank_values=True)), {}
    environ = {"wsgi.input": BytesIO(body), "CONTENT_TYPE": content_type, "CONTENT_LENGTH": str(len(body)),
               "REQUEST_METHOD": "POST"}  # fmt: skip
    _, form, files = parse_form_data(environ)
    read = {name: (one.filename or "", one.read()) for name, one in files.items()}
    for one in files.values():
        one.close()
    return dict(form.items()), read
