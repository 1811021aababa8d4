"""From a change in the CRM to our effect in the CRM: the real service and worker beside an emulated portal."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from decimal import Decimal
from typing import Any

from app.cli.demo.processes import Processes
from app.cli.demo.stages import HOOK_SECRET, Planfix
from kernel.storage import Database
from tests.bench.common import ROOT, Bench, Table, free_port, percentile

SPEEDUP = 1000  #: the portal's «1 request a second» are then a thousand: practically no limit
AT_REST, BURST, RECORDS, CONNECTIONS = 30, 10_000, 100, 32
WITHIN_SECONDS = 300


def measured(bench: Bench) -> Table:
    table = Table("From a webhook to the effect in the CRM", ("what", "store", "measured", "in theory", "note"))
    for kind in ("sqlite", "postgresql"):
        _one(bench, table, kind)
    table.notes += [
        "At rest: an operation's rate is typed, the portal posts, we read the deal, book, and write the deal's computed",
        "fields: from the typing to the new value in the portal. The portal's limit is switched off (a thousand requests a",
        "second); at the usual one a second every request waits for its turn: «in theory» is what that alone would take,",
        f"with a reading and a write. Burst: {BURST:,} deliveries about {RECORDS} deals, from the first request to when",
        f"nothing waits any more; the theory is one reading of each of the {RECORDS} deals at one a second.",
    ]
    return table


def _one(bench: Bench, table: Table, kind: str) -> None:
    home, url = bench.folder / f"effect-{kind}", bench.url(kind, "effect")
    home.mkdir()
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    processes = Processes(
        home,
        {
            "ANNEX_HOME": str(home),
            "ANNEX_DATABASE_URL": url,
            "ANNEX_PUBLIC_URL": address,
            "ANNEX_SET": "exchange-desk-planfix",
        },
    )
    stage = Planfix(SPEEDUP)
    try:
        stage.start(processes, address, 0, "exchange")
        processes.start("service", "app", "serve", "--port", str(port), *(("--with-worker",) if kind == "sqlite" else ()))
        processes.wait_ready(address)
        if kind == "postgresql":
            processes.start("worker", "app", "worker", "--id", "one")
        office, database = stage.office(), Database(url)
        deals = [_deal(office, n) for n in range(RECORDS)]
        _quiet(database)
        took = [_typed(office, *deals[n]) for n in range(AT_REST)]
        table.add(
            "at rest", kind, f"{statistics.median(took):.2f} s, 99 %: {percentile(took, 0.99):.2f} s", "2 s", "limit off"
        )  # fmt: skip
        _quiet(database)
        seconds, answered = _burst(port, [task for task, _row in deals], database)
        table.add(
            f"burst of {BURST:,}", kind, f"{seconds:.0f} s", f"{RECORDS} s",
            f"all answered after {answered:.1f} s; limit off",
        )  # fmt: skip
        database.close()
        office.close()
    finally:
        processes.stop_all()


def _deal(office: Any, n: int) -> tuple[int, int]:
    """A deal with one operation; its number and that of the operation's row."""
    client = {"Ім'я клієнта": f"Клієнт {n}", "Email клієнта": f"c{n}@example.com"}
    task = office.new_deal("user:3", f"Угода {n}", client)
    values = {
        "Вид": "Купівля", "Пара": "USD/UAH", "Сума": Decimal(1000), "Валюта суми": "USD", "Курс клієнта": "41,20",
        "Курс партнера": "41,35", "Партнер": {"id": "contact:801"},
    }  # fmt: skip
    return task, office.add_row("user:3", task, values)


def _typed(office: Any, task: int, row: int) -> float:
    """Seconds from the new rate to the profit that follows from it, both in the portal."""
    before = office.read_field(task, "Прибуток")
    began = time.perf_counter()
    office.edit_row("user:3", row, {"Курс клієнта": "41,10"})
    while office.read_field(task, "Прибуток") == before:
        if time.perf_counter() - began > WITHIN_SECONDS:
            raise RuntimeError("the profit does not follow")
        time.sleep(0.01)
    return time.perf_counter() - began


def _quiet(database: Database) -> None:
    until, calm = time.monotonic() + WITHIN_SECONDS, 0
    while calm < 3:
        with database.read() as tx:
            waits = tx.value("SELECT COUNT(*) FROM inbox WHERE state = 'new'")
            waits += tx.value("SELECT COUNT(*) FROM outgoing WHERE state IN ('waiting', 'sending')")
        calm = 0 if waits else calm + 1
        if time.monotonic() > until:
            raise RuntimeError(f"{waits} still wait")
        time.sleep(0.05)


def _burst(port: int, deals: list[int], database: Database) -> tuple[float, float]:
    """Seconds until nothing waits, and until the last was answered."""
    order = {
        "host": "127.0.0.1", "port": port, "path": "/hooks/planfix/main", "key": HOOK_SECRET, "records": len(deals),
        "first": min(deals), "mark": "burst", "start": 0, "count": BURST, "connections": CONNECTIONS,
    }  # fmt: skip
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.load"], cwd=ROOT, input=json.dumps(order), capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    found = json.loads(done.stdout)
    if found["statuses"] != {"200": BURST}:
        raise AssertionError(f"not every delivery was answered 200: {found['statuses']}")
    _quiet(database)
    return time.perf_counter() - began, found["seconds"]
