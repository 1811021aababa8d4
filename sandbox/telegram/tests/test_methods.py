"""What a bot calls: all forms of a request, the envelope, sending, editing, files (contract 1.4, 1.9, 1.11)."""

from __future__ import annotations

import json

import pytest

from sandbox.telegram.registry import METHODS

pytestmark = pytest.mark.row("PL-08")
BOT = 7000000001
PICTURE = b"\xff\xd8\xff\xe0 a picture"


def test_all_forms_of_a_request_are_taken(api):
    chat = api.group()
    reply = api.call("sendMessage", chat_id=chat, text="first")["message_id"]
    nested = {"message_id": reply}
    ways = {
        "query": {"verb": "GET", "params": {"chat_id": chat, "text": "x", "reply_parameters": json.dumps(nested)}},
        "form": {"data": {"chat_id": chat, "text": "x", "reply_parameters": json.dumps(nested)}},
        "json": {"json": {"chat_id": chat, "text": "x", "reply_parameters": nested}},
        "multipart": {"files": {"chat_id": (None, str(chat)), "text": (None, "x"),
                                "reply_parameters": (None, json.dumps(nested))}},
        "both": {"params": {"chat_id": chat}, "data": {"text": "x", "reply_to_message_id": reply}},
    }  # fmt: skip
    for way, how in ways.items():
        answer = api.raw("SENDmessage", **how)
        assert answer.status_code == 200, (way, answer.text)
        assert answer.json()["result"]["reply_to_message"]["message_id"] == reply, way
        assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "written",
    ['filename="моя \\"звірка\\".pdf"', "filename=моя \"звірка\".pdf",
     "filename*=utf-8''%D0%BC%D0%BE%D1%8F%20%22%D0%B7%D0%B2%D1%96%D1%80%D0%BA%D0%B0%22.pdf"],
)  # fmt: skip
def test_names_of_files_in_every_spelling(api, written):
    chat = api.group()
    head = f'Content-Disposition: form-data; name="document"; {written}\r\nContent-Type: application/pdf'
    parts = [f'Content-Disposition: form-data; name="chat_id"\r\n\r\n{chat}', f"{head}\r\n\r\nline 1\r\n\r\nline 2\r\n"]
    body = "".join(f"--b0rder\r\n{part}\r\n" for part in parts) + "--b0rder--\r\n"
    answer = api.raw("sendDocument", data=body.encode(), headers={"Content-Type": "multipart/form-data; boundary=b0rder"})
    document = answer.json()["result"]["document"]
    assert (document["file_name"], document["mime_type"]) == ('моя "звірка".pdf', "application/pdf")
    shown = api.read("/requests", method="sendDocument")["requests"][0]["files"][0]
    assert shown["text"] == "line 1\r\n\r\nline 2\r\n"


def test_me_and_commands(api):
    me = api.call("getMe")
    assert (me["id"], me["is_bot"], me["username"]) == (BOT, True, "desk_bot")
    assert me["can_read_all_group_messages"] is False
    assert api.call("setMyCommands", commands=[{"command": "stan", "description": "Стан"}]) is True
    assert api.call("getMyCommands") == [{"command": "stan", "description": "Стан"}]
    assert api.call("getMyCommands", language_code="ru") == []
    api.call("deleteMyCommands")
    assert api.call("getMyCommands") == []


def test_a_message_as_the_bot_gets_it_back(api):
    chat = api.group("forum", admin=True)
    topic = api.call("createForumTopic", chat_id=chat, name="Заявки")
    made = api.call("sendMessage", chat_id=chat, message_thread_id=topic["message_thread_id"], text="  <b>Заявка</b> 5512 ",
                    parse_mode="HTML", link_preview_options={"is_disabled": True},
                    reply_markup={"inline_keyboard": [[{"text": "Беру", "callback_data": "1"}]]})  # fmt: skip
    assert made["chat"] == {"id": chat, "title": "Партнер 118", "type": "supergroup", "is_forum": True}
    assert (made["text"], made["is_topic_message"]) == ("Заявка 5512", True)
    assert made["entities"] == [{"type": "bold", "offset": 0, "length": 6}]
    assert made["from"]["id"] == BOT
    assert made["reply_to_message"]["forum_topic_created"]["name"] == "Заявки"
    assert made["link_preview_options"] == {"is_disabled": True}
    assert made["reply_markup"]["inline_keyboard"][0][0]["callback_data"] == "1"
    api.call("closeForumTopic", chat_id=chat, message_thread_id=topic["message_thread_id"])
    assert api.fails("sendMessage", chat_id=chat, message_thread_id=topic["message_thread_id"], text="x") == (
        400, "Bad Request: TOPIC_CLOSED",
    )  # fmt: skip


