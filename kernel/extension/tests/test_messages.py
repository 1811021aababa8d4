"""Messages that came in: each is handled once, in the order of its chat, with its files or, after a while, without."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from kernel.conversations import Incoming
from kernel.conversations import store as messages
from kernel.errors import Misconfigured, Unreachable
from kernel.extension import Received
from kernel.extension.messages import hand_over
from kernel.extension.tests.talks import ROOM, Talks
from kernel.extension.timing import run_due
from kernel.testing import Crash, at_once

FILE = ("a.txt", b"content")


def states(talks: Talks) -> list[str]:
    return [row["state"] for row in talks.rows("SELECT state FROM incoming_message ORDER BY received_at, id")]


@pytest.mark.row("PT-02")
def test_files_are_fetched_before_the_unit_of_work(talks: Talks) -> None:
    talks.bot.write(ROOM, "oleg", "з файлом", files=(FILE,))
    talks.came()
    real = talks.bot.fetch

    def fetched(*given: object, **more: object) -> None:
        with talks.database.write() as tx:  # were a unit of work open, this would not come through
            assert tx.value("SELECT 1") == 1
        real(*given, **more)  # type: ignore[arg-type]

    talks.bot.fetch = fetched  # type: ignore[method-assign]
    talks.run()
    assert talks.heard == [("з файлом", ["here"])]


@pytest.mark.row("PT-02")
def test_a_file_that_does_not_come_holds_up_its_chat_alone_and_for_ten_minutes(talks_on_both: Talks) -> None:
    talks = talks_on_both
    talks.bot.fetch = _away  # type: ignore[method-assign]
    talks.bot.write(ROOM, "oleg", "перше", files=(FILE,))
    for text in ("друге", "третє"):
        talks.bot.write(ROOM, "oleg", text)
    talks.bot.write("-6", "anna", "інше")
    talks.came()
    talks.run()
    assert talks.texts == ["інше"] and talks.queue.waiting == [], "no worker's place is held"
    talks.passes(9 * 60)
    assert talks.texts == ["інше"]
    talks.passes(3 * 60)
    assert talks.heard[1:] == [("перше", ["not fetched"]), ("друге", []), ("третє", [])]
    assert states(talks) == ["done"] * 4


def _away(*_given: object, **_more: object) -> None:
    raise Unreachable("no answer")


@pytest.mark.row("PT-02")
def test_a_file_that_comes_late_comes_with_its_message(talks: Talks) -> None:
    real, talks.bot.fetch = talks.bot.fetch, _away  # type: ignore[method-assign]
    talks.bot.write(ROOM, "oleg", "перше", files=(FILE,))
    talks.bot.write(ROOM, "oleg", "друге")
    talks.came()
    talks.passes(20)
    talks.bot.fetch = real  # type: ignore[method-assign]
    talks.passes(60)
    assert talks.heard == [("перше", ["here"]), ("друге", [])]


@pytest.mark.row("PT-02")
def test_what_cannot_be_fetched_says_why(talks: Talks) -> None:
    talks.bot.write(ROOM, "oleg", "велике", files=(("b.bin", b"x" * 101),))
    forgotten = talks.bot.write(ROOM, "oleg", "зникле", files=(("c.bin", b"x"),))
    talks.bot.forget_file("file2")
    talks.came()
    talks.run()
    assert talks.heard == [("велике", ["too large"]), ("зникле", ["the twin has no file file2"])] and forgotten


@pytest.mark.row("PT-06")
def test_one_that_fails_waits_for_a_person_and_the_next_ones_go_on(talks_on_both: Talks) -> None:
    talks = talks_on_both

    def picky(_unit: object, incoming: Incoming) -> None:
        if incoming.text == "погане":
            raise Misconfigured("no such field")

    talks.on_message = picky
    for text in ("погане", "добре"):
        talks.bot.write(ROOM, "oleg", text)
    talks.came()
    talks.run()
    assert talks.texts == ["добре"] and states(talks) == ["failed", "done"]
    talks.on_message = lambda unit, incoming: None
    with talks.portal.unit() as unit:
        row = unit.tx.one("SELECT id FROM incoming_message WHERE state = 'failed'")
        assert row is not None and messages.again(unit.tx, row["id"], queue=talks.queue, mark="again", clock=talks.clock)
    talks.run()
    assert talks.texts == ["добре", "погане"] and states(talks) == ["done", "done"]


@pytest.mark.row("PT-06")
def test_a_failure_after_a_wait_lets_the_next_ones_go_on(talks: Talks) -> None:
    """Their own jobs have ended by then."""
    answers: list[Exception] = [Unreachable("away"), Misconfigured("no such field")]

    def hears(_unit: object, incoming: Incoming) -> None:
        if incoming.text == "перше" and answers:
            raise answers.pop(0)

    talks.on_message = hears
    for text in ("перше", "друге", "третє"):
        talks.bot.write(ROOM, "oleg", text)
    talks.came()
    talks.passes(10)
    assert talks.texts == ["друге", "третє"] and states(talks) == ["failed", "done", "done"]


@pytest.mark.row("PT-06")
def test_two_doors_at_once_keep_the_order_of_the_chat_and_lose_nobody(talks_on_both: Talks) -> None:
    """The one that was stored first got the later job: what came later has to wait for it, and is not forgotten."""
    talks = talks_on_both
    texts = ("перше", "друге", "третє")
    for text in texts:
        talks.bot.write(ROOM, "oleg", text)
    first, *others = talks.bot.take()
    moment = talks.clock.now()
    talks.clock.set(moment + timedelta(seconds=1))
    talks.receive(Received(messages=tuple(others)), "chat")
    talks.clock.set(moment)
    talks.receive(Received(messages=(first,)), "chat")
    talks.clock.set(moment + timedelta(seconds=2))
    talks.passes(20)
    assert talks.texts == list(texts) and states(talks) == ["done"] * 3


@pytest.mark.row("PT-06")
def test_the_same_message_handled_by_two_at_once_is_handled_once(talks_on_both: Talks) -> None:
    talks = talks_on_both
    talks.bot.write(ROOM, "oleg", "двічі")
    talks.came()
    [row] = talks.rows("SELECT id FROM incoming_message")
    at_once(
        *(partial(hand_over, portal, talks.plugins, {"id": row["id"]}) for portal in (talks.portal, talks.fresh_portal()))
    )
    talks.run()
    assert talks.texts == ["двічі"]


@pytest.mark.row("PT-06")
def test_wherever_the_process_dies_those_that_wait_are_handled_once_and_in_order(talks: Talks) -> None:
    kept: list[str] = []
    talks.on_message = lambda unit, incoming: unit.set_timer("toy", f"kept {incoming.text}", talks.clock.now(), {})
    real = talks.bot.fetch
    for nth in range(1, 60):
        texts = [f"{nth} {number}" for number in range(3)]
        talks.bot.fetch = _away  # type: ignore[method-assign]
        talks.bot.write(ROOM, "oleg", texts[0], files=((f"{nth}.txt", f"{nth}".encode()),))
        for text in texts[1:]:
            talks.bot.write(ROOM, "oleg", text)
        talks.came()
        talks.trouble.crash_at(nth)
        for turn in range(30):
            if turn == 2:
                talks.bot.fetch = real  # type: ignore[method-assign]
            try:
                talks.passes(2)
            except Crash:
                talks.restart()
        reached = talks.trouble._crash_in is None
        talks.trouble.calm()
        kept += [f"kept {text}" for text in texts]
        assert list(dict.fromkeys(key for key, _body in talks.timed)) == kept, nth
        if not reached:
            break
        talks.timed[:] = []
        kept[:] = []
    assert nth > 10


@pytest.mark.row("PT-06")
def test_a_message_that_comes_twice_is_one(talks_on_both: Talks) -> None:
    talks = talks_on_both
    talks.bot.write(ROOM, "oleg", "раз")
    [one] = talks.bot.take()
    for again in (one, one, replace(one, text="раз, інакше")):
        talks.came(again)
    talks.run()
    assert talks.texts == ["раз"]
    while run_due(talks.portal, talks.plugins):
        talks.run()
    assert talks.texts == ["раз"]
