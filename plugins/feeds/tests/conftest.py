"""`world`: feeds on a quick SQLite file; `both`: on either database."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from plugins.feeds.tests.feeds import Feeds


@pytest.fixture
def world_of(fresh_sqlite: Callable[[], str], closing: Callable[[Feeds], Feeds]) -> Callable[..., Feeds]:
    return lambda *given, **how: closing(Feeds(fresh_sqlite(), *given, **how))


@pytest.fixture
def world(world_of: Callable[..., Feeds]) -> Feeds:
    return world_of()


@pytest.fixture
def both(database_url: str, closing: Callable[[Feeds], Feeds]) -> Feeds:
    return closing(Feeds(database_url))
