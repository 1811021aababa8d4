"""A server that never comes to an end: in its status line, its headers, or a body that unpacks to nothing or far too much.
No single wait is long, and the request ends all the same."""

from __future__ import annotations

import gzip
import socket
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
import requests

from kernel.clock import SystemClock
from kernel.errors import Unreachable
from kernel.http import HttpClient, Into, Reach, RequestsTransport
from kernel.http.client import TooLarge

Script = Callable[[socket.socket], None]
SECONDS = 0.4
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n"


class Server:
    """Reads the head of a request, then does as the script says, once for each connection."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}/"
        self.script: Script = lambda _: None
        self.stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                opened, _ = self._listening.accept()
            except OSError:
                return
            with opened, suppress(OSError):
                while b"\r\n\r\n" not in opened.recv(65536):
                    pass
                self.script(opened)

    def drip(self, opened: socket.socket, pieces: Iterator[bytes]) -> None:
        for piece in pieces:
            opened.sendall(piece)
            if self.stopped.wait(SECONDS / 20):
                return

    def close(self) -> None:
        self.stopped.set()
        self._listening.shutdown(socket.SHUT_RDWR)  # closing alone does not wake who accepts
        self._listening.close()
        self._thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def ask(server: Server, **more: float) -> None:
    reach = Reach("127.0.0.1", 1.0, more.get("seconds", SECONDS))
    transport = RequestsTransport(reach=reach)
    taken = Into(lambda _: None, int(more.get("most", 10_000_000)))
    transport.stream("GET", server.address, headers={}, body=None, timeout=60.0, into=taken)


def endless(piece: bytes, before: bytes = b"") -> Iterator[bytes]:
    yield before
    while True:
        yield piece


@pytest.mark.parametrize(("before", "piece"), [
    (b"", b"HTTP/1.1 100 Continue\r\n\r\n"), (b"HTTP/1.1 ", b"2"), (HEAD, b"X"),
    (HEAD + b"Content-Length: 900\r\n\r\n", b"x"),
    (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1;a=b\r\nx\r\n"), (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    (HEAD + b"\r\n", b"x"),
    (HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"", mtime=0)[:10], b"\x00\x00\x00\xff\xff"),
])  # fmt: skip
def test_what_trickles_without_end_is_cut(server, before, piece):
    server.script = lambda opened: server.drip(opened, endless(piece, before))
    with pytest.raises(requests.exceptions.ReadTimeout):
        ask(server)


def test_what_is_cut_is_unreachable_and_a_write_may_have_been_done(server):
    server.script = lambda opened: server.drip(opened, endless(b"X", HEAD))
    client = HttpClient(
        "toy", server.address, clock=SystemClock(), transport=RequestsTransport(reach=Reach("127.0.0.1", 1, SECONDS))
    )
    with pytest.raises(Unreachable) as raised:
        client.send("POST", "x", payload={}, writes=True)
    assert raised.value.maybe_done


def test_an_answer_in_time_is_whole(server):
    server.script = lambda opened: opened.sendall(HEAD + b"Content-Length: 4\r\n\r\n<a/>")
    for _ in range(2):
        ask(server, seconds=30)


def _bomb(times: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join([packer.compress(b" " * 1_000_000) for _ in range(100)] + [packer.flush()])
    for _ in range(times - 1):
        packed = gzip.compress(packed, 9)
    return packed


@pytest.mark.parametrize("times", [1, 2])
def test_what_unpacks_to_too_much_is_never_whole_in_memory(server, times):
    packed = _bomb(times)
    named = ", ".join(["gzip"] * times).encode()
    server.script = lambda opened: opened.sendall(HEAD + b"Content-Encoding: " + named + b"\r\n\r\n" + packed)
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            ask(server, seconds=60, most=3_000_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000, f"{peak} bytes for an answer of which 3 MB are taken"


@pytest.mark.parametrize("answer", [
    b"<a/>", b"", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n",
    b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", HEAD + b"Content-Length: 9\r\n\r\n<a/>",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", HEAD + b"Content-Encoding: gzip\r\n\r\nno gzip",
    HEAD + b"Content-Encoding: " + b", ".join([b"gzip"] * 50) + b"\r\n\r\n",
])  # fmt: skip
def test_what_is_no_http_is_no_answer(server, answer):
    server.script = lambda opened: opened.sendall(answer)
    client = HttpClient(
        "toy", server.address, clock=SystemClock(), transport=RequestsTransport(reach=Reach("127.0.0.1", 1, 30))
    )
    with pytest.raises(Unreachable):
        client.send("GET", "x")


def test_a_name_that_nobody_knows_has_done_nothing():
    transport = RequestsTransport(reach=Reach("nobody.invalid", 1, 30))
    client = HttpClient("toy", "http://nobody.invalid/", clock=SystemClock(), transport=transport)
    with pytest.raises(Unreachable) as raised:
        client.send("POST", "x", payload={}, writes=True)
    assert not raised.value.maybe_done
