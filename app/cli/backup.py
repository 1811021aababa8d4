"""`annex backup FILE` and `annex restore FILE`: the same file for SQLite and PostgreSQL, taken while everything runs."""

from __future__ import annotations

import argparse
from datetime import timedelta
from pathlib import Path

from app.bootstrap import Annex
from app.cli.command import BuiltIn
from kernel.errors import BadInput
from kernel.extension.decisions import doubt_what_waits
from kernel.storage.dump import dump, load

RESTORED = "restored from a copy in which it waited: it may have been sent since"


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path)


def _restore_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument(
        "--already-there",
        action="store_true",
        help="the database itself was put back, by means of its own: only what follows",
    )


def _backup(annex: Annex, args: argparse.Namespace) -> int:
    annex.migrate(closed_too=True)
    if args.file.exists():
        raise BadInput(f"{args.file} exists: name a new file")
    rows = dump(annex.database, annex.migration_sets, args.file)
    print(f"{rows} rows, {_head(annex)}")
    return 0


def _restore(annex: Annex, args: argparse.Namespace) -> int:
    if (args.file is None) is not args.already_there:
        raise BadInput("name the copy, or say --already-there if the database itself was put back by other means")
    if args.file is not None and not args.file.is_file():
        raise BadInput(f"{args.file} is not a file")
    annex.demand_open()
    rows = load(annex.database, annex.migration_sets, args.file, annex.clock) if args.file else 0
    annex.migrate(jobs=True)
    # The queue's own tables are not in the copy: what was waiting gets its jobs again.
    if doubtful := doubt_what_waits(annex.runtime.portal, RESTORED):
        print(f"{doubtful} calls may have been sent since the copy was made: see `annex jobs`")
    for plugin in annex.runtime.plugins:
        if plugin.restored is not None:
            with annex.runtime.portal.unit() as unit:
                plugin.restored(unit)
    annex.revive(older_than=timedelta(0))
    print(f"{f'{rows} rows, ' if args.file else ''}{_head(annex)}; now `annex verify`")
    return 0


def _head(annex: Annex) -> str:
    with annex.database.read() as tx:
        seq, digest = annex.runtime.portal.books.head(tx)
    return f"books up to row {seq}, head {digest}"


BACKUP = BuiltIn("backup", "a copy of everything into one file, while it runs", _arguments, _backup)
RESTORE = BuiltIn("restore", "fill a new, empty database from such a copy", _restore_arguments, _restore)
