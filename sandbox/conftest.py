"""What the tests of all emulations use."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def until() -> Callable[[Callable[[], Any]], None]:
    """Waits for something another thread does; generous, so that a loaded machine does not matter."""

    def wait(condition: Callable[[], Any]) -> None:
        deadline = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < deadline, "gave up waiting"
            time.sleep(0.005)

    return wait
