"""`lock_of(…)` makes a locked portal on a quick SQLite copy; `lock` is the plain one; `both` runs on either database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.bootstrap import KERNEL, KERNEL_ROOMS
from kernel.clock import SystemClock
from kernel.storage import Database, Room, migrate
from kernel.texts import add_folder
from plugins.stage_lock import plugin
from plugins.stage_lock.tests.lock import Lock, quick_database


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.db"
    database = Database(f"sqlite:///{path}")
    assert plugin.migrations is not None
    add_folder(plugin.migrations.parent / "locale")
    rooms = [Room(f"kernel.{name}", KERNEL / name / "migrations") for name in KERNEL_ROOMS]
    migrate(database, [*rooms, Room("stage_lock", plugin.migrations)], SystemClock())
    database.close()
    return path


@pytest.fixture
def lock_of(template: Path, tmp_path: Path) -> Iterator[Callable[..., Lock]]:
    made: list[Lock] = []

    def make(**how: Any) -> Lock:
        made.append(Lock(quick_database(template, tmp_path), **how))
        return made[-1]

    yield make
    for lock in made:
        lock.database.close()


@pytest.fixture
def lock(lock_of: Callable[..., Lock]) -> Lock:
    return lock_of()


@pytest.fixture
def both(database_url: str) -> Iterator[Lock]:
    database = Database(database_url)
    yield Lock(database)
    database.close()
