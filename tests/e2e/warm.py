"""`annex` commands without the second that Python needs to load everything: each still runs in a process of its own.

One process has loaded the product and does nothing but fork: `python -m tests.e2e.warm` reads what to run as lines of JSON,
and answers each with the exit code.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from functools import cache
from pathlib import Path
from typing import Any

from app.cli.demo.processes import Processes

COMMAND_SECONDS_MAX = 900


def annex(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run one command; whoever calls looks at the exit code."""
    return _loaded().run(list(arguments), environment)


class WarmProcesses(Processes):
    """`Processes` whose commands come from the process that is loaded already; all else starts as in production."""

    def annex(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return annex(*arguments, environment=dict(self._environment))


class _Loaded:
    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.warm"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._turn = threading.Lock()
        atexit.register(self._close)

    def run(self, arguments: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        with self._turn, tempfile.TemporaryDirectory(prefix="annex-command-") as folder:
            output = {name: Path(folder) / name for name in ("out", "err")}
            asked = {"arguments": arguments, "environment": environment, "cwd": os.getcwd()}
            code = self._ask({**asked, **{name: str(path) for name, path in output.items()}})
            out, err = (path.read_text(encoding="utf-8") for path in output.values())
        return subprocess.CompletedProcess(arguments, code, out, err)

    def _ask(self, what: dict[str, Any]) -> int:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        return int(json.loads(self._process.stdout.readline())["code"])

    def _close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=120)
        self._process.stdout.close()


@cache
def _loaded() -> _Loaded:
    return _Loaded()


# --- the process that is loaded ------------------------------------------------------------------------------------------


def _serve() -> None:
    _load()
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if not child:
            _become(asked)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(json.dumps({"code": code}), flush=True)


def _load() -> None:
    import psycopg
    import sqlalchemy.dialects.postgresql.psycopg
    import sqlalchemy.dialects.sqlite  # noqa: F401

    import app.cli  # noqa: F401
    from app.discovery import find_connectors, find_plugins

    find_plugins()
    find_connectors()
    assert psycopg.__version__ and threading.active_count() == 1, "only a process of one thread may be forked"


def _become(asked: dict[str, Any]) -> None:
    """From here on this is the process of one command, with nothing of the others."""
    code = 1
    try:
        for number, name in ((1, "out"), (2, "err")):
            with open(asked[name], "wb") as file:
                os.dup2(file.fileno(), number)
        with open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), 0)
        signal.alarm(COMMAND_SECONDS_MAX)
        os.chdir(asked["cwd"])
        os.environ.clear()
        os.environ.update(asked["environment"])
        sys.argv = ["annex", *asked["arguments"]]
        from app.cli import main

        code = main()
    except SystemExit as exc:  # argparse
        code = exc.code if isinstance(exc.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
