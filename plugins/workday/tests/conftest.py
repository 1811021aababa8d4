"""`day` is a sales team of which some have started their day."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kernel.storage import Database
from plugins.workday.tests.day import Day


@pytest.fixture
def day_of(fresh_sqlite: Callable[[], str], tmp_path: Path) -> Iterator[Callable[..., Day]]:
    database = Database(fresh_sqlite())

    def make(**how: Any) -> Day:
        return Day(database, tmp_path, **how)

    yield make
    database.close()


@pytest.fixture
def day(day_of: Callable[..., Day]) -> Day:
    return day_of()
