"""`lock_of(…)` makes a locked portal on a quick SQLite copy; `lock` is the plain one; `both` runs on either database."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from plugins.stage_lock.tests.lock import Lock


@pytest.fixture
def lock_of(fresh_sqlite: Callable[[], str], closing: Callable[[Lock], Lock]) -> Callable[..., Lock]:
    return lambda **how: closing(Lock(fresh_sqlite(), **how))


@pytest.fixture
def lock(lock_of: Callable[..., Lock]) -> Lock:
    return lock_of()


@pytest.fixture
def both(database_url: str, closing: Callable[[Lock], Lock]) -> Lock:
    return closing(Lock(database_url))
