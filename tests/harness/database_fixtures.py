"""`database` runs a test twice, on an SQLite file and on a real PostgreSQL; `database_url` gives the address only.

`fresh_sqlite` and `fresh_postgres` make as many databases as a test wants; all are gone after it. `closing` ends a World.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import pytest

from kernel.storage import Database
from kernel.testing import World
from tests.harness.databases import PostgresDatabases, sqlite_copy
from tests.harness.postgres import Server

W = TypeVar("W", bound=World)
_count = itertools.count()


@pytest.fixture
def fresh_sqlite(tmp_path: Path) -> Callable[[], str]:
    """Makes empty SQLite databases in the test's folder, with all migrations applied."""
    return lambda: sqlite_copy(tmp_path / f"annex{next(_count)}.db")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresDatabases]:
    """A running PostgreSQL of this process' own."""
    server = Server()
    databases = PostgresDatabases(server)
    yield databases
    databases.close()
    server.close()


@pytest.fixture(scope="module")
def module_postgres(postgres: PostgresDatabases) -> Iterator[Callable[..., str]]:
    """Makes databases that serve the tests of a file together."""
    yield from _dropping(postgres)


@pytest.fixture
def fresh_postgres(postgres: PostgresDatabases) -> Iterator[Callable[..., str]]:
    """Makes databases with all migrations applied, or `empty=True` ones; they are gone after the test."""
    yield from _dropping(postgres)


def _dropping(postgres: PostgresDatabases) -> Iterator[Callable[..., str]]:
    made: list[str] = []

    def make(*, empty: bool = False) -> str:
        made.append(postgres.make(empty=empty))
        return made[-1]

    yield make
    for url in made:
        postgres.drop(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty, migrated database of each kind in turn."""
    kind = "postgres" if request.param == "postgresql" else "sqlite"
    return str(request.getfixturevalue(f"fresh_{kind}")())


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def closing() -> Iterator[Callable[[W], W]]:
    """`closing(World(…))`: it is closed after the test. Fixtures ask for their database first, so that it goes last."""
    with ExitStack() as stack:

        def opened(world: W) -> W:
            stack.callback(world.close)
            return world

        yield opened
