"""One timeline per address: each message once, changes in any order, addresses that become another, searching, emptying."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernel.conversations import Incoming, reading, timeline, viewers
from kernel.conversations.timeline import Heard, KeptFile
from kernel.storage import Database
from kernel.testing import CountingIds, FakeClock

BOT = "telegram/partners"
ALL = reading.Scope(everything=True)


class Talk:
    """Somebody writes in rooms of one connection."""

    def __init__(self, database: Database) -> None:
        self.database, self.clock, self.ids = database, FakeClock(), CountingIds()

    def hear(self, incoming: Incoming, files: Sequence[KeptFile] = ()) -> Heard:
        with self.database.write() as tx:
            return timeline.receive(tx, BOT, incoming, files=files, clock=self.clock, ids=self.ids)

    def says(self, address: str, number: int, text: str, **more: str) -> Heard:
        self.clock.advance(seconds=1)
        return self.hear(self.message(address, number, text, **more))

    def message(self, address: str, number: int, text: str, *, edits: str = "", after: int = 0, **details: str) -> Incoming:
        at = self.clock.now() + timedelta(seconds=after)
        name = f"{address}:{number}"
        if edits:
            details = {**details, "edited_at": at.isoformat()}
        return Incoming(
            f"{name}:e{after}:{text}" if edits else name, address, text, account="bot", author="oleg", author_name="Oleg",
            at=at, edits=name if edits else "", number=number, details={"room": "supergroup", **details},
        )  # fmt: skip

    def lines(self, wanted: reading.Filter | None = None, scope: reading.Scope = ALL) -> list[reading.Line]:
        with self.database.read() as tx:
            return list(reversed(reading.messages(tx, scope, wanted or reading.Filter(), most=1000)))


@pytest.fixture
def talk(database: Database) -> Talk:
    return Talk(database)


def test_a_message_delivered_twice_stands_once(talk: Talk) -> None:
    assert talk.says("-1", 7, "привіт").fresh
    assert not talk.hear(talk.message("-1", 7, "привіт")).fresh
    assert [line.text for line in talk.lines()] == ["привіт"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(order=st.permutations(range(4)), again=st.integers(0, 3))
def test_changes_in_any_order_end_in_the_newest_text(fresh_sqlite: Callable[[], str], order: list[int], again: int) -> None:
    database = Database(fresh_sqlite())
    try:
        talk = Talk(database)
        versions = [talk.message("-1", 5, "v0")] + [
            talk.message("-1", 5, f"v{n}", edits="x", after=10 * n) for n in (1, 2, 3)
        ]
        for place in [*order, again]:
            talk.hear(versions[place])
        [line] = talk.lines()
        assert line.text == "v3"
        said = {text for _, text in line.before}
        # What came before anything newer was known, or after it: no version is lost, except one that never was the first.
        assert said >= {f"v{n}" for n in range(3)}
    finally:
        database.close()


def test_an_address_that_becomes_another_keeps_its_thread(talk: Talk) -> None:
    old = talk.says("-4", 9, "у групі").thread
    moved = Incoming("u1", "-4", account="bot", kind="moved", details={"to": "-1004", "room": "group"})
    talk.hear(moved)
    talk.hear(moved)
    new = talk.says("-1004", 1, "у супергрупі").thread
    late = talk.says("-4", 10, "ще зі старої").thread
    assert new.id == old.id == late.id and new.address == "-1004"
    with talk.database.read() as tx:
        assert timeline.addresses(tx, new) == ["-1004", "-4"]
        assert timeline.named(tx, new.id, "-4:9") and timeline.named(tx, new.id, "-1004:1")


def test_the_new_address_heard_of_first_joins_the_old_thread(talk: Talk) -> None:
    old = talk.says("-4", 9, "у групі").thread
    stray = talk.says("-1004", 1, "уже в супергрупі").thread
    assert stray.id != old.id
    talk.hear(Incoming("u1", "-4", account="bot", kind="moved", details={"to": "-1004"}))
    assert {line.thread for line in talk.lines()} == {old.id}
    assert [line.text for line in talk.lines()] == ["у групі", "уже в супергрупі"]


def test_searching_finds_words_in_any_case_and_the_last_one_begun(talk: Talk) -> None:
    talk.says("-1", 1, "Курс 41,33 за ДОЛАР")
    talk.says("-1", 2, "долари завтра")
    talk.says("-2", 3, "євро")
    found = lambda text: [line.text for line in talk.lines(reading.Filter(text=text))]  # noqa: E731
    assert found("долар") == ["Курс 41,33 за ДОЛАР", "долари завтра"]
    assert found("курс дол") == ["Курс 41,33 за ДОЛАР"]
    assert found("завтра долари") == ["долари завтра"]
    assert found("фунт") == [] and found("   ") == found("") and len(found("")) == 3
    assert found("%") == [] and found("' OR 1=1") == []


def test_nobody_sees_beyond_their_threads_and_records(talk: Talk) -> None:
    first, second = talk.says("-1", 1, "перший"), talk.says("-2", 2, "другий")
    with talk.database.write() as tx:
        timeline.bind(tx, first.thread.id, "partner:1")
        timeline.file_under(tx, second.message, "deal:55")
        viewers.let_see(tx, "deal:55", {"8": True})
    scope = reading.Scope(subjects=frozenset({"partner:1"}))
    assert [line.text for line in talk.lines(scope=scope)] == ["перший"]
    assert [line.text for line in talk.lines(scope=reading.Scope(viewer="8"))] == ["другий"]
    assert talk.lines(scope=reading.Scope()) == []
    with talk.database.read() as tx:
        assert [one.thread.id for one in reading.talks(tx, scope, person="7")] == [first.thread.id]
        assert reading.one(tx, scope, second.message) is None


def test_what_is_emptied_keeps_who_and_when(talk: Talk) -> None:
    heard = talk.hear(talk.message("-1", 1, "таємно"), [KeptFile("a.pdf", content="c1")])
    talk.hear(talk.message("-1", 1, "дуже таємно", edits="x", after=5))
    talk.clock.advance(days=31)
    later = talk.says("-1", 2, "нове").message
    with talk.database.write() as tx:
        assert reading.empty_old(tx, talk.clock.now() - timedelta(days=30), talk.clock.now()) == ["c1"]
    old, new = talk.lines()
    assert (old.id, old.text, old.emptied, old.author_name, list(old.before)) == (heard.message, "", True, "Oleg", [])
    assert new.id == later and not talk.lines(reading.Filter(text="таємно"))


def test_pages_of_a_long_talk_neither_repeat_nor_skip(talk: Talk) -> None:
    for number in range(7):
        talk.hear(talk.message("-1", number + 1, f"{number}"))  # all in the same moment
    seen: list[str] = []
    after = None
    while True:
        with talk.database.read() as tx:
            page = reading.messages(tx, ALL, reading.Filter(), most=3, older_than=after)
        if not page:
            break
        seen += [line.text for line in page]
        after = page[-1].at, page[-1].id
    assert sorted(seen) == [str(n) for n in range(7)]
