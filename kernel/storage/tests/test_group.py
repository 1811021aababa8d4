"""Writes that share a commit: all of them durable when told so, and none suffers for another."""

from __future__ import annotations

import threading

import pytest

from kernel.storage import Database, Tx
from kernel.storage.group import TOGETHER_MAX, GroupCommit


@pytest.fixture
def table(database: Database) -> Database:
    with database.write() as tx:
        tx.run("CREATE TABLE drops (n INTEGER PRIMARY KEY)")
    return database


def put(n: int) -> object:
    def action(tx: Tx) -> int:
        tx.run("INSERT INTO drops VALUES (:n)", n=n)
        return n

    return action


@pytest.mark.row("PL-01")
def test_what_was_answered_stands_and_a_bad_one_takes_nobody_with_it(table: Database) -> None:
    group, answered, refused = GroupCommit(table), [], []

    def work(start: int) -> None:
        for n in range(start, start + 40):
            try:
                answered.append(group.run(put(n % 250)))  # type: ignore[arg-type]
            except Exception:
                refused.append(n)

    threads = [threading.Thread(target=work, args=(number * 35,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with table.read() as tx:
        stand = {row["n"] for row in tx.all("SELECT n FROM drops")}
    assert sorted(answered) == sorted(stand), "each answered once, and it stands"
    assert len(answered) + len(refused) == 8 * 40 and refused


def test_those_who_wait_share_one_commit(table: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    group, commits, gate = GroupCommit(table), [], threading.Event()
    real = table.write

    def counted() -> object:
        commits.append(1)
        return real()

    monkeypatch.setattr(table, "write", counted)

    def first(tx: Tx) -> None:
        gate.wait(5)

    threads = [threading.Thread(target=group.run, args=(first,))]
    threads += [threading.Thread(target=group.run, args=(put(n),)) for n in range(20)]
    threads[0].start()
    while not commits:
        pass
    for thread in threads[1:]:
        thread.start()
    while len(group._waiting) < 20:
        pass
    gate.set()
    for thread in threads:
        thread.join()
    assert len(commits) == 2 and TOGETHER_MAX > 20


@pytest.mark.row("PL-01")
def test_a_commit_that_fails_answers_nobody(table: Database) -> None:
    group = GroupCommit(table)

    def dies(tx: Tx) -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        group.run(dies)
    assert group.run(put(1)) == 1  # type: ignore[arg-type]
