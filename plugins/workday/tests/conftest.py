"""`day` is a sales team of which some have started their day."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from plugins.workday.tests.day import Day


@pytest.fixture
def day_of(fresh_sqlite: Callable[[], str], closing: Callable[[Day], Day]) -> Callable[..., Day]:
    return lambda **how: closing(Day(fresh_sqlite(), **how))


@pytest.fixture
def day(day_of: Callable[..., Day]) -> Day:
    return day_of()
