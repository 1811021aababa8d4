"""`office_of(…)` makes a department that writes texts; `both` runs on either database."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from plugins.sms.tests.office import Office


@pytest.fixture
def office_of(fresh_sqlite: Callable[[], str], closing: Callable[[Office], Office]) -> Callable[..., Office]:
    return lambda **how: closing(Office(fresh_sqlite(), **how))


@pytest.fixture
def office(office_of: Callable[..., Office]) -> Office:
    return office_of()


@pytest.fixture
def both(database_url: str, closing: Callable[[Office], Office]) -> Office:
    return closing(Office(database_url))
