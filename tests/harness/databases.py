"""Databases of both kinds: migrated once per process, and copied for each test."""

from __future__ import annotations

import atexit
import itertools
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

import sqlalchemy as sa

from kernel.clock import SystemClock
from kernel.storage import Database, MigrationSet, migrate
from tests.harness.places import quick_folder
from tests.harness.postgres import Server

TEMPLATE = "annex_template"
_number = itertools.count()


def migration_sets() -> list[MigrationSet]:
    """All migrations there are, as app puts them together."""
    from app.bootstrap import KERNEL, KERNEL_MODULES
    from app.discovery import find_plugins

    return [
        *(MigrationSet(f"kernel.{name}", KERNEL / name / "migrations") for name in KERNEL_MODULES),
        *(MigrationSet(name, plugin.migrations) for name, plugin in find_plugins().items() if plugin.migrations),
    ]


def _migrated(url: str) -> None:
    database = Database(url)
    migrate(database, migration_sets(), SystemClock())
    database.close()  # on SQLite the last to close brings the write-ahead log into the file


@cache
def _sqlite_template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="annex-template-", dir=quick_folder()))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "template.db"
    _migrated(f"sqlite:///{path}")
    return path


def sqlite_copy(target: Path) -> str:
    """Make `target` an empty SQLite database with all migrations applied; returns its address."""
    shutil.copyfile(_sqlite_template(), target)
    return f"sqlite:///{target}"


class PostgresDatabases:
    """Makes databases, and drops them again."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._admin = sa.create_engine(server.url(), isolation_level="AUTOCOMMIT")
        self._run(f"CREATE DATABASE {TEMPLATE}")
        _migrated(server.url(TEMPLATE))

    def make(self, *, empty: bool = False) -> str:
        name = f"annex_{os.getpid()}_{next(_number)}"
        self._run(f"CREATE DATABASE {name}" + ("" if empty else f" TEMPLATE {TEMPLATE}"))
        return self._server.url(name)

    def drop(self, url: str) -> None:
        self._run(f"DROP DATABASE IF EXISTS {sa.make_url(url).database} WITH (FORCE)")

    def close(self) -> None:
        self._admin.dispose()

    def _run(self, sql: str) -> None:
        with self._admin.connect() as connection:
            connection.exec_driver_sql(sql)
