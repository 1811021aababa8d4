"""Messages that have to wait before they leave: they keep their order and hold no worker's place."""

from __future__ import annotations

from typing import Any

import pytest

from kernel.conversations import timeline
from kernel.errors import Misconfigured, Unreachable
from kernel.extension import Received
from kernel.extension.decisions import decide
from kernel.extension.tests.talks import ROOM, Talks
from kernel.jobs import outgoing, timers
from kernel.testing import Crash

THREE = ("раз", "два", "три")


def parked(talks: Talks) -> int:
    return int(talks.rows("SELECT COUNT(*) AS n FROM timer WHERE owner = :o", o=outgoing.PARKED)[0]["n"])


@pytest.mark.row("PT-06")
def test_one_that_waits_gives_its_place_back_and_the_others_follow_it_in_order(talks_on_both: Talks) -> None:
    talks = talks_on_both
    talks.bot.throttle(30)
    talks.write(*THREE)
    talks.run()
    assert talks.queue.waiting == [] and talks.shown() == [] and parked(talks) == 1
    talks.write("інше", address="-6")
    talks.run()
    assert talks.shown("-6") == ["інше"], "another chat does not wait for it"
    talks.passes(29)
    assert talks.shown() == []
    talks.passes(2)
    assert talks.shown() == list(THREE) == talks.done[1:] and parked(talks) == 0


@pytest.mark.row("PT-06")
def test_a_short_wait_is_waited_in_place(talks: Talks) -> None:
    talks.bot.throttle(1.4)
    talks.write("раз")
    assert talks.run() == 2 and talks.shown() == ["раз"] and parked(talks) == 0


@pytest.mark.row("PT-06")
def test_a_refused_one_lets_the_next_ones_leave_after_its_wait(talks: Talks) -> None:
    talks.bot.throttle(30)
    talks.bot.refuse("-5", "")
    talks.write(*THREE)
    talks.run()
    talks.bot.refuse(ROOM, "no")
    talks.passes(31)
    assert talks.call_states() == ["failed"] * 3 and talks.undone == [(text, "failed") for text in THREE]


@pytest.mark.row("PT-06")
def test_wherever_the_process_dies_those_that_wait_leave_once_and_in_order(talks: Talks) -> None:
    sent: list[str] = []
    for nth in range(1, 60):
        texts = [f"{nth} {text}" for text in THREE]
        talks.bot.throttle(20)
        talks.write(*texts)
        talks.trouble.crash_at(nth)
        for _ in range(30):
            try:
                talks.passes(2)
            except Crash:  # the timers' turn died; another process goes on
                talks.restart()
        reached = talks.trouble._crash_in is None
        talks.trouble.calm()
        sent += texts
        assert talks.shown() == sent and parked(talks) == 0, nth
        if not reached:
            break
    assert nth > 15


@pytest.mark.row("PT-01", "PT-06")
def test_a_chat_where_we_may_not_write_closes_once_and_opens_again_in_order(talks_on_both: Talks) -> None:
    talks = talks_on_both
    talks.bot.shut(ROOM, "kicked")
    talks.write(*THREE)
    talks.passes(3600)
    assert talks.closed == ["kicked"] and talks.call_states() == ["waiting"] * 3 and talks.shown() == []
    assert talks.thread().closed_reason == "kicked" and talks.queue.waiting == []
    talks.bot.shut(ROOM)
    talks.write("чотири")
    talks.run()
    assert talks.shown() == [], "what comes later waits behind"
    thread = talks.thread()
    talks.act(lambda unit: unit.reopen(thread))
    assert talks.shown() == [*THREE, "чотири"] and talks.thread().closed_at is None
    with talks.portal.unit() as unit:
        assert not unit.reopen(thread), "it is open"


@pytest.mark.row("PT-06")
def test_after_seven_days_in_a_closed_chat_each_fails(talks: Talks) -> None:
    talks.bot.shut(ROOM, "kicked")
    talks.write("раз")
    talks.passes(3600)
    talks.write("два")
    talks.passes(7 * 86400 - 3700)
    assert talks.call_states() == ["waiting", "waiting"]
    talks.passes(200)
    assert talks.call_states() == ["failed", "waiting"] and talks.undone == [("раз", "failed")]
    talks.passes(3700)
    assert talks.call_states() == ["failed", "failed"] and talks.closed == ["kicked"]


@pytest.mark.row("PT-06")
def test_a_channel_that_is_away_for_seven_days_fails_what_waits(talks: Talks) -> None:
    def away(*_given: object, **_more: object) -> str:
        raise Unreachable("no answer", maybe_done=True)

    talks.bot.send = away  # type: ignore[method-assign]
    talks.write("раз")
    talks.passes(60)
    assert talks.call_states() == ["sending"] and parked(talks) == 1 and talks.queue.waiting == []
    talks.advance(days=6, hours=23)
    talks.timers()
    assert talks.call_states() == ["sending"]
    talks.advance(hours=2)
    talks.timers()
    assert talks.call_states() == ["failed"] and talks.undone == [("раз", "failed")]


