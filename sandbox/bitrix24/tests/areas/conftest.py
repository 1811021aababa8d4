"""A portal in this process with its application installed, a client for it, and somebody who takes its requests."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from sandbox.bitrix24 import params
from sandbox.bitrix24.crm import changes
from sandbox.bitrix24.crm.store import crm
from sandbox.bitrix24.server import Options, Sandbox

FACTS = Path(__file__).parent / "facts"


class Refused(Exception):
    """An answer with `error`."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"{status} {body}")
        self.status, self.body = status, body
        self.code, self.text = body["error"], body["error_description"]


class Client:
    """Calls methods as one user's webhook, or as the application."""

    def __init__(self, session: requests.Session, base: str, token: str = "") -> None:
        self._session, self._base, self._token = session, base, token

    def answer(self, name: str, **given: Any) -> dict[str, Any]:
        body = {**given, "auth": self._token} if self._token else given
        answer = self._session.post(f"{self._base}{name}.json", json=body, timeout=120)
        data: dict[str, Any] = answer.json()
        if "error" in data:
            raise Refused(answer.status_code, data)
        assert answer.status_code == 200
        return data

    def call(self, name: str, **given: Any) -> Any:
        return self.answer(name, **given)["result"]

    def refusal(self, name: str, **given: Any) -> tuple[int, str, str]:
        with pytest.raises(Refused) as caught:
            self.call(name, **given)
        return caught.value.status, caught.value.code, caught.value.text


class Desk:
    """The portal, its doors, its people's clients."""

    def __init__(self, sandbox: Sandbox, handler: str) -> None:
        self.sandbox, self.portal = sandbox, sandbox.portal
        self.session = requests.Session()
        self.session.trust_env = False
        self.admin = self.user("1")
        token = self.door("/app/install", {"handler": f"{handler}/install", "kind": "script"})["access_token"]
        self.app = Client(self.session, f"{sandbox.address}/rest/", token)

    def user(self, number: str) -> Client:
        code = self.portal.people[number].webhook
        return Client(self.session, f"{self.sandbox.address}/rest/{number}/{code}/")

    def app_as(self, number: str) -> Client:
        """The application, opened by that person."""
        token = self.door("/app/tokens", {"user": number})["access_token"]
        return Client(self.session, f"{self.sandbox.address}/rest/", token)

    def door(self, path: str, body: Any = None, status: int = 200) -> Any:
        verb = "POST" if body is not None else "GET"
        answer = self.session.request(verb, f"{self.sandbox.address}/sandbox{path}", json=body, timeout=120)
        assert answer.status_code == status, answer.text
        return answer.json()

    def settle(self) -> None:
        assert self.door("/wait-idle", {"timeout": 20})["idle"]

    def record(self, kind: str, **values: Any) -> int:
        """A CRM record made by the first user."""
        with self.portal.lock:
            found = crm(self.portal).by_code(kind)
            assert found
            return int(changes.create(self.portal, found, values, changes.Actor("1"))["ID"])

    def move(self, deal: int, stage: str) -> None:
        with self.portal.lock:
            kind = crm(self.portal).by_code("DEAL")
            assert kind
            changes.update(self.portal, kind, kind.records[deal], {"STAGE_ID": stage}, changes.Actor("1"))


class Taker:
    """Where the portal's requests go. `status` is what it answers."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.status = 200
        taker = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                parts = urlsplit(self.path)
                taker.got.append({
                    "path": parts.path, "query": params.parse(parts.query), "form": params.parse(raw),
                    "type": self.headers.get("Content-Type", ""),
                })  # fmt: skip
                self.send_response(taker.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self) -> None:
                self.send_response(200 if self.path.endswith(".mp3") else 404)
                self.send_header("Content-Length", "5")
                self.end_headers()
                self.wfile.write(b"sound")

            def log_message(self, *_args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.005,), daemon=True)
        self._thread.start()

    def at(self, path: str) -> list[dict[str, Any]]:
        return [item for item in self.got if item["path"] == path]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join(5)


@pytest.fixture
def taker() -> Iterator[Taker]:
    made = Taker()
    yield made
    made.close()


@pytest.fixture
def desk(taker: Taker) -> Iterator[Desk]:
    with Sandbox(Options(post_to=taker.address)) as sandbox:
        made = Desk(sandbox, taker.address)
        yield made
        made.session.close()


def same_shape(got: Any, sample: Any, path: str = "result") -> list[str]:
    """Where an answer differs from a sample in keys or JSON types. Null goes with everything."""
    if got is None or sample is None:
        return []
    if isinstance(sample, bool) or isinstance(got, bool):
        return [] if type(got) is type(sample) else [f"{path}: {got!r} is no {type(sample).__name__}"]
    if isinstance(sample, int | float) and isinstance(got, int | float):
        return []
    if type(got) is not type(sample):
        return [f"{path}: {got!r} is no {type(sample).__name__}"]
    if isinstance(sample, dict):
        wrong = [f"{path}: without {key}" for key in sample if key not in got]
        wrong += [f"{path}: {key} too much" for key in got if key not in sample]
        return wrong + [line for key in sample if key in got for line in same_shape(got[key], sample[key], f"{path}.{key}")]
    if isinstance(sample, list) and sample:
        if not got:
            return [f"{path}: empty"]
        return [line for item in got for line in same_shape(item, sample[0], f"{path}[]")]
    return []


@pytest.fixture
def agrees() -> Callable[..., None]:
    """`agrees("user.get", answer)`: result, total and next have the keys and types of the sample."""
    samples = json.loads((FACTS / "answers.json").read_text(encoding="utf-8"))

    def check(name: str, answer: Mapping[str, Any], trimmed: bool = False) -> None:
        """`trimmed`: the sample leaves keys out."""
        sample = samples[name]
        wrong = same_shape(answer["result"], sample["result"])
        assert [line for line in wrong if not (trimmed and line.endswith("too much"))] == []
        assert ("total" in answer) == ("total" in sample), name

    return check


@pytest.fixture
def posted() -> Callable[[str, Any], None]:
    """`posted("SMS provider handler", form)`: the body agrees with the sample."""
    samples = json.loads((FACTS / "posts.json").read_text(encoding="utf-8"))

    def check(name: str, form: Any, part: str = "nested") -> None:
        assert same_shape(form, samples[name][part], name) == []

    return check
