"""Every error of the contract's table and of PT-06, word for word (contract 1.6)."""

from __future__ import annotations

import pytest

from sandbox.telegram.errors import NAMED

pytestmark = pytest.mark.row("PL-08")
SEND = "sendMessage"


def test_token_and_method(api):
    assert api.as_bot("7000000001:wrong").fails("getMe") == (401, "Unauthorized")
    assert api.as_bot("nonsense").fails("getMe") == (401, "Unauthorized")
    assert api.fails("sendTelepathy") == (404, "Not Found: method not found")
    address = f"{api.address}/file/bot7000000001:wrong/documents/file_1"
    assert api.session.get(address, timeout=120).status_code == 401
    assert api.session.get(f"{api.address}/file/bot{api.token}/documents/file_1", timeout=120).status_code == 404


def test_texts(api):
    chat = api.group()
    for params, why in (
        ({"text": ""}, "message text is empty"), ({}, "message text is empty"), ({"text": " \n "}, "message text is empty"),
        ({"text": "я" * 4097}, "message is too long"),
        ({"text": "x", "reply_parameters": {"message_id": 99}}, "message to be replied not found"),
        ({"text": "x", "reply_to_message_id": 99}, "message to be replied not found"),
        ({"text": "x", "message_thread_id": 99}, "message thread not found"),
        ({"text": "x", "parse_mode": "BBCode"}, "unsupported parse_mode"),
        ({"text": "x", "reply_parameters": "{nonsense"}, "can't parse reply parameters JSON object"),
        ({"text": "x", "reply_markup": {"inline_keyboard": [[{"text": "a", "callback_data": "я" * 33}]]}},
         "BUTTON_DATA_INVALID"),
    ):  # fmt: skip
        assert api.fails(SEND, chat_id=chat, **params) == (400, f"Bad Request: {why}"), params
    assert api.call(SEND, chat_id=chat, text="я" * 4096)
    assert api.call(SEND, chat_id=chat, text="x", reply_parameters={"message_id": 99, "allow_sending_without_reply": True})
    assert api.fails(SEND, text="x") == (400, "Bad Request: chat_id is empty")
    for unknown in (-1, -100123, 123, "@nobody", "abc"):
        assert api.fails(SEND, chat_id=unknown, text="x") == (400, "Bad Request: chat not found")
    assert api.fails("sendPhoto", files={"photo": ("a.jpg", b"\xff\xd8\xff")}, chat_id=chat, caption="я" * 1025) == (
        400, "Bad Request: message caption is too long",
    )  # fmt: skip


def test_editing_refused(api):
    chat = api.group(admin=True)
    sent = api.call(SEND, chat_id=chat, text="Курс")["message_id"]
    person = api.door("/write", person="oleg", chat=chat, text="Курс")["message_id"]
    for number, why in (
        (sent, "message is not modified: specified new message content and reply markup are exactly the same as a current "
               "content and reply markup of the message"),
        (sent + 50, "message to edit not found"), (person, "message can't be edited"),
    ):  # fmt: skip
        assert api.fails("editMessageText", chat_id=chat, message_id=number, text="Курс") == (400, f"Bad Request: {why}")
    file = api.call("sendDocument", files={"document": ("a", b"1")}, chat_id=chat)["message_id"]
    assert api.fails("editMessageText", chat_id=chat, message_id=file, text="x") == (
        400, "Bad Request: there is no text in the message to edit",
    )  # fmt: skip
    assert api.fails("editMessageCaption", chat_id=chat, message_id=sent, caption="x") == (
        400, "Bad Request: there is no caption in the message to edit",
    )  # fmt: skip
    assert api.fails("editMessageCaption", chat_id=chat, message_id=file)[1].startswith(
        "Bad Request: message is not modified"
    )
    api.door("/demote", chat=chat, user="desk_bot")
    assert api.fails("deleteMessage", chat_id=chat, message_id=person) == (400, "Bad Request: message can't be deleted")