@pytest.mark.row("PT-06")
def test_a_channel_that_is_set_up_wrong_lets_its_messages_wait_for_a_person(talks: Talks) -> None:
    def refused(*_given: object, **_more: object) -> str:
        raise Misconfigured("the token is not known (401)")

    sends = talks.bot.send
    talks.bot.send = refused  # type: ignore[method-assign]
    talks.write("раз", "два")
    talks.passes(300)
    assert talks.call_states() == ["waiting"] * 2 and talks.undone == [] and talks.queue.waiting == []
    talks.bot.send = sends  # type: ignore[method-assign]
    talks.passes(61)
    assert talks.shown() == ["раз", "два"]
    talks.bot.send = refused  # type: ignore[method-assign]
    talks.write("три")
    talks.run()
    talks.advance(days=8)
    talks.timers()
    assert talks.undone == [("три", "failed")]


@pytest.mark.row("PT-06")
@pytest.mark.parametrize("arrived", [False, True])
def test_an_address_that_became_another_takes_what_waits(talks_on_both: Talks, arrived: bool) -> None:
    talks = talks_on_both
    talks.write("раз")
    talks.run()
    before = talks.thread().id
    talks.bot.upgrade(ROOM, "-1005")
    if arrived:
        talks.came()
    talks.write("два", "три")
    talks.run()
    assert talks.shown() == ["раз"] and talks.shown("-1005") == ["два", "три"]
    with talks.tx() as tx:
        thread = timeline.thread_of(tx, "twin/chat", "bot", ROOM)
    assert thread is not None and (thread.id, thread.address) == (before, "-1005")


@pytest.mark.row("PT-06")
@pytest.mark.parametrize("decides", [True, False])
@pytest.mark.parametrize("losing", ["lose_answer", "lose_request"])
def test_again_is_a_first_try(talks: Talks, losing: str, decides: bool) -> None:
    """A person has looked: what was tried before is not looked for, and the new try's own lost answer is."""
    talks.bot.decides = False
    getattr(talks.bot, losing)()
    talks.write("раз")
    talks.passes(120)
    assert talks.call_states() == ["uncertain"] and talks.undone == [("раз", "uncertain")]
    before = len(talks.shown())
    talks.bot.decides = decides
    talks.bot.lose_answer()
    decide(talks.portal, talks.plugins, talks.calls(connection="chat")[0]["id"], "again", who="Ігор")
    talks.passes(120)
    assert len(talks.shown()) == before + 1, "sent once more, and not looked for among what stood there before"
    assert talks.call_states() == ["done" if decides else "uncertain"]


@pytest.mark.row("PT-06")
def test_what_a_person_decides_lets_the_next_ones_leave(talks: Talks) -> None:
    talks.bot.decides = False
    talks.bot.lose_request()
    talks.write(*THREE)
    talks.passes(120)
    assert talks.shown() == ["два", "три"]
    decide(talks.portal, talks.plugins, talks.calls(connection="chat")[0]["id"], "drop", who="Ігор")
    talks.write("чотири")
    talks.run()
    assert talks.shown() == ["два", "три", "чотири"]


@pytest.mark.row("PT-06")
def test_a_receipt_for_one_that_waits_lets_the_next_ones_leave(talks: Talks) -> None:
    """The other side says by itself that it arrived, while we wait before we look."""
    talks.bot.lose_answer()
    talks.advance(hours=1)
    talks.write(*THREE)
    talks.advance(minutes=1)
    talks.run()
    assert talks.shown() == ["раз"] and parked(talks) == 1
    call: Any = talks.calls(connection="chat")[0]
    made = talks.bot.shown(ROOM)[0]
    talks.receive(Received(receipts=(talks.bot.receipt(made.vendor_id),)), "chat")
    assert call["state"] == "sending"
    talks.passes(120)
    assert talks.shown() == list(THREE) and talks.call_states() == ["done"] * 3


@pytest.mark.row("PT-06")
def test_a_timer_of_a_call_that_has_ended_wakes_whoever_follows(talks_on_both: Talks) -> None:
    talks = talks_on_both
    talks.write("раз")
    talks.run()
    call = talks.calls(connection="chat")[0]["id"]
    with talks.portal.unit() as unit:
        timers.set_timer(unit.tx, outgoing.PARKED, call, talks.clock.now(), {})
    talks.timers()
    assert talks.shown() == ["раз"] and parked(talks) == 0
