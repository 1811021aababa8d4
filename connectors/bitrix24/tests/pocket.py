"""A pocket portal for tests: a Transport that answers as the contract's samples do, with batches and references."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import requests

from connectors.bitrix24 import settings
from connectors.bitrix24.client import Client, connect
from kernel.clock import Clock
from kernel.extension import Connection
from kernel.http import Answer, HttpClient, Transport, Vault
from kernel.mapping import EntityMap, FieldMap, MappingSet, PortalMap, RobotMap, TableMap
from kernel.storage import Database, MigrationSet, migrate
from kernel.testing import FakeClock

URL = "https://broker.bitrix24.ru/"
HTTP_ROOM = MigrationSet("kernel.http", Path(__file__).parents[3] / "kernel" / "http" / "migrations")
WEBHOOK = {"BITRIX24_URL": URL, "BITRIX24_WEBHOOK": "1/webhook-code"}
APP = {"BITRIX24_URL": URL, "BITRIX24_CLIENT_ID": "local.1", "BITRIX24_CLIENT_SECRET": "client-secret-word"}
MEMBER = "0123456789abcdef0123456789abcdef"
APPLICATION_TOKEN = "fedcba9876543210fedcba9876543210"
HELD = {
    "member_id": MEMBER, "domain": "broker.bitrix24.ru", "access_token": "access-1", "refresh_token": "refresh-1",
    "application_token": APPLICATION_TOKEN, "server_endpoint": "https://oauth.bitrix24.tech/rest/", "expires_at": 0,
}  # fmt: skip


class Refusal(Exception):
    def __init__(self, status: int, code: Any, text: str = "", **more: Any) -> None:
        super().__init__(text)
        self.status, self.body = status, {"error": code, "error_description": text, **more}


class Portal:
    """`methods` by name in small letters; `before` and `after` see each request and may answer or raise."""

    def __init__(self) -> None:
        self.methods: dict[str, Callable[[Any], Any]] = {"crm.item.list": self.listed, "crm.item.add": self.added}
        self.rows: dict[int, dict[str, Any]] = {}
        self.requests: list[tuple[str, Any]] = []
        self.urls: list[str] = []
        self.before: Callable[[str, Any], Answer | None] = lambda method, params: None
        self.after: Callable[[str, Any], None] = lambda method, params: None
        self.references = True

    def __call__(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None, timeout: float) -> Answer:
        name = re.sub(r"^https?://[^/]+/(rest/)?(\d+/[^/]+/)?", "", url).partition("?")[0].lower()
        params = json.loads(body, parse_float=Decimal) if body else dict(parse_qsl(url.partition("?")[2]))
        self.requests.append((name, params))
        self.urls.append(url)
        early = self.before(name, params)
        if early is not None:
            return early
        try:
            answer = ok(self._batch(params) if name == "batch" else self.run(name, params))
        except Refusal as no:
            answer = Answer(no.status, {}, json.dumps(no.body).encode())
        self.after(name, params)
        return answer

    def run(self, name: str, params: Any) -> Any:
        if name not in self.methods:
            raise Refusal(404, "ERROR_METHOD_NOT_FOUND", "Method not found!")
        return self.methods[name](params)

    def _batch(self, params: Any) -> Any:
        results: dict[str, Any] = {}
        errors: dict[str, Any] = {}
        assert len(params["cmd"]) <= 50
        for key, text in params["cmd"].items():
            method, _, query = text.partition("?")
            try:
                results[key] = self.run(method.lower(), self._filled(tree(query), results))
            except Refusal as no:
                errors[key] = no.body
                if params["halt"]:
                    break
        return {"result": results or [], "result_error": errors or [], "result_total": [], "result_next": []}

    def _filled(self, value: Any, results: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._filled(item, results) for key, item in value.items()}
        if isinstance(value, str) and value.startswith("$result") and self.references:
            found = results
            for step in re.findall(r"\[([^\]]*)\]", value):
                found = found.get(step) if isinstance(found, dict) else found[int(step)] if int(step) < len(found) else None
                if found is None:
                    return ""
            return found
        return value

    # --- records ----------------------------------------------------------------------------------------------------

    def listed(self, params: Any) -> Any:
        wanted = params.get("filter") or {}
        rows = [row for _, row in sorted(self.rows.items())]
        after = wanted.get(">id", 0)
        after = int(after) if str(after).isdigit() else 0
        rows = [row for row in rows if row["id"] > after]
        for name, value in wanted.items():
            if name.startswith("@"):
                chosen = {str(one) for one in (value.values() if isinstance(value, dict) else value)}
                rows = [row for row in rows if str(row.get(name[1:])) in chosen]
        if params["order"]["id"] == "DESC":
            rows.reverse()
        return {"items": rows[:50]}

    def added(self, params: Any) -> Any:
        number = max(self.rows, default=0) + 1
        self.rows[number] = {"id": number, **params["fields"]}
        return {"item": self.rows[number]}

    def fill(self, numbers: Any) -> None:
        for number in numbers:
            self.rows[number] = {"id": number, "title": f"n{number}"}

    def names(self) -> list[str]:
        return [name for name, _params in self.requests]


def cut() -> Answer:
    """The connection breaks."""
    raise requests.exceptions.ReadTimeout


def ok(result: Any, **more: Any) -> Answer:
    return Answer(200, {}, json.dumps({"result": result, "time": {"operating": 0}, **more}, default=float).encode())


def refused(status: int, code: Any, text: str = "", **more: Any) -> Answer:
    return Answer(status, {}, json.dumps({"error": code, "error_description": text, **more}).encode())


def tree(query: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        at: Any = found
        *path, last = re.findall(r"[^\[\]]+", name)
        for part in path:
            at = at.setdefault(part, {})
        at[last] = value
    return found


def a_set() -> MappingSet:
    row = TableMap(label="Операции", key="annex_key", field={"annex_key": FieldMap(label="Ключ")})
    deal = EntityMap(entity="deal", field={"title": FieldMap(system="title")}, table={"operation": row})
    others = [EntityMap(entity=name) for name in ("contact", "lead")]
    journal = EntityMap(entity="journal", kind="smart", object="Журнал")
    robot = RobotMap(label="Пересчитать", entity="deal", event="deal.recalculate")
    portal = PortalMap(connector="bitrix24", language="ru", time_zone="Europe/Moscow", robot={"recalculate": robot})
    return MappingSet("a-set", portal, {one.entity: one for one in (deal, *others, journal)})


def a_vault(folder: Path, clock: Clock | None = None) -> Vault:
    """Opened anew it is the vault of the same portal in another process."""
    database = Database(f"sqlite:///{folder / 'vault.db'}")
    migrate(database, [HTTP_ROOM], clock or FakeClock())
    return Vault("bitrix24/main", database, clock or FakeClock(), b"secret")


def a_connection(
    transport: Transport | None, vault: Vault, given: Mapping[str, str], clock: Clock | None = None, gate: Any = None
) -> Connection:
    clock = clock or FakeClock()

    def http(base_url: str, *, rate_limit: Any = None, headers: Any = dict) -> HttpClient:
        return HttpClient(
            "bitrix24", base_url, clock=clock, gate=gate if rate_limit else None, transport=transport, headers=headers
        )  # fmt: skip

    return Connection(given, a_set(), http, clock, vault, transport, "https://annex.example.com")


def a_client(connection: Connection) -> Client:
    return connect(connection, settings.read(connection.settings))
