"""`make bench`: how fast, as ratios against the least code that does the same job honestly, all inside one run.

Only the ratios mean anything: machines and their disks differ, and are never quiet. The table goes to docs/benchmarks.md.
"""

from __future__ import annotations

import os
import platform
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from app.bootstrap import KERNEL, KERNEL_ROOMS
from app.discovery import find_plugins
from kernel.clock import SystemClock, TimeIds
from kernel.crm import Event
from kernel.jobs import Job, inbox
from kernel.ledger import Books, Change, Leg, Posting
from kernel.storage import Database, Room, Tx, migrate
from tests.bench import bitrix24

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 3


class NoQueue:
    """The inbox alone is measured here, not the engine behind it."""

    def enqueue(self, tx: Tx, job: Job) -> None: ...


def opened(folder: Path, name: str) -> Database:
    database = Database(f"sqlite:///{folder / name}")
    rooms = [Room(f"kernel.{one}", KERNEL / one / "migrations") for one in KERNEL_ROOMS]
    rooms += [Room(one, plugin.migrations) for one, plugin in find_plugins().items() if plugin.migrations]
    migrate(database, rooms, SystemClock())
    return database


def per_second(action: Callable[[int], None], times: int) -> float:
    started = time.perf_counter()
    for n in range(times):
        action(n)
    return times / (time.perf_counter() - started)


def postings(n: int, slot: str = "turn") -> Posting:
    legs = (
        Leg("client", "USD", 1000 + n, "main", f"c{n % 500}"), Leg("trading", "USD", -1000 - n, "main"),
        Leg("trading", "UAH", 41200 + n, "main"), Leg("client", "UAH", -41200 - n, "main", f"c{n % 500}"),
    )  # fmt: skip
    return Posting(slot, n, legs)


def bare(folder: Path) -> sqlite3.Connection:
    """The floor: plain inserts of the same rows, one commit an operation, synced as we sync."""
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE entry (id INTEGER PRIMARY KEY, body TEXT)")
    connection.execute(
        "CREATE TABLE leg (entry INTEGER, n INTEGER, account TEXT, party TEXT, currency TEXT, amount INTEGER)"
    )
    return connection


def posting_ratio(folder: Path, times: int) -> tuple[float, float]:
    database, floor, books = opened(folder, "post.db"), bare(folder), Books(SystemClock())

    def ours(n: int) -> None:
        with database.write() as tx:
            books.settle(tx, f"d{n}", [postings(n)], author="", trace="")

    def plain(n: int) -> None:
        floor.execute("BEGIN IMMEDIATE")
        floor.execute("INSERT INTO entry VALUES (?, ?)", (n, "x" * 200))
        floor.executemany(
            "INSERT INTO leg VALUES (?, ?, ?, ?, ?, ?)",
            [(n, i, leg.account, leg.party, leg.currency, leg.amount) for i, leg in enumerate(postings(n).legs)],
        )
        floor.execute("COMMIT")

    one, other = per_second(ours, times), per_second(plain, times)
    database.close()
    floor.close()
    return one, other


def intake_ratio(folder: Path, times: int) -> tuple[float, float]:
    database, clock = opened(folder, "intake.db"), SystemClock()
    ids = TimeIds(clock)
    floor = sqlite3.connect(folder / "floor.db", isolation_level=None)
    for line in (
        "PRAGMA journal_mode=WAL",
        "PRAGMA synchronous=FULL",
        "CREATE TABLE hook (id INTEGER PRIMARY KEY, body TEXT)",
    ):
        floor.execute(line)

    def ours(n: int) -> None:
        with database.write() as tx:
            event = Event("deal.changed", "deal", str(n % 50), "somebody", f"guid-{n}")
            inbox.store(tx, "planfix/main", event, "x" * 600, clock=clock, ids=ids, queue=NoQueue())

    def plain(n: int) -> None:
        floor.execute("INSERT INTO hook (body) VALUES (?)", ("x" * 600,))

    one, other = per_second(ours, times), per_second(plain, times)
    database.close()
    floor.close()
    return one, other


def balances(folder: Path, operations: int) -> float:
    """Seconds to read all balances with so many operations behind them."""
    database, books = opened(folder, f"balance{operations}.db"), Books(SystemClock())
    for start in range(0, operations, 5000):
        with database.write() as tx:
            books.settle_many(
                tx,
                [Change(f"d{n}", [postings(n)]) for n in range(start, min(start + 5000, operations))],
                author="",
                trace="",
            )
    times = []
    for _ in range(20):
        started = time.perf_counter()
        with database.read() as tx:
            tx.all("SELECT account, currency, SUM(amount) FROM ledger_balance GROUP BY account, currency")
        times.append(time.perf_counter() - started)
    database.close()
    return statistics.median(times)


def main() -> int:
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for title, measure, times in (
            ("posting through our books", posting_ratio, 800),
            ("storing a webhook", intake_ratio, 1500),
        ):
            ratios, last = [], (0.0, 0.0)
            for round_number in range(ROUNDS):
                folder = Path(name) / f"{measure.__name__}{round_number}"
                folder.mkdir()
                last = measure(folder, times)
                ratios.append(last[0] / last[1])
            rows.append((title, f"{last[0]:.0f}/s", f"{last[1]:.0f}/s", f"{statistics.median(ratios):.2f}"))
            print(*rows[-1], sep="  ", flush=True)
        folder = Path(name) / "balances"
        folder.mkdir()
        small, large = balances(folder, 1000), balances(folder, 20_000)
        rows.append(
            (
                "all balances: 20,000 operations against 1,000",
                f"{large * 1000:.2f} ms",
                f"{small * 1000:.2f} ms",
                f"{large / small:.2f}",
            )
        )
        print(*rows[-1], sep="  ", flush=True)
    write(rows, bitrix24.shown(bitrix24.measured()))
    return 0


def write(rows: list[tuple[str, str, str, str]], more: list[str]) -> None:
    lines = [
        "# Benchmarks",
        "",
        "Made by `make bench`. Ratios inside one run; the absolute figures belong to one noisy machine and mean little.",
        "The floor is the least code that stores the same as durably (SQLite, WAL, synchronous=FULL, a commit each).",
        "",
        f"Machine: {os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}.",
        "",
        "| what | ours | floor | ratio |",
        "| --- | --- | --- | --- |",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
        *more,
    ]
    (ROOT / "docs" / "benchmarks.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
