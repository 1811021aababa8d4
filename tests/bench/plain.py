"""The plain door beside ours: parse, insert a row, commit, answer 200. Served by the same server, on the same store.

`python -m tests.bench.plain URL HOST PORT THREADS PROCESSES`. No proof of origin, no repeat found, no job:
the least that one can do.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, request
from gunicorn.app.base import BaseApplication

TABLE = "CREATE TABLE IF NOT EXISTS plain_hook (id BIGINT, event TEXT, task TEXT, delivery TEXT, body TEXT)"
Store = Callable[[tuple[Any, ...]], None]


def on_sqlite(url: str) -> Store:
    """A connection for each thread, as durable as ours: WAL, synchronous=FULL."""
    own = threading.local()

    def store(row: tuple[Any, ...]) -> None:
        if not hasattr(own, "connection"):
            own.connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, timeout=30)
            own.connection.execute("PRAGMA journal_mode=WAL")
            own.connection.execute("PRAGMA synchronous=FULL")
        own.connection.execute("BEGIN IMMEDIATE")
        own.connection.execute("INSERT INTO plain_hook VALUES (?, ?, ?, ?, ?)", row)
        own.connection.execute("COMMIT")

    return store


def on_postgresql(url: str) -> Store:
    import psycopg

    own = threading.local()

    def store(row: tuple[Any, ...]) -> None:
        if not hasattr(own, "connection"):
            own.connection = psycopg.connect(url.replace("+psycopg", ""))
        own.connection.execute("INSERT INTO plain_hook VALUES (%s, %s, %s, %s, %s)", row)
        own.connection.commit()

    return store


def application(url: str) -> Flask:
    app = Flask(__name__)
    store = on_sqlite(url) if url.startswith("sqlite") else on_postgresql(url)

    @app.post("/hook")
    def hook() -> Response:
        body = request.get_data()
        received = json.loads(body)
        store((threading.get_ident(), received["event"], received["task"], received["delivery"], body.decode()))
        return Response('{"ok": true}', mimetype="application/json")

    return app


class Plain(BaseApplication):  # type: ignore[misc]
    def __init__(self, url: str, host: str, port: str, threads: str, processes: str) -> None:
        self._url, self._bind, self._threads, self._processes = url, f"{host}:{port}", int(threads), int(processes)
        super().__init__()

    def load_config(self) -> None:
        for name, value in {
            "bind": self._bind, "workers": self._processes, "threads": self._threads, "worker_class": "gthread",
            "keepalive": 75, "timeout": 60, "accesslog": None, "loglevel": "warning", "control_socket_disable": True,
        }.items():  # fmt: skip
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Flask:
        return application(self._url)


if __name__ == "__main__":
    Plain(*sys.argv[1:]).run()
