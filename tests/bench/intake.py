"""Taking deliveries in, at full durability, against a plain handler that inserts and commits for each request.

Both stand behind the same server with as many threads, on the same kind of store, and get the same requests from the same
process in turns. How often each of them waits for the disk is counted by the system itself.
"""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tests.bench.common import ROOT, Bench, Table, free_port, percentile, ratio, running, wait_for
from tests.bench.plain import TABLE

KEY = "bench-hook-secret-of-this-machine"
CONNECTIONS, THREADS, RECORDS = 32, 32, 500
WARM_UP, REQUESTS, ROUNDS = 1000, 3000, 7
TRACED = 2000
Loaded = dict[str, Any]


@dataclass
class Door:
    port: int
    path: str
    process: int
    sent: int = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def load(self, count: int, connections: int = CONNECTIONS) -> Loaded:
        order = {
            "host": "127.0.0.1", "port": self.port, "path": self.path, "key": KEY, "records": RECORDS,
            "mark": f"p{self.port}", "start": self.sent, "count": count, "connections": connections,
        }  # fmt: skip
        self.sent += count
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.load"], cwd=ROOT, input=json.dumps(order), capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        found: Loaded = json.loads(done.stdout)
        if set(found["statuses"]) != {"200"}:
            raise AssertionError(f"not every delivery was answered 200: {found['statuses']}")
        return found


def measured(bench: Bench) -> Table:
    head = (
        "store",
        "ours",
        "plain",
        "ratio",
        "aim",
        "ours, 99 %",
        "plain, 99 %",
        "ratio",
        "aim",
        "syncs per request, ours",
        "plain",
    )
    table = Table("Intake", head)
    for kind in ("sqlite", "postgresql"):
        _one(bench, table, kind)
    table.notes += [
        f"{CONNECTIONS} connections kept open, {THREADS} threads, one process each, {RECORDS} deals, 0.7 KB a delivery,",
        "gunicorn. Ours proves the origin, finds repeats, keeps the delivery, draws the deal's number and enqueues the job",
        "before it answers; the plain one parses, inserts a row, commits. «Syncs» are fsync and fdatasync of all processes",
        "concerned, counted by strace: many requests share one, and none is answered before it.",
    ]
    return table


def _one(bench: Bench, table: Table, kind: str) -> None:
    ours_url, plain_url = bench.url(kind, "intake_ours"), bench.url(kind, "intake_plain")
    _make(plain_url)
    ports, folder = (free_port(), free_port()), bench.folder / kind
    folder.mkdir()
    settings = {
        "ANNEX_HOME": str(folder), "ANNEX_DATABASE_URL": ours_url, "ANNEX_PUBLIC_URL": f"http://127.0.0.1:{ports[0]}",
        "ANNEX_SET": "exchange-desk-planfix", "PLANFIX_URL": "http://127.0.0.1:9/rest/",
        "PLANFIX_TOKEN": "no-token-is-needed", "PLANFIX_HOOK_SECRET": KEY,
    }  # fmt: skip
    serve = ("app", "serve", "--host", "127.0.0.1", "--port", str(ports[0]), "--threads", str(THREADS))
    plain = ("tests.bench.plain", plain_url, "127.0.0.1", str(ports[1]), str(THREADS), "1")
    with running(folder / "ours.log", *serve, **settings) as one, running(folder / "plain.log", *plain) as other:
        wait_for(f"http://127.0.0.1:{ports[0]}/healthz")
        wait_for(f"http://127.0.0.1:{ports[1]}/hook")
        doors = {"ours": Door(ports[0], "/hooks/planfix/main", one.pid), "plain": Door(ports[1], "/hook", other.pid)}
        for door in doors.values():
            door.load(WARM_UP)
        found: dict[str, list[Loaded]] = {name: [] for name in doors}
        for _ in range(ROUNDS):
            for name, door in doors.items():
                found[name].append(door.load(REQUESTS))
        syncs = {
            name: _syncs(door, folder, _server_of(bench) if kind == "postgresql" else None) for name, door in doors.items()
        }
    rates = {name: [REQUESTS / one["seconds"] for one in runs] for name, runs in found.items()}
    slow = {name: [percentile(one["took"], 0.99) for one in runs] for name, runs in found.items()}
    table.add(
        kind, *(f"{statistics.median(rates[name]):.0f}/s" for name in doors),
        f"{ratio(rates['ours'], rates['plain']):.2f}", "2.5",
        *(f"{statistics.median(slow[name]) * 1000:.0f} ms" for name in doors),
        f"{ratio(slow['ours'], slow['plain']):.2f}", "0.5", *(syncs[name] for name in doors),
    )  # fmt: skip


def _make(url: str) -> None:
    if url.startswith("sqlite"):
        connection = sqlite3.connect(sa.make_url(url).database or "")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(TABLE)
        connection.commit()
        connection.close()
        return
    engine = sa.create_engine(url)
    with engine.begin() as made:
        made.exec_driver_sql(TABLE)
    engine.dispose()


def _server_of(bench: Bench) -> int:
    """PostgreSQL's first process: its children do the syncing."""
    engine = sa.create_engine(bench.postgres)
    with engine.connect() as connection:
        folder = connection.exec_driver_sql("SHOW data_directory").scalar_one()
    engine.dispose()
    return int((Path(folder) / "postmaster.pid").read_text().split()[0])


def _syncs(door: Door, folder: Path, server: int | None) -> str:
    """fsync and fdatasync for each request of one more load."""
    strace = shutil.which("strace")
    if strace is None:
        return "no strace"
    # PostgreSQL's workers are made for each connection: those there are by now have the connections that are kept.
    watched = [argument for pid in _family(server or door.process) for argument in ("-p", str(pid))]
    out = folder / "syncs.txt"
    command = [strace, "-f", "-c", "-e", "trace=fsync,fdatasync", "-o", str(out), *watched]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as tracer:
        time.sleep(1)
        door.load(TRACED)
        tracer.send_signal(signal.SIGINT)
        tracer.wait(20)
    lines = [line.split() for line in out.read_text().splitlines()]
    counted = [int(line[3]) for line in lines if line and line[-1] in ("fsync", "fdatasync")]  # share, s, us each, calls
    return f"{sum(counted) / TRACED:.3f}" if counted else "not to be traced here"


def _family(pid: int) -> list[int]:
    children = [int(one) for file in Path(f"/proc/{pid}/task").glob("*/children") for one in file.read_text().split()]
    return [pid, *(found for child in children for found in _family(child))]
