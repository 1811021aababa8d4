"""Fixtures of the desk: `desk` on a quick SQLite copy, `desk_of` to set it up otherwise, `both` on either database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kernel.testing import TroubledDatabase
from plugins.exchange.tests.desk import Desk, MakeDesk


@pytest.fixture
def desk_of(fresh_sqlite: Callable[[], str]) -> Iterator[MakeDesk]:
    """desk_of(seed=…, reception={…}, **exchange settings)"""
    made: list[Desk] = []

    def make(*, seed: int | None = None, reception: Any = None, **exchange: Any) -> Desk:
        made.append(Desk(TroubledDatabase(fresh_sqlite()), seed, exchange, reception or {}))
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
