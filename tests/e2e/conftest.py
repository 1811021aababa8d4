"""The whole product as a customer runs it: emulated CRM, service and workers as processes, staff at the CRM's own doors.

`desk` gives an exchange desk in Planfix on SQLite (web and worker in one process) and on PostgreSQL (web and two workers),
and one in Bitrix24 on SQLite, in turn; `planfix_desk` the two in Planfix only, where a test is about Planfix itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from app.cli.demo.processes import Processes, free_port
from app.cli.demo.stages import HOOK_SECRET, Bitrix24, Planfix, Stage
from app.cli.demo.stages import TOKEN as ROBOT_TOKEN
from kernel.storage import Database
from kernel.testing import until
from tests.e2e.warm import WarmProcesses

SPEEDUP = 200
SECRET, TOKEN = HOOK_SECRET, ROBOT_TOKEN


@dataclass
class Desk:
    home: Path
    address: str
    processes: Processes
    office: Any
    stage: Stage
    database: Database
    workers: list[str]

    def annex(self, *arguments: str) -> tuple[int, Any]:
        """A command with --json: its exit code and its document."""
        done = self.processes.annex(*arguments, "--json")
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    def quiet(self) -> None:
        """Until no delivery, look or call waits anywhere, twice in a row: what the last one brings about may come late."""
        for _ in range(2):
            self.office.control("wait-idle", {"timeout": 120})
            until(lambda: not self.waiting(), f"nothing waits any more; logs in {self.home}", every=0.1, seen=self.waiting)

    def reconciled(self) -> None:
        """Until two sweeps have come through, and all is quiet: what no delivery reported is found by then."""
        turn = self._sweeps()
        until(lambda: self._sweeps() >= turn + 2, f"two more sweeps; logs in {self.home}", every=0.2, seen=self._sweeps)
        self.quiet()

    def _sweeps(self) -> int:
        return self.count("SELECT COALESCE(MAX(turn), 0) FROM crm_swept WHERE ok = 1")

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


def opened(request: pytest.FixtureRequest, home: Path, kind: str, stage: Stage, name: str, firm: str) -> Iterator[Desk]:
    """`kind` of database; `name` of the mapping set."""
    make: Callable[..., str] = request.getfixturevalue("module_postgres") if kind == "postgresql" else str
    url = make(empty=True) if kind == "postgresql" else f"sqlite:///{home / 'annex.db'}"
    address = f"http://127.0.0.1:{free_port()}"
    processes = WarmProcesses(
        home,
        {
            "ANNEX_HOME": str(home), "ANNEX_DATABASE_URL": url, "ANNEX_PUBLIC_URL": address, "ANNEX_OPEN_PAGES": "yes",
            "ANNEX_LOG": "debug", "ANNEX_SET": name,
        },
    )  # fmt: skip
    try:
        stage.start(processes, address, 0, firm)
        host, _, port = address.removeprefix("http://").partition(":")
        workers = []
        if kind == "sqlite":
            processes.start("service", "app", "serve", "--host", host, "--port", port, "--with-worker")
            processes.wait_ready(address)
            stage.set_up(processes, address)
        else:
            processes.start("service", "app", "serve", "--host", host, "--port", port)
            processes.wait_ready(address)
            stage.set_up(processes, address)
            for one in ("one", "two"):
                processes.start(one, "app", "worker", "--id", one)
                workers.append(one)
        office: Any = stage.broker_office() if firm == "broker" and isinstance(stage, Bitrix24) else stage.office()
        database = Database(url)
        yield Desk(home, address, processes, office, stage, database, workers)
        database.close()
        office.close()
    finally:
        processes.stop_all()


@pytest.fixture(scope="module", params=["planfix-sqlite", "planfix-postgresql", "bitrix24-sqlite"])
def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    crm, kind = request.param.split("-")
    stage: Stage = Planfix(SPEEDUP) if crm == "planfix" else Bitrix24(SPEEDUP)
    yield from opened(request, tmp_path_factory.mktemp("desk"), kind, stage, f"exchange-desk-{crm}", "exchange")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def planfix_desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    home = tmp_path_factory.mktemp("desk")
    yield from opened(request, home, request.param, Planfix(SPEEDUP), "exchange-desk-planfix", "exchange")


@pytest.fixture(scope="module", params=["postgresql"])  # the demo plays the same on SQLite
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A broker's sales department in Bitrix24; the portal's limits are sped up."""
    home = tmp_path_factory.mktemp("broker")
    yield from opened(request, home, request.param, Bitrix24(SPEEDUP), "broker-bitrix24", "broker")


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as opened:
        opened.trust_env = False
        yield opened