def test_markdown(api):
    chat = api.group()
    made = api.call(
        "sendMessage", chat_id=chat, parse_mode="MarkdownV2", text="*жирно 😀* _x_ `c\\`d` [l](https://a.test/) 1\\.5"
    )
    assert made["text"] == "жирно 😀 x c`d l 1.5"
    assert [(one["type"], one["offset"], one["length"]) for one in made["entities"]] == [
        ("bold", 0, 8), ("italic", 9, 1), ("code", 11, 3), ("text_link", 15, 1),
    ]  # fmt: skip
    for text, why in (
        ("1.5", "Character '.' is reserved and must be escaped with the preceding '\\'"),
        ("*x", "Can't find end of Bold entity at byte offset 0"),
    ):
        assert api.fails("sendMessage", chat_id=chat, parse_mode="MarkdownV2", text=text) == (
            400, f"Bad Request: can't parse entities: {why}",
        )  # fmt: skip
    assert api.fails("sendMessage", chat_id=chat, parse_mode="HTML", text="<b>x")[1] == (
        "Bad Request: can't parse entities: Can't find end tag corresponding to start tag \"b\""
    )
    assert "Unsupported start tag" in api.fails("sendMessage", chat_id=chat, parse_mode="HTML", text="<x>y</x>")[1]


@pytest.mark.parametrize("kind", ["photo", "document", "video", "audio", "voice", "animation", "sticker", "video_note"])
def test_a_file_goes_up_and_comes_down_again(api, kind):
    chat = api.group()
    method = "send" + "".join(word.title() for word in kind.split("_"))
    made = api.call(method, files={kind: ("a.jpg", PICTURE)}, chat_id=chat, caption="Чек")
    one = made[kind][-1] if kind == "photo" else made[kind]
    assert made.get("caption") == (None if kind in ("sticker", "video_note") else "Чек")
    got = api.call("getFile", file_id=one["file_id"])
    assert (got["file_size"], got["file_unique_id"]) == (len(PICTURE), one["file_unique_id"])
    address = f"{api.address}/file/bot{api.token}/{got['file_path']}"
    assert api.session.get(address, timeout=120).content == PICTURE
    again = api.call(method, chat_id=chat, **{kind: one["file_id"]})
    assert (again[kind][-1] if kind == "photo" else again[kind])["file_unique_id"] == one["file_unique_id"]


def test_an_album(api):
    chat = api.group()
    media = [{"type": "photo", "media": "attach://a", "caption": "Чеки"}, {"type": "photo", "media": "attach://b"}]
    made = api.call("sendMediaGroup", files={"a": ("a.jpg", PICTURE), "b": ("b.jpg", PICTURE)}, chat_id=chat, media=media)
    assert len({one["media_group_id"] for one in made}) == 1
    assert [one.get("caption") for one in made] == ["Чеки", None]
    assert made[1]["message_id"] == made[0]["message_id"] + 1


def test_small_kinds(api):
    chat = api.group()
    assert api.call("sendLocation", chat_id=chat, latitude=50.45, longitude="30.52")["location"]["latitude"] == 50.45
    assert api.call("sendContact", chat_id=chat, phone_number="+380", first_name="О")["contact"]["first_name"] == "О"
    assert len(api.call("sendPoll", chat_id=chat, question="?", options=["a", {"text": "b"}])["poll"]["options"]) == 2
    assert 1 <= api.call("sendDice", chat_id=chat)["dice"]["value"] <= 6
    assert api.call("sendChatAction", chat_id=chat, action="typing") is True


def test_editing(api):
    chat = api.group()
    sent = api.call("sendMessage", chat_id=chat, text="Курс 41,35")["message_id"]
    markup = {"inline_keyboard": [[{"text": "Беру", "callback_data": "x"}]]}
    edited = api.call("editMessageText", chat_id=chat, message_id=sent, text="Курс 41,30", reply_markup=markup)
    assert (edited["text"], edited["message_id"], "edit_date" in edited) == ("Курс 41,30", sent, True)
    assert "reply_markup" not in api.call("editMessageReplyMarkup", chat_id=chat, message_id=sent)
    file = api.call("sendDocument", files={"document": ("a.txt", b"1")}, chat_id=chat, caption="a")["message_id"]
    assert api.call("editMessageCaption", chat_id=chat, message_id=file, caption="b")["caption"] == "b"
    new = {"type": "document", "media": "attach://part", "caption": "c"}
    swapped = api.call("editMessageMedia", files={"part": ("b.txt", b"22")}, chat_id=chat, message_id=file, media=new)
    assert (swapped["document"]["file_name"], swapped["caption"]) == ("b.txt", "c")
    (first, second) = api.seen(chat)
    assert (first["versions"], first["edited"], second["file"]["name"]) == (["Курс 41,35"], True, "b.txt")


