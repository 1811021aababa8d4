"""`office_of(…)` makes a sales department with the lock and the terms; `office` is one without processes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from plugins.terms.tests.office import Office


@pytest.fixture
def office_of(fresh_sqlite: Callable[[], str], closing: Callable[[Office], Office]) -> Callable[..., Office]:
    return lambda **how: closing(Office(fresh_sqlite(), **how))


@pytest.fixture
def office(office_of: Callable[..., Office]) -> Office:
    return office_of()


@pytest.fixture
def by_task(office_of: Callable[..., Office]) -> Office:
    return office_of(template=True)


@pytest.fixture
def both(database_url: str, closing: Callable[[Office], Office]) -> Office:
    return closing(Office(database_url, template=True))
