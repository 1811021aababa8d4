"""Balances as of a past moment: what the checkpoints say is what adding up all legs says, whatever comes in however late."""

from __future__ import annotations

import random

import pytest

from kernel.ledger import Leg, Posting, check, checkpoints
from kernel.ledger.checkpoints import DAY_MICROS
from kernel.ledger.tests.charts import desk_book
from kernel.storage import Database, Tx
from kernel.testing import FakeClock
from kernel.values import to_micros

Balances = dict[tuple[str, str, str, str], int]


def posting(rng: random.Random, at: int) -> Posting:
    amount, place, client = rng.randrange(1, 999), rng.choice("mk"), f"c{rng.randrange(5)}"
    return Posting("in", at, (Leg("place", "USD", amount, place, flow="in"), Leg("client", "USD", -amount, place, client)))


def as_reported(tx: Tx, moment: int) -> Balances:
    found = checkpoints.balances_at(tx, "exchange", moment)
    return {(row["account"], row["party"], row["currency"], row["place"]): int(row["amount"]) for row in found}


def added_up(tx: Tx, moment: int) -> Balances:
    found: Balances = {}
    for leg in tx.all("SELECT * FROM ledger_leg WHERE at <= :m", m=moment):
        where = (leg["account"], leg["party"], leg["currency"], leg["place"])
        found[where] = found.get(where, 0) + leg["amount"]
    return found


@pytest.mark.row("PL-04")
def test_any_past_moment_is_what_its_legs_add_up_to(database: Database) -> None:
    """Deals of some weeks, each changed several times, mostly at times of long ago, with checkpoints made in between."""
    rng, clock = random.Random(7), FakeClock()
    book, made = desk_book(clock), 0
    start = to_micros(clock.now())
    for turn in range(90):
        clock.advance(hours=8)
        at = rng.randrange(start, to_micros(clock.now())) if turn % 3 else to_micros(clock.now())
        at = at // DAY_MICROS * DAY_MICROS if turn % 7 == 0 else at  # on the very boundary
        with database.write() as tx:
            wanted = [] if turn % 11 == 10 else [posting(rng, at)]
            book.settle(tx, f"d{rng.randrange(30)}", wanted, author="", trace="")
        if turn % 20 == 19:
            made += checkpoints.keep(database, clock, legs_between=5)
    with database.read() as tx:
        untils = [row["until"] for row in tx.all("SELECT until FROM ledger_checkpoint")]
        assert len(untils) == made > 3
        edges = [until + more for until in untils for more in (-1, 0, 1)]
        for moment in [start - 1, *edges, *(rng.randrange(start, to_micros(clock.now())) for _ in range(30)), 2**61]:
            assert as_reported(tx, moment) == added_up(tx, moment)
        assert list(check.faults(tx)) == []


def covered(database: Database) -> int:
    """Three days with a checkpoint after each of the first two; the newest one."""
    clock = FakeClock()
    start = to_micros(clock.now()) // DAY_MICROS * DAY_MICROS
    for day in range(3):
        with database.write() as tx:
            desk_book(clock).settle(
                tx, f"d{day}", [posting(random.Random(day), start + day * DAY_MICROS)], author="", trace=""
            )
    clock.advance(days=3)
    assert checkpoints.keep(database, clock, legs_between=1) == 2
    assert checkpoints.keep(database, clock, legs_between=1) == 0, "made once"
    return start + 2 * DAY_MICROS


@pytest.mark.row("PL-04")
@pytest.mark.parametrize(
    ("change", "reported"),
    [
        ("UPDATE ledger_checkpoint_balance SET amount = amount + 1 WHERE until = :u AND account = 'place'", "_balance"),
        ("DELETE FROM ledger_checkpoint_balance WHERE until = :u AND account = 'place'", "_balance"),
        ("INSERT INTO ledger_checkpoint_balance VALUES (:u, 'exchange', 'x', '', 'USD', 'm', 1)", "_balance"),
        ("INSERT INTO ledger_checkpoint_balance VALUES (:u + 1, 'exchange', 'x', '', 'USD', 'm', 1)", "_balance"),
        ("DELETE FROM ledger_checkpoint WHERE until = :u", "ledger_head"),
        ("UPDATE ledger_head SET covered = :u - 1", "ledger_head"),
    ],
)
def test_a_checkpoint_changed_by_hand_is_found(database: Database, change: str, reported: str) -> None:
    until = covered(database)
    with database.write() as tx:
        assert list(check.faults(tx)) == []
        tx.run(change, u=until)
    with database.read() as tx:
        assert reported in next(iter(check.faults(tx)))


def test_a_checkpoint_is_made_once_though_two_want_it(database: Database) -> None:
    until = covered(database)
    with database.write() as tx:
        checkpoints._make(tx, until)
        assert list(check.faults(tx)) == []


def test_the_last_day_waits_since_much_of_it_is_still_to_come(database: Database) -> None:
    clock = FakeClock()
    with database.write() as tx:
        desk_book(clock).settle(tx, "d", [posting(random.Random(1), to_micros(clock.now()))], author="", trace="")
    clock.advance(hours=20)
    assert checkpoints.keep(database, clock, legs_between=1) == 0
    clock.advance(days=2)
    assert checkpoints.keep(database, clock, legs_between=1) == 1