def test_an_answer_lost_is_found_by_editing(api):
    """PT-06: «is not modified» proves that a send arrived, and gives its id."""
    chat = api.group()
    known = api.call("sendMessage", chat_id=chat, text="Заявка 5511")["message_id"]
    api.door("/faults", cut_after_commit_next=1)
    with pytest.raises(OSError):
        api.call("sendMessage", chat_id=chat, text="Заявка 5512")
    person = api.door("/write", person="oleg", chat=chat, text="щось")["message_id"]
    found = {
        number: api.fails("editMessageText", chat_id=chat, message_id=number, text="Заявка 5512")[1]
        for number in range(known + 1, person + 2)
    }
    assert [text.partition(":")[2].strip().partition(":")[0] for text in found.values()] == [
        "message is not modified", "message can't be edited", "message to edit not found",
    ]  # fmt: skip


def test_copying_and_forwarding(api):
    chat = api.group(privacy=False)
    other = api.group("group", title="Інша")
    asked = api.door("/write", person="oleg", chat=chat, text="/rate@desk_bot")["message_id"]
    forwarded = api.call("forwardMessage", chat_id=other, from_chat_id=chat, message_id=asked)
    assert forwarded["forward_origin"]["sender_user"]["first_name"] == "Oleg"
    copied = api.call("copyMessage", chat_id=other, from_chat_id=chat, message_id=asked)
    assert set(copied) == {"message_id"}
    assert [one["text"] for one in api.seen(other)] == ["/rate@desk_bot"] * 2


def test_deleting_pinning_reacting(api):
    chat = api.group(admin=True)
    sent = api.call("sendMessage", chat_id=chat, text="x")["message_id"]
    assert api.call("setMessageReaction", chat_id=chat, message_id=sent, reaction=[{"type": "emoji", "emoji": "👍"}])
    assert api.call("pinChatMessage", chat_id=chat, message_id=sent)
    assert api.call("getChat", chat_id=chat)["pinned_message"]["message_id"] == sent
    assert api.seen(chat)[0]["reactions"] == {str(BOT): "👍"}
    assert api.call("deleteMessage", chat_id=chat, message_id=sent)
    assert api.seen(chat)[0]["deleted"]
    assert api.fails("deleteMessage", chat_id=chat, message_id=sent) == (400, "Bad Request: message to delete not found")


def test_chats_and_members(api):
    chat = api.group(admin=True)
    assert api.call("getChatMember", chat_id=chat, user_id=BOT)["status"] == "administrator"
    assert api.call("getChatMember", chat_id=chat, user_id=510000002)["status"] == "creator"
    assert {one["status"] for one in api.call("getChatAdministrators", chat_id=chat)} == {"creator", "administrator"}
    assert api.call("getChatMemberCount", chat_id=chat) == 3
    assert api.call("exportChatInviteLink", chat_id=chat).startswith("https://t.me/+")
    assert api.call("createChatInviteLink", chat_id=chat, name="Партнер")["name"] == "Партнер"
    assert api.call("setChatTitle", chat_id=chat, title="Нова") is True
    assert api.call("getChat", chat_id=chat)["title"] == "Нова"
    assert api.call("leaveChat", chat_id=chat) is True
    assert api.fails("getChat", chat_id=chat) == (403, "Forbidden: bot is not a member of the supergroup chat")


def test_the_methods_of_the_task_are_all_there():
    wanted = """getMe setWebhook getWebhookInfo deleteWebhook getUpdates sendMessage sendPhoto sendDocument sendVideo
    sendAudio
    sendVoice sendMediaGroup sendChatAction sendLocation sendContact sendPoll sendSticker sendDice copyMessage forwardMessage
    editMessageText editMessageCaption editMessageReplyMarkup editMessageMedia deleteMessage answerCallbackQuery
    setMessageReaction getFile getChat getChatMember getChatAdministrators getChatMemberCount leaveChat createForumTopic
    closeForumTopic setMyCommands getMyCommands deleteMyCommands exportChatInviteLink createChatInviteLink pinChatMessage
    logOut close"""
    assert {name for name in wanted.split() if name.lower() not in METHODS} == set()


def test_logged_out(api):
    assert api.call("close") is True
    assert api.call("logOut") is True
    assert api.fails("getMe") == (400, "Logged out")
    api.door("/bot", token=api.token, username="desk_bot")
    assert api.call("getMe")["id"] == BOT
