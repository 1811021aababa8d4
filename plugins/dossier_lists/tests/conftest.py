"""`lists` is a broker whose dossier is stored into lists."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from plugins.dossier_lists.tests.office import Lists


@pytest.fixture
def lists_of(fresh_sqlite: Callable[[], str], closing: Callable[[Lists], Lists]) -> Callable[..., Lists]:
    return lambda **how: closing(Lists(fresh_sqlite(), **how))


@pytest.fixture
def lists(lists_of: Callable[..., Lists]) -> Lists:
    return lists_of()
