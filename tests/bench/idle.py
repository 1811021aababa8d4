"""What a desk costs while nobody does anything: processor time of the processes, from the system."""

from __future__ import annotations

import os
import time
from pathlib import Path

from app.cli.demo.processes import Processes
from app.cli.demo.stages import Planfix
from kernel.storage import Database
from tests.bench.common import Bench, Table, free_port
from tests.bench.effect import SPEEDUP, _deal, _quiet

SECONDS, SETTLE_SECONDS, WORKED_DEALS = 45, 5, 40
SWEPT_SECONDS = 25  #: the first sweep may ask for looks at what was changed in such haste
TICKS = os.sysconf("SC_CLK_TCK")
LAYOUTS = {"one process": (("--with-worker",), ()), "web and two workers": ((), ("first", "second"))}


def measured(bench: Bench) -> Table:
    table = Table("Idle", ("layout", "store", "state", "CPU seconds a second", "aim"))
    for layout in LAYOUTS:
        for kind in ("sqlite", "postgresql"):
            _one(bench, table, layout, kind)
    table.notes += [
        f"Processor time of all our processes (web and workers, not the database server's) over {SECONDS} s in which nobody",
        f"does anything, fresh and after {WORKED_DEALS} deals were booked and the service was started three more times.",
    ]
    return table


def _one(bench: Bench, table: Table, layout: str, kind: str) -> None:
    name = f"idle_{'one' if layout == 'one process' else 'many'}"
    home, url, port = bench.folder / f"{name}-{kind}", bench.url(kind, name), free_port()
    home.mkdir()
    address = f"http://127.0.0.1:{port}"
    settings = {
        "ANNEX_HOME": str(home), "ANNEX_DATABASE_URL": url, "ANNEX_PUBLIC_URL": address,
        "ANNEX_SET": "exchange-desk-planfix",
    }  # fmt: skip
    portal, ours = Processes(home, settings), Processes(home, settings)
    stage = Planfix(SPEEDUP)
    try:
        stage.start(portal, address, 0, "exchange")
        ours.set(**{key: value for key, value in portal._environment.items() if key.startswith("PLANFIX_")})
        usual, quick = {"PLANFIX_REQUESTS_PER_SECOND": "1"}, {"PLANFIX_REQUESTS_PER_SECOND": str(SPEEDUP)}
        ours.set(**usual)  # as Planfix has it: how often is swept follows from that
        _start(ours, layout, port, address)
        table.add(layout, kind, "fresh", f"{_idle(ours):.4f}", "0.01")
        ours.stop_all()
        ours.set(**quick)
        _start(ours, layout, port, address)
        office, database = stage.office(), Database(url)
        for n in range(WORKED_DEALS):
            _deal(office, n)
        _quiet(database)
        ours.set(**usual)
        for _ in range(3):
            ours.stop_all()
            _start(ours, layout, port, address)
        time.sleep(SWEPT_SECONDS)
        _quiet(database)
        cost = _idle(ours)
        table.add(layout, kind, "after work", f"{cost:.4f}", "0.01")
        database.close()
        office.close()
    finally:
        ours.stop_all()
        portal.stop_all()


def _start(ours: Processes, layout: str, port: int, address: str) -> None:
    flags, workers = LAYOUTS[layout]
    ours.start("service", "app", "serve", "--port", str(port), *flags)
    ours.wait_ready(address)
    for worker in workers:
        ours.start(worker, "app", "worker", "--id", worker)


def _idle(ours: Processes) -> float:
    time.sleep(SETTLE_SECONDS)
    pids = [pid for process in ours._running.values() for pid in _family(process.pid)]
    before, began = sum(map(_ticks, pids)), time.monotonic()
    time.sleep(SECONDS)
    return (sum(map(_ticks, pids)) - before) / TICKS / (time.monotonic() - began)


def _family(pid: int) -> list[int]:
    """A process and all below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in _family(int(child)))]


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
