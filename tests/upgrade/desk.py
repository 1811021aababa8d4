"""A stored desk, brought back to life: its database restored, today's product started on it, the portal as it stood."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa

from app.cli.demo.office_planfix import Office
from app.cli.demo.processes import free_port
from kernel.storage import Database
from sandbox.planfix.server import Sandbox
from tests.e2e.warm import WarmProcesses
from tests.upgrade import portal as portal_file
from tests.upgrade.store import FOLDER, REPORTS, TOKEN, emulated, settings

VERSIONS = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())
NOWHERE = "http://127.0.0.1:9"  #: where no portal answers: for what needs none


@dataclass(frozen=True)
class Stored:
    """The files of one release and one kind of database."""

    version: str
    kind: str

    def file(self, what: str) -> Path:
        return FOLDER / self.version / f"{self.kind}.{what}.gz"

    def text(self, what: str) -> str:
        return gzip.decompress(self.file(what).read_bytes()).decode()

    @cached_property
    def recorded(self) -> dict[str, Any]:
        """What that release itself said of the desk just before."""
        data: dict[str, Any] = json.loads(self.text("told"))
        return data

    @property
    def stored_at(self) -> datetime:
        return datetime.fromisoformat(self.recorded["stored_at"])

    def restore(self, url: str) -> None:
        """Put the database as it lay there, the queue's own tables with it, into an empty one."""
        parsed = sa.make_url(url)
        if self.kind == "sqlite":
            with sqlite3.connect(str(parsed.database)) as connection:
                connection.executescript(self.text("sql"))
            connection.close()
            return
        plain = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute(self.text("sql").encode())


class Desk:
    """Today's product on a restored database, at the moment at which it was stored."""

    def __init__(self, stored: Stored, home: Path, url: str, *, planfix: str = NOWHERE, ours: str = NOWHERE) -> None:
        home.mkdir(exist_ok=True)
        self.stored, self.home, self.url, self.address = stored, home, url, ours
        (home / "clock").write_text(str((stored.stored_at - datetime.now(UTC)).total_seconds()))
        self.processes = WarmProcesses(home, settings(home, url, planfix, ours))
        self.database = Database(url)

    def ask(self, *arguments: str, code: int = 0) -> Any:
        """A command with --json: its document."""
        done = self.processes.annex(*arguments, "--json")
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout)

    def figures(self) -> dict[str, Any]:
        """What was asked of the release that stored it, asked again."""
        at = self.stored.recorded["stored_at"]
        found = {name: self.ask(*(part.format(at=at) for part in command)) for name, command in REPORTS.items()}
        return {"verify": self.ask("verify"), **found}

    def rows(self, sql: str) -> list[Mapping[str, Any]]:
        with self.database.read() as tx:
            return [dict(row) for row in tx.all(sql)]

    def steps(self) -> set[tuple[str, int]]:
        return {(row["room"], row["number"]) for row in self.rows("SELECT room, number FROM annex_migration")}

    def close(self) -> None:
        self.processes.stop_all()
        self.database.close()

    def serve(self) -> None:
        host, _, port = self.address.removeprefix("http://").partition(":")
        self.processes.start("service", "app", "serve", "--host", host, "--port", port, "--with-worker")
        self.processes.wait_ready(self.address)


@contextmanager
def at_work(stored: Stored, home: Path, url: str) -> Iterator[tuple[Desk, Sandbox, Office]]:
    """The restored desk with today's service on it, beside the portal as it stood when everything was killed."""
    ours = f"http://127.0.0.1:{free_port()}"
    with emulated(ours) as sandbox:
        portal_file.fill(sandbox.portal, stored.text("portal"))
        sandbox.portal.clock.set_date(stored.stored_at)
        desk = Desk(stored, home, url, planfix=sandbox.address, ours=ours)
        office = Office(sandbox.address, sandbox.about()["accounts"], TOKEN)
        try:
            desk.serve()
            yield desk, sandbox, office
        finally:
            desk.close()
            office.close()


def same(then: Any, now: Any, where: str = "") -> list[str]:
    """Where today's document says something else than the one of then; it may say more."""
    if isinstance(then, dict) and isinstance(now, dict):
        return [
            difference
            for key, value in then.items()
            for difference in same(value, now.get(key, "nothing"), f"{where}/{key}")
        ]
    if isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        return [
            difference
            for n, (one, two) in enumerate(zip(then, now, strict=True))
            for difference in same(one, two, f"{where}/{n}")
        ]
    return [] if then == now else [f"{where}: {then!r}, now {now!r}"]
