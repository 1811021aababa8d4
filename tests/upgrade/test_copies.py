"""Copies made by an older release restore into today's; what a newer one made is refused with clear words."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kernel.storage import Database
from tests.upgrade.desk import Desk, Stored, same

OTHER = {"sqlite": "postgresql", "postgresql": "sqlite"}
NEWER = ("kernel.web", 9999)


def empty(kind: str, tmp_path: Path, fresh_postgres: Callable[..., str]) -> str:
    return fresh_postgres(empty=True) if kind == "postgresql" else f"sqlite:///{tmp_path / 'new.db'}"


def restored(desk: Desk, copy: Path, code: int = 0) -> str:
    done = desk.processes.annex("restore", str(copy))
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def changed(copy: Path, to: Path, change: Callable[[list[dict[str, Any]]], None]) -> Path:
    lines = [json.loads(line) for line in gzip.decompress(copy.read_bytes()).splitlines()]
    change(lines)
    to.write_bytes(gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode()))
    return to


@pytest.mark.row("PL-12", "PL-13")
def test_an_older_copy_is_restored_and_upgraded(stored: Stored, tmp_path: Path, fresh_postgres: Callable[..., str]) -> None:
    with closing(Desk(stored, tmp_path / "home", empty(OTHER[stored.kind], tmp_path, fresh_postgres))) as desk:
        broken = changed(stored.file("backup"), tmp_path / "short.gz", lambda lines: lines.pop(-2))
        assert "cut short" in restored(desk, broken, code=2)
        output = restored(desk, stored.file("backup"))
        assert stored.recorded["verify"]["head"] in output
        now = desk.figures()
        assert same({name: stored.recorded[name] for name in now}, now) == []
        waiting = {
            row["id"]: row["state"] for table in ("inbox", "outgoing") for row in desk.rows(f"SELECT id, state FROM {table}")
        }
        assert {waiting[one[0]] for one in stored.recorded["inbox"]} == {"new", "failed"}
        assert all(waiting[one[0]] == one[1] for one in [*stored.recorded["inbox"], *stored.recorded["calls"]])
        assert "not empty" in restored(desk, stored.file("backup"), code=2)


@pytest.mark.row("PL-12")
def test_a_copy_that_does_not_fit_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    stored = Stored("0.1.0", "sqlite")
    with closing(Desk(stored, tmp_path / "home", f"sqlite:///{tmp_path / 'new.db'}")) as desk:
        for step, words in ((NEWER, "newer version of Annex (kernel.web 9999): upgrade Annex first"),
                            (("weather", 1), "holds tables of «weather», which is not installed here")):  # fmt: skip
            copy = changed(
                stored.file("backup"), tmp_path / "copy.gz", lambda lines, s=step: lines[0]["migrations"].append(s)
            )
            assert words in restored(desk, copy, code=2)
            assert desk.rows("SELECT name FROM sqlite_master") == []
        desk.ask("verify")  # the database is set up by today's version now
        before = desk.steps()
        assert "older than the database, which has been set up already" in restored(desk, stored.file("backup"), code=2)
        assert desk.steps() == before and desk.rows("SELECT id FROM inbox") == []


@pytest.mark.row("PL-12")
def test_a_database_of_a_newer_version_is_refused_by_every_command(database_url: str, tmp_path: Path) -> None:
    with closing(Desk(Stored("0.1.0", "sqlite"), tmp_path / "home", database_url)) as desk:
        database = Database(database_url)
        with database.write() as tx:
            tx.run("INSERT INTO annex_migration VALUES (:r, :n, 'later', 0)", r=NEWER[0], n=NEWER[1])
        database.close()
        before = desk.rows("SELECT * FROM annex_migration")
        copy = tmp_path / "copy.gz"
        for command in (("verify",), ("serve",), ("worker", "--id", "main"), ("board",), ("backup", str(copy)),
                        ("migrate", "--to", f"sqlite:///{tmp_path / 'other.db'}")):  # fmt: skip
            done = desk.processes.annex(*command)
            assert done.returncode == 3, done.stdout + done.stderr
            assert "made by a newer version (kernel.web 9999): upgrade Annex, do not go back" in done.stderr
        assert not copy.exists() and desk.rows("SELECT * FROM annex_migration") == before
