"""A copy of the checkout, a fault in it, and the tests that have to notice. The checkout itself is never touched."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.mutants.faults import ROOT, Fault

ROOMS = ("kernel", "connectors", "plugins", "webhooks", "app", "sandbox")
#: A PostgreSQL takes longer to start than most faults to be noticed: it runs only where the fault asks for it.
SQLITE, POSTGRESQL = "not postgresql", "postgresql"
#: Takes long, and shows nothing of a fault that its shorter neighbours do not.
LONG = ("plugins/exchange/tests/test_history.py::test_many_thousand_rows_come_in",)
PASSED, FAILED, NONE_CHOSEN = 0, 1, 5  #: pytest's exit codes; all others mean that it could not run the tests
SECONDS_TO_END = 20.0
Outcome = Literal["caught", "hangs", "survived", "invalid"]


@dataclass(frozen=True)
class Result:
    fault: Fault
    outcome: Outcome
    seconds: float
    output: str = ""

    @property
    def caught(self) -> bool:
        """A test that never ends is noticed as surely as one that fails."""
        return self.outcome in ("caught", "hangs")


def copy(to: Path) -> Path:
    """The checkout as it stands: what is tracked, and what is new and not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True
    )
    for name in listed.stdout.decode().split("\0"):
        source = ROOT / name
        if name and source.is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, to / name)
    return to


class Ground:
    """One copy, in which one fault stands at a time."""

    def __init__(self, folder: Path, temporary: Path) -> None:
        self.folder, self._temporary = folder, temporary
        temporary.mkdir(parents=True, exist_ok=True)

    def demand_own_packages(self) -> None:
        """Raises RuntimeError unless Python takes our packages from here, whatever is installed beside."""
        words = f"import {', '.join(ROOMS)}; print('\\n'.join(m.__path__[0] for m in ({', '.join(ROOMS)})))"
        environment = self._run([sys.executable, "-c", words], 60)[1].split()
        if [Path(one).parent for one in environment] != [self.folder] * len(ROOMS):
            raise RuntimeError(f"another checkout's packages are taken instead of the copy's: {environment}")

    def unspoiled(self, faults: Sequence[Fault], jobs: int, seconds: float) -> tuple[bool, str]:
        """Whether the tests pass without a fault; leaves compiled files behind, so that each later run is quicker."""
        for half in (SQLITE, POSTGRESQL):
            tests = {test for fault in faults if half == SQLITE or fault.postgresql for test in fault.tests}
            if tests:
                command = self._pytest([*sorted(tests), "-k", half, "-n", str(jobs), "--dist", "loadfile"])
                code, output = self._run(command, seconds, compiled=True)
                if code not in (PASSED, NONE_CHOSEN):
                    return False, output
        return True, ""

    def judge(self, fault: Fault, seconds: float) -> Result:
        """Plant it, run its tests, take it out."""
        began = time.monotonic()
        with self._planted(fault):
            outcome, output = self._judged(fault, seconds)
        return Result(fault, outcome, time.monotonic() - began, output)

    def _judged(self, fault: Fault, seconds: float) -> tuple[Outcome, str]:
        if fault.module:
            code, output = self._run([sys.executable, "-c", f"import {fault.module}"], seconds)
            if code != PASSED:
                return "invalid", output
        for half in (SQLITE, POSTGRESQL) if fault.postgresql else (SQLITE,):
            code, output = self._run(self._pytest([*fault.tests, "-x", "-k", half]), seconds)
            if code is None:
                return "hangs", ""
            if code == FAILED:
                return "caught", output
            if code not in (PASSED, NONE_CHOSEN):
                return "invalid", output
        return "survived", ""

    @contextmanager
    def _planted(self, fault: Fault) -> Iterator[None]:
        path = self.folder / fault.file
        text, stat = path.read_bytes(), path.stat()
        path.write_text(fault.planted(self.folder), encoding="utf-8")
        for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*"):
            compiled.unlink()  # it is told from its source by size and whole seconds only
        try:
            yield
        finally:
            path.write_bytes(text)
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    def _pytest(self, arguments: Sequence[str]) -> list[str]:
        # Order and seed are fixed, so that the list of survivors is no luck.
        fixed = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly", "--hypothesis-seed=1"]
        fixed += [f"--basetemp={self._temporary / 'tests'}", *(f"--deselect={name}" for name in LONG)]
        return [sys.executable, "-m", "pytest", *fixed, *arguments]

    def _run(self, command: Sequence[str], seconds: float, *, compiled: bool = False) -> tuple[int | None, str]:
        """Exit code (None if it did not end in time) and what was said; nothing of it is left running."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANNEX_", "PYTEST_", "PYTHON"))}
        environment = {
            "PYTHONPATH": str(self.folder), "TMPDIR": str(self._temporary), "PYTHONUTF8": "1",
            "HYPOTHESIS_STORAGE_DIRECTORY": str(self._temporary / "examples"),
        }  # fmt: skip
        if not compiled:
            environment["PYTHONDONTWRITEBYTECODE"] = "1"
        with (self._temporary.parent / f"{self._temporary.name}.said").open("w+b") as output:
            process = subprocess.Popen(
                command, cwd=self.folder, env={**kept, **environment}, stdout=output, stderr=output, start_new_session=True
            )
            code: int | None = None
            try:
                code = process.wait(seconds)
            except subprocess.TimeoutExpired:
                pass
            finally:
                self._end(process)
            output.seek(0)
            return code, output.read().decode("utf-8", "replace")

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """What is still there is asked to stop, so that databases it started go with it; then it is made to."""
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(SECONDS_TO_END)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for left in self._temporary.glob("*/postmaster.pid"):  # a database server is in no group of ours
            with suppress(ProcessLookupError, ValueError, OSError, IndexError):
                os.kill(int(left.read_text(encoding="utf-8").split()[0]), signal.SIGQUIT)
        shutil.rmtree(self._temporary, ignore_errors=True)
        self._temporary.mkdir(parents=True, exist_ok=True)
