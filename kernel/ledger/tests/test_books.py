"""The books: append-only, balanced, idempotent; and a check that names what was changed by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import sqlalchemy as sa

from kernel.clock import SystemClock
from kernel.errors import BooksBroken
from kernel.ledger import Books, Change, Draft, Leg, Posting, check, checkpoints
from kernel.ledger.tests.charts import desk_book
from kernel.storage import Database, Tx
from kernel.testing import FakeClock

CLOCK = SystemClock()


@pytest.fixture
def lite(fresh_sqlite: Callable[[], str]) -> Iterator[Database]:
    database = Database(fresh_sqlite())
    yield database
    database.close()


def came_in(amount: int, *, at: int = 5, currency: str = "USD", client: str = "c1") -> Posting:
    return Posting(
        "client_in",
        at,
        (Leg("place", currency, amount, "main", flow="in"), Leg("client", currency, -amount, "main", client)),
    )


def balances(tx: Tx) -> dict[tuple[str, str], int]:
    return {
        (r["account"], r["currency"]): int(r["amount"]) for r in tx.all("SELECT * FROM ledger_balance WHERE amount <> 0")
    }


def settle(database: Database, subject: str, *postings: Posting) -> int:
    with database.write() as tx:
        return len(desk_book(CLOCK).settle(tx, subject, postings, author="a", trace="t"))


@pytest.mark.row("PL-04")
def test_the_same_target_again_appends_nothing(database: Database) -> None:
    assert settle(database, "d1", came_in(100)) == 1
    assert settle(database, "d1", came_in(100)) == 0
    with database.read() as tx:
        assert balances(tx) == {("place", "USD"): 100, ("client", "USD"): -100}


@pytest.mark.row("PL-04")
def test_a_change_is_answered_by_a_reversal_and_a_new_posting(database: Database) -> None:
    settle(database, "d1", came_in(100))
    assert settle(database, "d1", came_in(250)) == 2
    assert settle(database, "d1") == 1
    with database.read() as tx:
        assert balances(tx) == {}
        kinds = [row["kind"] for row in tx.all("SELECT kind FROM ledger_journal ORDER BY seq")]
        assert kinds == ["posting", "reversal", "posting", "reversal"]
        assert list(check.faults(tx)) == []


def test_legs_that_miss_zero_are_refused_by_python_and_by_the_database(database: Database) -> None:
    crooked = Posting("x", 1, (Leg("place", "USD", 100, "main"), Leg("client", "USD", -99, "main")))
    with pytest.raises(BooksBroken, match="miss zero by 1"):
        settle(database, "d1", crooked)
    with database.write() as tx:
        tx.run("INSERT INTO ledger_leg VALUES (1, 0, 'place', '', 'USD', 'main', 5, '', 1, 'd', '', 'exchange')")
    with pytest.raises(sa.exc.DBAPIError, match="zero"), database.write() as tx:
        tx.run("INSERT INTO ledger_journal VALUES (1, 'posting', 'd', 'k', 1, 1, '', '', NULL, '{}', '', 'h', 'exchange')")


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE ledger_journal SET author = 'x'",
        "DELETE FROM ledger_journal",
        "UPDATE ledger_leg SET amount = 1",
        "DELETE FROM ledger_leg",
        "INSERT INTO ledger_leg VALUES (1, 9, 'place', '', 'USD', 'main', 0, '', 1, 'd1', '', 'exchange')",
    ],
)
def test_the_database_itself_refuses_changes(database: Database, sql: str) -> None:
    settle(database, "d1", came_in(100))
    with pytest.raises(sa.exc.DBAPIError, match=r"append-only|closed"), database.write() as tx:
        tx.run(sql)


TAMPERINGS = {
    "UPDATE ledger_journal SET author = 'boss' WHERE seq = 2": "ledger_journal 2",
    "UPDATE ledger_journal SET body = REPLACE(body, '200', '201') WHERE seq = 2": "ledger_journal 2",
    "DELETE FROM ledger_journal WHERE seq = 2": "ledger_journal 2: the row was removed",
    "DELETE FROM ledger_journal WHERE seq = 3": "ledger_journal 3: the row was removed",
    "DELETE FROM ledger_journal WHERE seq >= 3": "ledger_leg 3",
    "INSERT INTO ledger_journal VALUES (5, 'posting', 'd9', 'k9', 1, 1, '', '', NULL, '{}', '', 'h', 'cash')": (
        "ledger_journal 5"
    ),
    "UPDATE ledger_leg SET amount = amount + 1 WHERE seq = 2 AND n = 0": "ledger_leg 2/0: the row was changed",
    "UPDATE ledger_leg SET at = 99 WHERE seq = 2 AND n = 1": "ledger_leg 2/1: at was changed",
    "DELETE FROM ledger_leg WHERE seq = 2 AND n = 1": "ledger_leg 2/1: the row was removed",
    "INSERT INTO ledger_leg VALUES (2, 7, 'place', '', 'USD', 'main', 0, '', 1, 'd2', '', 'exchange')": (
        "ledger_leg 2/7: the row was added"
    ),
    "INSERT INTO ledger_leg VALUES (99, 0, 'place', '', 'USD', 'main', 0, '', 1, 'd2', '', 'exchange')": "ledger_leg 99",
    "UPDATE ledger_balance SET amount = amount + 1 WHERE account = 'place'": "ledger_balance ('exchange', 'place'",
    "DELETE FROM ledger_balance WHERE account = 'place'": "ledger_balance ('exchange', 'place'",
    "INSERT INTO ledger_balance VALUES ('cash', 'place', '', 'EUR', 'x', 7)": "ledger_balance ('cash', 'place', '', 'EUR'",
    "UPDATE ledger_journal SET book = 'cash' WHERE seq = 2": "ledger_journal 2",
    "UPDATE ledger_leg SET book = 'cash' WHERE seq = 2 AND n = 0": "ledger_leg 2/0: book was changed",
    "UPDATE ledger_balance SET book = 'cash' WHERE account = 'place'": "ledger_balance ('cash', 'place'",
    "INSERT INTO ledger_head VALUES (2, 4, 'x', 0)": "ledger_head 2: the row was added",
    "INSERT INTO ledger_published SELECT '2026-11-22', seq, hash, published_at FROM ledger_published": (
        "ledger_published 2026-11-22: the row was added"
    ),
    "UPDATE ledger_published SET published_at = published_at + 1": "ledger_published 2026-11-21: the row was changed",
    "UPDATE ledger_published SET day = '2026-11-22'": "ledger_published 2026-11-22: the row was added",
    "DELETE FROM ledger_published": "ledger_published 2026-11-21: the row was removed",
    "UPDATE ledger_head SET hash = 'x'": "ledger_head",
    "UPDATE ledger_head SET seq = 2": "ledger_journal",
    "UPDATE ledger_published SET hash = 'x'": "ledger_published 2026-11-21",
}


def without_guards(tx: Tx) -> None:
    """What somebody with the database in hand would do first."""
    if tx.dialect == "sqlite":
        for row in tx.all("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE 'ledger%'"):
            tx.run(f"DROP TRIGGER {row['name']}")
    else:
        for table in ("ledger_journal", "ledger_leg"):
            tx.run(f"ALTER TABLE {table} DISABLE TRIGGER ALL")


@pytest.mark.row("EX-22", "PL-04")
@pytest.mark.parametrize("sql", TAMPERINGS)
def test_what_was_changed_by_hand_is_named_first(database: Database, sql: str) -> None:
    for n, amount in enumerate((100, 200, 300), 1):
        settle(database, f"d{n}", came_in(amount))
    with database.write() as tx:
        Books(CLOCK).publish(tx, "2026-11-21")
    with database.read() as tx:
        assert list(check.faults(tx)) == []
    with database.write() as tx:
        without_guards(tx)
        tx.run(sql)
    with database.read() as tx:
        assert next(check.faults(tx)).startswith(TAMPERINGS[sql])


def test_a_chain_forged_from_some_row_on_is_caught_by_the_published_head(database: Database) -> None:
    settle(database, "d1", came_in(100))
    with database.write() as tx:
        Books(CLOCK).publish(tx, "2026-11-21")
        without_guards(tx)
        for table in ("ledger_leg", "ledger_journal", "ledger_balance"):
            tx.run(f"DELETE FROM {table}")
        tx.run("UPDATE ledger_head SET seq = 0, hash = ''")
    settle(database, "d1", came_in(101))  # a whole new chain, perfectly consistent in itself
    with database.read() as tx:
        [fault] = check.faults(tx)
    assert fault.startswith("ledger_published 2026-11-21")


def test_many_subjects_at_once_stand_as_one_by_one(database: Database) -> None:
    items = [Change(f"d{n}", [came_in(n + 1, client=f"c{n}")]) for n in range(900)]
    with database.write() as tx:
        desk_book(CLOCK).settle_many(tx, items, author="", trace="")
    with database.write() as tx:
        assert desk_book(CLOCK).settle_many(tx, items, author="", trace="") == []
    with database.read() as tx:
        assert list(check.faults(tx)) == []
        assert tx.value("SELECT SUM(amount) FROM ledger_balance WHERE account = 'place'") == sum(range(1, 901))


ONE_MORE = "INSERT INTO ledger_published SELECT '2026-11-20', seq, hash, :at FROM ledger_journal ORDER BY seq DESC LIMIT 1"


LEARNT = "UPDATE annex_migration SET applied_at = :at WHERE room = 'kernel.ledger' AND number = 3"


@pytest.mark.row("EX-22")
@pytest.mark.parametrize("at", [1, 4_000_000_000_000_000, None], ids=["long ago", "in the future", "as it was booked"])
def test_a_head_that_was_never_published_is_found_in_books_that_published_none(database: Database, at: int | None) -> None:
    settle(database, "d1", came_in(100))
    with database.write() as tx:
        tx.run(ONE_MORE, at=tx.value("SELECT recorded_at FROM ledger_journal") if at is None else at)
    with database.read() as tx:
        [fault] = check.faults(tx)
    assert fault.startswith("ledger_published 2026-11-20: the row was added")


@pytest.mark.row("EX-22", "PL-12")
def test_heads_that_an_older_release_published_stay_and_become_facts(database: Database) -> None:
    settle(database, "d1", came_in(100))
    with database.write() as tx:
        tx.run(ONE_MORE, at=tx.value("SELECT recorded_at FROM ledger_journal"))
        tx.run(
            "UPDATE annex_migration SET applied_at = applied_at + 86400000000 WHERE room = 'kernel.ledger' AND number = 3"
        )
        assert list(check.faults(tx)) == []
        assert Books(CLOCK).publish(tx, "2026-11-21") is not None
        assert list(check.faults(tx)) == []
        tx.run(LEARNT, at=0)
        assert list(check.faults(tx)) == [], "from then on the journal knows of both"
        tx.run("DELETE FROM ledger_published WHERE day = '2026-11-20'")
        assert [*check.faults(tx)] == ["ledger_published 2026-11-20: the row was removed"]


def test_a_day_has_one_head_and_books_without_a_row_have_none(database: Database) -> None:
    with database.write() as tx:
        assert Books(CLOCK).publish(tx, "2026-11-21") is None
    settle(database, "d1", came_in(100))
    with database.write() as tx:
        before = Books(CLOCK).head(tx)
        assert Books(CLOCK).publish(tx, "2026-11-21", author="a") == before
        assert Books(CLOCK).publish(tx, "2026-11-21") is None
        assert Books(CLOCK).head(tx)[0] == before[0] + 1


def rows(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """All that the books hold, the moments of writing left out."""
    tables = ("ledger_journal", "ledger_leg", "ledger_balance", "ledger_head", "ledger_checkpoint_balance")
    with database.read() as tx:
        assert list(check.faults(tx)) == []
        return {name: sorted(tuple(row.values()) for row in tx.all(f"SELECT * FROM {name}")) for name in tables}


@pytest.mark.row("PL-04")
def test_what_is_appended_in_bulk_is_what_one_after_the_other_would_be(database: Database, lite: Database) -> None:
    clock = FakeClock()
    book = desk_book(clock)
    deals = {f"d{n}": [came_in(n, at=10**15 * n), replace(came_in(7, client="ї"), slot=f'"{n}"')] for n in range(1, 8)}
    for one in (database, lite):
        with one.write() as tx:
            book.settle(tx, "before", [came_in(5, at=1)], author="a", trace="t")
        assert checkpoints.keep(one, clock, legs_between=1) == 1
    with database.write() as tx:
        bulk = book.bulk(tx, author="a", trace="t")
        bulk.record("note", 3, [(subject, '{"n":1}') for subject in deals])
        for part in (["d1", "d2"], ["d3"], ["d4", "d5", "d6", "d7"]):
            bulk.post([(subject, book.prepared(subject, deals[subject])) for subject in part])
        bulk.close()
    facts = [Draft("note", name, f"{name}/fact/{n}", 3, {"n": 1}, author="a", trace="t") for n, name in enumerate(deals, 2)]
    with lite.write() as tx:
        book.record(tx, facts)
        for subject, wanted in deals.items():
            book.settle(tx, subject, wanted, author="a", trace="t")
    assert rows(database) == rows(lite)
    with database.read() as tx:
        assert book.booked(tx, ["d1", "nobody", "before"]) == {"d1", "before"}


def test_nothing_crooked_is_prepared() -> None:
    book = desk_book(CLOCK)
    for wanted, why in (
        ([Posting("x", 1, (Leg("place", "USD", 1, "main"), Leg("client", "USD", -2, "main")))], "miss zero by -1"),
        ([came_in(1), came_in(2)], "two postings want the same slot"),
        ([Posting("x", 1, (Leg("place", "USD", 1, "main"), Leg("moon", "USD", -1, "main")))], "has no account «moon»"),
    ):
        with pytest.raises(BooksBroken, match=why):
            book.prepared("d", wanted)
