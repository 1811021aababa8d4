"""A portal in this process, callers for its REST and doors, and a stand-in for the service it posts to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from sandbox.bitrix24 import params
from sandbox.bitrix24.server import Options, Sandbox


class Api:
    """Calls the portal through one webhook, or through one application's token."""

    def __init__(self, sandbox: Sandbox, user: str = "1", token: str = "") -> None:
        self.sandbox = sandbox
        self.address = sandbox.address
        code = sandbox.portal.people[user].webhook
        self.base = f"{self.address}/rest/" if token else f"{self.address}/rest/{user}/{code}/"
        self.token = token
        self.session = requests.Session()
        self.session.trust_env = False

    def raw(self, name: str, tree: Any = None, **more: Any) -> requests.Response:
        tree = {**(tree or {}), **({"auth": self.token} if self.token else {})}
        return self.session.post(self.base + name, json=tree, timeout=120, allow_redirects=False, **more)

    def envelope(self, name: str, /, **tree: Any) -> dict[str, Any]:
        answer = self.raw(name, tree)
        assert answer.status_code == 200, answer.text
        body = dict(answer.json())
        assert "error" not in body, body
        return body

    def call(self, name: str, /, **tree: Any) -> Any:
        return self.envelope(name, **tree)["result"]

    def fails(self, name: str, /, **tree: Any) -> tuple[int, str, str]:
        """Status, code and description of a refusal."""
        answer = self.raw(name, tree)
        body = answer.json()
        return answer.status_code, body["error"], body["error_description"]

    def door(self, path: str, body: Any = None) -> Any:
        method = "GET" if body is None else "POST"
        answer = self.session.request(method, f"{self.address}/sandbox{path}", json=body, timeout=120)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def switch(self, **switches: Any) -> None:
        self.door("/faults", switches)

    # -- what most tests need

    def deal(self, **fields: Any) -> int:
        return int(self.call("crm.deal.add", fields={"TITLE": "Счёт", **fields}))

    def item(self, ident: int, type_id: int = 2) -> dict[str, Any]:
        return dict(self.call("crm.item.get", entityTypeId=type_id, id=ident)["item"])

    def move(self, ident: int, **fields: Any) -> dict[str, Any]:
        return dict(self.call("crm.item.update", entityTypeId=2, id=ident, fields=fields)["item"])


class Receiver:
    """What the portal posts to; `answers` are used up one by one, then 200."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.answers: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                kind = self.headers.get("Content-Type", "")
                receiver.got.append({"path": self.path, "raw": raw, "type": kind, "form": params.parse(raw)})
                content = json.dumps({}).encode()
                self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.005,), daemon=True)
        self.thread.start()

    def forms(self, event: str = "") -> list[dict[str, Any]]:
        return [item["form"] for item in self.got if not event or item["form"]["event"] == event]

    def events(self) -> list[str]:
        return [form["event"] for form in self.forms()]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def portal() -> Iterator[Callable[..., Sandbox]]:
    """Starts portals: `portal(plan="standard", speedup=10)`."""
    started: list[Sandbox] = []

    def start(**settings: Any) -> Sandbox:
        options = {key: settings.pop(key) for key in list(settings) if key in Options.__dataclass_fields__}
        sandbox = Sandbox(Options(**{"faults": tuple(settings.items()), **options})).start()
        started.append(sandbox)
        return sandbox

    yield start
    for sandbox in started:
        sandbox.close()


@pytest.fixture
def client() -> Iterator[Callable[..., Api]]:
    """Opens callers: `client(sandbox, "14")`."""
    opened: list[Api] = []

    def open_client(sandbox: Sandbox, user: str = "1", token: str = "") -> Api:
        opened.append(Api(sandbox, user, token))
        return opened[-1]

    yield open_client
    for api in opened:
        api.session.close()


@pytest.fixture
def broker(portal: Callable[..., Sandbox]) -> Sandbox:
    return portal()


@pytest.fixture
def admin(broker: Sandbox, client: Callable[..., Api]) -> Api:
    return client(broker)


@pytest.fixture
def manager(broker: Sandbox, client: Callable[..., Api]) -> Api:
    """User 14, no administrator."""
    return client(broker, "14")


@pytest.fixture
def installed(admin: Api, receiver: Receiver) -> dict[str, Any]:
    """The application is installed as a script; what the door said."""
    said = admin.door("/app/install", {"handler": f"{receiver.address}/hooks"})
    admin.door("/wait-idle", {})
    return dict(said)


@pytest.fixture
def app(broker: Sandbox, client: Callable[..., Api], installed: dict[str, Any]) -> Api:
    """Calls with the administrator's token of the installed application."""
    return client(broker, token=installed["access_token"])
