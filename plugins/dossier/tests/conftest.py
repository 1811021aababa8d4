"""`office` is a broker with one client in the CRM."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from plugins.dossier.tests.office import Office


@pytest.fixture
def office_of(fresh_sqlite: Callable[[], str], closing: Callable[[Office], Office]) -> Callable[..., Office]:
    return lambda **how: closing(Office(fresh_sqlite(), **how))


@pytest.fixture
def both(database_url: str, closing: Callable[[Office], Office]) -> Office:
    """The same on SQLite and on PostgreSQL."""
    return closing(Office(database_url))


@pytest.fixture
def office(office_of: Callable[..., Office]) -> Office:
    return office_of()
