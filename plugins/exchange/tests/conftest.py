"""Fixtures of the desk: `desk` on a quick SQLite copy, `desk_of` to set it up otherwise, `both` on either database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import rooms
from kernel.clock import SystemClock
from kernel.storage import Database, migrate
from kernel.testing import TroubledDatabase
from plugins.exchange.tests.desk import Desk, MakeDesk, quick_database


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.db"
    database = Database(f"sqlite:///{path}")
    migrate(database, rooms(), SystemClock())
    database.close()  # the last to close brings the write-ahead log into the file
    return path


@pytest.fixture
def desk_of(template: Path, tmp_path: Path) -> Iterator[MakeDesk]:
    """desk_of(seed=…, reception={…}, **exchange settings)"""
    made: list[Desk] = []

    def make(*, seed: int | None = None, reception: Any = None, **exchange: Any) -> Desk:
        made.append(Desk(quick_database(template, tmp_path), seed, exchange, reception or {}))
        return made[-1]

    yield make
    for desk in made:
        desk.database.close()


@pytest.fixture
def desk(desk_of: MakeDesk) -> Desk:
    return desk_of()


@pytest.fixture
def both_of(database_url: str) -> Iterator[MakeDesk]:
    """A desk on SQLite and on PostgreSQL in turn, with settings of its own."""
    database = TroubledDatabase(database_url)
    yield lambda **exchange: Desk(database, None, exchange)
    database.close()


@pytest.fixture
def both(database_url: str) -> Iterator[Desk]:
    """A desk on SQLite and on PostgreSQL in turn."""
    database = TroubledDatabase(database_url)
    yield Desk(database)
    database.close()
