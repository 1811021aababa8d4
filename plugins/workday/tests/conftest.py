"""`day` is a sales team of which some have started their day."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.bootstrap import KERNEL, KERNEL_ROOMS
from kernel.clock import SystemClock
from kernel.storage import Database, Room, migrate
from kernel.texts import add_folder
from plugins.stage_lock import plugin as stage_lock
from plugins.workday import plugin as workday
from plugins.workday.tests.day import Day


@pytest.fixture
def day_of(tmp_path: Path) -> Iterator[Callable[..., Day]]:
    rooms = [Room(f"kernel.{name}", KERNEL / name / "migrations") for name in KERNEL_ROOMS]
    for plugin in (stage_lock, workday):
        assert plugin.migrations is not None
        add_folder(plugin.migrations.parent / "locale")
        rooms.append(Room(plugin.name, plugin.migrations))
    database = Database(f"sqlite:///{tmp_path / 'day.db'}")
    migrate(database, rooms, SystemClock())

    def make(**how: Any) -> Day:
        return Day(database, tmp_path, **how)

    yield make
    database.close()


@pytest.fixture
def day(day_of: Callable[..., Day]) -> Day:
    return day_of()
