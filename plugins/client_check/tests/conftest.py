"""`desk` is a sales department beside a back office in memory, with heads; `both` runs on either database."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from plugins.client_check.tests.desk import Desk


@pytest.fixture
def desk_of(fresh_sqlite: Callable[[], str], closing: Callable[[Desk], Desk]) -> Callable[..., Desk]:
    return lambda **how: closing(Desk(fresh_sqlite(), **how))


@pytest.fixture
def desk(desk_of: Callable[..., Desk]) -> Desk:
    return desk_of()


@pytest.fixture
def both(database_url: str, closing: Callable[[Desk], Desk]) -> Desk:
    return closing(Desk(database_url))
