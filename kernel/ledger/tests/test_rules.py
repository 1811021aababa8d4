"""The books rule by rule: what is appended, under which key, time and name; what the database holds by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernel.errors import BooksBroken
from kernel.ledger import Change, Draft, Entry, Leg, Posting, check
from kernel.ledger.checkpoints import keep
from kernel.ledger.model import canonical, changes, entry_hash, standing
from kernel.ledger.tests.charts import desk_book
from kernel.storage import Database, Tx
from kernel.testing import FakeClock


def posting(slot: str = "in", amount: int = 100, *, at: int = 5, op: str = "1") -> Posting:
    return Posting(
        slot, at, (Leg("place", "USD", amount, "main", flow="in"), Leg("client", "USD", -amount, "main", "c")), op
    )


def entry(draft: Draft, seq: int) -> Entry:
    return Entry(seq, draft.kind, "d", draft.key, draft.at, 0, "", "", draft.reverses, draft.body)


def entries(*wanted: Posting) -> list[Entry]:
    return [entry(draft, seq) for seq, draft in enumerate(changes("d", {}, wanted, version=1), 1)]


# --- what is appended -------------------------------------------------------------------------------------------------


@pytest.mark.row("PL-04")
@pytest.mark.parametrize(
    "other",
    [posting(amount=101), posting(at=6), posting(op="2"), replace(posting(), legs=posting().legs[::-1])],
    ids=["amount", "time", "operation", "legs"],
)  # fmt: skip
def test_whatever_changes_is_reversed_and_booked_anew(other: Posting) -> None:
    now = standing(entries(posting()))
    back, anew = changes("d", now, [other], version=2)
    assert (back.kind, back.reverses, back.at, back.op) == ("reversal", 1, 5, "1")
    assert [leg.amount for leg in back.legs] == [-100, 100] and [leg.flow for leg in back.legs] == ["in", ""]
    assert (anew.kind, anew.reverses, anew.at, anew.op, anew.legs) == ("posting", None, other.at, other.op, other.legs)
    assert changes("d", now, [posting()], version=2) == []


def test_keys_are_never_used_twice_however_often_a_posting_goes_and_comes() -> None:
    found, keys = list[Entry](), list[str]()
    for wanted in ([posting()], [], [posting()], [posting(amount=7)], [posting()], []):
        for draft in changes("d", standing(found), wanted, version=len(found) + 1):
            found.append(entry(draft, len(found) + 1))
            keys.append(draft.key)
    assert len(keys) == len(set(keys)) == 8 and standing(found) == {}
    assert [one.reverses for one in found if one.kind == "reversal"] == [1, 3, 5, 7]


def test_two_postings_may_not_share_a_name() -> None:
    with pytest.raises(BooksBroken, match="same slot"):
        changes("d", {}, [posting(), posting(amount=5)], version=1)


@pytest.mark.parametrize("place", ["main", "other"])
@pytest.mark.parametrize("currency", ["USD", "EUR"])
def test_legs_come_to_zero_in_each_currency_at_each_place(place: str, currency: str) -> None:
    crooked = Posting("x", 1, (Leg("place", "USD", 100, "main"), Leg("client", currency, -100, place)))
    if (place, currency) == ("main", "USD"):
        assert crooked.check() is crooked
    else:
        with pytest.raises(BooksBroken, match="miss zero"):
            crooked.check()


@pytest.mark.parametrize(
    "column", ["seq", "kind", "subject", "key", "at", "recorded_at", "author", "trace", "reverses", "body", "book"]
)
def test_the_hash_covers_every_column_and_the_row_before(column: str) -> None:
    names = ("seq", "kind", "subject", "key", "at", "recorded_at", "author", "trace", "reverses", "body", "book")
    row = {name: f"a {name}" for name in names}
    assert entry_hash("prev", row) != entry_hash("prev", {**row, column: "other"})
    assert entry_hash("prev", row) != entry_hash("other", row)


# --- in the database --------------------------------------------------------------------------------------------------


@pytest.fixture
def lite(fresh_sqlite: Callable[[], str]) -> Iterator[Database]:
    """On SQLite alone: what is looked at here is the same on both."""
    database = Database(fresh_sqlite())
    yield database
    database.close()


def balances(tx: Tx) -> dict[str, int]:
    return {row["account"]: int(row["amount"]) for row in tx.all("SELECT account, amount FROM ledger_balance")}


@pytest.mark.row("PL-04")
def test_who_when_and_on_which_trace_stands_in_every_row(lite: Database) -> None:
    clock = FakeClock(datetime(2026, 11, 21, 9, 0, tzinfo=UTC))
    book = desk_book(clock)
    with lite.write() as tx:
        book.settle(tx, "d", [posting()], author="Ігор", trace="t1")
        clock.advance(seconds=1)
        book.settle(tx, "d", [posting(amount=5)], author="Марія", trace="t2")
    with lite.read() as tx:
        found = book.entries(tx, "d")
    began = int(datetime(2026, 11, 21, 9, 0, tzinfo=UTC).timestamp()) * 1_000_000
    assert [(one.author, one.trace, one.recorded_at - began) for one in found] == [
        ("Ігор", "t1", 0), ("Марія", "t2", 1_000_000), ("Марія", "t2", 1_000_000),
    ]  # fmt: skip


NAMES = st.text(max_size=12) | st.sampled_from(("", "main", '"', "\\", "\n", "\x7f", "\u2028", "Каса «1»", "\U0001f4b6"))
LEGS = st.lists(st.builds(Leg, NAMES, NAMES, st.integers(-(10**18), 10**18), NAMES, NAMES, NAMES), max_size=4)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(NAMES, NAMES, LEGS)
def test_the_text_of_a_new_posting_is_the_canonical_one(slot: str, op: str, legs: list[Leg]) -> None:
    both = [*legs, *(leg.reversed() for leg in legs)]
    [draft] = changes("d", {}, [Posting(slot, 5, tuple(both), op)], version=1)
    assert draft.text == canonical(draft.body)


def test_later_rows_that_cannot_be_postings_of_the_subject_are_not_looked_through(lite: Database) -> None:
    book = desk_book(FakeClock())
    with lite.write() as tx:
        [first] = book.settle(tx, "d1", [posting()], author="", trace="")
        items = [Change("d1", [posting(amount=7)]), Change("d2", [posting()])]
        appended = book.settle_many(tx, items, author="", trace="", known_until=first.seq)
        assert [(one.kind, one.subject) for one in appended] == [
            ("reversal", "d1"), ("posting", "d1"), ("posting", "d2"),
        ]  # fmt: skip
        assert book.settle_many(tx, items, author="", trace="", known_until=appended[-1].seq) == []
        # Who says that nothing was posted since is believed.
        assert len(book.settle_many(tx, items[1:], author="", trace="", known_until=first.seq)) == 1


def test_several_legs_of_one_account_all_count(lite: Database) -> None:
    legs = (
        Leg("place", "USD", 60, "main", flow="in"), Leg("place", "USD", 40, "main", flow="in"),
        Leg("client", "USD", -70, "main", "c"), Leg("client", "USD", -30, "main", "c"),
    )  # fmt: skip
    book = desk_book(FakeClock())
    for n in range(3):
        with lite.write() as tx:
            book.settle(tx, f"d{n}", [Posting("in", 5, legs)], author="", trace="")
    with lite.read() as tx:
        assert balances(tx) == {"place": 300, "client": -300} and list(check.faults(tx)) == []


def test_changing_thousands_of_deals_at_once_reverses_every_one(lite: Database) -> None:
    book, count = desk_book(FakeClock()), 1000
    for amount in (100, 7):
        with lite.write() as tx:
            items = [Change(f"d{n}", [posting(amount=amount)]) for n in range(count)]
            appended = book.settle_many(tx, items, author="", trace="")
        assert len(appended) == count * (1 if amount == 100 else 2)
    with lite.read() as tx:
        assert balances(tx)["place"] == 7 * count


def test_facts_come_in_the_order_in_which_they_were_accepted(lite: Database) -> None:
    book = desk_book(FakeClock())
    with lite.write() as tx:
        for n in range(12):
            book.record(tx, [Draft("deal", "d", f"d/fact/{n}", 0, {"n": n})])
    with lite.read() as tx:
        assert [one.body["n"] for one in book.facts(tx, "deal")] == list(range(12))
        assert [one.body["n"] for one in book.entries(tx, "d")] == list(range(12)) and list(check.faults(tx)) == []


JOURNAL = (
    "INSERT INTO ledger_journal VALUES (:seq, 'posting', 'd', :key, 1, 1, '', '', :reverses, '{}', '', 'h', 'exchange')"
)


@pytest.mark.parametrize("rest", [1, -1, 500, -500])
def test_the_database_itself_lets_nothing_in_that_misses_zero(database: Database, rest: int) -> None:
    with pytest.raises(sa.exc.DBAPIError, match="zero"), database.write() as tx:  # noqa: PT012
        for n, amount in enumerate((1000, rest - 1000)):
            tx.run(
                "INSERT INTO ledger_leg VALUES (1, :n, 'place', '', 'USD', 'main', :a, '', 1, 'd', '', 'exchange')",
                n=n,
                a=amount,
            )
        tx.run(JOURNAL, seq=1, key="k", reverses=None)


@pytest.mark.parametrize(("key", "reverses"), [("k1", None), ("k2", 7)], ids=["the same key", "the same reversed"])
def test_the_database_itself_books_nothing_twice(database: Database, key: str, reverses: int | None) -> None:
    with database.write() as tx:
        tx.run(JOURNAL, seq=1, key="k1", reverses=7)
        tx.run(JOURNAL, seq=2, key="k0", reverses=None)
    with pytest.raises(sa.exc.IntegrityError), database.write() as tx:
        tx.run(JOURNAL, seq=3, key=key, reverses=reverses)


@pytest.mark.row("PL-04")
@pytest.mark.parametrize("moment", [0, 1])
def test_the_past_is_what_the_legs_say_whatever_is_corrected_in_it(lite: Database, moment: int) -> None:
    """Corrections of old deals, several legs of one account and moment among them, on both sides of a checkpoint."""
    clock = FakeClock(datetime(2026, 11, 21, 9, 0, tzinfo=UTC))
    book, day = desk_book(clock), 86_400_000_000
    first = int(datetime(2026, 11, 10, tzinfo=UTC).timestamp()) * 1_000_000
    times = [first, first + day - 1, first + day, first + 2 * day, first + 2 * day + 5]

    def several(at: int, amount: int) -> Posting:
        legs = tuple(
            leg
            for n in (1, 2)
            for leg in (Leg("place", "USD", n * amount, "main"), Leg("client", "USD", -n * amount, "main", "c"))
        )
        return Posting("in", at, legs)

    with lite.write() as tx:
        for n, at in enumerate(times):
            book.settle(tx, f"d{n}", [several(at, 10**n)], author="", trace="")
    assert keep(lite, clock, legs_between=1) > 0
    for amount in (7, 3):
        with lite.write() as tx:
            for n, at in enumerate(times):
                book.settle(tx, f"d{n}", [several(at + moment, amount * 10**n)], author="", trace="")
        with lite.read() as tx:
            assert list(check.faults(tx)) == []
            for at in {one + off for one in times for off in (-1, 0, 1, 2)}:
                reported = {row["account"]: int(row["amount"]) for row in book.balances_at(tx, at) if row["amount"]}
                legs = tx.all("SELECT account, SUM(amount) AS s FROM ledger_leg WHERE at <= :at GROUP BY account", at=at)
                assert reported == {row["account"]: int(row["s"]) for row in legs if row["s"]}
