from __future__ import annotations

from collections.abc import Iterator

import pytest
from dbos import DBOS


@pytest.fixture(autouse=True)
def _no_engine_is_left() -> Iterator[None]:
    """The library keeps one engine per process, and what was registered with it: each test begins with neither."""
    yield
    DBOS.destroy(destroy_registry=True)
