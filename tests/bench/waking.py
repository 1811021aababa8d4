"""How soon one webhook takes effect at a desk that was idle: from the request to the books and to the CRM."""

from __future__ import annotations

import statistics
import time
import uuid
from typing import Any

import requests

from app.cli.demo.processes import Processes
from app.cli.demo.stages import HOOK_SECRET, Planfix
from kernel.storage import Database
from tests.bench.common import Bench, Table, free_port
from tests.bench.effect import SPEEDUP, _deal, _quiet

IDLE_SECONDS, TRIES, WITHIN_SECONDS = 30, 10, 60
PEEK_SECONDS = 0.005


def measured(bench: Bench) -> Table:
    columns = ("until", "idle, median", "longest", "at work, median", "idle / at work")
    table = Table("From an idle desk to the effect", columns)
    home, url, port = bench.folder / "waking", bench.url("sqlite", "waking"), free_port()
    home.mkdir()
    address = f"http://127.0.0.1:{port}"
    processes = Processes(home, {
        "ANNEX_HOME": str(home), "ANNEX_DATABASE_URL": url, "ANNEX_PUBLIC_URL": address,
        "ANNEX_SET": "exchange-desk-planfix",
    })  # fmt: skip
    stage = Planfix(SPEEDUP)
    try:
        stage.start(processes, address, 0, "exchange")
        processes.start("service", "app", "serve", "--port", str(port), "--with-worker")
        processes.wait_ready(address)
        office, database = stage.office(), Database(url)
        task, row = _deal(office, 1)
        _quiet(database)
        office.control("faults", {"drop_rate": 1.0})  # what the portal would post, we post ourselves, once
        hook = f"{address}/hooks/planfix/main"
        awake = [_effect(office, database, hook, task, row, n) for n in range(TRIES)]
        idle = []
        for n in range(TRIES):
            time.sleep(IDLE_SECONDS)
            idle.append(_effect(office, database, hook, task, row, TRIES + n))
        for place, until in enumerate(("the books", "the deal in the CRM")):
            slow, quick = ([one[place] for one in tries] for tries in (idle, awake))
            middle = statistics.median(slow)
            table.add(
                until, f"{middle:.2f} s", f"{max(slow):.2f} s", f"{statistics.median(quick):.2f} s",
                f"{middle / statistics.median(quick):.1f}",
            )  # fmt: skip
        database.close()
        office.close()
    finally:
        processes.stop_all()
    table.notes += [
        f"One process with its worker on SQLite; a rate is typed, and one webhook posted, {TRIES} times after",
        f"{IDLE_SECONDS} s in which nobody did anything, and as often right after another. From the request's",
        "beginning until the new row of the books, and until the deal's field in the emulated portal shows what",
        "follows. The portal's limit is off.",
    ]
    return table


def _effect(office: Any, database: Database, hook: str, task: int, row: int, n: int) -> tuple[float, float]:
    """Seconds until the books have a new row, and until the portal shows the new profit."""
    head, shown = _head(database), office.read_field(task, "Прибуток")
    office.edit_row("user:3", row, {"Курс клієнта": f"41,{10 + n}"})
    body = {"task": str(task), "event": "deal.changed", "delivery": str(uuid.uuid4()), "key": HOOK_SECRET}
    began = time.perf_counter()
    requests.post(hook, data=body, timeout=WITHIN_SECONDS).raise_for_status()
    booked = 0.0
    while not booked or office.read_field(task, "Прибуток") == shown:
        if not booked and _head(database) != head:
            booked = time.perf_counter() - began
        if time.perf_counter() - began > WITHIN_SECONDS:
            raise RuntimeError("the webhook has no effect")
        time.sleep(PEEK_SECONDS)
    written = time.perf_counter() - began
    _quiet(database)
    return booked, written


def _head(database: Database) -> int:
    with database.read() as tx:
        return int(tx.value("SELECT COALESCE(MAX(seq), 0) FROM ledger_head"))
