"""`front`: a sales department on SQLite; `both`: on either database."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from plugins.ways_in.tests.front import Front


@pytest.fixture
def front_of(fresh_sqlite: Callable[[], str], closing: Callable[[Front], Front]) -> Callable[..., Front]:
    return lambda **settings: closing(Front(fresh_sqlite(), **settings))


@pytest.fixture
def front(front_of: Callable[..., Front]) -> Front:
    return front_of()


@pytest.fixture
def both(database_url: str, closing: Callable[[Front], Front]) -> Front:
    return closing(Front(database_url))
