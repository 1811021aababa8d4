"""The processes of a desk, and what may happen to them: killed, frozen, and started again as a supervisor would."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.crash.hosts import LOCAL, Host

CHECK_EVERY_SECONDS = 0.1


@dataclass
class Part:
    """One process of the desk. `wanted`: whoever finds it ended starts it again."""

    name: str
    arguments: Sequence[str]
    host: Host
    environment: Mapping[str, str]
    process: subprocess.Popen[str] | None = None
    wanted: bool = True


@dataclass
class Crew:
    home: Path
    parts: dict[str, Part] = field(default_factory=dict)
    ended_by_themselves: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._forgotten: list[Part] = []
        self._stop, self._lock = threading.Event(), threading.RLock()
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._thread.start()

    def start(self, name: str, *arguments: str, host: Host = LOCAL, environment: Mapping[str, str]) -> None:
        part = Part(name, arguments, host, environment)
        with self._lock:
            self.parts[name] = part
            self._begin(part)

    def answer_of(self, name: str) -> str:
        """The first line a part wrote, once it is there."""
        file, until = self.home / f"{name}.out", time.monotonic() + 60
        while time.monotonic() < until:
            if "\n" in (text := file.read_text(encoding="utf-8") if file.exists() else ""):
                return text.partition("\n")[0]
            time.sleep(0.02)
        raise AssertionError(f"{name} said nothing; see {self.home}")

    def kill(self, name: str) -> None:
        """kill -9 of all its processes; it stays down until `again`."""
        with self._lock:
            part = self.parts[name]
            part.wanted = False
            assert part.process is not None
            _kill_group(part.process.pid)

    def kill_child(self, name: str) -> None:
        """Only what the server has forked, as the kernel does when memory is short: its master starts another."""
        for child in psutil.Process(self._pid(name)).children():
            child.kill()

    def kill_master(self, name: str) -> None:
        """The master first; what it forked serves on alone until `again`, where a supervisor ends the rest of the group."""
        with self._lock:
            part = self.parts[name]
            part.wanted = False
            assert part.process is not None
            part.process.kill()

    def again(self, name: str, host: Host | None = None) -> None:
        """Start it once more, elsewhere if said so."""
        with self._lock:
            part = self.parts[name]
            part.host, part.wanted = host or part.host, True
            assert part.process is not None
            _kill_group(part.process.pid)  # before the leader is waited for: until then its number is nobody else's
            part.process.wait()
            self._begin(part)

    def forget(self, name: str) -> Part:
        """It is nobody's concern from now on, until it is woken or ended."""
        with self._lock:
            self._forgotten.append(part := self.parts.pop(name))
            return part

    def freeze(self, name: str) -> None:
        os.killpg(self._pid(name), signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        os.killpg(self._pid(name), signal.SIGCONT)

    def wake(self, part: Part) -> None:
        assert part.process is not None
        os.killpg(part.process.pid, signal.SIGCONT)

    def end(self, part: Part) -> None:
        assert part.process is not None
        _kill_group(part.process.pid)
        part.process.wait()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        for part in self._forgotten:
            self.end(part)
        running = [part.process for part in self.parts.values() if part.process is not None]
        for process in running:
            _signal_group(process.pid, signal.SIGCONT)
            _signal_group(process.pid, signal.SIGTERM)
        until = time.monotonic() + 10
        for process in running:
            try:
                process.wait(timeout=max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                _kill_group(process.pid)
                process.wait()

    def _pid(self, name: str) -> int:
        process = self.parts[name].process
        assert process is not None
        return process.pid

    def _begin(self, part: Part) -> None:
        log, out = self.home / f"{part.name}.log", self.home / f"{part.name}.out"
        with log.open("a", encoding="utf-8") as errors, out.open("a", encoding="utf-8") as output:
            part.process = subprocess.Popen(
                [*part.host.prefix, sys.executable, *part.arguments], env={**os.environ, **part.environment}, text=True,
                stdout=output, stderr=errors, start_new_session=True,
            )  # fmt: skip

    def _watch(self) -> None:
        """What a supervisor does: who ended unasked is started again."""
        while not self._stop.wait(CHECK_EVERY_SECONDS):
            with self._lock:
                for part in self.parts.values():
                    if part.wanted and part.process is not None and part.process.poll() is not None:
                        self.ended_by_themselves[f"{part.name} {part.process.returncode}"] += 1
                        self._begin(part)


def _signal_group(leader: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, number)


def _kill_group(leader: int) -> None:
    _signal_group(leader, signal.SIGKILL)
