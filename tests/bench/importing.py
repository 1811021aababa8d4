"""The import of an old spreadsheet: the command as a person runs it, its speed and how much memory its process takes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from kernel.storage import Tx, database
from plugins.exchange import history
from plugins.exchange.tests import oracle
from plugins.exchange.tests.test_history import portal_on
from tests.bench.common import ROOT, Bench, Table

OPERATIONS = 100_000
ALONE = 20_000  #: their statements are held in memory
FORMATS: dict[str, Callable[[Path, list[oracle.Row]], Path]] = {
    "csv": lambda folder, rows: oracle.write_csv(folder / "operations.csv", rows, mark=";"),
    "xlsx": lambda folder, rows: oracle.write_xlsx(folder / "operations.xlsx", rows, texts=False),
    "jsonl": lambda folder, rows: oracle.write_jsonl(folder / "operations.jsonl", rows, strings=False),
}


def measured(bench: Bench) -> Table:
    head = (
        "store", "file", "what", "rows", "seconds", "rows a second", "aim", "rows a CPU second", "memory", "aim",
    )  # fmt: skip
    table = Table("Import of a history", head)
    rows = oracle.generate(5, OPERATIONS)
    files = {name: write(bench.folder, rows) for name, write in FORMATS.items()}
    for kind in ("sqlite", "postgresql"):
        for name, file in files.items():
            for what in (("--dry-run",), ()) if kind == "sqlite" else ((),):
                _one(bench, table, kind, name, file, what, len(rows))
    _statements_alone(bench, table, oracle.generate(5, ALONE))
    table.notes += [
        "`annex import operations FILE` as a process of its own, from its start to its end, full sync. Deals of one to",
        "three operations in nine currencies. «Memory» is the most that the process held at any time. «CPU» is that",
        "process's, without a database server's. «Statements alone»: the insertions of an import of 20,000 rows carried out",
        "once more in a new database; no import can be quicker than they are.",
    ]
    return table


def _one(bench: Bench, table: Table, kind: str, name: str, file: Path, flags: tuple[str, ...], rows: int) -> None:
    mark = f"import_{name}_{'dry' if flags else 'real'}"
    settings = {
        "ANNEX_HOME": str(bench.folder), "ANNEX_DATABASE_URL": bench.url(kind, mark), "ANNEX_SET": "exchange-desk-planfix",
        "ANNEX_CURRENCIES": ",".join(f"{code}={scale}" for code, scale in oracle.SCALES.items()),
        "PLANFIX_URL": "http://127.0.0.1:9/rest/", "PLANFIX_TOKEN": "no-token-is-needed",
        "PLANFIX_HOOK_SECRET": "bench-hook-secret-of-this-machine",
    }  # fmt: skip
    annex, environment = [sys.executable, "-m", "app"], {**os.environ, **settings}
    began = time.perf_counter()
    process = subprocess.Popen([*annex, "import", "operations", str(file), *flags], cwd=ROOT, env=environment)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise AssertionError(f"the import ended with {process.returncode}")
    received: tuple[Any, ...] = (
        rows,
        f"{seconds:.0f}",
        f"{rows / seconds:.0f}",
        "5000",
        f"{rows / (used.ru_utime + used.ru_stime):.0f}",
    )
    table.add(kind, name, "dry run" if flags else "import", *received, f"{used.ru_maxrss / 1024:.0f} MB", "200 MB")


def _statements_alone(bench: Bench, table: Table, rows: list[oracle.Row]) -> None:
    """What SQLite itself takes: the same rows, without anything that is reckoned."""
    given: list[tuple[str, Sequence[tuple[Any, ...]], str]] = []

    class Recording(Tx):
        def insert(self, into: str, rows: Sequence[tuple[Any, ...]], tail: str = "") -> None:
            given.append((into, rows, tail))
            super().insert(into, rows, tail)

    source = bench.database("sqlite", "alone_source")
    with mock.patch.object(database, "Tx", Recording):
        history.import_file(portal_on(source), oracle.write_csv(bench.folder / "alone.csv", rows, mark=";"))
    source.close()
    again = bench.database("sqlite", "alone_again")
    began, used = time.perf_counter(), time.process_time()
    with again.write() as tx:
        tx.unhurried()
        for one in given:
            tx.insert(*one)
    seconds, cpu = time.perf_counter() - began, time.process_time() - used
    again.close()
    found = (len(rows), f"{seconds:.0f}", f"{len(rows) / seconds:.0f}", "", f"{len(rows) / cpu:.0f}", "", "")
    table.add("sqlite", "csv", "statements alone", *found)
