"""The other side of the toy channel: an API and a socket on this machine, which can keep, lose and refuse answers."""

from __future__ import annotations

import json
import socketserver
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

SECRET = "the secret of the toy"
PAUSE_SECONDS = 0.5  #: between two checks of what waits to be told again


class Peer:
    """`sent` is what people at the other end have really got, by our key."""

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()
        self.texts: list[dict[str, str]] = []
        self.waiting: dict[str, dict[str, str]] = {}  #: told over the socket and not confirmed
        self.missed: list[dict[str, str]] = []  #: told only to who asks
        self.holding = threading.Event()  #: while set, answers to a send are kept back …
        self.held = threading.Semaphore(0)  #: … and each of them counts here
        self.release = threading.Event()
        self.lose = 0  #: so many next sends get no answer at all
        self.hellos = 0
        self._changed = threading.Condition()
        self._number = 0
        self._lines: set[Any] = set()
        self.api = _Server(("127.0.0.1", 0), _handler(self))
        self.socket = _Socket(("127.0.0.1", 0), _line_handler(self))
        for server in (self.api, self.socket):
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def environment(self) -> dict[str, str]:
        return {
            "TOYCHAT_ROOM_URL": f"http://127.0.0.1:{self.api.server_address[1]}/",
            "TOYCHAT_ROOM_SOCKET": f"127.0.0.1:{self.socket.server_address[1]}",
            "TOYCHAT_ROOM_SECRET": SECRET,
        }

    def write(self, vendor_id: str, text: str = "hello", who: str = "anna") -> None:
        """Somebody writes: told over the socket until it is confirmed."""
        with self._changed:
            self.waiting[vendor_id] = {"id": vendor_id, "from": who, "text": text}
            self._changed.notify_all()

    def cut(self) -> None:
        """The network ends every open socket."""
        for line in list(self._lines):
            line.cut()

    def take(self, reported: dict[str, str]) -> tuple[int, bytes]:
        with self._changed:
            self.sent[reported["key"]] += 1
            self.texts.append(reported)
            self._number += 1
            return 200, f"m{self._number}".encode()

    def close(self) -> None:
        self.release.set()
        self.cut()
        for server in (self.api, self.socket):
            server.shutdown()
            server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True


class _Socket(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


def _handler(peer: Peer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/missed":
                self._answer(200, json.dumps(peer.missed).encode())
            elif self.path.startswith("/file/"):
                self._answer(200, b"x" * int(self.path.rpartition("/")[2]))
            else:
                self._answer(404, b"")

        def do_POST(self) -> None:
            reported = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            status, body = peer.take(reported)
            if peer.holding.is_set():
                peer.held.release()
                peer.release.wait(60)
            if peer.lose > 0:
                peer.lose -= 1
                self.close_connection = True
                return
            self._answer(status, body)

        def _answer(self, status: int, body: bytes) -> None:
            try:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except OSError:  # whoever asked is dead
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            """Nothing on the tests' output."""

    return Handler


def _line_handler(peer: Peer) -> type[socketserver.StreamRequestHandler]:
    class Line(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.open = True
            if json.loads(self.rfile.readline() or b"{}").get("hello") != SECRET:
                return
            peer.hellos += 1
            peer._lines.add(self)
            teller = threading.Thread(target=self._tell, daemon=True)
            teller.start()
            try:
                for one in self.rfile:
                    with peer._changed:
                        peer.waiting.pop(json.loads(one)["ack"], None)
            except OSError:
                pass
            finally:
                self.open = False
                peer._lines.discard(self)
                with peer._changed:
                    peer._changed.notify_all()
                teller.join(5)

        def _tell(self) -> None:
            reported: set[str] = set()
            while self.open:
                with peer._changed:
                    peer._changed.wait_for(lambda: not self.open or set(peer.waiting) - reported, timeout=PAUSE_SECONDS)
                    fresh = [one for name, one in peer.waiting.items() if name not in reported]
                for one in fresh:
                    reported.add(one["id"])
                    try:
                        self.wfile.write(json.dumps(one).encode() + b"\n")
                    except OSError:
                        return

        def cut(self) -> None:
            self.open = False
            try:
                self.connection.shutdown(2)
            except OSError:
                return

    return Line


@contextmanager
def peer() -> Iterator[Peer]:
    made = Peer()
    try:
        yield made
    finally:
        made.close()
