"""`small` is the small World on a quick SQLite copy; `both` on SQLite and on PostgreSQL, where the database has a say."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kernel.extension.tests.small import Small
from kernel.extension.tests.talks import Talks


@pytest.fixture
def small(fresh_sqlite: Callable[[], str], closing: Callable[[Small], Small]) -> Small:
    return closing(Small(fresh_sqlite()))


@pytest.fixture
def both(database_url: str, closing: Callable[[Small], Small]) -> Small:
    return closing(Small(database_url))


@pytest.fixture
def talks(fresh_sqlite: Callable[[], str], closing: Callable[[Talks], Talks]) -> Talks:
    return closing(Talks(fresh_sqlite()))


@pytest.fixture
def talks_on_both(database_url: str, closing: Callable[[Talks], Talks]) -> Talks:
    return closing(Talks(database_url))
