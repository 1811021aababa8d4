"""A channel with a socket of its own, a door whose vendor wants `100`, and a send that must not be repeated."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from kernel.conversations import EarlierTry, FileRef, Incoming, Outgoing
from kernel.errors import AnnexError, BadInput, Misconfigured, Rejected, Throttled, Unreachable
from kernel.extension import (
    Connection,
    Connector,
    Deliver,
    Delivery,
    NotProven,
    Receipt,
    Received,
    Reply,
    SettingLine,
)
from kernel.extension.channel_verbs import sends
from kernel.http import Form, HttpClient

SETTINGS = (
    SettingLine("TOYCHAT_URL", "address of its API", required=True),
    SettingLine("TOYCHAT_SOCKET", "host:port of its socket; empty: it calls our door instead"),
    SettingLine("TOYCHAT_SECRET", "proves both sides", secret=True, required=True),
)
HEARD = Reply(b"100")  #: what this vendor wants to hear
CONNECT_SECONDS = 5.0


def receive(delivery: Delivery, connection: Connection) -> Received:
    """A challenge by GET, messages by POST, receipts under /receipt."""
    reported = delivery.query if delivery.method == "GET" else dict(parse_qsl(delivery.body.decode("utf-8", "replace")))
    if reported.get("secret", "") != connection.settings["TOYCHAT_SECRET"]:
        raise NotProven("crooked", status=401)
    if delivery.method == "GET":
        return Received(reply=Reply(reported.get("challenge", "").encode()))
    if delivery.rest == "receipt":
        return Received(
            receipts=(Receipt(reported.get("key", ""), reported.get("arrived") == "yes", reported.get("id", "")),),
            reply=HEARD,
        )
    if not reported.get("id") or not reported.get("from"):
        raise BadInput("`id` and `from` are needed", field="id")
    return Received(messages=(message(reported),), reply=HEARD)


def message(reported: Any) -> Incoming:
    return Incoming(
        str(reported["id"]), str(reported["from"]), str(reported.get("text", "")), account=str(reported.get("account", ""))
    )


def listen(connection: Connection, deliver: Deliver) -> None:
    """A line of JSON each; what we do not confirm it brings again at the next connection."""
    host, _, port = connection.settings["TOYCHAT_SOCKET"].partition(":")
    if not port:
        deliver.stopped.wait()
        return
    with closing(socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS)) as line:
        line.settimeout(None)
        deliver.on_stop(lambda: line.shutdown(socket.SHUT_RDWR))
        line.sendall(_line({"hello": connection.settings["TOYCHAT_SECRET"]}))
        deliver.connected()
        with line.makefile("rb") as lines:
            for one in lines:
                reported = json.loads(one)
                deliver(Received(messages=(message(reported),)))
                line.sendall(_line({"ack": reported["id"]}))


def _line(reported: dict[str, Any]) -> bytes:
    return json.dumps(reported).encode() + b"\n"


def catch_up(connection: Connection) -> Received:
    answer = client(connection).send("GET", "missed")
    return Received(messages=tuple(message(one) for one in answer.json()))


def client(connection: Connection) -> HttpClient:
    url = connection.settings["TOYCHAT_URL"]
    if not url:
        raise Misconfigured("TOYCHAT_URL is not set")
    return connection.http(url, headers=lambda: {"X-Secret": connection.settings["TOYCHAT_SECRET"]})


class ToyChannel:
    def __init__(self, connection: Connection) -> None:
        self._http = client(connection)

    def send(self, message: Outgoing, *, key: str, earlier: EarlierTry | None) -> str:
        form = Form({"to": message.address, "text": message.text, "key": key})
        answer = self._http.send("POST", "send", body=form, writes=True, timeout=30)
        if answer.status == 429:
            raise Throttled("toychat asks us to wait", wait_seconds=1)
        if answer.status >= 500:
            raise Unreachable(f"toychat answers {answer.status}", maybe_done=True)
        if answer.status != 200:
            raise Rejected(f"toychat refuses: {answer.status}")
        return answer.body.decode()

    def fetch(self, file: FileRef, into: Path, *, bytes_max: int) -> None:
        self._http.download("GET", f"file/{file.vendor_id}", into, bytes_max=bytes_max)


def doctor(connection: Connection) -> Iterable[str]:
    try:
        client(connection).send("GET", "missed")
    except AnnexError as exc:
        yield f"TOYCHAT_URL does not answer: {exc}"


connector = Connector(
    name="toychat",
    title="Toy chat",
    settings=SETTINGS,
    receive=receive,
    methods=("GET", "POST"),
    body_bytes_max=4096,
    listen=listen,
    catch_up=catch_up,
    channel=ToyChannel,
    verbs=sends("never"),
    doctor=doctor,
)
