"""No test leaves anything changed for the next one: what it left is found as it ends, and fails it, with words.

Looked at before and after each test: environment, folder, umask, locale, signal handlers, decimal context, log set-up,
names and containers of modules and classes (ours, and those of the standard library that tests like to replace), threads,
child processes, and whether the HTTP server that all share still answers. Threads and processes get time to end.

What a fixture of a wider scope makes belongs to it, not to the test at hand; that it is gone with the fixture is looked at
when the file ends. What the product keeps in a process by design (secrets to mask, counters) is put back by itself.
"""

from __future__ import annotations

import decimal
import locale
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import structlog
from prometheus_client import Counter, Gauge, Histogram

from kernel.telemetry import logs, metrics
from kernel.testing import until

ROOT = Path(__file__).parents[2]
#: How long threads and processes may take to end, which have been told to; only a test that fails waits that long.
ENDS_WITHIN_SECONDS = 30.0
OURS = ("app", "connectors", "conftest", "kernel", "mappings", "plugins", "sandbox", "tests", "webhooks")
OTHERS = (
    "builtins", "datetime", "os", "pathlib", "random", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess", "sys",
    "threading", "time", "uuid", "zoneinfo",
    "requests", "requests.adapters", "requests.sessions", "sqlalchemy", "urllib3.connectionpool", "dbos._dbos",
)  # fmt: skip
SIGNALS = [one for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGCHLD", "SIGALRM", "SIGPIPE", "SIGUSR1", "SIGUSR2")
           if (one := getattr(signal, name, None))]  # fmt: skip
#: Names that stand for what is loaded or measured, not for what a test set; each is filled once and stays true.
MAY_CHANGE = {
    "sys": {
        "last_exc", "last_traceback", "last_type", "last_value", "modules", "path_importer_cache",
        "stderr", "stdin", "stdout",
    },
    "builtins": {"_"},
}  # fmt: skip
#: Which rooms are loaded: grows by what is installed, in whichever order, and nothing is asked of it but by a room's name.
MAY_GROW = {"kernel.texts._folders", "kernel.web.assets._folders"}
#: Threads of libraries that serve the whole process and end with it.
LASTING_THREADS = ("asyncio_", "pytest_timeout", "execnet")
#: Processes that serve all tests of this one and end with it.
LASTING_PROCESSES = ("tests.e2e.warm",)
ABSENT = object()

Snapshot = dict[str, dict[str, Any]]


def _environment() -> dict[str, Any]:
    return {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}


