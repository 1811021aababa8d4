"""What people do, and what of it the bots hear (contract 1.5, PT-02)."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

pytestmark = pytest.mark.row("PL-08")
OLEG = 510000002


@pytest.fixture
def chat(api):
    return api.group(admin=True)


def test_everything_a_person_can_send(api, chat):
    sent = {
        "text": "Курс нормальний https://a.test #тег @oleg",
        "photo": "чек.jpg", "document": {"name": "виписка.pdf", "text": "%PDF"}, "video": {"name": "v.mp4", "size": 10},
        "audio": "a.mp3", "voice": "v.oga", "animation": "g.mp4", "video_note": "n.mp4", "sticker": "s.webp",
        "location": {"latitude": 50.4, "longitude": 30.5}, "contact": {"phone_number": "+380", "first_name": "О"},
        "poll": {"question": "?", "options": ["так", "ні"]}, "dice": "🎲",
    }  # fmt: skip
    for kind, value in sent.items():
        api.door("/write", person="oleg", chat=chat, caption="підпис", **{kind: value})
    got = [one["message"] for one in api.news()]
    assert [kind for kind, one in zip(sent, got, strict=True) if kind not in one] == []
    assert [one["type"] for one in got[0]["entities"]] == ["url", "hashtag", "mention"]
    assert got[1]["caption"] == "підпис"
    assert (got[5]["voice"]["duration"], got[5]["voice"]["mime_type"]) == (17, "audio/ogg")
    assert got[2]["document"]["file_name"] == "виписка.pdf"
    assert all(one["from"]["language_code"] == "ru" for one in got)


def test_files_of_people_come_down(api, chat):
    api.door("/write", person="oleg", chat=chat, document={"name": "a.txt", "text": "вміст"})
    file = api.news()[0]["message"]["document"]["file_id"]
    path = api.call("getFile", file_id=file)["file_path"]
    address = f"{api.address}/file/bot{api.token}/{path}"
    assert api.session.get(address, timeout=120).content.decode() == "вміст"
    api.door("/faults", file_down="on")
    assert api.session.get(address, timeout=120).status_code == 502


def test_quote_and_forward(api, chat):
    own = api.call("sendMessage", chat_id=chat, text="😀 Курс 41,35 сьогодні")["message_id"]
    api.door("/write", person="oleg", chat=chat, text="ні", reply_to_id=own, quote="41,35")
    said = api.door("/write", person="iryna", chat=chat, text="моє")["message"]
    api.door("/write", person="oleg", chat=chat, forward=said)
    api.door("/write", person="oleg", chat=chat, forward=said, hidden=True)
    quoted, _, open_, hidden = (one["message"] for one in api.news())
    assert quoted["quote"] == {"text": "41,35", "position": 8, "is_manual": True}
    assert open_["forward_origin"]["sender_user"]["first_name"] == "Ірина"
    assert hidden["forward_origin"]["type"] == "hidden_user"
    assert hidden["text"] == "моє"


def test_a_quote_of_a_bot(api, chat):
    said = api.door("/write", person="oleg", chat=chat, text="Курс 41,33")["message_id"]
    made = api.call("sendMessage", chat_id=chat, text="так", reply_parameters={"message_id": said, "quote": "41,33"})
    assert made["quote"]["position"] == 5


def test_edit_and_delete(api, chat):
    said = api.door("/write", person="oleg", chat=chat, text="41,35")
    photo = api.door("/write", person="oleg", chat=chat, photo="a.jpg", caption="чек")
    api.updates()
    api.door("/edit", message=said["message"], text="41,30")
    api.door("/edit", message=photo["message"], text="не той чек")
    api.door("/delete", message=said["message"])
    first, second = (one["edited_message"] for one in api.news())
    assert (first["text"], first["message_id"], first["edit_date"] >= first["date"]) == ("41,30", said["message_id"], True)
    assert second["caption"] == "не той чек"
    one, _ = api.seen(chat)
    assert (one["versions"], one["deleted"]) == (["41,35"], True)
    assert api.fails("sendMessage", chat_id=chat, text="x", reply_to_message_id=said["message_id"])[0] == 400


def test_an_album(api, chat):
    items = [{"photo": "a.jpg", "caption": "Чеки"}, {"photo": "b.jpg"}, {"video": "c.mp4"}]
    made = api.door("/album", person="oleg", chat=chat, items=items)["messages"]
    got = [one["message"] for one in api.news()]
    assert [one["message_id"] for one in got] == [one["message_id"] for one in made]
    assert len({one["media_group_id"] for one in got}) == 1
    assert isinstance(got[0]["media_group_id"], str)
    assert [one.get("caption") for one in got] == ["Чеки", None, None]
    late = api.door("/album", person="oleg", chat=chat, items=[{"photo": "d.jpg"}], album=got[0]["media_group_id"])
    [one] = [one["message"] for one in api.news()]
    assert one["media_group_id"] == got[0]["media_group_id"] == late["album"]


def test_reactions_need_an_admin_who_asked(api, chat):
    said = api.call("sendMessage", chat_id=chat, text="x")["message_id"]
    api.door("/react", person="oleg", chat=chat, message_id=said, emoji="👍")
    assert api.kinds() == []
    api.call("getUpdates", allowed_updates=["message", "message_reaction"])
    api.door("/react", person="oleg", chat=chat, message_id=said, emoji="🔥")
    (update,) = api.news()
    assert update["message_reaction"]["message_id"] == said
    assert update["message_reaction"]["old_reaction"] == [{"type": "emoji", "emoji": "👍"}]
    assert update["message_reaction"]["new_reaction"] == [{"type": "emoji", "emoji": "🔥"}]
    api.door("/demote", chat=chat, user="desk_bot")
    api.door("/react", person="oleg", chat=chat, message_id=said, emoji="")
    assert [kind for kind in api.kinds() if "reaction" in kind] == []


def test_a_button(api, chat):
    markup = {"inline_keyboard": [[{"text": "Беру", "callback_data": "5512:take:1"}]]}
    sent = api.call("sendMessage", chat_id=chat, text="Заявка", reply_markup=markup)["message_id"]
    pressed = api.door("/press", person="oleg", chat=chat, message_id=sent, button="Беру")
    asked = api.news()[0]["callback_query"]
    assert (asked["id"], asked["data"], asked["from"]["id"]) == (pressed["callback"], "5512:take:1", OLEG)
    assert asked["message"]["message_id"] == sent
    assert pressed["answer"] is None
    assert api.call("answerCallbackQuery", callback_query_id=asked["id"], text="Записано", show_alert=True) is True
    answer = api.read("/callback", id=asked["id"])["answer"]
    assert answer == {"text": "Записано", "show_alert": True, "url": ""}
    late = api.door("/press", person="oleg", chat=chat, message_id=sent, button="5512:take:1")["callback"]
    api.door("/advance", seconds=16 * 60)
    assert api.fails("answerCallbackQuery", callback_query_id=late)[1].startswith("Bad Request: query is too old")


def test_private(api):
    api.door("/start", person="oleg", payload="abc")
    api.door("/write", person="oleg", text="привіт")
    api.door("/block", person="oleg")
    start, hello, blocked = api.news()
    assert start["message"]["text"] == "/start abc"
    assert (hello["message"]["chat"]["type"], hello["message"]["chat"]["id"]) == ("private", OLEG)
    assert blocked["my_chat_member"]["new_chat_member"]["status"] == "kicked"
    api.door("/tap", person="oleg", link="https://t.me/desk_bot?start=again")
    assert api.kinds() == ["my_chat_member", "message"]


@pytest.mark.parametrize(
    ("door", "data", "why"),
    [
        ("/write", {"person": "nobody", "text": "x"}, "no such person"),
        ("/write", {"person": "oleg", "chat": -5, "text": "x"}, "no such chat"),
        ("/write", {"person": "oleg"}, "nothing to write"),
        ("/write", {}, "no such"),
        ("/edit", {"message": 9999, "text": "x"}, "no such message"),
        ("/tap", {"person": "oleg", "link": "https://example.org/x"}, "not a link to a bot"),
        ("/tap", {"person": "oleg", "link": "https://t.me/unknown?startgroup=x"}, "no bot 'unknown'"),
        ("/tap", {"person": "oleg", "link": "https://t.me/desk_bot?startgroup=x&admin=fly"}, "unknown rights"),
        ("/group", {"title": "x", "kind": "channel"}, "kind is one of"),
        ("/group", {"title": "x"}, "members"),
        ("/bot", {"token": "nonsense", "username": "x"}, "a token is a number"),
        ("/person", {}, "missing: name"),
        ("/faults", {"nope": 1}, "unknown switch"),
        ("/date", {"at": "yesterday"}, "date and time"),
    ],
)
def test_doors_say_what_is_wrong(api, door, data, why):
    answer = api.session.post(f"{api.address}/sandbox{door}", json=data, timeout=120)
    assert answer.status_code == 400
    assert why in answer.json()["error"]


def test_what_was_sent_can_be_searched(api, chat):
    """Every byte: form fields, JSON inside of them, file names, contents, archives."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("sheet.xml", "Секретний Клієнт")
    api.call("sendDocument", files={"document": ("Петренко.xlsx", archive.getvalue())}, chat_id=chat, caption="звірка")
    escaped = json.dumps({"inline_keyboard": [[{"text": "Курс", "callback_data": "1"}]]})
    assert "Курс" not in escaped
    api.raw("sendMessage", data={"chat_id": chat, "text": "x", "reply_markup": escaped})
    api.raw("sendMessage", verb="GET", params={"chat_id": -1, "text": "відмовлено"})
    found = api.door("/leaks", words=["секретний клієнт", "Петренко", "Курс", "відмовлено", "немає такого"])
    assert {one["word"]: one["method"] for one in found["leaks"]} == {
        "секретний клієнт": "sendDocument", "Петренко": "sendDocument", "Курс": "sendMessage", "відмовлено": "sendMessage",
    }  # fmt: skip
    shown = api.read("/requests", method="sendDocument")["requests"][0]
    assert shown["files"][0]["name"] == "Петренко.xlsx"
    assert shown["fields"]["caption"] == "звірка"
    assert shown["status"] == 200
    assert len(shown["messages"]) == 1
    assert api.read("/state")["counters"]["accepted"] == 2
