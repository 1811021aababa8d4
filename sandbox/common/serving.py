"""An emulation on a socket of its own: started, stopped, and used in a `with`."""

from __future__ import annotations

import threading
from typing import Any, Self

from sandbox.common.http import Application, Server


class Listening:
    """Who has more than the socket to start and stop does it in a `start` and `close` of their own, around `_hang_up`."""

    _server: Server
    _thread: threading.Thread

    def _listen(self, name: str, options: Any, application: Application, client_ca: str = "") -> str:
        """Take the socket that the options name; its address. Nothing is answered before `start`."""
        self._server = Server(options.host, options.port, application, options.tls, client_ca)
        self._thread = threading.Thread(target=self._server.run, name=f"{name}-http", daemon=True)
        return f"{'https' if options.tls else 'http'}://{options.host}:{self._server.port}"

    def start(self) -> Self:
        self._thread.start()
        return self

    def close(self) -> None:
        self._hang_up()

    def _hang_up(self) -> None:
        self._server.stop()
        self._thread.join(5)
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.close()
