"""Balances as of any past moment, in about the same time however long the history is.

A checkpoint holds all balances made by the legs before a moment (`until`, microseconds, itself excluded). A later entry that
carries the time of something older is added to every checkpoint it belongs to, in the same unit of work; so checkpoints are
exact at any time, however many there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from kernel.clock import Clock
from kernel.storage import Database, Row, Tx
from kernel.values import to_micros

LEGS_BETWEEN = 20_000  #: so many are added up in a moment
LEGS_PER_BALANCE = 4  #: and so many times the rows of a checkpoint, so that all of them stay smaller than the legs
NEVER = -(2**62)  #: before all legs
DAY_MICROS = 86_400_000_000
Where = tuple[str, str, str, str, str]  #: book, account, party, currency, place


def balances_at(tx: Tx, book: str, moment: int) -> list[Row]:
    """A book's balances (account, party, currency, place, amount) by all its legs up to that moment, included."""
    until = tx.value("SELECT MAX(until) FROM ledger_checkpoint WHERE until <= :m", m=moment + 1)
    return tx.all(
        "SELECT account, party, currency, place, SUM(amount) AS amount FROM ("
        "SELECT account, party, currency, place, amount FROM ledger_checkpoint_balance "
        "WHERE until = :until AND book = :book UNION ALL "
        "SELECT account, party, currency, place, amount FROM ledger_leg "
        "WHERE at >= :until AND at <= :m AND book = :book) AS x "
        "GROUP BY account, party, currency, place",
        until=NEVER if until is None else until, m=moment, book=book,
    )  # fmt: skip


def add_late(tx: Tx, late: Mapping[tuple[int, Where], int]) -> None:
    """Legs, by their time and balance, for moments that a checkpoint covers already."""
    tx.run_many(
        "INSERT INTO ledger_checkpoint_balance (until, book, account, party, currency, place, amount) "
        "SELECT until, :b, :a, :p, :c, :l, :m FROM ledger_checkpoint WHERE until > :at "
        "ON CONFLICT (until, book, account, party, currency, place) "
        "DO UPDATE SET amount = ledger_checkpoint_balance.amount + excluded.amount",
        [
            {"at": at, "b": book, "a": account, "p": party, "c": currency, "l": place, "m": amount}
            for (at, (book, account, party, currency, place)), amount in sorted(late.items())
        ],
    )


def keep(database: Database, clock: Clock, *, legs_between: int | None = None) -> int:
    """Make the checkpoints that are due, each in a short unit of work of its own; returns how many were made."""
    today = to_micros(clock.now() - timedelta(days=1)) // DAY_MICROS * DAY_MICROS  # of the last day much is still to come
    with database.read() as tx:
        moments = _due(tx, today, legs_between)
    for until in moments:
        with database.write() as tx:
            _make(tx, until)
    return len(moments)


def _due(tx: Tx, today: int, legs_between: int | None) -> list[int]:
    """Starts of days, each with enough legs since the one before."""
    covered = tx.value("SELECT covered FROM ledger_head WHERE id = 1")
    balances = int(tx.value("SELECT COUNT(*) FROM ledger_balance"))
    enough = max(LEGS_BETWEEN, LEGS_PER_BALANCE * balances) if legs_between is None else legs_between
    days = tx.all(
        "SELECT at / :day AS day, COUNT(*) AS legs FROM ledger_leg WHERE at >= :since AND at < :today "
        "GROUP BY at / :day ORDER BY 1",
        day=DAY_MICROS, since=covered, today=today,
    )  # fmt: skip
    found, since = [], 0
    for row in days:
        since += int(row["legs"])
        if since >= enough:
            found.append((int(row["day"]) + 1) * DAY_MICROS)
            since = 0
    return found


def _make(tx: Tx, until: int) -> None:
    head = tx.lock("SELECT covered FROM ledger_head WHERE id = 1")
    if head is None or head["covered"] >= until:
        return  # another process was faster
    tx.run(
        "INSERT INTO ledger_checkpoint_balance (until, book, account, party, currency, place, amount) "
        "SELECT :until, book, account, party, currency, place, SUM(amount) FROM ("
        "SELECT book, account, party, currency, place, amount FROM ledger_checkpoint_balance "
        "WHERE until = :before UNION ALL "
        "SELECT book, account, party, currency, place, amount FROM ledger_leg WHERE at >= :before AND at < :until) AS x "
        "GROUP BY book, account, party, currency, place",
        until=until, before=head["covered"],
    )  # fmt: skip
    tx.run("INSERT INTO ledger_checkpoint VALUES (:until)", until=until)
    tx.run("UPDATE ledger_head SET covered = :until WHERE id = 1", until=until)
