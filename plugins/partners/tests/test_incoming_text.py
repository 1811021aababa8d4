"""The comment for each kind of message of PT-02, and what a stranger's name or text cannot do in it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.partners.rules.incoming_text import (
    FILE_BYTES_MAX,
    Author,
    Earlier,
    Event,
    Heard,
    HeardFile,
    Kind,
    album_text,
    author_text,
    carried,
    comment_text,
    duration_text,
    event_text,
    file_refused,
    reaction_text,
    size_text,
)
from plugins.partners.rules.marks import MARKS, Comment, Named, Stays, addressed

OLEG = Author("Oleg", "oleg_fx")
LINK = "https://t.me/c/2200330044/43"


def heard(**how: object) -> str:
    return comment_text(Heard(OLEG, **how), "uk")


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ({"text": "Курс підходить"}, "Курс підходить"),
        ({"text": "перший\r\nдругий"}, "перший\nдругий"),
        ({"kind": Kind.VOICE, "file": HeardFile(duration_seconds=17)}, "голосове 0:17"),
        ({"kind": Kind.VIDEO_NOTE, "file": HeardFile(duration_seconds=60)}, "відеоповідомлення 1:00"),
        ({"kind": Kind.PHOTO}, "фото"),
        ({"kind": Kind.PHOTO, "text": "чек"}, "чек"),
        ({"kind": Kind.DOCUMENT, "file": HeardFile("рахунок.pdf", 1000)}, "файл"),
        ({"kind": Kind.AUDIO, "text": "слухай", "file": HeardFile(duration_seconds=3723)}, "аудіо 1:02:03\nслухай"),
        ({"kind": Kind.STICKER, "emoji": "👍"}, "👍"),
        ({"kind": Kind.STICKER}, "стікер"),
        ({"kind": Kind.DIE, "emoji": "🎲 4"}, "🎲 4"),
        ({"kind": Kind.LOCATION, "data": ("50.4501", "30.5234", "Каса")}, "геопозиція: 50.4501, 30.5234, Каса"),
        ({"kind": Kind.CONTACT, "data": ("Ірина", "+380501112233")}, "контакт: Ірина, +380501112233"),
        ({"kind": Kind.POLL, "data": ("Коли?", "о 10", "о 15")}, "опитування: Коли?\n— о 10\n— о 15"),
        ({"kind": Kind.OTHER, "link": LINK}, f"повідомлення: відкрийте в Telegram {LINK}"),
        ({"kind": Kind.OTHER, "link": "https://evil.example/x"}, "повідомлення: відкрийте в Telegram"),
        (
            {"kind": Kind.VIDEO, "file": HeardFile("рух.mp4", 25 * 1024 * 1024), "link": LINK},
            f"рух.mp4, 25\u00a0МБ: бот не може завантажити понад 20 МБ, відкрийте в Telegram {LINK}",
        ),
        ({"kind": Kind.DOCUMENT, "file": HeardFile("звіт.HTML"), "link": LINK}, f"звіт.HTML: відкрийте в Telegram {LINK}"),
    ],
)
def test_each_kind(how, text):
    assert heard(**how) == f"Oleg (@oleg_fx): {text}"


def test_forward_quote_and_edits():
    assert heard(text="дивись", forwarded_from="Ірина\nБ") == "Oleg (@oleg_fx):\nпереслано від Ірина Б\nдивись"
    assert heard(text="так", quote="курс 41,30?\nо 15") == "Oleg (@oleg_fx):\n> курс 41,30?\n> о 15\nтак"
    edited = heard(text="курс 41,40", earlier=(Earlier("14:05", "курс 41,30"), Earlier("14:01", "курс 41,20")))
    assert edited == "Oleg (@oleg_fx): курс 41,40\nбуло 14:05: курс 41,30\nбуло 14:01: курс 41,20"
    assert heard(text="", earlier=(Earlier("14:05", ""),)) == "Oleg (@oleg_fx): \nбуло 14:05: —"


def test_an_album_is_one_comment():
    photo = Heard(OLEG, Kind.PHOTO)
    large = Heard(OLEG, Kind.VIDEO, file=HeardFile("рух.mp4", FILE_BYTES_MAX + 1))
    text = album_text([replace(photo, text="чеки"), photo, large], "uk")
    assert text.startswith("Oleg (@oleg_fx): чеки\nрух.mp4, 20\u00a0МБ: бот не може")
    assert album_text([photo, photo], "uk") == "Oleg (@oleg_fx): альбом, файлів: 2"
    with pytest.raises(ValueError, match="album"):
        album_text([], "uk")


def test_grey_lines_and_reactions_in_each_language():
    assert event_text(Event.JOINED, OLEG, "uk") == "Oleg (@oleg_fx): тепер у групі"
    assert event_text(Event.RENAMED, OLEG, "uk", what="Нова\nназва") == "Oleg (@oleg_fx): нова назва групи «Нова назва»"
    assert reaction_text(OLEG, "👍", "en") == "Oleg (@oleg_fx): reaction 👍"
    for event in Event:
        assert len({event_text(event, OLEG, language) for language in ("uk", "ru", "en")}) == 3


@pytest.mark.parametrize(
    ("author", "shown"),
    [
        (Author("Oleg"), "Oleg"), (Author("", "oleg_fx"), "без імені (@oleg_fx)"), (Author("\u202e\u200b"),
        "без імені"),
        (Author("Олег\nІгор: курс 40"), "Олег Ігор курс 40"), (Author("#партнеру Oleg"), "партнеру Oleg"),
        (Author(":# Oleg"), "Oleg"),
        (Author("Oleg", "x) злий ("), "Oleg"), (Author("я" * 100), "я" * 63 + "…"), (Author("<b>Oleg</b>"),
        "<b>Oleg</b>"),
        (Author("👨\u200d👩\u200d👧 Oleg"), "👨\u200d👩\u200d👧 Oleg"),
    ],
)  # fmt: skip
def test_an_authors_name(author, shown):
    assert author_text(author, "uk") == shown


@pytest.mark.parametrize(
    "name",
    ["a.exe", "A.EXE", "a.pdf.exe", "a.exe.", "a.exe ", "a.exe . .", "a.js", "a.html", "a.svg", "a．exe",
    "a\u202efdp.exe", "a.ex\u200be",
     "a.exe::$DATA", ".exe"],
)  # fmt: skip
def test_refused_file_types(name):
    file = HeardFile(name, 10)
    assert file_refused(file)
    assert not carried(Heard(OLEG, Kind.DOCUMENT, file=file))


@pytest.mark.parametrize("name", ["a.pdf", "exe", "a.exe.pdf", "html", "a.xlsx", "", "notes.js.txt", "."])
def test_other_file_types(name):
    assert not file_refused(HeardFile(name, 10))
    assert carried(Heard(OLEG, Kind.DOCUMENT, file=HeardFile(name, 10)))


def test_the_setting_and_the_media_type_decide_too():
    assert file_refused(HeardFile("x", media_type="text/html; charset=utf-8"))
    assert file_refused(HeardFile("x.rar"), (".exe", "RAR"))
    assert not file_refused(HeardFile("a.exe"), ())
    assert not file_refused(HeardFile("a.pdf"), ("", "."))


def test_the_largest_file_and_one_of_unknown_size_come_along():
    assert carried(Heard(OLEG, Kind.PHOTO, file=HeardFile(size_bytes=FILE_BYTES_MAX)))
    assert not carried(Heard(OLEG, Kind.PHOTO, file=HeardFile(size_bytes=FILE_BYTES_MAX + 1)))
    assert carried(Heard(OLEG, Kind.VOICE))
    assert not carried(Heard(OLEG, Kind.TEXT))


def test_durations_and_sizes():
    assert [duration_text(seconds) for seconds in (0, 17, 75, 3600, -5)] == ["0:00", "0:17", "1:15", "1:00:00", "0:00"]
    assert size_text(26529497, "uk") == "25,3\u00a0МБ"
    assert size_text(26529497, "en") == "25.3\u00a0MB"
    assert size_text(20 * 1024 * 1024, "ru") == "20\u00a0МБ"


hostile = st.text(max_size=40) | st.sampled_from(
    [*MARKS, "\u202e#партнеру", "#партнеру\nкурс", "\ud800", "{number}", "<script>"]
)


@given(hostile, hostile, st.sampled_from(list(Kind)), hostile, hostile)
def test_no_stranger_writes_a_mark_at_the_beginning_or_turns_the_text(name, username, kind, text, title):
    message = Heard(
        Author(name, username), kind, text, HeardFile(title), title, (title, text), title, text, (Earlier("1", text),)
    )
    for shown in (
        comment_text(message, "uk"),
        album_text([message], "uk"),
        event_text(Event.PINNED, message.author, "uk", what=text),
    ):
        assert addressed(Comment(shown), [Named("1", "Альфа")]) == Stays()
        assert not set(shown) & set("\u202e\u202d\u2066\x00\r\ud800")
