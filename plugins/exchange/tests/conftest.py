"""Fixtures of the desk: `desk` on a quick SQLite copy, `desk_of` to set it up otherwise, `both` on either database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from plugins.exchange.tests.desk import Desk, MakeDesk

Closing = Callable[[Desk], Desk]


@pytest.fixture
def desk_of(fresh_sqlite: Callable[[], str], closing: Closing) -> MakeDesk:
    """desk_of(seed=…, reception={…}, **exchange settings)"""

    def make(*, seed: int | None = None, reception: Any = None, **exchange: Any) -> Desk:
        return closing(Desk(fresh_sqlite(), seed, exchange, reception))

    return make


@pytest.fixture
def desk(desk_of: MakeDesk) -> Desk:
    return desk_of()


@pytest.fixture
def both_of(database_url: str, closing: Closing) -> MakeDesk:
    """A desk on SQLite and on PostgreSQL in turn, with settings of its own."""
    return lambda **exchange: closing(Desk(database_url, None, exchange))


@pytest.fixture
def both(both_of: MakeDesk) -> Desk:
    """A desk on SQLite and on PostgreSQL in turn."""
    return both_of()
