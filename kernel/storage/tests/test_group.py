"""Writes that share a commit: all of them durable when told so, and none suffers for another."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import pytest

from kernel.errors import Closed
from kernel.storage import Database, Tx
from kernel.storage.group import AT_ONCE, TOGETHER_MAX, GroupCommit
from kernel.testing import at_once, until


@pytest.fixture
def table(database: Database) -> Database:
    with database.write() as tx:
        tx.run("CREATE TABLE drops (n INTEGER PRIMARY KEY)")
    return database


def put_all(tx: Tx, numbers: Sequence[int]) -> list[int]:
    tx.insert("drops", [(n,) for n in numbers])
    return list(numbers)


@pytest.mark.row("PL-01")
def test_what_was_answered_stands_and_a_bad_one_takes_nobody_with_it(table: Database) -> None:
    group, answered, refused = GroupCommit(table, put_all), [], []

    def work(start: int) -> None:
        for n in range(start, start + 40):
            try:
                answered.append(group.run(n % 250))
            except Exception:
                refused.append(n)

    at_once(*(partial(work, number * 35) for number in range(8)))
    with table.read() as tx:
        stand = {row["n"] for row in tx.all("SELECT n FROM drops")}
    assert sorted(answered) == sorted(stand), "each answered once, and it stands"
    assert len(answered) + len(refused) == 8 * 40 and refused


@pytest.fixture
def one_leader(monkeypatch: pytest.MonkeyPatch) -> None:
    for dialect in AT_ONCE:
        monkeypatch.setitem(AT_ONCE, dialect, 1)


def gathered(group: GroupCommit[int, int], gate: threading.Event, begun: threading.Event, numbers: list[int]) -> list[str]:
    """What becomes of those who come while -1 holds the database until the gate opens."""
    message: list[str] = []

    def run(n: int) -> None:
        try:
            message.append(str(group.run(n)))
        except BaseException as exc:
            message.append(f"{n}: {type(exc).__name__}")

    threads = [threading.Thread(target=run, args=(n,)) for n in (-1, *numbers)]
    threads[0].start()
    assert begun.wait(120)
    for thread in threads[1:]:
        thread.start()
    until(lambda: len(group._waiting) >= len(numbers), "all wait for the first", seen=lambda: group._waiting)
    gate.set()
    for thread in threads:
        thread.join()
    return message


@pytest.mark.parametrize(
    ("numbers", "groups", "failed"),
    [
        (list(range(20)), [1, 20], set()),
        ([*range(TOGETHER_MAX), 500, 501], [1, TOGETHER_MAX, 2], set()),
        ([1, 2, 3, 3], [1, 4, 1, 1, 1, 1], {"3: IntegrityError"}),
    ],
)
@pytest.mark.usefixtures("one_leader")
def test_those_who_wait_share_one_commit(table: Database, numbers: list[int], groups: list[int], failed: set[str]) -> None:
    gate, begun, sizes = threading.Event(), threading.Event(), list[int]()

    def together(tx: Tx, items: Sequence[int]) -> list[int]:
        sizes.append(len(items))
        if list(items) == [-1]:
            begun.set()
            gate.wait(10)
        return put_all(tx, items)

    message = gathered(GroupCommit(table, together), gate, begun, numbers)
    assert sizes == groups
    assert {one for one in message if ":" in one} == failed
    with table.read() as tx:
        assert {str(row["n"]) for row in tx.all("SELECT n FROM drops")} == {one for one in message if ":" not in one}


@pytest.mark.row("PL-01")
@pytest.mark.usefixtures("one_leader")
def test_a_database_that_is_gone_is_not_asked_once_for_each(table: Database) -> None:
    gate, begun, tries = threading.Event(), threading.Event(), list[int]()

    def together(_tx: Tx, items: Sequence[int]) -> list[int]:
        tries.append(len(items))
        if list(items) == [-1]:
            begun.set()
            gate.wait(10)
        raise Closed("moved")

    message = gathered(GroupCommit(table, together), gate, begun, [1, 2, 3])
    assert sorted(message) == ["-1: Closed", "1: Closed", "2: Closed", "3: Closed"] and tries == [1, 3]


@pytest.mark.row("PL-01")
def test_a_commit_that_fails_answers_nobody(table: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    group, real = GroupCommit(table, put_all), table.write

    @contextmanager
    def dies() -> Iterator[Tx]:
        with real() as tx:
            yield tx
            raise SystemExit

    monkeypatch.setattr(table, "write", dies)
    with pytest.raises(SystemExit):
        group.run(1)
    monkeypatch.undo()
    assert group.run(1) == 1, "the first try left nothing, and the door still opens"


def test_a_server_takes_the_next_group_while_one_commits(table: Database) -> None:
    """Both are held until they know of each other: with one leader alone that would never be."""
    together_now, seen = threading.Barrier(AT_ONCE[table.dialect]), list[int]()

    def together(tx: Tx, items: Sequence[int]) -> list[int]:
        seen.append(together_now.wait(20))
        return put_all(tx, items)

    group = GroupCommit(table, together)
    at_once(*(partial(group.run, n) for n in range(AT_ONCE[table.dialect])))
    with table.read() as tx:
        assert tx.value("SELECT COUNT(*) FROM drops") == len(seen) == AT_ONCE[table.dialect]
