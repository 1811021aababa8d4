"""Pages of this process for a browser: a server whose threads end with it, whatever connections a browser keeps open."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler


class Quiet(WSGIRequestHandler):
    """No request lines among the tests' output."""

    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:
        pass


class Serving(ThreadedWSGIServer):
    """`app` may be set once the address is known."""

    daemon_threads = True

    def __init__(self) -> None:
        self._open: set[socket.socket] = set()
        super().__init__("127.0.0.1", 0, self._unset, Quiet)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def _unset(_environ: Any, _start_response: Any) -> Any:
        raise RuntimeError("nothing is served yet")


@contextmanager
def serving() -> Iterator[Serving]:
    """Answers from the start to the end of the block."""
    server = Serving()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
