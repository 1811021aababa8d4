"""The demo's processes: the emulated Planfix, the service, a worker that gets killed and started again."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

from kernel.errors import Unreachable

READY_WITHIN_SECONDS = 60
SECRET = re.compile("TOKEN|SECRET|PASSWORD")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Processes:
    """Starts what the demo needs and ends all of it, whatever happens."""

    def __init__(self, home: Path, environment: Mapping[str, str]) -> None:
        self._home, self._environment, self._told = home, {**os.environ, **environment}, dict(environment)
        self._running: dict[str, subprocess.Popen[str]] = {}

    def set(self, **environment: str) -> None:
        """Further settings, for whatever is started from now on."""
        self._environment.update(environment)
        self._told.update(environment)

    def secrets(self) -> list[str]:
        """The values of the secret ones among the settings that were told here."""
        return [value for name, value in self._told.items() if SECRET.search(name) and value]

    def start(self, name: str, *arguments: str, answer: bool = False) -> Any:
        """Start a part; with `answer` its first line of output is returned as JSON."""
        with (self._home / f"{name}.log").open("a", encoding="utf-8") as log:
            self._running[name] = process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
                [sys.executable, "-m", *arguments],
                env=self._environment,
                text=True,
                stdout=subprocess.PIPE if answer else log,
                stderr=log,
                start_new_session=True,
            )
        if not answer:
            return None
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise Unreachable(f"{name} did not start; see {self._home / (name + '.log')}")
        return json.loads(line)

    def kill(self, name: str) -> None:
        """kill -9, no good-bye."""
        process = self._running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop_all(self) -> None:
        for process in self._running.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + 15
        for process in self._running.values():
            try:
                process.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            if process.stdout is not None:
                process.stdout.close()
        self._running.clear()

    def wait_ready(self, address: str) -> None:
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        while time.monotonic() < deadline:
            try:
                if requests.get(f"{address}/readyz", timeout=5).status_code == 200:
                    return
            except requests.RequestException:
                pass
            for name, process in self._running.items():
                if process.poll() is not None:
                    raise Unreachable(f"{name} ended; see {self._home / (name + '.log')}")
            time.sleep(0.1)
        raise Unreachable(f"the service was not ready within {READY_WITHIN_SECONDS} s")

    def annex(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the product as a person would, and keep what it says."""
        return subprocess.run(  # noqa: S603
            [sys.executable, "-m", "app", *arguments],
            env=self._environment,
            text=True,
            capture_output=True,
            timeout=300,
            check=False,
        )
