"""The process dies at every commit and every call, of each thing that happens between desk and chat: nothing is said twice,
nothing is lost, nothing changes its place."""

from __future__ import annotations

from decimal import Decimal

import pytest

from plugins.partners.tests.chats import Chats
from plugins.partners.tests.resting import Resting, at_every_point

ROOM = "-100"


@pytest.fixture
def desk(chats: Chats) -> Resting:
    chats.with_chat("Альфа", ROOM)
    return Resting(chats)


def card(desk: Resting) -> str:
    return str(desk.chats.crm.records("partner")[0].id)


def texts(desk: Resting, room: str = ROOM) -> list[str]:
    return desk.chats.shown(room)


def comments(desk: Resting) -> list[str]:
    return desk.chats.comments("partner", card(desk))


@pytest.mark.row("PT-03", "PT-06")
def test_a_deal_is_announced_once_wherever_the_process_dies(desk: Resting) -> None:
    deals: list[str] = []

    def act() -> None:
        deals.append(desk.new_deal(card(desk), "Альфа"))
        desk.reports(deals[-1])

    assert at_every_point(desk, act) > 8
    assert [sum(text.startswith(f"Заявка {deal} ") for text in texts(desk)) for deal in deals] == [1] * len(deals)


@pytest.mark.row("PT-02", "PT-06")
def test_a_marked_comment_leaves_once_wherever_the_process_dies(desk: Resting) -> None:
    words: list[str] = []

    def act() -> None:
        words.append(desk.word())
        desk.tells("partner", card(desk), f"#партнеру {words[-1]}")

    assert at_every_point(desk, act) > 5
    assert texts(desk) == [f"Ігор: {word}" for word in words]


@pytest.mark.row("PT-02", "PT-04", "PT-06")
def test_an_answer_lands_in_its_deal_once_wherever_the_process_dies(desk: Resting) -> None:
    deal = desk.new_deal(card(desk), "Альфа")
    desk.reports(deal)
    answered = desk.announcement(ROOM, deal)
    assert at_every_point(desk, lambda: desk.says(ROOM, f"deal:{deal}", reply_to=answered) and None) > 5


@pytest.mark.row("PT-02", "PT-06")
def test_an_edit_brings_the_comment_there_wherever_the_process_dies(desk: Resting) -> None:
    deal = desk.new_deal(card(desk), "Альфа")
    desk.reports(deal)
    answered = desk.announcement(ROOM, deal)
    seen: list[str] = []

    def act() -> None:
        made = desk.says(ROOM, f"deal:{deal}", reply_to=answered)
        desk.chats.advance(minutes=1)
        seen.append(f"{list(desk.written)[-1]} нове{len(seen)}н")
        desk.chats.bot.edit(made, seen[-1])
        desk.arrives()

    at_every_point(desk, act)
    comments = desk.chats.comments("deal", deal)
    assert [sum(f"oleg: {text}\nбуло " in comment for comment in comments) for text in seen] == [1] * len(seen)


@pytest.mark.row("PT-02", "PT-06")
def test_an_edited_comment_changes_its_message_wherever_the_process_dies(desk: Resting) -> None:
    words: list[str] = []

    def act() -> None:
        words.append(desk.word())
        made = desk.tells("partner", card(desk), "#партнеру спершу інше")
        desk.changes("partner", card(desk), made, f"#партнеру {words[-1]}")

    at_every_point(desk, act)
    assert texts(desk) == [f"Ігор: {word}" for word in words]


@pytest.mark.row("PT-02", "PT-06")
def test_an_album_of_staff_leaves_once_wherever_the_process_dies(desk: Resting) -> None:
    words: list[str] = []

    def act() -> None:
        words.append(desk.word())
        files = [(f"{n}{words[-1]}.jpg", f"picture {n} {words[-1]}".encode()) for n in range(3)]
        desk.tells("partner", card(desk), f"#партнеру {words[-1]}", files)

    at_every_point(desk, act)
    assert [text for text in texts(desk) if text] == [f"Ігор: {word}" for word in words]
    assert len(texts(desk)) == 3 * len(words)


@pytest.mark.row("PT-03", "PT-06")
def test_a_changed_deal_edits_its_message_and_is_answered_once_wherever_the_process_dies(desk: Resting) -> None:
    deal = desk.new_deal(card(desk), "Альфа")
    desk.reports(deal)
    row = desk.chats.record(deal).rows["operation"][0]
    rates: list[Decimal] = []

    def act() -> None:
        rates.append(Decimal("41.35") + Decimal(len(rates) + 1) / 100)
        desk.chats.crm.staff.edit_row("deal", deal, "operation", row.key, partner_rate=rates[-1])
        desk.reports(deal)
        desk.chats.advance(seconds=31)
        desk.insist(desk.chats.timers)

    at_every_point(desk, act)
    message, *told = texts(desk)
    assert f"курс {str(rates[-1]).replace('.', ',')}" in message
    assert [text.partition(";")[0] for text in told] == [
        f"Змінено: курс {before} → {after}".replace(".", ",")
        for before, after in zip([Decimal("41.35"), *rates], rates, strict=False)
    ]


@pytest.mark.row("PT-06")
def test_a_group_that_becomes_a_supergroup_while_we_send_wherever_the_process_dies(desk: Resting) -> None:
    words: list[str] = []
    rooms = [ROOM]

    def act() -> None:
        words.append(desk.word())
        rooms.append(f"-1000{len(rooms)}")
        desk.chats.bot.upgrade(rooms[-2], rooms[-1])
        desk.tells("partner", card(desk), f"#партнеру {words[-1]}")
        desk.arrives()
        desk.says(rooms[-1], f"partner:{card(desk)}")

    at_every_point(desk, act)
    arrived = [text.removeprefix("Ігор: ") for room in rooms for text in texts(desk, room)]
    asked = [word for word in words if any("Невідомо" in one and word in one for one in comments(desk))]
    assert arrived == [word for word in words if word not in asked]  # nobody can look at an address that is no more
    assert 0 < len(asked) < len(words) / 3


@pytest.mark.row("PT-01", "PT-06")
def test_what_waits_while_the_bot_is_out_leaves_in_order_wherever_the_process_dies(desk: Resting) -> None:
    words: list[str] = []

    def act() -> None:
        desk.chats.bot.shut(ROOM, "bot was kicked")
        for told in range(3):  # the first one finds out by itself
            words.append(desk.word())
            desk.tells("partner", card(desk), f"#партнеру {words[-1]}")
            if told == 1:
                desk.member(ROOM, "kicked")
        desk.chats.bot.shut(ROOM)
        desk.member(ROOM, "admin")

    at_every_point(desk, act)
    assert texts(desk) == [f"Ігор: {word}" for word in words]
