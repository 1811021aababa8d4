"""`office`: an office with pages on a quick SQLite file; `both`: on either database."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from plugins.heads.tests.web import HeadsOffice


@pytest.fixture
def office(fresh_sqlite: Callable[[], str], closing: Callable[[HeadsOffice], HeadsOffice]) -> HeadsOffice:
    return closing(HeadsOffice(fresh_sqlite()))


@pytest.fixture
def both(database_url: str, closing: Callable[[HeadsOffice], HeadsOffice]) -> HeadsOffice:
    return closing(HeadsOffice(database_url))