@pytest.mark.parametrize("kind", ["group", "supergroup"])
def test_the_bot_is_not_in_the_group(api, kind):
    chat = api.group(kind)
    api.door("/kick", chat=chat, user="desk_bot")
    assert api.fails(SEND, chat_id=chat, text="x") == (403, f"Forbidden: bot was kicked from the {kind} chat")
    api.door("/add", chat=chat, user="desk_bot")
    assert api.call(SEND, chat_id=chat, text="x")
    api.call("leaveChat", chat_id=chat)
    assert api.fails(SEND, chat_id=chat, text="x") == (403, f"Forbidden: bot is not a member of the {kind} chat")
    api.door("/add", chat=chat, user="desk_bot")
    api.door("/delete-group", chat=chat)
    assert api.fails(SEND, chat_id=chat, text="x") == (403, "Forbidden: the group chat was deleted")


def test_a_group_the_bot_never_met(api):
    chat = api.door("/group", title="Чужа", members=["oleg"])["chat"]
    assert api.fails(SEND, chat_id=chat, text="x") == (400, "Bad Request: chat not found")


def test_private_chats(api):
    oleg = 510000002
    assert api.fails(SEND, chat_id=oleg, text="x") == (400, "Bad Request: chat not found")
    api.group()
    assert api.fails(SEND, chat_id=oleg, text="x") == (403, "Forbidden: bot can't initiate conversation with a user")
    api.door("/start", person="oleg")
    assert api.call(SEND, chat_id=oleg, text="x")["chat"]["type"] == "private"
    api.door("/block", person="oleg")
    assert api.fails(SEND, chat_id=oleg, text="x") == (403, "Forbidden: bot was blocked by the user")
    api.door("/start", person="oleg")
    api.door("/deactivate", person="oleg")
    assert api.fails(SEND, chat_id=oleg, text="x") == (403, "Forbidden: user is deactivated")
    api.door("/bot", token="7000000002:x", username="other_bot")
    assert api.fails(SEND, chat_id=7000000002, text="x") == (403, "Forbidden: bots can't send messages to bots")


def test_an_upgraded_group(api):
    old = api.group("group")
    new = api.door("/upgrade", chat=old)["chat"]
    answer = api.raw(SEND, json={"chat_id": old, "text": "x"})
    assert answer.status_code == 400
    assert answer.json() == {
        "ok": False, "error_code": 400, "description": "Bad Request: group chat was upgraded to a supergroup chat",
        "parameters": {"migrate_to_chat_id": new},
    }  # fmt: skip


def test_files(api):
    chat = api.group()
    assert api.fails("sendPhoto", chat_id=chat) == (400, "Bad Request: there is no photo in the request")
    assert api.fails("sendDocument", chat_id=chat, document="nonsense") == (
        400, "Bad Request: wrong file identifier/HTTP URL specified",
    )  # fmt: skip
    assert api.fails("sendDocument", chat_id=chat, document="https://example.org/a.pdf") == (
        400, "Bad Request: failed to get HTTP URL content",
    )  # fmt: skip
    assert api.fails("sendPhoto", files={"photo": ("a.jpg", b"no picture")}, chat_id=chat) == (
        400, "Bad Request: IMAGE_PROCESS_FAILED",
    )  # fmt: skip
    assert api.fails("sendDocument", files={"document": ("a", b"")}, chat_id=chat) == (
        400,
        "Bad Request: file must be non-empty",
    )
    assert api.fails("getFile") == (400, "Bad Request: file_id not specified")
    assert api.fails("getFile", file_id="nonsense") == (400, "Bad Request: invalid file_id")


def test_files_of_another_bot_are_unknown(api):
    chat = api.group()
    api.door("/bot", token="7000000002:x", username="other_bot")
    sent = api.call("sendDocument", files={"document": ("a", b"1")}, chat_id=chat)["document"]["file_id"]
    assert api.as_bot("7000000002:x").fails("getFile", file_id=sent) == (400, "Bad Request: invalid file_id")


