"""Every kind of content that comes and goes, and what breaks, in the partner's chat of `test_partners.py`."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

import pytest

from tests.e2e.partner_chat import STAFF, Partners, text

MB = 1024 * 1024
TOO_LARGE = "бот не може завантажити понад 20 МБ, відкрийте в Telegram"
JPEG = b"\xff\xd8\xff\xe0 a picture"


def written(partners: Partners, body: dict[str, Any], door: str = "write") -> dict[str, Any]:
    made: dict[str, Any] = partners.telegram(door, {"person": partners.person, "chat": partners.chat, **body})
    return made


def plain(comment: Mapping[str, Any], crm: str) -> str:
    """A comment as it is read, without its last line, which is our mark."""
    if crm == "bitrix24":
        return re.sub(r"\s*№ ?\S+\s*$", "", str(comment["description"])).strip()
    found = re.sub(r"<br\s*/?>|</p>\s*<p>", "\n", str(comment["description"]))
    found = html.unescape(re.sub(r"<[^>]+>", "", found))
    return re.sub(r"\s*№ ?\S+\s*$", "", found).strip()


def card(partners: Partners, kind: str = "contact", number: str | int = "") -> list[tuple[str, int]]:
    """Each comment of a record: what it says, and how many files it has."""
    found = partners.desk.office.comments(kind, number or partners.card)
    return [(plain(one, partners.desk.stage.connector), len(one["files"])) for one in found]


@pytest.mark.row("PT-02")
def test_every_kind_of_content_becomes_a_comment(partners: Partners) -> None:
    """One after another, all into the card: what each says there, and whether its file came along."""
    first = partners.word()
    forwarded = written(partners, {"text": f"перше {first}"})
    kinds: list[tuple[dict[str, Any], str, int]] = [
        ({"photo": "чек.jpg", "caption": "фото чека"}, "фото чека", 1),
        ({"photo": "ще.jpg"}, "фото", 1),
        ({"video": "відео.mp4", "duration": 65}, "відео 1:05", 1),
        ({"document": {"name": "рахунок.pdf", "size": 900}}, "файл", 1),
        ({"audio": "пісня.mp3", "duration": 200}, "аудіо 3:20", 1),
        ({"voice": "слово.oga", "duration": 17}, "голосове 0:17", 1),
        ({"video_note": "коло.mp4", "duration": 9}, "відеоповідомлення 0:09", 1),
        ({"animation": "смішне.mp4"}, "анімація 0:05", 1),
        ({"document": {"name": "великий.zip", "size": 25 * MB}}, f"великий.zip, 25\u00a0МБ: {TOO_LARGE}", 0),
        ({"document": {"name": "троян.exe", "size": 900}, "caption": "відкрий"}, "троян.exe: відкрийте в Telegram", 0),
        ({"document": {"name": "лист.dat", "mime": "text/html", "size": 900}}, "лист.dat: відкрийте в Telegram", 0),
        ({"sticker": "стікер.webp"}, "👍", 0),
        ({"dice": "🎲"}, "🎲 ", 0),
        ({"location": {"latitude": 50.45, "longitude": 30.52}}, "геопозиція: 50.45, 30.52", 0),
        ({"venue": {"latitude": 50.5, "longitude": 30.5, "title": "Каса", "address": "Хрещатик 1"}}, "геопозиція: Каса", 0),
        ({"contact": {"phone_number": "+380671112233", "first_name": "Тест"}}, "контакт: Тест +380671112233", 0),
        ({"poll": {"question": "Коли?", "options": ["сьогодні", "завтра"]}}, "опитування: Коли?", 0),
        ({"checklist": {"title": "Список", "tasks": ["одне"]}}, "повідомлення: відкрийте в Telegram", 0),
        ({"forward": forwarded["message"]}, "переслано від Oleg", 0),
        ({"text": "так", "reply_to": forwarded["message"], "quote": first}, f"> {first}", 0),
    ]  # fmt: skip
    for body, _says, _files in kinds:
        written(partners, body)
    written(
        partners, {"items": [{"photo": "1.jpg", "caption": "три чеки"}, {"photo": "2.jpg"}, {"photo": "3.jpg"}]}, "album"
    )
    last = partners.says("останнє")
    partners.wait(lambda: partners.comments("contact", partners.card, last), "the last of all kinds")
    found = card(partners)
    start = next(n for n, (said, _) in enumerate(found) if first in said) + 1
    found = found[start:]
    for (said, files), (body, says, count) in zip(found, kinds, strict=False):
        assert said.startswith("Oleg (@oleg_fx):") and says in said and files == count, (body, said, files)
    assert found[len(kinds)][0].endswith("три чеки") and found[len(kinds)][1] == 3, "an album is one comment"
    assert last in found[len(kinds) + 1][0] and len(found) == len(kinds) + 2
    poll = found[16][0]
    assert "— сьогодні" in poll and "— завтра" in poll
    fetched = partners.telegram("requests?since=0&method=getFile")["requests"]
    assert len(fetched) == len({one["fields"]["file_id"] for one in fetched}), "each file is fetched once"


@pytest.mark.row("PT-02")
def test_an_edit_keeps_all_versions_and_a_reaction_stands_with_its_message(partners: Partners) -> None:
    word, deal = partners.word(), partners.deal()
    key = partners.telegram(
        "write",
        {
            "person": partners.person, "chat": partners.chat, "text": f"курс 41,30 {word}",
            "reply_to": partners.key_of(deal),
        },
    )["message"]  # fmt: skip
    partners.wait(lambda: partners.comments("task", deal, word), "an answer in the deal")
    partners.telegram("react", {"person": partners.person, "message": key, "emoji": "👌"})
    partners.wait(lambda: "реакція 👌" in partners.comments("task", deal, word)[0], "the reaction below it")
    for rate in ("41,20", "41,10"):
        partners.telegram("edit", {"message": key, "text": f"курс {rate} {word}"})
        partners.wait(lambda r=rate: f"курс {r} {word}" in partners.comments("task", deal, word)[0], f"the rate {rate}")  # type: ignore[misc]
    [said] = [one for one, _ in card(partners, "task", deal) if word in one]
    clock = r"\d\d:\d\d"
    assert re.fullmatch(
        rf"Oleg \(@oleg_fx\): курс 41,10 {word}\nбуло {clock}: курс 41,20 {word}\nбуло {clock}: курс 41,30 {word}\n"
        r"Oleg \(@oleg_fx\): реакція 👌", said
    ), said  # fmt: skip
    partners.telegram("react", {"person": partners.person, "message": partners.key_of(deal), "emoji": "👍"})
    partners.wait(lambda: partners.comments("task", deal, "реакція 👍 на «Заявка"), "a reaction to a message of ours")
    album = written(partners, {"items": [{"photo": "a.jpg", "caption": "було так"}, {"photo": "b.jpg"}]}, "album")[
        "messages"
    ]
    partners.wait(lambda: partners.comments("contact", partners.card, "було так"), "an album")
    partners.telegram("edit", {"message": album[0]["message"], "text": "стало так"})
    partners.wait(lambda: partners.comments("contact", partners.card, "стало так"), "the album's new words")
    [said] = [one for one, _ in card(partners) if "стало так" in one]
    assert re.search(rf"стало так\nбуло {clock}: було так$", said), said


@pytest.mark.row("PT-02")
def test_a_late_member_of_an_album_joins_its_comment(partners: Partners) -> None:
    """Two members make the comment; what comes of the album after other words have followed it stands there, too."""
    word = partners.word()
    made = written(partners, {"items": [{"photo": "1.jpg", "caption": f"чеки {word}"}, {"photo": "2.jpg"}]}, "album")
    after = partners.says("далі")
    partners.wait(lambda: partners.comments("contact", partners.card, after), "the words behind the album")
    before = card(partners)
    assert [files for said, files in before if word in said] == [2]
    late = {"album": made["album"], "items": [{"photo": "3.jpg", "caption": f"третій {word}"}, {"photo": "4.jpg"}]}
    written(partners, late, "album")
    partners.wait(lambda: (f"Oleg (@oleg_fx): чеки {word}\nтретій {word}", 4) in card(partners), "all four in one comment")
    found = card(partners)
    assert len(found) == len(before), "no comment more"
    assert [n for n, (said, _) in enumerate(found) if word in said] == [
        n for n, (said, _) in enumerate(before) if word in said
    ]
    if partners.desk.stage.connector == "bitrix24":
        return  # what its update does with files is documented
    partners.desk.office.control("faults", {"comment_files": "ignore"})
    try:
        written(partners, {"album": made["album"], "items": [{"photo": "5.jpg", "caption": f"п'ятий {word}"}]}, "album")
        apart = (f"Oleg (@oleg_fx): п'ятий {word}\nСпізніле з альбому вище", 1)
        partners.wait(lambda: apart in card(partners), "what the album's comment does not take, below it")
        known = (f"Oleg (@oleg_fx): чеки {word}\nтретій {word}", 4)
        partners.wait(lambda: known in card(partners), "the album as it was")
    finally:
        partners.desk.office.control("faults", {"comment_files": "replace"})


@pytest.mark.row("PT-01", "PT-02")
def test_the_card_tells_who_comes_and_goes(partners: Partners) -> None:
    """Grey lines in the card; whoever does not belong there is told of."""
    chat = {"chat": partners.chat}
    partners.telegram("rename", {**chat, "title": "Дельта <b>&</b> обмін"})
    pinned = written(partners, {"text": "закріпіть це"})
    partners.telegram("pin", {"message": pinned["message"]})
    partners.telegram("add", {**chat, "user": "marta_kantor", "by": partners.person})
    partners.telegram("leave", {**chat, "person": "marta_kantor"})
    partners.telegram("person", {"name": "Planfix", "username": "planfix_bot", "id": 510000777})
    partners.telegram("add", {**chat, "user": "planfix_bot", "by": partners.person})
    lines = [
        "нова назва групи «Дельта <b>&</b> обмін»", "закріплено «закріпіть це»", "є @planfix_bot",
        "Марта Гнатюк (@marta_kantor): тепер у групі", "Марта Гнатюк (@marta_kantor): більше не в групі",
    ]  # fmt: skip
    partners.wait(lambda: any("@planfix_bot. Він" in said for said, _ in card(partners)), "the warning of Planfix' bot")
    found = [said for said, _ in card(partners)]
    for line in lines:
        assert sum(line in said for said in found) == 1, (line, found[-8:])
    partners.telegram("kick", {**chat, "user": "planfix_bot", "by": partners.person})


@pytest.mark.row("PT-02")
def test_a_comment_leaves_whole_and_only_if_it_is_marked(partners: Partners) -> None:
    office, deal = partners.desk.office, partners.deal()
    word, long = partners.word(), partners.word()
    office.comment(STAFF, "task", deal, f"#партнеру рахунок {word}", {f"{word}.pdf": b"%PDF-1.4"})
    lines = [f"рядок {n:03} {'а' * 60} {long}" for n in range(100)]
    office.comment(STAFF, "contact", partners.card, "#партнеру " + "\n".join(lines))
    pictures = partners.word()
    office.comment(STAFF, "contact", partners.card, f"#партнеру фото {pictures}", {f"{n}.jpg": JPEG for n in range(3)})
    unmarked = partners.word()
    office.comment(STAFF, "task", deal, f"це не для #партнеру {unmarked}", {f"{unmarked}.pdf": b"%PDF-1.4"})
    edited = partners.word()
    comment = office.comment(STAFF, "contact", partners.card, f"#партнеру ціна 100 {edited}")
    partners.wait(lambda: partners.ours(f"ціна 100 {edited}"), "the comment in the chat")
    office.edit_comment(STAFF, "contact", partners.card, comment, f"#партнеру ціна 200 {edited}")
    partners.wait(lambda: partners.ours(f"ціна 200 {edited}"), "its new words there")
    [there] = [one for one in partners.messages() if edited in text(one)]
    assert there["edited"] and not partners.ours(f"ціна 100 {edited}")
    [file] = [one for one in partners.messages() if one["bot"] and word in text(one)]
    assert file["file"]["name"] == f"{word}.pdf" and str(file["reply_to"]) == partners.key_of(deal)
    parts = partners.ours(long)
    assert len(parts) > 1 and all(len(part) <= 4096 and part.endswith(long) for part in parts)
    assert "\n".join(parts).partition(": ")[2].split("\n") == lines
    album = [one for one in partners.messages() if one["bot"] and one["album"]]
    assert len([one for one in album if one["kind"] == "photo"]) == 3 and pictures in text(album[0])
    assert partners.telegram("leaks", {"words": [unmarked]})["leaks"] == []


@pytest.mark.row("PT-06")
def test_floods_silence_and_what_is_not_there(partners: Partners) -> None:
    """429, an unreachable Telegram, a deleted message that is answered, an update of nonsense."""
    deal = partners.deal()
    partners.telegram("faults", {"flood_next": 2})
    flooded = partners.tells("contact", partners.card, "під час повені")
    partners.wait(lambda: partners.ours(flooded), "what waited out the flood")
    partners.telegram(
        "update", {"update": {"message": {"message_id": "x", "chat": {"id": partners.chat}}}, "chat": partners.chat}
    )
    partners.telegram("update", {"update": {"nonsense": [1, {"chat": 2}]}, "chat": partners.chat})
    heard = partners.says("після дурниць")
    partners.wait(lambda: partners.comments("contact", partners.card, heard), "a message behind nonsense")
    partners.telegram("delete", {"message": partners.key_of(deal)})
    orphan = partners.tells("task", deal, "відповідь на видалене")
    partners.wait(lambda: partners.ours(orphan), "an answer to what was deleted")
    [sent] = [one for one in partners.messages() if orphan in text(one)]
    assert sent["reply_to"] is None
    partners.telegram("faults", {"down": "closed"})
    silent = partners.tells_in_order("у тиші раз", "у тиші два")
    assert not any(partners.ours(one) for one in silent)
    partners.telegram("faults", {"down": "off"})
    partners.wait(lambda: all(partners.ours(one) for one in silent), "what waited for Telegram")
    order = [one for said in partners.messages() for one in silent if one in text(said)]
    assert order == silent and [len(partners.ours(one)) for one in (flooded, orphan, *silent)] == [1, 1, 1, 1]
