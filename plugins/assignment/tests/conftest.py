"""Fixtures of the assignment's tests: `office` on a quick SQLite copy, `office_of` set up otherwise, `both` on either."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from plugins.assignment.tests.office import Office

MakeOffice = Callable[..., Office]


@pytest.fixture
def office_of(fresh_sqlite: Callable[[], str], closing: Callable[[Office], Office]) -> MakeOffice:
    """office_of(seed=…, **settings of the queue)"""
    return lambda **more: closing(Office(fresh_sqlite(), **more))


@pytest.fixture
def office(office_of: MakeOffice) -> Office:
    return office_of()


@pytest.fixture
def both(database_url: str, closing: Callable[[Office], Office]) -> Office:
    """An office on SQLite and on PostgreSQL in turn."""
    return closing(Office(database_url))
