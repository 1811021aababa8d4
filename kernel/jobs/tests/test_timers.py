"""Timers: rows that are due at a moment, taken once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from kernel.jobs import timers
from kernel.storage import Database
from kernel.testing import FakeClock

START = FakeClock().now()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    found = Database(database_url)
    yield found
    found.close()


def due(database: Database, seconds: float) -> list[str]:
    with database.read() as tx:
        return [one.key for one in timers.due(tx, START + timedelta(seconds=seconds))]


def put(database: Database, key: str, seconds: float, *, owner: str = "toy", keep: bool = False, **body: object) -> None:
    with database.write() as tx:
        timers.set_timer(tx, owner, key, START + timedelta(seconds=seconds), body, keep=keep)


def test_what_is_due_comes_the_oldest_first_and_nothing_before_its_moment(database: Database) -> None:
    for key, seconds in (("c", 30), ("a", 10), ("b", 20)):
        put(database, key, seconds)
    assert due(database, 9.999) == [] and due(database, 10) == ["a"] and due(database, 25) == ["a", "b"]
    with database.read() as tx:
        assert [one.key for one in timers.due(tx, START + timedelta(days=1), 2)] == ["a", "b"]


def test_setting_it_again_moves_it_and_keep_leaves_it(database: Database) -> None:
    put(database, "a", 10, n=1)
    put(database, "a", 20, keep=True, n=2)
    with database.read() as tx:
        assert timers.pending(tx, "toy", "a") == timers.Timer("toy", "a", START + timedelta(seconds=10), {"n": 1})
    put(database, "a", 30, n=3)
    with database.read() as tx:
        assert timers.pending(tx, "toy", "a") == timers.Timer("toy", "a", START + timedelta(seconds=30), {"n": 3})
        assert timers.pending(tx, "other", "a") is None


def test_a_cancelled_one_never_comes(database: Database) -> None:
    put(database, "a", 10)
    put(database, "a", 10, owner="other")
    with database.write() as tx:
        timers.cancel(tx, "toy", "a")
    with database.read() as tx:
        assert [one.owner for one in timers.due(tx, START + timedelta(days=1))] == ["other"]


def test_it_is_taken_once_and_not_if_it_was_moved(database: Database) -> None:
    put(database, "a", 10)
    with database.read() as tx:
        [one] = timers.due(tx, START + timedelta(seconds=10))
    put(database, "a", 60)
    with database.write() as tx:
        assert timers.take(tx, one, START + timedelta(seconds=10)) is None, "it was moved meanwhile"
    with database.write() as tx:
        assert timers.take(tx, one, START + timedelta(seconds=60)) is not None
    with database.write() as tx:
        assert timers.take(tx, one, START + timedelta(seconds=60)) is None


def test_a_failed_one_is_put_off_unless_it_was_set_anew(database: Database) -> None:
    put(database, "a", 10)
    with database.read() as tx:
        [one] = timers.due(tx, START + timedelta(seconds=10))
    with database.write() as tx:
        timers.put_off(tx, one, START + timedelta(seconds=40))
        again = timers.pending(tx, "toy", "a")
    assert again == timers.Timer("toy", "a", START + timedelta(seconds=40), {}, 1)
    with database.write() as tx:
        timers.put_off(tx, one, START + timedelta(seconds=90))  # by somebody who knew it as it was
        assert timers.pending(tx, "toy", "a") == again
    put(database, "a", 50)
    with database.read() as tx:
        fresh = timers.pending(tx, "toy", "a")
    assert fresh is not None and fresh.tries == 0


def test_those_that_begin_with_a_text(database: Database) -> None:
    for key, seconds in (("album:1:b", 20), ("album:1:a", 30), ("album:10:a", 5), ("card:1", 1)):
        put(database, key, seconds)
    with database.read() as tx:
        assert [one.key for one in timers.beginning_with(tx, "toy", "album:1:")] == ["album:1:b", "album:1:a"]
        assert timers.beginning_with(tx, "other", "album:") == []
