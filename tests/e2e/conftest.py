"""The whole product as a customer runs it: emulated CRM, service and workers as processes, staff at the CRM's own doors.

`desk` gives an exchange desk in Planfix on SQLite (web and worker in one process) and on PostgreSQL (web and two workers),
and one in Bitrix24 on SQLite, in turn; a test about Planfix itself names those that it wants (`in_planfix`). `broker` is a
broker's sales department, `partners` a desk with the emulated Telegram beside it, in either CRM. All files that use one of
them share it (`TOGETHER` in the conftest.py above), each story in records of its own.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from app.bootstrap import set_folder
from app.cli.demo.processes import Processes, free_port
from app.cli.demo.stages import HOOK_SECRET, Bitrix24, Planfix, Stage
from app.cli.demo.stages import TOKEN as ROBOT_TOKEN
from app.cli.demo.systems import Telegram, start_systems
from kernel.mapping import load_set
from kernel.storage import Database
from kernel.testing import until
from tests.e2e.desk_logs import told
from tests.e2e.partner_chat import SCRIPTS, SWITCHES, Partners
from tests.e2e.warm import WarmProcesses
from tests.harness.databases import PostgresDatabases
from tests.harness.leftovers import GUARD

SPEEDUP = 200
SECRET, TOKEN = HOOK_SECRET, ROBOT_TOKEN
CHAOS = {"drop_rate": 0.3, "duplicate_rate": 0.1, "reorder_rate": 0.3}
CALM = dict.fromkeys(CHAOS, 0)
SITE_KEY, STATE_KEY = "site-key-of-the-broker-of-e2e", "state-key-of-the-broker-of-e2e"
STACKS = ("desk", "broker", "partners")


@dataclass
class Desk:
    home: Path
    address: str
    processes: Processes
    office: Any
    stage: Stage
    database: Database
    workers: list[str]
    _adopting: Callable[[], AbstractContextManager[None]]

    def start_again(self, worker: str) -> None:
        """A new process in place of a worker that was killed."""
        with self._adopting():
            self.processes.start(worker, "app", "worker", "--id", worker)

    systems: Mapping[str, Telegram] = field(default_factory=dict)

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
            inbox += tx.value("SELECT COUNT(*) FROM incoming_message WHERE state = 'new'")
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


def opened(
    request: pytest.FixtureRequest, home: Path, kind: str, stage: Stage, name: str, firm: str, *, systems: bool = False,
    **settings: str,
) -> Iterator[Desk]:  # fmt: skip
    """`kind` of database; `name` of the mapping set, or its folder; `systems`: the further connections of the set, too;
    further `settings` of the service."""
    postgres: PostgresDatabases | None = request.getfixturevalue("postgres") if kind == "postgresql" else None
    url = postgres.make(empty=True) if postgres else f"sqlite:///{home / 'annex.db'}"
    address = f"http://127.0.0.1:{free_port()}"
    processes = WarmProcesses(
        home,
        {
            "ANNEX_HOME": str(home), "ANNEX_DATABASE_URL": url, "ANNEX_PUBLIC_URL": address, "ANNEX_OPEN_PAGES": "yes",
            "ANNEX_LOG": "debug", "ANNEX_SET": name, **settings,
        },
    )  # fmt: skip
    try:
        stage.start(processes, address, 0, firm)
        beside = start_systems(processes, load_set(set_folder(name)), 0) if systems else {}
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
        adopting = request.config.stash[GUARD].adopting
        yield Desk(home, address, processes, office, stage, database, workers, adopting, beside)
        database.close()
        office.close()
    finally:
        processes.stop_all()
        if postgres:
            postgres.drop(url)


@pytest.fixture(scope="session", params=["planfix-sqlite", "planfix-postgresql", "bitrix24-sqlite"])
def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    crm, kind = request.param.split("-")
    stage: Stage = Planfix(SPEEDUP) if crm == "planfix" else Bitrix24(SPEEDUP)
    yield from opened(request, tmp_path_factory.mktemp("desk"), kind, stage, f"exchange-desk-{crm}", "exchange")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """A stack ends with the last test that uses it, not with the session: idle it would go on working beside the others."""
    yield
    after = _stacks_of(nextitem) if nextitem else {}
    for name, stack in _stacks_of(item).items():
        if after.get(name) is not stack:
            stack.finish(item._request)  # type: ignore[attr-defined]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        folder = item.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
        report.sections.append(("logs of the processes", told(folder)))
    return report


def _stacks_of(item: pytest.Item) -> dict[str, Any]:
    found = getattr(item, "_fixtureinfo", None)
    defined = found.name2fixturedefs if found else {}
    return {name: defined[name][-1] for name in STACKS if name in defined and defined[name][-1].scope == "session"}


in_planfix = pytest.mark.parametrize("desk", ["planfix-sqlite", "planfix-postgresql"], indirect=True, scope="session")


@pytest.fixture(scope="session", params=["postgresql"])  # the demo plays the same on SQLite
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A broker's sales department in Bitrix24 with its back office beside it; the portal's limits are sped up, and lists are
    brought up to date each second instead of each minute: the customer's own copy of the set says so."""
    home = tmp_path_factory.mktemp("broker")
    folder = home / "broker-bitrix24"
    shutil.copytree(set_folder(folder.name), folder)
    portal, lists = folder / "portal.toml", "[plugin.dossier_lists]\n"
    assert lists in portal.read_text(encoding="utf-8")
    quick = f"{lists}list_every_s = 1\nlog_list_every_s = 1\n"
    portal.write_text(portal.read_text(encoding="utf-8").replace(lists, quick), encoding="utf-8")
    yield from opened(
        request, home, request.param, Bitrix24(SPEEDUP), str(folder), "broker", systems=True,
        SITE_FORMS_KEY=SITE_KEY, STATE_EPGU_KEY=STATE_KEY,
    )  # fmt: skip


@pytest.fixture(scope="session", params=["planfix", "bitrix24"])
def partners(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Partners]:
    """A desk that talks to partners: the customer's own copy of the set, with the switches on that are off at first."""
    home = tmp_path_factory.mktemp("partners")
    folder = home / f"exchange-desk-{request.param}"
    shutil.copytree(set_folder(folder.name), folder)
    portal = folder / "portal.toml"
    marked = '[plugin.partners]\nchat = "partners"\n'
    assert marked in portal.read_text(encoding="utf-8")
    portal.write_text(portal.read_text(encoding="utf-8").replace(marked, marked + SWITCHES), encoding="utf-8")
    stage: Stage = Planfix(SPEEDUP) if request.param == "planfix" else Bitrix24(SPEEDUP)
    for desk in opened(request, home, "sqlite", stage, str(folder), "exchange", systems=True):
        if request.param == "planfix":
            desk.office.control("faults", dict.fromkeys(SCRIPTS, "on"))
        made = Partners(desk)
        made.open()
        yield made


@pytest.fixture(scope="session")
def deal(partners: Partners) -> int:
    """A deal that the partner's chat was told of."""
    return partners.deal()


@pytest.fixture
def everybody_works(broker: Desk) -> None:
    broker.office.doors("faults", {**CALM, "down": "off"})
    for who in [*broker.office.managers, broker.office.head]:
        broker.office.day(who, "OPENED")


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as opened:
        opened.trust_env = False
        yield opened
