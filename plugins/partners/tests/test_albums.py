"""Members of an album that come late stand in the comment of their album, once, in the order of the chat."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from kernel.conversations import reading
from kernel.crm import Comment
from kernel.errors import NotFound, Rejected, Unreachable
from kernel.extension import Received
from kernel.extension.timing import run_due
from plugins.partners.tests.chats import Chats
from plugins.partners.tests.resting import Resting, at_every_point

ROOM = "-100"


@pytest.fixture
def card(chats: Chats) -> str:
    return chats.with_chat("Альфа", ROOM)


def sent(chats: Chats, number: int, text: str = "", group: str = "9") -> str:
    """A member of an album. All pictures have one name, as Telegram's have."""
    return chats.bot.write(ROOM, "oleg", text, files=[("photo", b"picture %d" % number)], group=group)


def due(chats: Chats, seconds: float = 3) -> None:
    chats.advance(seconds=seconds)
    chats.timers()
    chats.run()


def comments(chats: Chats, card: str) -> list[Comment]:
    return [one for one in chats.crm.comments.of("partner", card) if one.ours and one.author == f"contact:{card}"]


def pictures(chats: Chats, comment: Comment) -> list[int]:
    return [int(chats.crm.comments.files[one.id].split()[1]) for one in comment.files]


def heard_while_written(chats: Chats, late: int) -> None:
    """The CRM is away when the comment of an album is written; one more member comes before it is tried again."""
    chats.crm.fail_next(Unreachable("away"), on="write_comment")
    for number in (1, 2):
        sent(chats, number, "чеки" if number == 1 else "")
    chats.arrive()
    chats.advance(seconds=3)
    run_due(chats.portal, chats.plugins)
    sent(chats, late)
    chats.receive(Received(messages=chats.bot.take()), "partners")
    chats.run()


def album(chats: Chats, numbers: Sequence[int], text: str = "чеки") -> None:
    for number in numbers:
        sent(chats, number, text if number == numbers[0] else "")
    chats.arrive()
    due(chats)


@pytest.mark.row("PT-02")
def test_a_late_member_joins_with_its_file_and_its_words(chats: Chats, card: str) -> None:
    album(chats, [1, 2])
    [before] = comments(chats, card)
    assert (before.text, pictures(chats, before)) == ("oleg: чеки", [1, 2])
    sent(chats, 3, "і ще один")
    chats.arrive()
    due(chats)
    [after] = comments(chats, card)
    assert (after.id, after.text, pictures(chats, after)) == (before.id, "oleg: чеки\nі ще один", [1, 2, 3])
    [key] = chats.rows("SELECT DISTINCT key FROM partner_comment")
    assert key == {"key": f"tg:{ROOM}:g9"}, "the key of the album, as specified"


@pytest.mark.row("PT-02")
def test_files_stand_in_the_order_of_the_chat_whichever_came_late(chats: Chats, card: str) -> None:
    for number in (1, 2, 3):
        sent(chats, number, f"слово {number}")
    first, second, third = chats.bot.take()
    for part in ((first, third), (second,)):
        chats.receive(Received(messages=part), "partners")
        chats.run()
        due(chats)
    [one] = comments(chats, card)
    assert (one.text, pictures(chats, one)) == ("oleg: слово 1\nслово 2\nслово 3", [1, 2, 3])


@pytest.mark.row("PT-02")
def test_what_follows_an_album_ends_its_wait_and_a_late_member_joins_all_the_same(chats: Chats, card: str) -> None:
    sent(chats, 1)
    chats.arrive()
    chats.says(ROOM, "далі")
    sent(chats, 2)
    chats.arrive()
    due(chats)
    assert [(one.text, pictures(chats, one)) for one in comments(chats, card)] == [
        ("oleg: альбом, файлів: 2", [1, 2]), ("oleg: далі", []),
    ]  # fmt: skip


