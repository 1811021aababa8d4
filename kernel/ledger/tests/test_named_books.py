"""Two books in one journal: each takes its own accounts only, and neither sees the other's rows, now or of a past moment."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from kernel.errors import BooksBroken, Misconfigured
from kernel.ledger import Account, Books, Chart, Draft, Leg, Posting, check
from kernel.ledger.checkpoints import DAY_MICROS, keep
from kernel.ledger.tests.charts import CASH, DESK, books_with
from kernel.storage import Database, Tx
from kernel.testing import FakeClock
from kernel.values import to_micros

CLOCK = FakeClock()
BOOKS = books_with(CLOCK)


def posting(amount: int, other: str, *, at: int = 5) -> Posting:
    return Posting("in", at, (Leg("place", "USD", amount, "main", flow="in"), Leg(other, "USD", -amount, "main")))


def both(tx: Tx, desk: int, cash: int, *, at: int = 5) -> None:
    """The same subject, slot, account, currency, place and moment in either book."""
    BOOKS.book("exchange").settle(tx, "d", [posting(desk, "client", at=at)], author="", trace="")
    BOOKS.book("cash").settle(tx, "d", [posting(cash, "difference", at=at)], author="", trace="")


def held(rows: Any) -> dict[str, int]:
    return {row["account"]: int(row["amount"]) for row in rows if row["amount"]}


@pytest.mark.row("PL-04")
def test_one_subject_stands_in_two_books_each_for_itself(database: Database) -> None:
    for desk, cash in ((100, 7), (100, 8), (90, 8), (90, 8)):
        with database.write() as tx:
            both(tx, desk, cash)
    with database.read() as tx:
        assert held(BOOKS.book("exchange").balances(tx, ["USD"])) == {"place": 90, "client": -90}
        assert held(BOOKS.book("cash").balances(tx, ["USD"])) == {"place": 8, "difference": -8}
        for name, kinds in (("exchange", ["posting", "reversal", "posting"]), ("cash", ["posting", "reversal", "posting"])):
            found = BOOKS.book(name).entries(tx, "d")
            assert [entry.kind for entry in found] == kinds and {entry.book for entry in found} == {name}
        assert BOOKS.head(tx)[0] == 6 and list(check.faults(tx)) == []


@pytest.mark.row("PL-04")
def test_a_past_moment_is_of_one_book_on_either_side_of_a_checkpoint(database: Database) -> None:
    clock = FakeClock()
    day = to_micros(clock.now()) // DAY_MICROS * DAY_MICROS
    with database.write() as tx:
        both(tx, 100, 7, at=day)
    clock.advance(days=3)
    assert keep(database, clock, legs_between=1) == 1
    with database.write() as tx:
        both(tx, 40, 5, at=day + 2)  # late: it reaches into the checkpoint, in its own book
        BOOKS.book("cash").settle(tx, "e", [posting(1, "difference", at=day + DAY_MICROS)], author="", trace="")
    with database.read() as tx:
        for moment, desk, cash in ((day, None, None), (day + 2, 40, 5), (day + DAY_MICROS, 40, 6)):
            assert held(BOOKS.book("exchange").balances_at(tx, moment)).get("place") == desk
            assert held(BOOKS.book("cash").balances_at(tx, moment)).get("place") == cash
        assert list(check.faults(tx)) == []


@pytest.mark.row("PL-04")
def test_facts_are_of_one_book(database: Database) -> None:
    with database.write() as tx:
        for name in ("exchange", "cash"):
            BOOKS.book(name).record(tx, [Draft("note", "s", name, 1, {"of": name})])
    with database.read() as tx:
        assert [fact.body for fact in BOOKS.book("cash").facts(tx, "note")] == [{"of": "cash"}]


@pytest.mark.parametrize(("book", "account"), [("cash", "client"), ("exchange", "difference"), ("cash", "nonsense")])
def test_an_account_that_the_book_has_not_is_refused(database: Database, book: str, account: str) -> None:
    with pytest.raises(BooksBroken, match=f"book «{book}» has no account «{account}»"), database.write() as tx:
        BOOKS.book(book).settle(tx, "d", [posting(1, account)], author="", trace="")


def test_what_stands_on_an_account_given_up_can_be_taken_back(database: Database) -> None:
    with database.write() as tx:
        both(tx, 100, 7)
    later = Books(CLOCK, [Chart("cash", (Account("place", "asset"),))])
    with database.write() as tx:
        assert len(later.book("cash").settle(tx, "d", [], author="", trace="")) == 1
        assert list(check.faults(tx)) == []


@pytest.mark.parametrize("leg_in", ["cash", "exchange"])
def test_the_database_itself_lets_no_leg_into_another_book(database: Database, leg_in: str) -> None:
    with pytest.raises(sa.exc.DBAPIError, match="book of their posting"), database.write() as tx:  # noqa: PT012
        tx.run("INSERT INTO ledger_leg VALUES (1, 0, 'place', '', 'USD', 'main', 0, '', 1, 'd', '', :b)", b=leg_in)
        tx.run(
            "INSERT INTO ledger_journal VALUES (1, 'posting', 'd', 'k', 1, 1, '', '', NULL, '{}', '', 'h', :b)",
            b="exchange" if leg_in == "cash" else "cash",
        )


@pytest.mark.parametrize("name", ["", "annex", "Каса", "a'b", "9a", "a b"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(Misconfigured, match="no name for a book"):
        Chart(name, ())


def test_charts_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(Misconfigured, match="declared twice"):
        Books(CLOCK, [DESK, CASH, Chart("cash", ())])
    with pytest.raises(Misconfigured, match="an account is declared twice"):
        Chart("x", (Account("a", "asset"), Account("a", "equity")))
    with pytest.raises(BooksBroken, match="«deposits» is not declared; known: cash, exchange"):
        BOOKS.book("deposits")
