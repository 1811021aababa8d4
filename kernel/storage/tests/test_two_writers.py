"""Two who write at the same moment: both stand, one after the other, in the books and wherever a row is a lock."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from kernel.clock import SystemClock
from kernel.errors import Misconfigured
from kernel.http import RateLimit, SharedGate
from kernel.jobs import next_number
from kernel.ledger import Leg, Posting, check
from kernel.ledger.tests.charts import desk_book
from kernel.storage import Database, MigrationSet, Tx, migrate
from kernel.storage.group import GroupCommit
from kernel.storage.tests.meeting import meet
from kernel.testing import FakeClock, until

BOOK = desk_book(SystemClock())


def came_in(amount: int) -> Posting:
    return Posting(
        "client_in", 5, (Leg("place", "USD", amount, "main", flow="in"), Leg("client", "USD", -amount, "main", "c"))
    )


def settle(tx: Tx, subject: str, amount: int) -> None:
    BOOK.settle(tx, subject, [came_in(amount)], author="a", trace="t")


@pytest.mark.row("PL-04", "PL-07")
@pytest.mark.parametrize("subject", ["d1", "d2"])
def test_two_postings_at_once(database: Database, subject: str) -> None:
    def other() -> None:
        with database.write() as tx:
            settle(tx, subject, 250)

    meet(database, lambda tx: settle(tx, "d1", 100), other)
    with database.read() as tx:
        assert list(check.faults(tx)) == []
        assert tx.value("SELECT amount FROM ledger_balance WHERE account = 'place'") == (250 if subject == "d1" else 350)


@pytest.mark.row("PL-03", "PL-07")
def test_two_requests_at_once_take_two_turns(database: Database) -> None:
    clock, rate_limit = FakeClock(), RateLimit(per_second=2, arrival_seconds_max=0.1)
    one = SharedGate("p", rate_limit, database, clock)
    one.acquire()
    one.release()
    clock.advance(seconds=5)
    next_at = int(clock.now().timestamp() * 1_000_000) + 550_000
    meet(
        database,
        lambda tx: tx.run("UPDATE http_gate SET next_at = :n", n=next_at),  # somebody's turn, not committed yet
        SharedGate("p", rate_limit, database, clock).acquire,
    )
    assert 5.54 < clock.monotonic() < 5.56, "it leaves after the other one's turn"


@pytest.mark.row("PL-07")
def test_two_numbers_at_once_are_two(database: Database) -> None:
    drawn: list[int] = []

    def draw() -> None:
        with database.write() as tx:
            drawn.append(next_number(tx, "lane"))

    meet(database, lambda tx: drawn.append(next_number(tx, "lane")), draw)
    assert drawn == [1, 2]


def test_who_writes_together_is_answered_for_their_own(tmp_path: Path) -> None:
    """The first holds the others up until all of them wait; they go together, and each gets what belongs to them."""
    database = Database(f"sqlite:///{tmp_path / 'own.db'}")
    sizes: list[int] = []
    answers: dict[int, str] = {}

    def together(tx: Tx, items: Sequence[int]) -> list[str]:
        sizes.append(len(items))
        if len(sizes) == 1:
            until(lambda: len(group._waiting) >= 9, "the nine others wait", seen=lambda: group._waiting)
        return [f"for {item}" for item in items]

    group: GroupCommit[int, str] = GroupCommit(database, together)
    threads = [threading.Thread(target=lambda n=n: answers.update({n: group.run(n)})) for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    database.close()
    assert sizes == [1, 9] and answers == {n: f"for {n}" for n in range(10)}


def test_a_database_of_a_newer_version_is_refused_even_if_all_we_know_stands_in_it(tmp_path: Path) -> None:
    (tmp_path / "0001_one.sql").write_text("CREATE TABLE one (a INTEGER);\n", encoding="utf-8")
    (tmp_path / "0002_two.sql").write_text("CREATE TABLE two (a INTEGER);\n", encoding="utf-8")
    database, migration_set = Database(f"sqlite:///{tmp_path / 'own.db'}"), MigrationSet("own", tmp_path)
    assert migrate(database, [migration_set], FakeClock()) == ["own/0001_one", "own/0002_two"]
    (tmp_path / "0002_two.sql").unlink()
    with pytest.raises(Misconfigured, match="newer version"):
        migrate(database, [migration_set], FakeClock())
    database.close()
