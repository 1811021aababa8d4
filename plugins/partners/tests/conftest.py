"""One desk with partners for a test, on a database of its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from plugins.partners.tests.chats import Chats
from plugins.partners.tests.office import Office


@pytest.fixture
def make_chats(fresh_sqlite: Callable[[], str], closing: Callable[[Chats], Chats]) -> Callable[..., Chats]:
    return lambda **settings: closing(Chats(fresh_sqlite(), **settings))


@pytest.fixture
def chats(make_chats: Callable[..., Chats]) -> Chats:
    return make_chats()


@pytest.fixture
def office(fresh_sqlite: Callable[[], str], closing: Callable[[Office], Office]) -> Office:
    return closing(Office(fresh_sqlite()))
