"""Fixtures of the assignment's tests: `office` on a quick SQLite copy, `office_of` set up otherwise, `both` on either."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import rooms
from kernel.clock import SystemClock
from kernel.storage import Database, migrate
from kernel.testing import TroubledDatabase
from plugins.assignment.tests.office import Office

MakeOffice = Callable[..., Office]


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "empty.db"
    database = Database(f"sqlite:///{path}")
    migrate(database, rooms(), SystemClock())
    database.close()
    return path


@pytest.fixture
def office_of(empty: Path, tmp_path: Path) -> Iterator[MakeOffice]:
    """office_of(seed=…, **settings of the queue)"""
    made: list[Office] = []

    def make(**more: Any) -> Office:
        target = tmp_path / f"office{len(made)}.db"
        shutil.copy(empty, target)
        made.append(Office(TroubledDatabase(f"sqlite:///{target}"), **more))
        return made[-1]

    yield make
    for office in made:
        office.database.close()


@pytest.fixture
def office(office_of: MakeOffice) -> Office:
    return office_of()


@pytest.fixture
def both(database_url: str) -> Iterator[Office]:
    """An office on SQLite and on PostgreSQL in turn."""
    office = Office(TroubledDatabase(database_url))
    yield office
    office.database.close()
