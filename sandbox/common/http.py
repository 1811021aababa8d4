"""A small threaded HTTP/1.1 server for a WSGI application: keep-alive, no Nagle delay, and connections it can cut.

Werkzeug's own development server closes every connection after one answer, which no API of this kind does.
"""

from __future__ import annotations

import contextlib
import io
import socket
import ssl
import sys
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote_to_bytes

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
CUT = "sandbox.cut"  # the application puts this into environ: hang up instead of answering
HALF = "sandbox.half"  # the same: the head promises the whole body, half of it comes, then the connection ends
STREAM = "sandbox.stream"  # the same: send what it returns piece by piece, in chunks, without gathering it first
IDLE_SECONDS_MAX = 120


class Server(ThreadingHTTPServer):
    """Owns the listening socket; a thread per connection."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256
    allow_reuse_address = True

    def __init__(
        self, host: str, port: int, application: Application, tls: tuple[str, str] | None = None, client_ca: str = ""
    ) -> None:
        self.application = application
        self._closing = False
        self._open: set[socket.socket] = set()
        self._tls: ssl.SSLContext | None = None
        if tls:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(*tls)
            if client_ca:  # nobody comes in without a certificate of theirs
                self._tls.load_verify_locations(client_ca)
                self._tls.verify_mode = ssl.CERT_REQUIRED
        super().__init__((host, port), Handler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def secure(self) -> bool:
        return self._tls is not None

    def run(self) -> None:
        """Accept until `stop`: like serve_forever, but without its polling, so that stopping takes no time."""
        while not self._closing:
            try:
                connection, address = self.get_request()
            except OSError:
                continue
            if self._closing:
                self.shutdown_request(connection)
            else:
                self.process_request(connection, address)

    def stop(self) -> None:
        """End `run` by one last connection to ourselves."""
        self._closing = True
        host = str(self.server_address[0])
        with contextlib.suppress(OSError), socket.create_connection((host, self.port), 1):
            pass

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Clients that keep their connections lose them, so that no thread is left waiting for their next request."""
        super().server_close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)  # under TLS, too: no farewell

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        connection.settimeout(IDLE_SECONDS_MAX)
        if self._tls:
            # The handshake happens at the first read, in the connection's own thread.
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no event; anything else is shown."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def log_message(self, format: str, *args: Any) -> None:
        """The log is at /sandbox/log."""

    def _serve(self) -> None:
        body = self._body()
        path, _, query = self.path.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "SERVER_NAME": str(self.server.server_address[0]),
            "SERVER_PORT": str(self.server.port),
            "SERVER_PROTOCOL": self.request_version,
            "REMOTE_ADDR": self.client_address[0],
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "https" if self.server.secure else "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in self.headers.items():
            key = "HTTP_" + name.upper().replace("-", "_")
            if key not in ("HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"):
                environ[key] = value
        head: list[Any] = []
        answer = self.server.application(environ, lambda status, headers, exc_info=None: head.extend((status, headers)))
        content = b""
        try:
            if environ.get(STREAM):
                self._stream(head[0], head[1], answer)
            else:
                content = b"".join(answer)
        finally:
            close = getattr(answer, "close", None)
            if close:
                close()
        if environ.get(CUT):
            self.close_connection = True
            return
        if environ.get(HALF):
            self.close_connection = True
        if not environ.get(STREAM):
            self._send(head[0], head[1], content, len(content) // 2 if environ.get(HALF) else len(content))

    def _send(self, status: str, headers: list[tuple[str, str]], content: bytes, sent: int) -> None:
        head = self._head(status, headers, f"Content-Length: {len(content)}")
        # One write for head and body: two would wait for each other's acknowledgement.
        self.wfile.write(head if self.command == "HEAD" else head + content[:sent])

    def _stream(self, status: str, headers: list[tuple[str, str]], pieces: Iterable[bytes]) -> None:
        self.wfile.write(self._head(status, headers, "Transfer-Encoding: chunked"))
        if self.command == "HEAD":
            return
        for piece in pieces:
            if piece:  # an empty chunk would be the end
                self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def _head(self, status: str, headers: list[tuple[str, str]], length: str) -> bytes:
        lines = [f"HTTP/1.1 {status}"]
        lines += [f"{name}: {value}" for name, value in headers if name.lower() != "content-length"]
        lines.append(length)
        if self.close_connection:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return b"".join(parts)
        length = self.headers.get("Content-Length", "0")
        return self.rfile.read(int(length)) if length.isdigit() else b""

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = _serve
