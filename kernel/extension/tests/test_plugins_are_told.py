"""Whoever wanted a call is told, once, that it failed or that nobody knows; whoever ends it, and wherever a process dies."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from kernel.conversations import Outgoing
from kernel.errors import Unreachable
from kernel.extension import Receipt, Received
from kernel.extension.decisions import decide, doubt_what_waits
from kernel.extension.portal import Unit
from kernel.extension.tests.talks import Talks
from kernel.jobs import outgoing
from kernel.testing import Crash

LATER = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def once_only(database_url: str, closing: Callable[[Talks], Talks]) -> Talks:
    """On a channel where nobody can look whether a message arrived."""
    return closing(Talks(database_url, repeat="never"))


@pytest.mark.row("PT-06", "PL-03")
def test_wherever_the_process_dies_the_plugin_hears_once_that_nobody_knows(once_only: Talks) -> None:
    talks, states = once_only, []
    talks.on_undone = lambda unit, text: unit.set_timer("toy", f"{text} {len(talks.undone)}", LATER, {})
    for nth in range(1, 20):
        talks.write(str(nth))
        talks.trouble.crash_at(nth)
        talks.run()
        reached = talks.trouble._crash_in is None
        talks.trouble.calm()
        kept = [row for row in talks.rows("SELECT key FROM timer WHERE owner = 'toy'") if row["key"].split()[0] == str(nth)]
        states.append(talks.call_states()[-1])
        assert len(kept) == (states[-1] == "uncertain")
        if not reached:
            break
    assert set(states) == {"done", "uncertain"}


@pytest.mark.row("PT-06", "PL-03")
def test_the_plugin_hears_that_the_set_no_longer_has_the_connection(once_only: Talks) -> None:
    talks = once_only
    talks.write("раз")
    there = talks.portal.connections
    talks.portal.connections = {name: one for name, one in there.items() if name != "chat"}
    talks.run()
    talks.portal.connections = there
    assert talks.call_states() == ["failed"] and talks.undone == [("раз", "failed")]
    decide(talks.portal, talks.plugins, talks.calls(connection="chat")[0]["id"], "again", who="Ігор")
    talks.run()
    assert talks.shown() == talks.done == ["раз"], "put right, it can leave after all"


@pytest.mark.row("PT-06", "PL-03")
def test_what_the_plugin_does_then_is_kept_with_it_or_not_at_all(once_only: Talks) -> None:
    """Its own fault leaves the call as it was: told again, until it is told."""
    talks = once_only
    faulty = iter([True, False])

    def act(unit: Unit, text: str) -> None:
        unit.write_to(other, Outgoing("-6", f"lost: {text}"), key=f"lost {text}")
        if next(faulty):
            raise ZeroDivisionError

    other = talks.thread("-6")
    talks.on_undone = act
    talks.write("раз")
    talks.trouble.crash_at(2)  # the try is written down; the process dies before the request leaves
    with pytest.raises(Crash):
        talks.run_one()
    with pytest.raises(ZeroDivisionError):
        talks.run()
    assert talks.call_states() == ["sending"] and talks.undone == []
    talks.queue.broken.clear()
    talks.act(lambda unit: revived(unit, talks.calls(connection="chat")[0]["id"]))
    talks.run()
    assert talks.call_states() == ["uncertain", "done"] and talks.undone == [("раз", "uncertain")]
    assert talks.shown() == [] and talks.shown("-6") == ["lost: раз"]


def revived(unit: Unit, call_id: str) -> None:
    call = outgoing.load(unit.tx, call_id)
    assert call is not None
    outgoing.revive(unit.tx, call, queue=unit.portal.queue, mark="again")


def lost(talks: Talks) -> str:
    """Sent, and nobody knows: the call's key."""
    talks.bot.lose_answer()
    talks.write("раз")
    talks.run()
    [call] = talks.calls(connection="chat")
    assert call["state"] == "uncertain" and talks.undone == [("раз", "uncertain")]
    return str(call["key"])


@pytest.mark.row("PT-06")
def test_a_receipt_that_says_no_is_news_to_the_plugin(once_only: Talks) -> None:
    talks = once_only
    key = lost(talks)
    for _ in range(2):
        talks.receive(Received(receipts=(Receipt(key, arrived=False, reason="blocked"),)), "chat")
    assert talks.call_states() == ["failed"] and talks.undone[1:] == [("раз", "failed")]


@pytest.mark.row("PT-06")
def test_a_receipt_that_says_no_while_the_answer_is_awaited_is_told_once(talks_on_both: Talks) -> None:
    talks = talks_on_both
    send = talks.bot.send

    def send_and_hear(*given: object, key: str, **more: object) -> str:
        talks.receive(Received(receipts=(Receipt(key, arrived=False, reason="blocked"),)), "chat")
        raise Unreachable("no answer", maybe_done=True)

    talks.bot.send = send_and_hear  # type: ignore[method-assign,assignment]
    talks.write("раз")
    talks.passes(60)
    assert talks.call_states() == ["failed"] and talks.undone == [("раз", "failed")] and talks.done == []
    talks.bot.send = send  # type: ignore[method-assign]


@pytest.mark.row("PT-06")
def test_what_a_person_gives_up_is_not_told_again(once_only: Talks) -> None:
    talks = once_only
    lost(talks)
    decide(talks.portal, talks.plugins, talks.calls(connection="chat")[0]["id"], "drop", who="Ігор")
    assert talks.call_states() == ["dropped"] and talks.undone == [("раз", "uncertain")]


@pytest.mark.row("PT-06")
def test_a_restored_copy_asks_the_person_and_no_plugin(once_only: Talks) -> None:
    """What a plugin would do about it may have been done long ago, in the life that the copy knows nothing of."""
    talks = once_only
    talks.write("раз")
    assert doubt_what_waits(talks.portal, "restored") == 1
    talks.run()
    assert talks.call_states() == ["uncertain"] and talks.undone == [] and talks.shown() == []
