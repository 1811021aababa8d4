"""What holds for every test: a clean environment, no socket but to this machine, an order by chance that can be had again,
and nothing left for the next one (tests/harness/leftovers.py). Databases are in tests/harness/databases.py.
"""

from __future__ import annotations

import gc
import os
import socket
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import structlog
from _pytest.fixtures import reorder_items

from kernel.settings import Settings
from kernel.texts import add_folder
from tests.harness.databases import migration_sets
from tests.harness.places import quick_folder

__all__ = ["LONG", "ROOT", "migration_sets"]

pytest_plugins = ("tests.harness.leftovers", "tests.harness.database_fixtures")
ROOT = Path(__file__).parent
LOCAL = ("127.0.0.1", "::1", "localhost", "")
SIMULATION_DAY = "ANNEX_SIMULATION_DAY"
#: Files that take longest, the longest first. They are begun first, or at the end one process would work alone.
LONG = (
    "tests/e2e/test_partners.py",
    "tests/e2e/test_broker.py",
    "tests/e2e/test_demo.py",
    "tests/e2e/test_desk.py",
    "tests/crash/test_crash.py",
    "tests/toy/test_processes.py",
    "tests/simulation/test_can_fail.py",
    "tests/simulation/test_exchange_desk_bitrix24.py",
    "tests/simulation/test_exchange_desk_planfix.py",
    "tests/simulation/test_broker_bitrix24.py",
    "tests/crash/test_fleet.py",
    "tests/e2e/test_setup_bitrix24.py",
    "tests/e2e/test_migrate.py",
    "tests/e2e/test_lock_in_planfix.py",
    "tests/browser/test_board.py",
    "tests/conformance/test_new.py",
    "plugins/exchange/tests/test_history.py",
    "tests/conformance/test_outside_packages.py",
)
#: Files that share a stack of processes (or a browser) with another: by file, whose. One process runs them all.
TOGETHER = {
    "tests/e2e/test_desk_planfix.py": "tests/e2e/test_desk.py",
    "tests/e2e/test_broker_stage_lock.py": "tests/e2e/test_broker.py",
    "tests/e2e/test_broker_check.py": "tests/e2e/test_broker.py",
    "tests/e2e/test_broker_dossier.py": "tests/e2e/test_broker.py",
    "tests/e2e/test_broker_feeds.py": "tests/e2e/test_broker.py",
    "tests/e2e/test_broker_lists.py": "tests/e2e/test_broker.py",
    "tests/e2e/test_broker_opening.py": "tests/e2e/test_broker.py",
    "tests/e2e/test_broker_terms.py": "tests/e2e/test_broker.py",
    "tests/e2e/test_broker_card.py": "tests/e2e/test_broker.py",
    "tests/e2e/test_broker_ways_in.py": "tests/e2e/test_broker.py",
    "tests/e2e/test_partners_groups.py": "tests/e2e/test_partners.py",
    "tests/e2e/test_partners_kinds.py": "tests/e2e/test_partners.py",
    "tests/browser/test_dossier.py": "tests/browser/test_board.py",
    "tests/browser/test_heads.py": "tests/browser/test_board.py",
    "tests/browser/test_workday.py": "tests/browser/test_board.py",
}


# Nothing here is judged by its speed: on a busy machine drawing examples may take long.
hypothesis.settings.register_profile("annex", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("annex")
# A traceback with all values, in colours, costs a third of a second each.
structlog.get_config()["processors"][-1].exception_formatter = structlog.dev.plain_traceback


def pytest_configure() -> None:
    """Files of tests, and of the processes that they start, lie in memory where there is enough of it.

    One day holds for all processes of a run, also over midnight: from it come the new seeds of the simulation.
    """
    os.environ["TMPDIR"] = str(quick_folder())
    tempfile.tempdir = None  # asked for again
    os.environ.setdefault(SIMULATION_DAY, datetime.now(UTC).date().isoformat())


def pytest_collection_finish() -> None:
    """What is loaded by now stays to the end: looking for garbage among it again and again takes a twentieth of the time."""
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Said at the end, where -q leaves out the heading: how to have the same order, and the same chances, once more."""
    seed = config.getoption("randomly_seed", default=None)  # there is none where the order is fixed (tests/mutants)
    if seed is not None:
        terminalreporter.write_line(f'order and chances: make test ARGS="--randomly-seed={seed}"')
    reports = terminalreporter.stats.get("passed", []) + terminalreporter.stats.get("failed", [])
    if any(report.nodeid.startswith("tests/simulation/") for report in reports):
        day = os.environ[SIMULATION_DAY]
        terminalreporter.write_line(f"simulation: the new seeds of {day}; the same again with {SIMULATION_DAY}={day}")


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """The long files, then what else needs the whole product, then the many short ones, which fill every gap.

    Within each of these pytest-randomly has shuffled the files, and the tests of a file. The stories of tests/e2e share a
    portal and a desk that go on living, so those of one stack keep the order in which they are written, file by file.
    """
    written = {id(item): place for place, item in enumerate(reorder_items(sorted(items, key=_place)))}
    result = yield
    items.sort(key=lambda item: _turn(_stack(item)))
    for stack in {_stack(item) for item in items if _stack(item).startswith("tests/e2e/")}:
        places = [place for place, item in enumerate(items) if _stack(item) == stack]
        ordered = sorted((items[place] for place in places), key=lambda item: written[id(item)])
        for place, item in zip(places, ordered, strict=True):
            items[place] = item
    return result


def _place(item: pytest.Item) -> tuple[str, int, str]:
    file, line, _name = item.location
    return file, line or 0, item.nodeid


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def _stack(item: pytest.Item) -> str:
    return TOGETHER.get(_file(item), _file(item))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `--dist loadfile`: by file, and files of one stack go to the same process."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByStack(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return TOGETHER.get(file, file)

    return ByStack(config, log)


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
def _home_of_the_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A desk that names no data directory keeps its secret in one of this run, not in the checkout."""
    home, own = Settings.home, tmp_path_factory.mktemp("home")
    of_checkout = Settings({}).home
    asked = home.fget
    assert asked is not None
    Settings.home = property(lambda self: own if asked(self) == of_checkout else asked(self))  # type: ignore[method-assign,assignment]
    yield
    Settings.home = home  # type: ignore[method-assign]


@pytest.fixture(autouse=True, scope="session")
def _texts_of_all_rooms() -> None:
    """As in any running process, whichever rooms the first test happens to load."""
    for parent in ("plugins", "connectors"):
        for folder in sorted(ROOT.glob(f"{parent}/*/locale*")):
            add_folder(folder)


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
