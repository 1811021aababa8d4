"""A database as a file and back, into another one, and closed: nothing lost, nothing added, nothing changed afterwards."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kernel.errors import BadInput, Closed
from kernel.ledger import Books, Leg, Posting, check
from kernel.ledger.tests.charts import desk_book
from kernel.storage import Database
from kernel.storage.closed import close, reopen, why_closed
from kernel.storage.dump import ROWS_AT_ONCE, dump, load, tables
from kernel.storage.move import copy, differences, every_table
from kernel.testing import FakeClock
from tests.harness.databases import migration_sets

CLOCK = FakeClock()
LANES = "SELECT name, last FROM lane ORDER BY name"


@pytest.fixture
def opened(fresh_sqlite: Callable[[], str]) -> Iterator[list[Database]]:
    """Two migrated databases, the first with books and lanes in it."""
    found = [Database(fresh_sqlite()) for _ in range(2)]
    legs = (Leg("place", "USD", 100, "main"), Leg("client", "USD", -100, "main", "c"))
    with found[0].write() as tx:
        for n in range(3):
            desk_book(CLOCK).settle(tx, f"d{n}", [Posting("in", n, legs)], author="", trace="")
    yield found
    for database in found:
        database.close()


def fill(database: Database, count: int) -> None:
    with database.write() as tx:
        tx.run_many("INSERT INTO lane VALUES (:n, :l)", [{"n": f"l{n:05d}", "l": n} for n in range(count)])


@pytest.mark.row("PL-12")
@pytest.mark.parametrize("count", [0, 1, 2, ROWS_AT_ONCE, ROWS_AT_ONCE + 1])
def test_every_row_comes_back_whatever_their_count(opened: list[Database], tmp_path: Path, count: int) -> None:
    here, there = opened
    fill(here, count)
    written = dump(here, migration_sets(), tmp_path / "copy.gz")
    assert load(there, migration_sets(), tmp_path / "copy.gz", CLOCK) == written
    with here.read() as one, there.read() as other:
        assert one.all(LANES) == other.all(LANES) and len(one.all(LANES)) == count
        assert Books(CLOCK).head(one) == Books(CLOCK).head(other) and list(check.faults(other)) == []
        assert differences(one, other, migration_sets()) == []


@pytest.mark.row("PL-12")
def test_a_copy_that_lacks_any_row_is_refused(opened: list[Database], tmp_path: Path) -> None:
    here, there = opened
    fill(here, 5)
    dump(here, migration_sets(), tmp_path / "copy.gz")
    lines = gzip.decompress((tmp_path / "copy.gz").read_bytes()).splitlines(keepends=True)
    lanes = [n for n, line in enumerate(lines) if b'"t":"lane"' in line]
    for gone in (lanes[0], lanes[-1], len(lines) - 1):
        (tmp_path / "short.gz").write_bytes(gzip.compress(b"".join(lines[:gone] + lines[gone + 1 :])))
        with pytest.raises(BadInput, match="cut short"):
            load(there, migration_sets(), tmp_path / "short.gz", CLOCK)
    with there.read() as tx:
        assert tx.all(LANES) == [] and Books(CLOCK).head(tx) == (0, "")


@pytest.mark.row("PL-07")
def test_a_move_brings_all_rows_and_a_difference_either_way_is_told(opened: list[Database]) -> None:
    here, there = opened
    fill(here, 3)
    with here.read() as one, there.write() as other:
        copy(one, other, migration_sets(), lambda name, count: None)
    with here.read() as one, there.read() as other:
        assert differences(one, other, migration_sets()) == [] and list(check.faults(other)) == []
    for database, message in ((there, ["lane: 3 rows here, 2 there"]), (here, []), (here, ["lane: 1 rows here, 2 there"])):
        with database.write() as tx:
            tx.run("DELETE FROM lane WHERE name = (SELECT MIN(name) FROM lane)")
        with here.read() as one, there.read() as other:
            assert differences(one, other, migration_sets()) == message


@pytest.mark.row("PL-07")
def test_a_closed_database_takes_no_change_of_any_kind_and_opens_again(database: Database) -> None:
    fill(database, 3)
    changes = ("INSERT INTO lane VALUES ('new', 1)", "UPDATE lane SET last = 9", "DELETE FROM lane")
    with database.write() as tx:
        close(tx, every_table(migration_sets()), "it has moved: ask 100% of it's «owner»")
    for change in changes:
        with pytest.raises(Closed, match="it has moved: ask 100% of it's «owner»"), database.write() as tx:
            tx.run(change)
    with database.write() as tx:
        assert why_closed(tx) and [row["last"] for row in tx.all(LANES)] == [0, 1, 2]
        reopen(tx)
    for change in changes:
        with database.write() as tx:
            tx.run(change)
    with database.read() as tx:
        assert why_closed(tx) == "" and tx.all(LANES) == []


def test_every_table_can_be_closed(opened: list[Database]) -> None:
    here, _ = opened
    with here.write() as tx:
        close(tx, every_table(migration_sets()), "moved")
    for name in tables(migration_sets()):
        with here.read() as tx:
            column = tx.all(f"SELECT name FROM pragma_table_info('{name}')")[0]["name"]
            some = tx.value(f"SELECT COUNT(*) FROM {name}")
        if some:  # a trigger speaks for each row it meets
            for change in (f"UPDATE {name} SET {column} = {column}", f"DELETE FROM {name}"):
                with pytest.raises(Closed), here.write() as tx:
                    tx.run(change)


def test_what_was_answered_is_on_disk_before_the_answer(opened: list[Database]) -> None:
    """SQLite's settings of every connection: 2 is FULL, without which a power cut may take back what was committed."""
    for database in opened:
        for _ in range(3):
            with database.write() as tx:
                found = [tx.value(f"PRAGMA {name}") for name in ("synchronous", "journal_mode", "foreign_keys")]
                assert found == [2, "wal", 1]


def test_what_is_told_after_a_commit_can_be_read_by_anybody(database: Database) -> None:
    seen: list[int] = []

    def check() -> None:
        with database.read() as tx:
            seen.append(tx.value("SELECT COUNT(*) FROM lane"))

    with database.write() as tx:
        tx.run("INSERT INTO lane VALUES ('a', 1)")
        tx.after_commit(check)
    assert seen == [1]


def test_one_look_sees_one_moment_however_often_it_asks(database: Database) -> None:
    fill(database, 1)
    with database.read() as tx:
        before = tx.value("SELECT SUM(last) FROM lane"), tx.value("SELECT COUNT(*) FROM lane")
        with database.write() as other:
            other.run("INSERT INTO lane VALUES ('b', 5)")
            other.run("UPDATE lane SET last = last + 1")
        assert (tx.value("SELECT SUM(last) FROM lane"), tx.value("SELECT COUNT(*) FROM lane")) == before
