"""Fixtures of the assignment's tests: `office` on a quick SQLite copy, `office_of` set up otherwise, `both` on either."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kernel.testing import TroubledDatabase
from plugins.assignment.tests.office import Office

MakeOffice = Callable[..., Office]


@pytest.fixture
def office_of(fresh_sqlite: Callable[[], str]) -> Iterator[MakeOffice]:
    """office_of(seed=…, **settings of the queue)"""
    made: list[Office] = []

    def make(**more: Any) -> Office:
        made.append(Office(TroubledDatabase(fresh_sqlite()), **more))
        return made[-1]

    yield make
    for office in made:
        office.database.close()


@pytest.fixture
def office(office_of: MakeOffice) -> Office:
    return office_of()


@pytest.fixture
def both(database_url: str) -> Iterator[Office]:
    """An office on SQLite and on PostgreSQL in turn."""
    office = Office(TroubledDatabase(database_url))
    yield office
    office.database.close()
