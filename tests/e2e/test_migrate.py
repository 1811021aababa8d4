"""A running desk moves into another database: what was answered is there, the old one takes nothing, stops do no harm."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa

from app.bootstrap import build
from app.cli import main, migrate
from app.cli.demo.processes import Processes, free_port
from app.cli.demo.stages import Planfix
from kernel.errors import Closed
from kernel.jobs.engine import prepare_tables
from kernel.storage import Database
from kernel.storage.closed import close, reopen, why_closed
from kernel.storage.dump import tables
from kernel.storage.move import copy, every_table
from kernel.testing import until
from tests.e2e.conftest import SECRET, SPEEDUP, TOKEN
from tests.e2e.test_backup import ROWS, machine, run
from tests.e2e.test_desk import PAID, example_one
from tests.e2e.warm import WarmProcesses
from tests.harness.databases import migration_sets

LOCKS = "SELECT COUNT(*) FROM pg_locks WHERE relation = 'ledger_journal'::regclass AND mode = 'RowExclusiveLock'"
WAYS = ["sqlite to postgresql", "postgresql to sqlite"]


@pytest.fixture
def urls(tmp_path: Path, fresh_postgres: Callable[..., str]) -> dict[str, str]:
    return {"sqlite": f"sqlite:///{tmp_path / 'a.db'}", "postgresql": fresh_postgres(empty=True)}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """The old and the new database of commands that run inside this process."""
    old, new = (f"sqlite:///{tmp_path / name}.db" for name in "ab")
    monkeypatch.setenv("ANNEX_HOME", str(tmp_path))
    monkeypatch.setenv("ANNEX_DATABASE_URL", old)
    # The log would keep writing to what is standard error during this test only.
    monkeypatch.setattr("app.cli.set_up_logs", lambda _level: None)
    return old, new


def count(url: str, sql: str) -> int:
    database = Database(url)
    try:
        with database.read() as tx:
            return int(tx.value(sql))
    finally:
        database.close()


def stored(url: str) -> set[str]:
    database = Database(url)
    try:
        with database.read() as tx:
            return {row["delivery"] for row in tx.all("SELECT delivery FROM inbox WHERE delivery LIKE 'while-%'")}
    finally:
        database.close()


def closed(url: str) -> str:
    database = Database(url)
    try:
        with database.read() as tx:
            return why_closed(tx)
    finally:
        database.close()


@dataclass
class Poster:
    """A portal that never stops telling; remembers what was answered 200."""

    address: str
    answered: list[str] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def post(self, name: str) -> int:
        body = {"task": "999001", "event": "deal.changed", "delivery": name, "key": SECRET}
        status = requests.post(f"{self.address}/hooks/planfix/main", data=body, timeout=300).status_code
        if status == 200:
            self.answered.append(name)
        else:
            self.refused.append(status)
        return status

    def run(self) -> None:
        number = 0
        while not self.stop.is_set() and self.post(f"while-{number}") == 200:
            number += 1


@dataclass
class Live:
    processes: Processes
    address: str
    home: Path

    def serve(self, url: str, *more: str) -> None:
        self.processes.set(ANNEX_DATABASE_URL=url)
        self.processes.start("service", "app", "serve", "--port", self.address.rpartition(":")[2], *more)
        self.processes.wait_ready(self.address)


@pytest.fixture
def live(tmp_path: Path) -> Iterator[tuple[Live, Any]]:
    address = f"http://127.0.0.1:{free_port()}"
    processes = WarmProcesses(
        tmp_path,
        {"ANNEX_HOME": str(tmp_path), "ANNEX_PUBLIC_URL": address, "ANNEX_SET": "exchange-desk-planfix"},
    )
    stage = Planfix(SPEEDUP)
    office: Any = None
    try:
        stage.start(processes, address, 0, "exchange")
        office = stage.office()
        yield Live(processes, address, tmp_path), office
    finally:
        if office is not None:
            office.close()
        processes.stop_all()


@dataclass
class _Typing:
    """What `example_one` asks of a desk."""

    office: Any


@pytest.mark.row("PL-07", "PL-13", "PL-01")
@pytest.mark.parametrize("way", WAYS)
def test_a_desk_moves_while_it_is_told_of_deals(live: tuple[Live, Any], urls: dict[str, str], way: str) -> None:
    desk, office = live
    old, new = (urls[kind] for kind in way.split(" to "))
    desk.processes.set(ANNEX_DATABASE_URL=old)
    (desk.home / "history.csv").write_text(ROWS, encoding="utf-8")
    run(desk.processes, "import", "operations", str(desk.home / "history.csv"))
    desk.serve(old)  # no worker: what comes in waits
    task, _ = example_one(_Typing(office))  # type: ignore[arg-type]
    office.move("user:3", task, PAID)
    office.control("wait-idle", {"timeout": 30})
    assert count(old, "SELECT COUNT(*) FROM inbox WHERE state = 'new'") > 1
    poster = Poster(desk.address)
    talking = threading.Thread(target=poster.run)
    talking.start()
    try:
        output = run(desk.processes, "migrate", "--to", new)
        talking.join(timeout=120)
    finally:
        poster.stop.set()
        talking.join(timeout=300)
    assert poster.refused == [503], "from the move on the old door says no"
    assert poster.answered and stored(new) == set(poster.answered), "whatever was answered is there, and nothing else"
    assert output.count(head(output)) == 2 and "ANNEX_DATABASE_URL" in output and TOKEN not in output

    ready = requests.get(f"{desk.address}/readyz", timeout=120)
    assert ready.status_code == 503 and "moved" in str(ready.json()["wrong"])
    assert "moved" in run(desk.processes, "serve", code=3)
    run(desk.processes, "migrate", "--to", new, code=3)
    run(desk.processes, "verify")  # looking at the old one is allowed

    desk.processes.kill("service")
    desk.serve(new, "--with-worker")
    office.control("wait-idle", {"timeout": 30})
    waiting = (
        "SELECT (SELECT COUNT(*) FROM inbox WHERE state = 'new') + (SELECT COUNT(*) FROM outgoing WHERE done_at IS NULL)"
    )
    until(
        lambda: not count(new, waiting) and str(office.read_field(task, "Прибуток") or ""),
        "what waited before the move is worked off after it", every=0.1, seen=lambda: count(new, waiting),
    )  # fmt: skip
    report = json.loads(run(desk.processes, "report", "operations", "--client", "Ганна Т.", "--json"))
    assert [(row["deal"], row["profit"]["amount"]) for row in report["rows"]] == [(str(task), "1500.00")]
    run(desk.processes, "verify")


def head(output: str) -> str:
    return next(line for line in output.splitlines() if line.startswith("here:")).split("head ")[1]


@pytest.mark.row("PL-07", "PL-13")
@pytest.mark.parametrize("way", WAYS)
def test_all_reports_are_the_same_on_the_other_side(tmp_path: Path, urls: dict[str, str], way: str) -> None:
    old, new = (urls[kind] for kind in way.split(" to "))
    here, there = machine(tmp_path / "here", old), machine(tmp_path / "there", new)
    (tmp_path / "history.csv").write_text(ROWS, encoding="utf-8")
    run(here, "import", "operations", str(tmp_path / "history.csv"))
    before = [run(here, "report", kind, "--json") for kind in ("operations", "contacts", "control")]
    output = run(here, "migrate", "--to", new)
    assert head(output) in run(there, "verify")
    assert before == [run(there, "report", kind, "--json") for kind in ("operations", "contacts", "control")]
    assert "moved" in run(here, "board", code=3), "an old board is not shown as if it were today's"
    run(there, "migrate", "--to", new, code=2)  # onto itself
    assert "open again" in run(here, "migrate", "--undo")
    run(here, "board")
    run(here, "migrate", "--undo", code=2)
    assert "not empty" in run(here, "migrate", "--to", new, code=2)


@pytest.mark.row("PL-07")
def test_killed_in_the_middle_the_desk_goes_on_where_it_was(tmp_path: Path, fresh_postgres: Callable[..., str]) -> None:
    old, new = f"sqlite:///{tmp_path / 'a.db'}", fresh_postgres()
    here = machine(tmp_path / "here", old)
    (tmp_path / "history.csv").write_text(ROWS, encoding="utf-8")
    run(here, "import", "operations", str(tmp_path / "history.csv"))
    target = Database(new)
    prepare_tables(target)  # it waits for open transactions, and the next one is open
    target.close()
    engine = sa.create_engine(new)
    with engine.connect() as blocker:
        blocker.exec_driver_sql("LOCK TABLE ledger_journal IN SHARE MODE")  # the copy comes so far and waits
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "migrate", "--to", new],
            env={**os.environ, "ANNEX_HOME": str(tmp_path / "here"), "ANNEX_DATABASE_URL": old},
            start_new_session=True,
        )
        until(
            lambda: process.poll() is not None or blocker.exec_driver_sql(f"{LOCKS} AND NOT granted").scalar(),
            "the copy waits for the table",
        )
        assert process.poll() is None
        probe = sa.create_engine(old, connect_args={"timeout": 0.1})
        with probe.connect() as connection, pytest.raises(sa.exc.OperationalError, match="locked"):
            connection.exec_driver_sql("INSERT INTO lane VALUES ('x', 1)")
        probe.dispose()
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        blocker.rollback()
        until(lambda: not blocker.exec_driver_sql(LOCKS).scalar(), "the server notices that its client is gone")
    engine.dispose()
    assert closed(old) == closed(new) == ""
    assert count(new, "SELECT COUNT(*) FROM ledger_leg") == 0
    run(here, "verify")
    run(here, "import", "operations", str(tmp_path / "history.csv"))
    run(here, "migrate", "--to", new)


@pytest.mark.row("PL-07")
@pytest.mark.parametrize("where", ["_check", "close", "_open"])
def test_stopped_after_the_copy_nobody_works_on_half_a_move(
    here: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], where: str
) -> None:
    old, new = here
    real = getattr(migrate, where)

    def dies(*arguments: Any) -> Any:
        if where != "close" or arguments[-1] != migrate.UNFINISHED:
            raise KeyboardInterrupt
        return real(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(migrate, where, dies)
        with pytest.raises(KeyboardInterrupt):
            main(["migrate", "--to", new])
    built = build({**os.environ, "ANNEX_DATABASE_URL": new})
    with pytest.raises(Closed, match="not been finished"):
        built.migrate()
    built.close()
    if where == "_open":
        assert "moved" in closed(old)
        assert main(["migrate", "--to", new]) == 0, "the same command finishes it"
        assert closed(new) == ""
    else:
        assert closed(old) == "", "the desk goes on where it was"
        assert main(["migrate", "--to", new]) == 2
        assert "name a new, empty database" in capsys.readouterr().err


@pytest.mark.row("PL-07")
def test_a_copy_that_differs_is_not_moved_to(
    here: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = here
    real = copy

    def forgetful(left: Any, right: Any, *rest: Any) -> int:
        left.run("INSERT INTO lane VALUES ('x', 1)")
        copied = real(left, right, *rest)
        right.run("DELETE FROM lane")
        return copied

    monkeypatch.setattr(migrate, "copy", forgetful)
    assert main(["migrate", "--to", new]) == 3
    assert "lane: 1 rows here, 0 there" in capsys.readouterr().err
    assert closed(old) == "" and closed(new)


def test_a_target_that_cannot_be_used_is_named_before_anything_happens(tmp_path: Path) -> None:
    here = machine(tmp_path, f"sqlite:///{tmp_path / 'a.db'}")
    assert "cannot be opened" in run(here, "migrate", "--to", "postgresql+psycopg://a:pass@127.0.0.1:1/x", code=3)
    assert "pass" not in run(here, "migrate", "--to", "postgresql+psycopg://a:pass@127.0.0.1:1/x", code=3)
    assert "psycopg" in run(here, "migrate", "--to", "postgresql://127.0.0.1:1/x", code=2)
    assert "in use" in run(here, "migrate", "--to", f"sqlite:///{tmp_path / 'a.db'}", code=2)


def test_a_closed_database_refuses_every_change_and_opens_again(database: Database) -> None:
    names = every_table(migration_sets())
    with database.write() as tx:
        close(tx, names, "it's 100% gone to c%20d")
    for name in tables(migration_sets()):
        with database.read() as tx:
            columns = list(tx.connection.exec_driver_sql(f"SELECT * FROM {name}").keys())
        values = ", ".join("'1'" for _ in columns)  # quoted, it fits a column of any type
        with pytest.raises(Closed, match=r"^it's 100% gone to c%20d$"), database.write() as tx:
            tx.run(f"INSERT INTO {name} VALUES ({values})")
    with pytest.raises(Closed), database.write() as tx:
        tx.run("UPDATE ledger_head SET seq = 5")
    with pytest.raises(Closed), database.write() as tx:
        tx.run("DELETE FROM annex_migration")
    with database.write() as tx:
        reopen(tx)
        assert why_closed(tx) == ""
        tx.run("INSERT INTO lane VALUES ('x', 1)")
