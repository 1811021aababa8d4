from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from connectors.backoffice.tests.office import Office
from kernel.storage import Database


@pytest.fixture
def database(fresh_sqlite: Callable[[], str]) -> Iterator[Database]:
    with closing(Database(fresh_sqlite())) as database:
        yield database


@pytest.fixture
def start(database: Database) -> Iterator[Callable[..., Office]]:
    """Starts offices: `start(auth="wsse")`."""
    started: list[Office] = []

    def begin(**faults: Any) -> Office:
        started.append(Office(database, **faults))
        return started[-1]

    yield begin
    for office in started:
        office.close()


@pytest.fixture
def office(start: Callable[..., Office]) -> Office:
    return start()
