"""`annex migrate --to URL`: a running desk moves into another database, and nothing that was answered is lost.

The order makes it safe to be stopped anywhere. The old database is held still all the while. The copy is committed as
closed, so that nobody starts on it by mistake; then it is checked; then the old one is closed; only then the new one opens.
Stopped before the old one is closed, the desk goes on where it was; after that, the same command finishes the move.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import islice

import sqlalchemy as sa

from app.bootstrap import Annex, build
from app.cli.command import BuiltIn
from app.cli.verify import faults
from kernel.conversations import store as messages
from kernel.errors import BadInput, BooksBroken, Closed, Misconfigured
from kernel.jobs import call_queries, inbox
from kernel.settings import mask_url
from kernel.storage import Tx
from kernel.storage.closed import close, reopen, why_closed
from kernel.storage.move import copy, demand_new, differences, every_table, hold
from kernel.telemetry import mask

UNFINISHED = "a move into it has not been finished"
FAULTS_SHOWN = 5


def _arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--to", metavar="URL", help="the new, empty database: postgresql+psycopg://… or sqlite:///…")
    what.add_argument("--undo", action="store_true", help="this database takes work again; only if the new one never did")


def _migrate(annex: Annex, args: argparse.Namespace) -> int:
    if args.undo:
        return _undo(annex)
    with _target(args.to) as there:
        return _move(annex, there)


@contextmanager
def _target(url: str) -> Iterator[Annex]:
    if url.startswith("postgresql://"):
        raise BadInput("--to: write postgresql+psycopg://… (the driver's name belongs to it)")
    there = build({**os.environ, "ANNEX_DATABASE_URL": url})
    try:
        there.database.probe()
    except sa.exc.DBAPIError as exc:
        there.close()
        raise Misconfigured(f"--to: {mask_url(url)} cannot be opened: {mask(str(exc.orig)).splitlines()[0]}") from exc
    try:
        yield there
    finally:
        there.close()


def _move(here: Annex, there: Annex) -> int:
    here.migrate(closed_too=True)
    moved = f"the desk has moved to {mask_url(there.database.url)}"
    with here.database.read() as old, there.database.read() as new:
        state = why_closed(old), why_closed(new)
    if state == (moved, UNFINISHED):
        print("the copy stands already; the rest of the move is done now")
    elif state[0]:
        raise Closed(f"nothing to move: {state[0]}")
    elif state[1]:
        raise BadInput(f"--to: {state[1]}, and the desk went on here meanwhile: name a new, empty database")
    else:
        _prepare(here, there)
        _carry_over(here, there, moved)
    _open(here, there)
    return 0


def _prepare(here: Annex, there: Annex) -> None:
    """All that can be refused is refused before the old database is held still."""
    if here.database.engine.url == there.database.engine.url:
        raise BadInput("--to: this is the database that is in use")
    with there.database.read() as tx:
        demand_new(tx, here.migration_sets)
    _demand_well(here, "fix the books before they move")
    there.migrate(jobs=True)


def _carry_over(here: Annex, there: Annex, moved: str) -> None:
    names = every_table(here.migration_sets)
    with here.database.write() as old:
        hold(old, names)
        with there.database.write() as new:
            rows = copy(old, new, here.migration_sets, _progress)
            close(new, names, UNFINISHED)
        print(f"{rows} rows copied")
        _check(here, there, old)
        close(old, names, moved)


def _check(here: Annex, there: Annex, old: Tx) -> None:
    _demand_same(here, there, old)
    _demand_well(there, "the desk stays here")


def _demand_same(here: Annex, there: Annex, old: Tx) -> None:
    with there.database.read() as new:
        found = differences(old, new, here.migration_sets)
        if _head(here, old) != _head(there, new):
            found.append(f"books: {_head(here, old)} here, {_head(there, new)} there")
    if found:
        raise BooksBroken(f"the copy is not the same: {'; '.join(found[:FAULTS_SHOWN])}")


def _demand_well(annex: Annex, instead: str) -> None:
    with annex.runtime.portal.read() as unit:
        found = list(islice(faults(annex, unit), FAULTS_SHOWN))
    if found:
        raise BooksBroken(f"`annex verify` finds faults in {mask_url(annex.database.url)}; {instead}: {'; '.join(found)}")


def _open(here: Annex, there: Annex) -> None:
    with here.database.read() as old:
        _demand_same(here, there, old)
        output = _head(here, old)
    with there.database.write() as new:
        reopen(new)
        waiting = _waiting(new)
        print(f"here:  {output}\nthere: {_head(there, new)}")
    # The queue's own tables do not move: what waits gets its jobs again.
    there.revive(older_than=timedelta(0))
    print(
        f"{waiting} deliveries and calls wait there and go on. What is to be done now:\n"
        "1. Stop every process that runs on the old database. It takes nothing any more: webhooks get 503, /readyz fails.\n"
        f"2. Set ANNEX_DATABASE_URL={mask_url(there.database.url)} everywhere, and the same ANNEX_SECRET "
        "(or ANNEX_HOME/secret.key).\n"
        "3. Start. `annex verify` prints the head above. Keep the old database until you are content."
    )


def _undo(annex: Annex) -> int:
    with annex.database.read() as tx:
        why = why_closed(tx)
    if not why or why == UNFINISHED:
        raise BadInput(why or "this database takes work: there is nothing to undo")
    with annex.database.write() as tx:
        reopen(tx)
    annex.migrate(jobs=True)
    annex.revive(older_than=timedelta(0))
    print(f"open again; it was closed since {why}. Never start a process on that one now.")
    return 0


def _head(annex: Annex, tx: Tx) -> str:
    seq, digest = annex.runtime.portal.books.head(tx)
    return f"books up to row {seq}, head {digest}"


def _waiting(tx: Tx) -> int:
    return inbox.count(tx, "new") + call_queries.open_count(tx) + messages.count(tx, "new")


def _progress(table: str, rows: int) -> None:
    if sys.stderr.isatty():
        print(f"  {table}: {rows}", file=sys.stderr)


MIGRATE = BuiltIn("migrate", "move the desk into another, empty database, while it runs", _arguments, _migrate)