@pytest.mark.row("PT-02")
def test_a_member_that_comes_while_the_comment_is_being_written_joins_it(chats: Chats, card: str) -> None:
    heard_while_written(chats, 3)
    [one] = comments(chats, card)
    assert (one.text, pictures(chats, one)) == ("oleg: чеки", [1, 2, 3])
    assert [one.verb for one in chats.crm.effects if "comment" in one.verb][-2:] == ["write_comment", "edit_comment"]
    chats.bot.edit(chats.bot.shown(ROOM)[-1].vendor_id, "останній")
    chats.arrive()
    [one] = comments(chats, card)
    assert "останній" in one.text, "it is known which comment it stands in"


@pytest.mark.row("PT-02")
def test_an_edit_and_a_reaction_leave_the_files_of_all(chats: Chats, card: str) -> None:
    album(chats, [1])
    sent(chats, 2)
    chats.arrive()
    chats.bot.edit(chats.bot.shown(ROOM)[0].vendor_id, "нові слова")
    chats.arrive()
    [one] = comments(chats, card)
    assert one.text.startswith("oleg: нові слова\nбуло ") and pictures(chats, one) == [1, 2]


@pytest.mark.row("PT-02", "PT-06")
@pytest.mark.parametrize("fault", [Rejected("it takes no files"), NotFound("it is gone")], ids=["refused", "deleted"])
def test_a_comment_that_takes_no_more_leaves_the_late_one_below_it(chats: Chats, card: str, fault: Exception) -> None:
    album(chats, [1, 2])
    chats.crm.fail_next(fault, on="edit_comment")  # type: ignore[arg-type]
    sent(chats, 3, "третій")
    chats.arrive()
    due(chats)
    first, second = comments(chats, card)
    assert (first.text, pictures(chats, first)) == ("oleg: чеки", [1, 2])
    assert (second.text, pictures(chats, second)) == ("oleg: третій\nСпізніле з альбому вище", [3])
    sent(chats, 4)
    chats.arrive()
    first, second = comments(chats, card)
    assert (pictures(chats, first), pictures(chats, second)) == ([1, 2, 4], [3])


@pytest.mark.row("PT-02", "PT-06")
def test_what_we_no_longer_hold_is_not_sent_anew(chats: Chats, card: str) -> None:
    """The set keeps messages for some days alone: an update that replaces all files would lose those."""
    album(chats, [1, 2])
    with chats.tx() as tx:
        reading.empty_old(tx, chats.clock.now(), chats.clock.now())
    sent(chats, 3, "третій")
    chats.arrive()
    first, second = comments(chats, card)
    assert (first.text, pictures(chats, first)) == ("oleg: чеки", [1, 2])
    assert (second.text, pictures(chats, second)) == ("oleg: третій\nСпізніле з альбому вище", [3])


@pytest.mark.row("PT-02", "PT-06")
def test_an_album_without_room_for_its_files_names_the_late_one_too(chats: Chats, card: str) -> None:
    chats.crm.comments.file_bytes_max = 3
    heard_while_written(chats, 3)
    [one] = comments(chats, card)
    assert one.text.startswith("oleg: чеки\nCRM не прийняла файли (") and ": photo, photo, photo. " in one.text
    assert not one.files


@pytest.mark.row("PT-02", "PT-06")
def test_a_late_member_joins_once_wherever_the_process_dies(chats: Chats, card: str) -> None:
    desk = Resting(chats)
    groups: list[str] = []

    def act() -> None:
        groups.append(f"g{len(groups)}")
        for number, seconds in ((1, 3), (3, 0), (2, 0)):
            word = desk.word()
            desk.written[word] = f"partner:{card}"
            sent(chats, number, word, groups[-1])
            desk.arrives()
            chats.advance(seconds=seconds)
            desk.insist(chats.timers)
            desk.insist(chats.run)

    assert at_every_point(desk, act) > 10
    found = comments(chats, card)
    assert [pictures(chats, one) for one in found] == [[1, 3, 2]] * len(groups)
    words = list(desk.written)
    assert [one.text for one in found] == [
        "oleg: " + "\n".join(words[n : n + 3]) for n in range(0, len(words), 3)
    ]  # fmt: skip
