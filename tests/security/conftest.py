from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.discovery import find_plugins
from tests.security.whole import BROKER, DESK, Whole, whole

find_plugins()  # brings their texts, which a test that stands alone needs, too


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Whole]:
    """A broker's sales department in Bitrix24, the application installed."""
    with whole(tmp_path, BROKER) as made:
        assert made.install().status_code == 200
        yield made


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Whole]:
    """An exchange desk in Planfix."""
    with whole(tmp_path, DESK) as made:
        yield made


@pytest.fixture(params=["broker", "desk"])
def either(request: pytest.FixtureRequest) -> Whole:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Whole)
    return found
