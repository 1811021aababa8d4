"""The machine dies in the middle of an import: nothing of the file stands, and the next run brings all of it once."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kernel.storage import Database
from plugins.exchange import history
from plugins.exchange.tests import oracle
from plugins.exchange.tests.test_history import agree, head, portal_on

ROOT = Path(__file__).parents[3]
#: Imports a file and is gone, as by kill -9, once the second part of its deals has gone to the database.
DIES = """
import os, signal, sys
from kernel.storage import Database
from plugins.exchange import history
from plugins.exchange.tests.test_history import portal_on
address, path = sys.argv[1:]
history.DEALS_AT_ONCE = 20
parts = []
def die(done, total):
    if 2 * done > total and done < total:
        parts.append(done)
        if len(parts) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
history.import_file(portal_on(Database(address)), path, progress=die)
"""


@pytest.mark.row("EX-16")
def test_killed_in_the_middle_nothing_stands_and_the_next_run_brings_all_once(database_url: str, tmp_path: Path) -> None:
    rows = oracle.generate(25, 120)
    path = oracle.write_csv(tmp_path / "a.csv", rows)
    database = Database(database_url)
    try:
        portal = portal_on(database)
        before = head(portal)
        done = subprocess.run(
            [sys.executable, "-c", DIES, database_url, str(path)], cwd=ROOT, check=False, capture_output=True, timeout=300
        )
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()
        assert head(portal) == before
        with portal.read() as unit:
            for table in ("ledger_journal", "ledger_leg", "ledger_balance", "exchange_deal", "exchange_operation"):
                assert unit.tx.value(f"SELECT COUNT(*) FROM {table}") == 0, table
        assert history.import_file(portal, path).imported == len(rows)
        agree(portal, rows)
        assert history.import_file(portal, path).unchanged == len(rows)
    finally:
        database.close()
