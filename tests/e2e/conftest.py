"""The whole product as a customer runs it: emulated Planfix, service and workers as processes, staff at their REST API.

`desk` gives one on SQLite (web and worker in one process) and one on PostgreSQL (web and two workers), in turn.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from app.cli.demo.processes import Processes, free_port
from app.cli.demo.staff import Office
from kernel.storage import Database

SPEEDUP = 200
SECRET = "a-hook-secret-of-this-test"
TOKEN = "robot-token-of-this-test"


@dataclass
class Desk:
    home: Path
    address: str
    processes: Processes
    office: Office
    database: Database
    workers: list[str]

    def annex(self, *arguments: str) -> tuple[int, Any]:
        """A command with --json: its exit code and its document."""
        done = self.processes.annex(*arguments, "--json")
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    def quiet(self, within: float = 60) -> None:
        """Until no delivery, look or call waits anywhere."""
        until, calm = time.monotonic() + within, 0
        while time.monotonic() < until:
            self.office.control("wait-idle", {"timeout": 30})
            calm = calm + 1 if not self.waiting() else 0
            if calm >= 2:
                return
            time.sleep(0.1)
        raise AssertionError(f"still {self.waiting()} waiting; logs in {self.home}")

    def waiting(self) -> int:
        with self.database.read() as tx:
            inbox = tx.value("SELECT COUNT(*) FROM inbox WHERE state = 'new'")
            return int(inbox + tx.value("SELECT COUNT(*) FROM outgoing WHERE state IN ('waiting', 'sending')"))

    def count(self, sql: str, **values: Any) -> int:
        with self.database.read() as tx:
            return int(tx.value(sql, **values))

    def board(self) -> dict[str, dict[str, str]]:
        return {line["currency"]: line for line in self.annex("board")[1]["totals"]}

    def logs(self) -> list[dict[str, Any]]:
        found = []
        for file in sorted(self.home.glob("*.log")):
            for line in file.read_text(encoding="utf-8").splitlines():
                if line.startswith("{"):
                    found.append(json.loads(line))
        return found


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    home = tmp_path_factory.mktemp("desk")
    make: Callable[..., str] = request.getfixturevalue("fresh_postgres") if request.param == "postgresql" else str
    url = make(empty=True) if request.param == "postgresql" else f"sqlite:///{home / 'annex.db'}"
    address, planfix = f"http://127.0.0.1:{free_port()}", free_port()
    processes = Processes(
        home,
        {
            "ANNEX_HOME": str(home),
            "ANNEX_DATABASE_URL": url,
            "ANNEX_PUBLIC_URL": address,
            "ANNEX_OPEN_PAGES": "yes",
            "ANNEX_LOG": "debug",
            "PLANFIX_URL": f"http://127.0.0.1:{planfix}/rest/",
            "PLANFIX_TOKEN": TOKEN,
            "PLANFIX_HOOK_SECRET": SECRET,
            "PLANFIX_REQUESTS_PER_SECOND": str(SPEEDUP),
        },
    )
    try:
        first = processes.start(
            "planfix", "sandbox.planfix", "--port", str(planfix), "--token", TOKEN, "--speedup", str(SPEEDUP),
            "--post-to", address, "--hook-secret", SECRET, "--fault", "status_fires_changed=on", answer=True,
        )  # fmt: skip
        host, _, port = address.removeprefix("http://").partition(":")
        workers = []
        if request.param == "sqlite":
            processes.start("service", "app", "serve", "--host", host, "--port", port, "--with-worker")
            processes.wait_ready(address)
        else:
            processes.start("service", "app", "serve", "--host", host, "--port", port)
            processes.wait_ready(address)
            for name in ("one", "two"):
                processes.start(name, "app", "worker", "--id", name)
                workers.append(name)
        office = Office(first["address"], first["accounts"], TOKEN)
        database = Database(url)
        yield Desk(home, address, processes, office, database, workers)
        database.close()
        office.close()
    finally:
        processes.stop_all()


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as opened:
        opened.trust_env = False
        yield opened