def test_sizes(api):
    """A person's large file has no content; a bot's upload is measured by switches, so that no test carries 50 MB."""
    chat = api.group(admin=True)
    for size, good in ((20 * 1024 * 1024, True), (20 * 1024 * 1024 + 1, False)):
        api.door("/write", person="oleg", chat=chat, video={"name": "v.mp4", "size": size})
        (update,) = api.updates()
        video = update["message"]["video"]
        assert video["file_size"] == size
        answer = api.raw("getFile", json={"file_id": video["file_id"]})
        assert answer.json().get("description") == (None if good else "Bad Request: file is too big")
    defaults = {name: switch["default"] for name, switch in api.read("/faults").items()}
    assert (defaults["upload_max"], defaults["photo_max"], defaults["download_max"]) == (52428800, 10485760, 20971520)
    api.door("/faults", upload_max=200, photo_max=100)
    picture = b"\xff\xd8\xff" + bytes(98)
    assert api.fails("sendPhoto", files={"photo": ("a.jpg", picture)}, chat_id=chat) == (
        400, "Bad Request: file of size 101 bytes is too big for a photo; the maximum size is 100 bytes",
    )  # fmt: skip
    assert api.call("sendDocument", files={"document": ("a.jpg", picture)}, chat_id=chat)
    assert api.fails("sendDocument", files={"document": ("a", bytes(201))}, chat_id=chat) == (
        413,
        "Request Entity Too Large",
    )


def test_albums_topics_rights_buttons(api):
    chat = api.group()
    photo = {"type": "photo", "media": "x"}
    assert api.fails("sendMediaGroup", chat_id=chat, media=[]) == (400, "Bad Request: there are no messages to send")
    assert api.fails("sendMediaGroup", chat_id=chat, media=[photo] * 11)[1] == (
        "Bad Request: too many messages to send as an album"
    )
    assert api.fails("sendMediaGroup", chat_id=chat, media=[photo, {"type": "document", "media": "x"}])[1] == (
        "Bad Request: document can't be mixed with other media types"
    )
    assert api.fails("createForumTopic", chat_id=chat, name="x") == (400, "Bad Request: the chat is not a forum")
    forum = api.group("forum")
    assert api.fails("createForumTopic", chat_id=forum, name="x") == (
        400,
        "Bad Request: not enough rights to create a topic",
    )
    assert api.fails("exportChatInviteLink", chat_id=forum)[1] == (
        "Bad Request: not enough rights to manage chat invite link"
    )
    assert api.fails("answerCallbackQuery", callback_query_id="1") == (
        400, "Bad Request: query is too old and response timeout expired or query ID is invalid",
    )  # fmt: skip
    assert api.fails("getChatMember", chat_id=chat, user_id=1) == (400, "Bad Request: member not found")
    assert api.fails("setMyCommands", commands=[{"command": "Стан", "description": "x"}])[1] == (
        "Bad Request: BOT_COMMAND_INVALID"
    )


@pytest.mark.parametrize("name", sorted(NAMED))
def test_any_named_error_can_be_asked_for(api, name):
    chat = api.group()
    api.door("/faults", errors_next=name)
    assert api.call("getMe")  # only sends and edits use it up
    assert api.fails(SEND, chat_id=chat, text="x") == NAMED[name]
    assert api.call(SEND, chat_id=chat, text="x")


def test_named_errors_in_a_row(api):
    chat = api.group()
    api.door("/faults", errors_next="internal, blocked")
    assert [api.fails(SEND, chat_id=chat, text="x")[0] for _ in range(2)] == [500, 403]
    answer = api.session.post(f"{api.address}/sandbox/faults", json={"errors_next": "nope"}, timeout=120)
    assert answer.status_code == 400
    assert "chat_not_found" in answer.json()["error"]
