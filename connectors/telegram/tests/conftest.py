from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from connectors.telegram.tests.pocket import Pocket
from kernel.storage import Database


@pytest.fixture
def pocket(fresh_sqlite: Callable[[], str]) -> Iterator[Pocket]:
    with closing(Database(fresh_sqlite())) as database:
        yield Pocket(database)
