"""A portal in this process, a client for its doors, and a stand-in for the service its scripts post to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import pytest
import requests

from sandbox.planfix.server import Options, Sandbox

OPEN = {"rate_per_second": 0, "per_day": 0}


class Api:
    """Calls the portal as one token's owner."""

    def __init__(self, sandbox: Sandbox, token: str = "sandbox") -> None:
        self.address = sandbox.address
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Bearer {token}"

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        return self.session.request(method, self.address + path, timeout=120, allow_redirects=False, **more)

    def get(self, path: str, **query: Any) -> Any:
        answer = self.call("GET", "/rest" + path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Any = None, status: int = 200, **query: Any) -> Any:
        answer = self.call("POST", "/rest" + path, json=body or {}, params=query)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def fails(self, path: str, body: Any = None, method: str = "POST", **query: Any) -> tuple[int, int]:
        """HTTP status and code of a refusal."""
        answer = self.call(method, "/rest" + path, json=body, params=query)
        fail = answer.json()
        assert fail["result"] == "fail"
        assert isinstance(fail["error"], str)
        return answer.status_code, fail["code"]

    def door(self, path: str, body: Any = None) -> Any:
        answer = self.call("POST" if body is not None else "GET", "/sandbox" + path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    # -- what most tests need

    def deal(self, **more: Any) -> int:
        return int(self.post("/task/", {"name": "Обмін", "object": {"id": 4703}, **more}, status=201)["id"])

    def task(self, number: int, fields: str) -> dict[str, Any]:
        return dict(self.get(f"/task/{number}", fields=fields)["task"])

    def set(self, number: int, **values: Any) -> Any:
        """Write custom fields: f11041="12.30"."""
        data = [{"field": {"id": int(key[1:])}, "value": value} for key, value in values.items()]
        return self.post(f"/task/{number}", {"customFieldData": data})

    def value(self, number: int, field: int) -> Any:
        items = self.task(number, str(field)).get("customFieldData", [])
        return items[0]["value"] if items else None

    def row(self, number: int, tag: int = 6, to: str = "task", **values: Any) -> dict[str, Any]:
        data = [{"field": {"id": int(key[1:])}, "value": value} for key, value in values.items()]
        body = {"dataTag": {"id": tag}, "items": [{"customFieldData": data}]}
        return dict(self.post(f"/{to}/{number}/datatags/", body, status=201))


class Receiver:
    """What the scripts post to; `answers` are used up one by one, then 200 `{}`."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.answers: list[tuple[int, Any]] = []
        self.gate = threading.Event()
        self.gate.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                kind = self.headers.get("Content-Type", "")
                form = dict(parse_qsl(raw.decode(), keep_blank_values=True)) if "form" in kind else {}
                receiver.got.append(
                    {"path": self.path, "form": form, "raw": raw.decode(), "type": kind, "headers": dict(self.headers)}
                )
                receiver.gate.wait(240)
                status, body = receiver.answers.pop(0) if receiver.answers else (200, {})
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST  # where a redirect would lead, were it followed

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.005,), daemon=True)
        self.thread.start()

    def events(self) -> list[str]:
        return [item["path"].rpartition("/")[2] for item in self.got]

    def close(self) -> None:
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def portal(receiver: Receiver) -> Iterator[Callable[..., Sandbox]]:
    """Starts portals: `portal(limit_answer="429", speedup=10)`; unlimited unless a limit is given."""
    started: list[Sandbox] = []

    def start(**settings: Any) -> Sandbox:
        options = {key: settings.pop(key) for key in list(settings) if key in Options.__dataclass_fields__}
        faults = tuple({**OPEN, **settings}.items())
        sandbox = Sandbox(Options(**{"post_to": receiver.address, "faults": faults, **options})).start()
        started.append(sandbox)
        return sandbox

    yield start
    for sandbox in started:
        sandbox.close()


@pytest.fixture
def client() -> Iterator[Callable[..., Api]]:
    """Opens clients: `client(sandbox, "staff-3")`."""
    opened: list[Api] = []

    def open_client(sandbox: Sandbox, token: str = "sandbox") -> Api:
        opened.append(Api(sandbox, token))
        return opened[-1]

    yield open_client
    for api in opened:
        api.session.close()


@pytest.fixture
def desk(portal: Callable[..., Sandbox]) -> Sandbox:
    """The exchange desk without limits."""
    return portal()


@pytest.fixture
def robot(desk: Sandbox, client: Callable[..., Api]) -> Api:
    return client(desk)


@pytest.fixture
def staff(desk: Sandbox, client: Callable[..., Api]) -> Api:
    """user:3, acting as themselves over the same REST."""
    return client(desk, "staff-3")
