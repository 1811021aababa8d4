"""A world in this process, a caller for its Bot API and doors, and a stand-in for the service it posts updates to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from sandbox.telegram.server import Options, Sandbox

OPEN = {"limits": "off"}
TOKEN = "7000000001:sandbox"
BOT = 7000000001


class Api:
    """Calls the Bot API as one bot, and the doors."""

    def __init__(self, sandbox: Sandbox, token: str = TOKEN) -> None:
        self.sandbox, self.token, self.address = sandbox, token, sandbox.address
        self.base = f"{sandbox.address}/bot{token}/"
        self.session = requests.Session()
        self.session.trust_env = False

    def raw(self, method: str, /, verb: str = "POST", **more: Any) -> requests.Response:
        return self.session.request(verb, self.base + method, timeout=120, allow_redirects=False, **more)

    def call(self, method: str, /, files: Any = None, **params: Any) -> Any:
        """The result; JSON, or a form with JSON inside of it when there are files."""
        if files:
            form = {name: value if isinstance(value, str) else json.dumps(value) for name, value in params.items()}
            answer = self.raw(method, data=form, files=files)
        else:
            answer = self.raw(method, json=params)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    def fails(self, method: str, /, files: Any = None, **params: Any) -> tuple[int, str]:
        """Code and description of a refusal; the HTTP status is the same."""
        answer = self.raw(method, data=params, files=files) if files else self.raw(method, json=params)
        body = answer.json()
        assert body["ok"] is False
        assert answer.status_code == body["error_code"]
        return body["error_code"], body["description"]

    def door(self, path: str, /, **data: Any) -> Any:
        answer = self.session.post(f"{self.address}/sandbox{path}", json=data, timeout=120)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def read(self, path: str, /, **query: Any) -> Any:
        answer = self.session.get(f"{self.address}/sandbox{path}", params=query, timeout=120)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def as_bot(self, token: str) -> Api:
        """The same world with another token; shares the connection."""
        other = Api(self.sandbox, token)
        other.session.close()
        other.session = self.session
        return other

    # -- what most tests need

    def updates(self) -> list[dict[str, Any]]:
        """Take all waiting updates, and confirm them."""
        got = self.call("getUpdates")
        if got:
            self.call("getUpdates", offset=got[-1]["update_id"] + 1)
        return list(got)

    def news(self) -> list[dict[str, Any]]:
        """The updates without their numbers, one {kind: body} each."""
        return [{key: value for key, value in update.items() if key != "update_id"} for update in self.updates()]

    def kinds(self) -> list[str]:
        return [next(iter(one)) for one in self.news()]

    def group(self, kind: str = "supergroup", **more: Any) -> int:
        """A group of Oleg and Iryna with the bot in it; what came of that is taken away."""
        made = {"title": "Партнер 118", "kind": kind, "members": ["oleg", "iryna"], "bots": ["desk_bot"], **more}
        chat = int(self.door("/group", **made)["chat"])
        self.updates()
        return chat

    def seen(self, chat: int) -> list[dict[str, Any]]:
        """What people see there, without grey lines."""
        return [one for one in self.read("/messages", chat=chat)["messages"] if not one["service"]]


class Receiver:
    """What the webhook posts to; `answers` are used up one by one, then 200."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.answers: list[tuple[int, bytes, dict[str, str]]] = []
        self.refuse: Callable[[dict[str, Any]], int] = lambda update: 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                update = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.got.append({"path": self.path, "update": update, "headers": dict(self.headers)})
                given = receiver.answers.pop(0) if receiver.answers else (receiver.refuse(update), b"", {})
                status, body, headers = given
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.block_on_close = False
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.005,), daemon=True)
        self.thread.start()

    def ids(self) -> list[int]:
        return [item["update"]["update_id"] for item in self.got]

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
def world() -> Iterator[Callable[..., Api]]:
    """Starts worlds: `world(limits="on", speedup=10)`; without limits unless asked for. Oleg and Iryna live there."""
    started: list[Api] = []

    def start(**settings: Any) -> Api:
        options = {key: settings.pop(key) for key in list(settings) if key in Options.__dataclass_fields__}
        faults = tuple({**OPEN, **settings}.items())
        api = Api(Sandbox(Options(**{"portal": "empty", "faults": faults, **options})).start())
        started.append(api)
        if options.get("portal", "empty") == "empty":
            api.door("/person", name="Oleg", username="oleg", language="ru", id=510000002)
            api.door("/person", name="Ірина", last_name="Мельник", username="iryna", language="uk", id=510000009)
        return api

    yield start
    for api in started:
        api.session.close()
        api.sandbox.close()


@pytest.fixture
def api(world: Callable[..., Api]) -> Api:
    return world()
