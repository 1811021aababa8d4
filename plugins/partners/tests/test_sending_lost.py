"""Answers that get lost, limits, refusals, workers that do the same at once: nothing is said twice, nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from kernel.conversations import Incoming
from kernel.errors import NoRight
from kernel.extension import Received
from kernel.extension.messages import hand_over
from kernel.extension.timing import run_due
from kernel.testing import at_once
from plugins.partners.tests.chats import Chats
from plugins.partners.tests.resting import Resting

ROOM = "-100"
LOSING = ("lose_answer", "lose_request")


@pytest.fixture
def desk(chats: Chats) -> Resting:
    chats.with_chat("Альфа", ROOM)
    return Resting(chats)


def card(desk: Resting) -> str:
    return str(desk.chats.crm.records("partner")[0].id)


def told(desk: Resting, word: str) -> list[str]:
    return [one for one in desk.chats.comments("partner", card(desk)) if word in one]


@pytest.mark.row("PT-02", "PT-06")
@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("losing", LOSING)
@pytest.mark.parametrize("files", [(), (("a.jpg", b"a"), ("b.jpg", b"b"), ("c.jpg", b"c"))])
def test_what_was_lost_is_looked_for(desk: Resting, losing: str, files: Any, times: int) -> None:
    for _ in range(times):
        getattr(desk.chats.bot, losing)()
    desk.tells("partner", card(desk), "#партнеру перше", files)
    desk.says(ROOM, f"partner:{card(desk)}")
    desk.tells("partner", card(desk), "#партнеру друге")
    desk.rests()
    assert [text for text in desk.chats.shown(ROOM) if text] == ["Ігор: перше", "Ігор: друге"] and desk.faults() == []


@pytest.mark.row("PT-03", "PT-06")
@pytest.mark.parametrize("losing", LOSING)
def test_a_deal_that_nobody_can_tell_of_goes_once_more_and_says_so(desk: Resting, losing: str) -> None:
    desk.chats.bot.decides = False
    getattr(desk.chats.bot, losing)()
    deal = desk.new_deal(card(desk), "Альфа")
    desk.reports(deal)
    desk.rests()
    *first, again = desk.chats.shown(ROOM)
    assert len(first) == (losing == "lose_answer") and again.startswith("(повторно: ")
    assert again.splitlines()[1].startswith(f"Заявка {deal} ") and desk.faults() == []
    desk.says(ROOM, f"deal:{deal}", reply_to=desk.chats.bot.shown(ROOM)[-1].vendor_id)
    assert desk.faults() == []


@pytest.mark.row("PT-03", "PT-06")
@pytest.mark.parametrize("decides", [False, True])
def test_an_answer_to_a_deal_tells_that_its_message_arrived(desk: Resting, decides: bool) -> None:
    """The partner was quicker than our next try."""
    desk.chats.bot.decides = decides
    desk.chats.bot.lose_answer()
    deal = desk.new_deal(card(desk), "Альфа")
    desk.chats.deliver(deal, entity="deal")
    while not desk.chats.shown(ROOM):
        assert desk.chats.run_one() is not None
    [shown] = desk.chats.bot.shown(ROOM)
    desk.says(ROOM, f"deal:{deal}", reply_to=shown.vendor_id)
    desk.rests()
    assert [one for one in desk.chats.shown(ROOM) if f"Заявка {deal} " in one] == [shown.text] and desk.faults() == []


@pytest.mark.row("PT-03", "PT-06")
def test_it_goes_once_more_and_no_third_time(desk: Resting) -> None:
    desk.chats.bot.decides = False
    desk.chats.bot.lose_answer()
    desk.chats.bot.lose_request()
    deal = desk.new_deal(card(desk), "Альфа")
    desk.reports(deal)
    desk.rests()
    assert len(desk.chats.shown(ROOM)) == 1 and desk.faults() == []
    assert any(text.startswith("Невідомо, чи дійшло") for text in desk.chats.comments("deal", deal))


@pytest.mark.row("PT-02", "PT-06")
@pytest.mark.parametrize("losing", LOSING)
def test_of_anything_else_its_author_decides(desk: Resting, losing: str) -> None:
    desk.chats.bot.decides = False
    getattr(desk.chats.bot, losing)()
    desk.tells("partner", card(desk), "#партнеру перше")
    desk.tells("partner", card(desk), "#партнеру друге")
    desk.rests()
    here = losing == "lose_answer"
    assert desk.chats.shown(ROOM) == ["Ігор: перше"] * here + ["Ігор: друге"], "the queue goes on"
    [asked] = told(desk, "перше")
    assert asked.startswith("Невідомо, чи дійшло до партнера: Ігор: перше") and desk.faults() == []


@pytest.mark.row("PT-02", "PT-06")
def test_an_edit_of_a_message_in_doubt_does_not_send_it_anew(desk: Resting) -> None:
    desk.chats.bot.decides = False
    desk.chats.bot.lose_answer()
    comment = desk.tells("partner", card(desk), "#партнеру перше")
    desk.rests()
    desk.changes("partner", card(desk), comment, "#партнеру перше, виправлене")
    desk.rests()
    assert desk.chats.shown(ROOM) == ["Ігор: перше"]
    assert any(text.startswith("Повідомлення партнеру не надіслано") for text in told(desk, "виправлене"))


@pytest.mark.row("PT-02", "PT-06")
def test_an_edit_of_a_message_that_was_refused_leaves_as_the_message(desk: Resting) -> None:
    desk.chats.bot.refuse(ROOM, "a word that the twin does not like")
    comment = desk.tells("partner", card(desk), "#партнеру погане")
    desk.chats.bot.refuse(ROOM, "")
    desk.changes("partner", card(desk), comment, "#партнеру добре")
    desk.rests()
    [made] = desk.chats.bot.shown(ROOM)
    assert made.text == "Ігор: добре" and len(told(desk, "погане")) == 1
    desk.chats.bot.lose_answer()
    desk.changes("partner", card(desk), comment, "#партнеру ще краще")
    desk.rests()
    assert desk.chats.shown(ROOM) == ["Ігор: ще краще"] and desk.faults() == []


@pytest.mark.row("PT-06")
def test_a_limit_keeps_the_order(desk: Resting) -> None:
    desk.chats.bot.throttle(40)
    desk.chats.bot.throttle(20)
    for text in ("раз", "два", "три"):
        desk.tells("partner", card(desk), f"#партнеру {text}")
    assert desk.chats.shown(ROOM) == []
    desk.rests()
    assert desk.chats.shown(ROOM) == ["Ігор: раз", "Ігор: два", "Ігор: три"] and desk.faults() == []


@pytest.mark.row("PT-06")
def test_a_refusal_is_told_to_its_author_and_holds_up_nobody(desk: Resting) -> None:
    desk.chats.bot.refuse(ROOM, "too rude")
    desk.tells("partner", card(desk), "#партнеру погане")
    desk.chats.bot.refuse(ROOM, "")
    desk.tells("partner", card(desk), "#партнеру добре")
    desk.rests()
    [asked] = told(desk, "погане")
    assert "too rude" in asked and desk.chats.shown(ROOM) == ["Ігор: добре"] and desk.faults() == []


@pytest.mark.row("PT-01", "PT-06")
def test_a_refusal_that_comes_after_the_bot_is_back_closes_the_chat_for_an_hour_at_most(desk: Resting) -> None:
    bot = desk.chats.bot
    real = bot.send

    def late(*_given: Any, **_more: Any) -> str:
        bot.send = real  # type: ignore[method-assign]
        desk.chats.receive(Received(messages=(_back(desk),)), "partners")
        hand_over(desk.chats.portal, desk.chats.plugins, {"id": desk.chats.rows(NEWEST)[0]["id"]})
        raise NoRight("bot was kicked")

    bot.send = late  # type: ignore[method-assign]
    desk.tells("partner", card(desk), "#партнеру перше")
    assert str(desk.chats.card(card(desk)).values["chat"]).startswith("не працює")
    desk.chats.work("partners.rooms")
    assert desk.chats.card(card(desk)).values["chat"] == "працює"
    assert desk.chats.shown(ROOM) == ["Ігор: перше"] and desk.faults() == []


NEWEST = "SELECT id FROM incoming_message ORDER BY received_at DESC LIMIT 1"


def _back(desk: Resting) -> Incoming:
    details = {"room": "group", "state": "admin", "hears_all": "yes"}
    return Incoming(
        "back", ROOM, account="bot", author="770", at=desk.chats.clock.now(), kind="membership", details=details
    )  # fmt: skip


@pytest.mark.row("PT-04", "PT-06")
def test_two_workers_with_the_same_message_and_the_same_timer(desk: Resting) -> None:
    chats = desk.chats
    deal = desk.new_deal(card(desk), "Альфа")
    desk.reports(deal)
    made = chats.bot.write(ROOM, "oleg", "двічі", reply_to=desk.announcement(ROOM, deal))
    chats.receive(Received(messages=chats.bot.take()), "partners")
    args = {"id": chats.rows(NEWEST)[0]["id"]}
    others = chats.fresh_portal()
    others.staff.warm()
    at_once(*(partial(hand_over, portal, chats.plugins, args) for portal in (chats.portal, others)))
    chats.run()
    assert chats.comments("deal", deal) == ["oleg: двічі"] and made
    row = chats.record(deal).rows["operation"][0]
    chats.crm.staff.edit_row("deal", deal, "operation", row.key, partner_rate=row.values["client_rate"])
    chats.sync(deal)
    chats.advance(seconds=31)
    at_once(*(partial(run_due, portal, chats.plugins) for portal in (chats.portal, others)))
    chats.run()
    assert sum(text.startswith("Змінено") for text in chats.shown(ROOM)) == 1 and desk.faults() == []


@pytest.mark.row("PT-04", "PT-06")
@pytest.mark.parametrize("seed", range(4))
def test_in_whatever_order_the_queue_works(make_chats: Callable[..., Chats], seed: int) -> None:
    chats = make_chats(seed=seed)
    desk = Resting(chats)
    for name, room in (("Альфа", ROOM), ("Бета", "-200")):
        chats.with_chat(name, room)
    cards = [str(one.id) for one in chats.crm.records("partner")]
    run, chats.run = chats.run, lambda: 0  # type: ignore[method-assign]
    for turn in range(3):
        for one, name, room in zip(cards, ("Альфа", "Бета"), (ROOM, "-200"), strict=True):
            desk.reports(desk.new_deal(one, name))
            desk.tells("partner", one, f"#партнеру {turn}")
            desk.says(room, f"partner:{one}")
            chats.bot.lose_answer()
    chats.run = run  # type: ignore[method-assign]
    desk.rests()
    assert desk.faults() == []
    for room in (ROOM, "-200"):
        assert [text for text in chats.shown(room) if "Ігор" in text] == ["Ігор: 0", "Ігор: 1", "Ігор: 2"]
        assert sum(text.startswith("Заявка") for text in chats.shown(room)) == 3
