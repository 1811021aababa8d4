"""Today's version starts on what an older release left behind: same books, and what waited is done once."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests

from app.cli.demo.office_planfix import Office
from conftest import ROOT
from kernel.clock import SystemClock
from kernel.storage import Database, migrate
from kernel.testing import until
from sandbox.planfix.server import Sandbox
from tests.harness.databases import migration_sets
from tests.upgrade.desk import VERSIONS, Desk, Stored, at_work, same

OPEN = "SELECT id FROM inbox WHERE state = 'new' UNION SELECT id FROM outgoing WHERE state IN ('waiting', 'sending')"
NONSENSE = "41,2o"

DIES = """
import os, signal, sys
from kernel.clock import SystemClock
from kernel.storage import Database, migrate
from tests.harness.databases import migration_sets

class Dies(SystemClock):
    left = int(sys.argv[2])
    def now(self):
        self.left -= 1
        if self.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().now()

migrate(Database(sys.argv[1]), migration_sets(), Dies())
"""


def test_each_release_is_stored() -> None:
    released = re.findall(r"^## (\d\S*)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(released) == VERSIONS, "store the new release: tests/upgrade/README.md"


@pytest.mark.row("PL-12", "PL-04")
def test_books_and_reports_are_what_they_were(stored: Stored, url: str, tmp_path: Path) -> None:
    with closing(Desk(stored, tmp_path / "home", url)) as desk:
        now = desk.figures()
        assert desk.steps() == newest()
    assert same({name: stored.recorded[name] for name in now}, now) == []
    assert stored.recorded["verify"]["rows"] > 500 and now["verify"]["ok"]


@pytest.mark.row("PL-12", "PL-01", "PL-03", "PL-09")
def test_what_waited_is_done_and_nothing_is_done_twice(stored: Stored, url: str, tmp_path: Path) -> None:
    with closing(Desk(stored, tmp_path / "before", url)) as desk:
        waited = waiting(desk)
    assert len(waited) > 10 and len({verb for _, _, verb in stored.recorded["calls"]}) >= 3
    with at_work(stored, tmp_path / "home", url) as (desk, sandbox, office):
        assert signed_in(desk) == 200, "who was signed in still is"
        until_quiet(desk)
        correct(sandbox, office)
        until_quiet(desk)
        agreed(desk, sandbox, office)
        assert not waited & waiting(desk)
        # What waited for a person still does; a second try is carried out, too.
        failed = [one[0] for what in ("inbox", "calls") for one in stored.recorded[what] if one[1] == "failed"]
        assert len(failed) >= 2 and sorted(one["id"] for one in desk.ask("jobs")["failed"]) == sorted(failed)
        for one in failed:
            desk.processes.annex("jobs", "retry", one)
        until_quiet(desk)
        agreed(desk, sandbox, office)
        assert desk.ask("jobs") == {"failed": []}


def correct(sandbox: Sandbox, office: Office) -> None:
    """The nonsense that was typed before the upgrade is fixed after it."""
    [(key, column)] = [
        (row.key, number)
        for row in sandbox.portal.rows.values()
        for number, value in row.values.items()
        if value == NONSENSE
    ]
    office.edit_row("user:3", key, {sandbox.portal.fields["datatag"][column].name: "41,20"})


def waiting(desk: Desk) -> set[str]:
    return {row["id"] for row in desk.rows(OPEN)}


def until_quiet(desk: Desk) -> None:
    until(lambda: not waiting(desk), f"nothing waits any more; logs in {desk.home}", every=0.1, seen=lambda: waiting(desk))


def signed_in(desk: Desk) -> int:
    page, cookies = f"{desk.address}/exchange/board", {"annex_session": desk.stored.recorded["session"]}
    assert requests.get(page, timeout=120).status_code in (401, 403)
    return requests.get(page, cookies=cookies, timeout=120).status_code


def agreed(desk: Desk, sandbox: Sandbox, office: Office) -> None:
    """Books whole, nothing of the CRM's inputs unbooked, and no effect of ours in the CRM twice."""
    verify = desk.ask("verify")
    assert verify["ok"], verify
    kept = desk.stored.recorded["verify"]
    [row] = desk.rows(f"SELECT hash FROM ledger_journal WHERE seq = {kept['rows']}")
    assert row["hash"] == kept["head"] and verify["rows"] > kept["rows"], "the chain goes on from where it stood"
    control = desk.ask("report", "control")
    assert control["differences"] == 0 and control["rows"]
    assert twice(sandbox) == []
    assert desk.rows("SELECT key FROM outgoing WHERE key <> '' GROUP BY key HAVING COUNT(*) > 1") == []
    without = [deal["id"] for deal in office.deals() if "Обмін: Пізній" in deal["name"] and not deal.get("counterparty")]
    assert len([deal for deal in office.deals() if "Обмін: Пізній" in deal["name"]]) == 3 and not without


def twice(sandbox: Sandbox) -> list[Any]:
    """Keys of ours that stand in more than one record, and comments of ours that say the same twice."""
    portal = sandbox.portal
    keys = {number for kind in portal.fields.values() for number, one in kind.items() if one.name == "Ключ Annex"}
    records = [*portal.tasks.values(), *portal.contacts.values(), *portal.rows.values()]
    ours = Counter(str(one.values[key]) for one in records for key in keys if one.values.get(key))
    robot = portal.robot().id
    output = Counter(
        (one.task, one.contact, one.description)
        for one in portal.comments.values()
        if one.owner == robot and one.description
    )
    assert ours and output
    return [what for what, number in [*ours.items(), *output.items()] if number > 1]


@pytest.mark.row("PL-12")
def test_killed_between_two_migrations_it_is_as_before_and_the_next_start_upgrades(
    stored: Stored, url: str, tmp_path: Path
) -> None:
    with closing(Desk(stored, tmp_path / "home", url)) as desk:
        before, tables = desk.steps(), columns(desk)
        pending = len(newest() - before)
        if pending < 2:
            pytest.skip("stored under this very schema: nothing to die between")
        done = subprocess.run([sys.executable, "-c", DIES, url, str(pending // 2)], cwd=ROOT, check=False)
        assert done.returncode == -signal.SIGKILL
        assert desk.steps() == before and columns(desk) == tables, "nothing half-way"
        with closing(Database(url)) as database:
            assert len(migrate(database, migration_sets(), SystemClock())) == pending
            assert migrate(database, migration_sets(), SystemClock()) == []
        assert same(stored.recorded["verify"], desk.ask("verify")) == []


def newest() -> set[tuple[str, int]]:
    return {(room.name, number) for room in migration_sets() for number in room.files()}


def columns(desk: Desk) -> set[tuple[str, str]]:
    if desk.stored.kind == "postgresql":
        found = desk.rows("SELECT table_name AS t, column_name AS c FROM information_schema.columns")
    else:
        found = desk.rows("SELECT m.name AS t, c.name AS c FROM sqlite_master m JOIN pragma_table_info(m.name) c")
    return {(row["t"], row["c"]) for row in found}
