"""`annex serve` and `annex worker`."""

from __future__ import annotations

import argparse
import gc
import signal
import threading
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.workers import gthread

from app.bootstrap import Annex, build
from app.cli.command import BuiltIn
from app.site import make_site
from app.worker import Worker
from kernel.crm.unconfigured import UnconfiguredCRM
from kernel.errors import Misconfigured
from kernel.telemetry import set_up_logs
from kernel.web import Live

LINGER_SECONDS = 0.5  #: a stopping server still answers what comes so long on a connection that was kept open
THREADS = 32  #: an open board holds one; intake needs the rest


def _serve_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--threads", type=int, default=THREADS)
    parser.add_argument("--web-processes", type=int, default=1, help="more than one needs PostgreSQL and separate workers")
    parser.add_argument("--with-worker", action="store_true", help="web and worker in one process")
    parser.add_argument("--id", default="main", help="with --with-worker: the worker's name, kept over restarts")


def _serve(annex: Annex, args: argparse.Namespace) -> int:
    if args.with_worker and args.web_processes > 1:
        raise Misconfigured("--with-worker serves from one process; start `annex worker` beside several web processes")
    set_up_logs(annex.settings["ANNEX_LOG"])
    _demand_crm(annex)
    annex.migrate(jobs=True)
    annex.close()
    Server(args).run()
    return 0


def _demand_crm(annex: Annex) -> None:
    """Serving without a CRM makes no sense: say now what is not set."""
    crm = annex.runtime.portal.crm
    if isinstance(crm, UnconfiguredCRM):
        raise Misconfigured(crm.reason)


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn with threads; everything that holds connections is made after the fork."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._worker: Worker | None = None
        self._live: Live | None = None
        super().__init__()

    def load_config(self) -> None:
        for name, value in {
            "bind": f"{self._args.host}:{self._args.port}",
            "workers": self._args.web_processes,
            "threads": self._args.threads,
            "worker_class": "gthread",
            "keepalive": 75,  # Planfix and proxies keep their connection between posts
            "graceful_timeout": 20,
            "timeout": 60,
            "accesslog": None,
            "loglevel": "warning",
            "proc_name": "annex",
            "worker_exit": self._exit,
            "on_exit": lambda _server: _leave_memory(),
            "control_socket_disable": True,
        }.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        gthread.STOP_KEEPALIVE_LINGER = LINGER_SECONDS
        annex = build()
        site = make_site(annex, listeners_max=max(1, self._args.threads // 2))
        self._live = site.extensions["annex"].live
        if self._args.with_worker:
            self._worker = Worker(annex, self._args.id)
            self._worker.start()
        self._live.close_on_stop(self._worker.stop if self._worker else lambda: None)
        return site

    def _exit(self, _server: Any, _worker: Any) -> None:
        if self._live is not None:
            self._live.close()
        if self._worker is not None:
            self._worker.stop()
        _leave_memory()


def _worker_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--id", required=True, help="this worker's name: the same at each start, never twice at a time")


def _work(annex: Annex, args: argparse.Namespace) -> int:
    set_up_logs(annex.settings["ANNEX_LOG"])
    _demand_crm(annex)
    annex.migrate(jobs=True)
    worker, ended = Worker(annex, args.id), threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: ended.set())
    worker.start()
    ended.wait()
    worker.stop()
    _leave_memory()
    return 0


def _leave_memory() -> None:
    """The process ends: what it holds needs no last search for circles, which takes longer than all the rest of its end."""
    gc.freeze()


SERVE = BuiltIn("serve", "the web part: webhooks, pages, health", _serve_arguments, _serve)
WORKER = BuiltIn("worker", "a worker", _worker_arguments, _work)