def _umask() -> str:
    """Read, not set and set back: threads make files meanwhile."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return ""
    return next((line for line in status.splitlines() if line.startswith("Umask")), "")


def _process() -> dict[str, Any]:
    context, root = decimal.getcontext(), logging.getLogger()
    return {
        "folder": os.getcwd(),
        "umask": _umask(),
        "locale": locale.setlocale(locale.LC_ALL),
        "decimal context": (context.prec, context.rounding, [str(k) for k, on in context.traps.items() if on]),
        "socket time-out": socket.getdefaulttimeout(),
        "log level": root.level,
        "log set-up": structlog.is_configured(),
        "log context": structlog.contextvars.get_contextvars(),
        **{one.name: signal.getsignal(one) for one in SIGNALS},
    }


def _checkout() -> dict[str, Any]:
    return {name: True for name in os.listdir(ROOT) if not name.startswith((".", "__"))}


PROBES: Mapping[str, Callable[[], dict[str, Any]]] = {
    "os.environ": _environment,
    "the process": _process,
    "the checkout": _checkout,
}


# --- modules ------------------------------------------------------------------------------------------------------------


class Modules:
    """What stands under the names of modules and classes, and how much in their containers."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Any, tuple[Any, ...], tuple[str, ...]]] = {}  #: by name: holder, its values, their names
        self._sizes: dict[str, tuple[Any, int]] = {}
        self._known = 0

    def changes(self) -> list[str]:
        """What is different from last time, which is then forgotten."""
        found = []
        loaded = len(sys.modules) != self._known  # what modules register as they are loaded stays
        for name, (holder, before, names) in self._kept.items():
            now = vars(holder)
            if not _all_same(before, tuple(now.values())):
                found += self._named(name, dict(zip(names, before, strict=True)), now)
                self._kept[name] = _held(holder)
        for name, (container, size) in self._sizes.items():
            if len(container) != size:
                if not loaded:
                    found.append(f"{name} holds {len(container)} things instead of {size}")
                self._sizes[name] = (container, len(container))
        self._add_new()
        return found

    @staticmethod
    def _named(name: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
        may = MAY_CHANGE.get(name, set())
        return [
            f"{name}.{key} is {_short(now.get(key, ABSENT))} instead of {_short(before.get(key, ABSENT))}"
            for key in {**before, **now}
            if not _same(before.get(key, ABSENT), now.get(key, ABSENT))
            and key not in may
            and not isinstance(now.get(key), ModuleType)  # a part of a package, loaded meanwhile
            and not (key.startswith("__") and key.endswith("__"))
        ]

    def _add_new(self) -> None:
        if len(sys.modules) == self._known:
            return
        self._known = len(sys.modules)
        for name, module in list(sys.modules.items()):
            ours = name.partition(".")[0] in OURS
            if not isinstance(module, ModuleType) or name in self._kept or not (ours or name in OTHERS):
                continue
            self._kept[name] = _held(module)
            if ours:
                self._add_inside(name, module)

    def _add_inside(self, name: str, module: ModuleType) -> None:
        for key, value in vars(module).items():
            if isinstance(value, dict | list | set) and not key.startswith("__") and f"{name}.{key}" not in MAY_GROW:
                self._sizes[f"{name}.{key}"] = (value, len(value))
            elif isinstance(value, type) and value.__module__ == name:
                self._kept[f"{name}.{key}"] = _held(value)


def _held(holder: Any) -> tuple[Any, tuple[Any, ...], tuple[str, ...]]:
    now = dict(vars(holder))
    return holder, tuple(now.values()), tuple(now)


def _all_same(before: tuple[Any, ...], now: tuple[Any, ...]) -> bool:
    """Compared thousands of times a test: a tuple's comparison looks first whether both are the very same thing."""
    try:
        return before == now
    except Exception:  # what another thing compares itself with may be refused
        return False


def _same(one: Any, other: Any) -> bool:
    return one is other or (type(one) is type(other) and isinstance(one, bool | int | str | tuple) and one == other)


def _short(value: Any) -> str:
    return "nothing" if value is ABSENT else repr(value)[:80]


# --- threads and processes ----------------------------------------------------------------------------------------------


def _note_who_starts() -> Callable[[], None]:
    """Each thread knows from now on which one started it: what a server's thread starts is the server's."""
    real = threading.Thread.start

    def start(self: threading.Thread) -> None:
        self._started_by = threading.current_thread()  # type: ignore[attr-defined]
        real(self)

    threading.Thread.start = start  # type: ignore[method-assign]

    def undo() -> None:
        threading.Thread.start = real  # type: ignore[method-assign]

    return undo


def _threads(known: set[threading.Thread]) -> set[threading.Thread]:
    """Those that run, without the known ones and what these have started."""
    return {one for one in threading.enumerate() if not _belongs(one, known) and not one.name.startswith(LASTING_THREADS)}


def _belongs(thread: threading.Thread, known: set[threading.Thread]) -> bool:
    one: threading.Thread | None = thread
    while one is not None:
        if one in known:
            return one is thread or one is not threading.main_thread()
        one = getattr(one, "_started_by", None)
    return False


def _children() -> dict[int, str]:
    """Processes that we started and that are there, dead ones too whom nobody has waited for."""
    found = {}
    for task in Path("/proc/self/task").glob("*/children"):
        try:
            numbers = task.read_text(encoding="ascii").split()
        except OSError:
            continue
        found.update({int(number): _command(number) for number in numbers})
    return {number: words for number, words in found.items() if not any(name in words for name in LASTING_PROCESSES)}


def _command(number: str) -> str:
    try:
        words = Path(f"/proc/{number}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        words = ""
    return words[:120] or "ended, but nobody waited for it"


# --- what is looked at, by a test and by a file ---------------------------------------------------------------------------


class Watch:
    """What stood when a test (or a file) began."""

    def __init__(self, guard: Guard, whose: str = "") -> None:
        self._guard = guard
        self.before: Snapshot = {name: probe() for name, probe in PROBES.items()}
        self.threads = set(threading.enumerate())
        self.children = set(_children())
        self.shares_processes = whose == "test" and bool(self.children - guard.children_before_file)

    def left(self) -> list[str]:
        """What is different now, in words."""
        found = list(self._left_in_process())
        found += self._guard.modules.changes()
        found += self._left_running()
        if (server := self._guard.http_server) is not None and not server.is_running():
            server.start()
            found.append("the HTTP server that all tests of this process share was stopped")
        return found

    def _left_in_process(self) -> Iterator[str]:
        for name, probe in PROBES.items():
            before, now = self.before[name], probe()
            for key in {**before, **now}:
                if before.get(key, ABSENT) != now.get(key, ABSENT):
                    yield f"{name}: {key} is {_short(now.get(key, ABSENT))} instead of {_short(before.get(key, ABSENT))}"

    def _left_running(self) -> Iterator[str]:
        def nothing() -> bool:
            return not self._new_threads() and not self._new_children()

        if not nothing():
            try:
                until(nothing, "what the test started has ended", within=ENDS_WITHIN_SECONDS)
            except AssertionError:
                yield from (f"the thread {one.name} still runs" for one in self._new_threads())
                yield from (f"the process {number} still stands: {words}" for number, words in self._new_children().items())

    def _new_threads(self) -> set[threading.Thread]:
        return _threads(self.threads)

    def _new_children(self) -> dict[int, str]:
        if self.shares_processes:  # a stack that serves the whole file may be started anew; the file ends with none
            return {}
        return {number: words for number, words in _children().items() if number not in self.children}

    def absorb(self, before: Watch) -> None:
        """What came since `before` was made by a fixture of a wider scope."""
        for name, probe in PROBES.items():
            now, then = probe(), before.before[name]
            changed = {key for key in {**now, **then} if now.get(key, ABSENT) != then.get(key, ABSENT)}
            for key in changed:
                self.before[name].pop(key, None)
                if key in now:
                    self.before[name][key] = now[key]
        self.threads |= set(threading.enumerate()) - before.threads
        self.children |= set(_children()) - before.children


class Guard:
    """The pytest plugin."""

    WIDER: Mapping[str, tuple[str, ...]] = {
        "session": ("file", "test"), "package": ("file", "test"), "module": ("test",), "class": ("test",),
    }  # fmt: skip

    def __init__(self) -> None:
        self.modules = Modules()
        self.http_server: Any = None
        self.watches: dict[str, Watch] = {}
        self.children_before_file: set[int] = set()
        self._undo = _note_who_starts()
        self.wider_worked = True  #: a fixture of a wider scope began or ended since names and containers were looked at

    def pytest_fixture_post_finalizer(self, fixturedef: Any) -> None:
        self.wider_worked |= fixturedef.scope != "function"

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> Iterator[Any]:
        self.wider_worked |= fixturedef.scope != "function"
        inner = [self.watches[name] for name in self.WIDER.get(fixturedef.scope, ()) if name in self.watches]
        before = Watch(self) if inner else None
        try:
            result = yield
        finally:
            if before is not None:
                self.modules.changes()
                for watch in inner:
                    watch.absorb(before)
        if fixturedef.argname == "make_httpserver":
            self.http_server = result
        return result

    @contextmanager
    def adopting(self) -> Iterator[None]:
        """What is started in here belongs to a stack that serves several files: it ends with that, not with test or file."""
        before = Watch(self)
        yield
        for watch in self.watches.values():
            watch.absorb(before)

    def pytest_unconfigure(self) -> None:
        self._undo()


GUARD = pytest.StashKey[Guard]()


def pytest_configure(config: pytest.Config) -> None:
    guard = config.stash[GUARD] = Guard()
    config.pluginmanager.register(guard, "leftovers")


@pytest.fixture(autouse=True, scope="module")
def _a_file_leaves_nothing(request: pytest.FixtureRequest) -> Iterator[None]:
    yield from _watched(request.config.stash[GUARD], "file")


@pytest.fixture(autouse=True)
def _a_test_leaves_nothing(request: pytest.FixtureRequest, _a_file_leaves_nothing: None) -> Iterator[None]:
    yield from _watched(request.config.stash[GUARD], "test")


def _watched(guard: Guard, whose: str) -> Iterator[None]:
    if whose == "file" or guard.wider_worked:
        guard.modules.changes()  # what has happened until now is not this one's
    guard.wider_worked = False
    watch = guard.watches[whose] = Watch(guard, whose)
    if whose == "file":
        guard.children_before_file = watch.children
    secrets = dict(logs._secrets)
    yield
    del guard.watches[whose]
    logs._secrets.clear()
    logs._secrets.update(secrets)
    for one in vars(metrics).values():
        if isinstance(one, Counter | Gauge | Histogram):
            one.clear()
    if left := watch.left():
        pytest.fail(f"this {whose} leaves changed what the next one finds:\n  " + "\n  ".join(left), pytrace=False)
