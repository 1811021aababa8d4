"""A PostgreSQL server of our own that may be killed: its own data directory, a user who is not root."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import psutil
import psycopg

from tests.crash.hosts import Host, free_port
from tests.harness.postgres import as_owner, programs

READY_SECONDS = 120


class Postgres:
    """Started anew over the same data it recovers from its log, as after a loss of power."""

    def __init__(self, host: Host, *, networks: tuple[str, ...] = ()) -> None:
        self._host, self._port = host, free_port()
        self._data = Path(tempfile.mkdtemp(prefix="annex-crash-pg-"))
        self._bin, self._owner = programs(self._data)
        self._run("initdb", "--auth=trust", "--encoding=utf8", "-U", "postgres", "-D", str(self._data))
        with (self._data / "pg_hba.conf").open("a", encoding="utf-8") as rules:
            rules.writelines(f"host all all {network} trust\n" for network in networks)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"postgresql://postgres@{self._host.address}:{self._port}/annex"

    @property
    def url(self) -> str:
        return self.address.replace("postgresql://", "postgresql+psycopg://")

    def create(self) -> None:
        with psycopg.connect(self.address.replace("/annex", "/postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE annex")

    def start(self) -> None:
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until:
            with (self._data / "server.log").open("ab") as log:
                self._process = subprocess.Popen(
                    [
                        *self._host.prefix, *as_owner(self._owner), str(self._bin / "postgres"), "-D", str(self._data),
                        "-c", f"listen_addresses={self._host.address}", "-c", f"port={self._port}",
                        "-c", f"unix_socket_directories={self._data}", "-c", "max_connections=300",
                    ],
                    stdout=log, stderr=log, start_new_session=True, cwd=self._data,
                )  # fmt: skip
            if self._is_ready(until):
                return
        raise AssertionError(f"PostgreSQL did not start: {self._tail()}")

    def _is_ready(self, until: float) -> bool:
        """False if it ended at once: backends of the killed one may hold its memory for a moment."""
        assert self._process is not None
        while time.monotonic() < until:
            if self._process.poll() is not None:
                time.sleep(0.1)
                return False
            try:
                psycopg.connect(self.address.replace("/annex", "/postgres"), connect_timeout=2).close()
            except psycopg.OperationalError:
                time.sleep(0.03)
            else:
                return True
        return False

    def kill(self) -> None:
        """The postmaster and every backend, none of them asked."""
        assert self._process is not None
        try:
            here = psutil.Process(self._process.pid)
            here.suspend()  # so that it starts no child while we look
            family = [*here.children(recursive=True), here]
        except psutil.NoSuchProcess:
            family = []
        for one in family:
            try:
                one.kill()
            except psutil.NoSuchProcess:
                continue
        self._process.wait()

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()
        shutil.rmtree(self._data, ignore_errors=True)

    def keep_log(self, folder: Path) -> None:
        shutil.copyfile(self._data / "server.log", folder / "postgres.log")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [*as_owner(self._owner), str(self._bin / program), *arguments], check=True, timeout=120, capture_output=True,
            cwd=self._data,
        )  # fmt: skip

    def _tail(self) -> str:
        return (self._data / "server.log").read_text(encoding="utf-8", errors="replace")[-1500:]
