"""An account in this process, and a caller that knows nothing of the service's own client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
import requests

from sandbox.sms_ru import Options, Sandbox


class Api:
    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.address = sandbox, sandbox.address
        self.session = requests.Session()
        self.session.trust_env = False

    def ask(self, method: str, **fields: Any) -> Any:
        """With json=1 and the key."""
        return self.raw(method, api_id=self.sandbox.account.api_id, json=1, **fields).json()

    def raw(self, method: str, **fields: Any) -> requests.Response:
        return self.session.post(f"{self.address}/{method}", data=fields, timeout=120)

    def send(self, to: str = "79001112233", msg: str = "Счёт открыт", **more: Any) -> Any:
        return self.ask("sms/send", to=to, msg=msg, **more)

    def door(self, path: str, **data: Any) -> Any:
        answer = self.session.post(f"{self.address}/sandbox{path}", json=data, timeout=120)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def see(self, path: str, **query: Any) -> Any:
        return self.session.get(f"{self.address}/sandbox{path}", params=query, timeout=120).json()


class Receiver:
    """An address of the account's callbacks. `answers`: what is said to the next ones, then always `100`."""

    def __init__(self) -> None:
        self.bodies: list[tuple[bytes, str]] = []
        self.answers: list[bytes] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.bodies.append((body, self.headers["Content-Type"]))
                answer = receiver.answers.pop(0) if receiver.answers else b"100"
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing is shown."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        self.thread = Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def start() -> Iterator[Callable[..., Api]]:
    made: list[Api] = []

    def begin(portal: str = "broker", **faults: Any) -> Api:
        sandbox = Sandbox(Options(portal=portal, faults=tuple(faults.items()))).start()
        made.append(Api(sandbox))
        return made[-1]

    yield begin
    for one in made:
        one.session.close()
        one.sandbox.close()


@pytest.fixture
def api(start: Callable[..., Api]) -> Api:
    return start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()
