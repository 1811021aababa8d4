"""The emulated Telegram as a process of its own, and a room in it, for tests."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from connectors.telegram import connector
from connectors.telegram.client import connect
from connectors.telegram.receive import from_update
from kernel.clock import SystemClock
from kernel.conversations import Incoming
from kernel.extension import Connection
from kernel.files import FileStore
from kernel.http import HttpClient, Vault
from kernel.mapping import load_set
from kernel.storage import Database
from kernel.testing.contracts.channel import Shown

ROOT = Path(__file__).parents[3]
SECRET = "an-invented-hook-secret_of-thirty"


@contextmanager
def vendor(*faults: str) -> Iterator[Vendor]:
    command = [sys.executable, "-m", "sandbox.telegram", "--port", "0"]
    for fault in faults:
        command += ["--fault", fault]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        yield Vendor(json.loads(process.stdout.readline()))
    finally:
        process.terminate()
        process.wait(60)
        assert process.stdout is not None
        process.stdout.close()


class Vendor:
    def __init__(self, about: Mapping[str, Any]) -> None:
        self.address, self.token = str(about["address"]), str(about["token"])

    def door(self, name: str, **body: Any) -> Any:
        request = Request(f"{self.address}/sandbox/{name}", json.dumps(body).encode(), {"Content-Type": "application/json"})
        return _answer(request)

    def ask(self, name: str) -> Any:
        return _answer(Request(f"{self.address}/sandbox/{name}"))

    def room(self, kind: str, *, admin: bool = True) -> int:
        bots = ["partner_desk_bot"]
        made = self.door("group", title="Партнер 118", kind=kind, members=["oleg_fx"], bots=bots, admin=admin)
        return int(made["chat"])

    def connection(self, database: Database, **more: Any) -> Connection:
        clock, settings = SystemClock(), {
            "TELEGRAM_TOKEN": self.token, "TELEGRAM_HOOK_SECRET": SECRET, "TELEGRAM_URL": self.address,
            "TELEGRAM_MODE": "polling", **more.pop("settings", {}),
        }  # fmt: skip

        def http(url: str, *, rate_limit: Any = None, window: Any = None, headers: Any = dict) -> HttpClient:
            return HttpClient("telegram", url, clock=clock, headers=headers)

        made: dict[str, Any] = {
            "http": http, "name": "partners", "connector": connector, "files": FileStore(database, clock), **more,
        }  # fmt: skip
        vault = Vault("telegram/partners", database, clock, b"secret")
        return Connection(
            settings=settings,
            mapping=load_set(ROOT / "mappings" / "exchange-desk-planfix"),
            clock=clock,
            vault=vault,
            **made,
        )


def _answer(request: Request) -> Any:
    try:
        with urlopen(request, timeout=60) as answer:
            return json.load(answer)
    except HTTPError as exc:
        raise AssertionError(exc.read().decode()) from exc


@dataclass
class Group:
    """One group of the emulated Telegram, and Oleg in it."""

    vendor: Vendor
    connection: Connection
    chat: int
    offset: int = 0

    def __post_init__(self) -> None:
        self.client = connect(self.connection)

    def write(self, text: str, *, reply_to: str = "", file: tuple[str, bytes] | None = None) -> str:
        content: dict[str, Any] = {"text": text}
        if file:
            content = {"document": {"name": file[0], "base64": base64.b64encode(file[1]).decode()}, "caption": text}
        if reply_to:
            content["reply_to"] = self._key(reply_to)
        made = self.vendor.door("write", person="oleg_fx", chat=self.chat, **content)
        return f"{self.chat}:{made['message_id']}"

    def edit(self, vendor_id: str, text: str) -> None:
        self.vendor.door("edit", message=self._key(vendor_id), text=text)

    def press(self, vendor_id: str, label: str) -> None:
        self.vendor.door("press", person="oleg_fx", message=self._key(vendor_id), button=label, **{"timeout": 0})

    def upgrade(self) -> str:
        self.chat = int(self.vendor.door("upgrade", chat=self.chat)["chat"])
        return str(self.chat)

    def came(self) -> Sequence[Incoming]:
        found: list[Incoming] = []
        while raw := self.client.updates(self.offset, 0):
            self.offset = raw[-1]["update_id"] + 1
            for one in raw:
                found += from_update(one, json.dumps(one), self.client.bot_id, self.connection)
        return found

    def shown(self, address: str) -> Sequence[Shown]:
        rows = [one for one in self._rows(address) if not one["service"]]
        ids = {one["message"]: f"{address}:{one['message_id']}" for one in rows}
        return [
            Shown(
                ids[one["message"]], bool(one["bot"]), str(one["text"]), ids.get(one["reply_to"], ""),
                (str(one["file"]["name"]),) if one.get("file") else (),
            )
            for one in rows
        ]  # fmt: skip

    def fault(self, **switches: Any) -> Callable[[], None]:
        return lambda: self.vendor.door("faults", **switches)

    def _rows(self, address: str) -> list[dict[str, Any]]:
        return list(self.vendor.ask(f"messages?chat={address}")["messages"])

    def _key(self, vendor_id: str) -> int:
        address, _, number = vendor_id.partition(":")
        return next(int(one["message"]) for one in self._rows(address) if one["message_id"] == int(number))
