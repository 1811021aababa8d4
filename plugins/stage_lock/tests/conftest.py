"""`lock_of(…)` makes a locked portal on a quick SQLite copy; `lock` is the plain one; `both` runs on either database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kernel.storage import Database
from plugins.stage_lock.tests.lock import Lock


@pytest.fixture
def lock_of(fresh_sqlite: Callable[[], str]) -> Iterator[Callable[..., Lock]]:
    made: list[Lock] = []

    def make(**how: Any) -> Lock:
        made.append(Lock(Database(fresh_sqlite()), **how))
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
