"""Groups: links, privacy mode, ids, upgrade, being thrown out, topics (contract 1.2, 1.3, 1.5)."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.row("PL-08")
BOT = 7000000001
LINK = "https://t.me/desk_bot?startgroup=Abc-123_x"


def new_group(api, kind="group"):
    return api.door("/group", title="Партнер 119", kind=kind, members=["oleg", "iryna"])["chat"]


def test_a_tap_on_the_link(api):
    chat = new_group(api)
    assert api.door("/tap", person="iryna", link=LINK, chat=chat) == {"chat": chat}
    joined, about, start = api.news()
    assert joined["my_chat_member"]["from"]["first_name"] == "Ірина"
    assert joined["my_chat_member"]["chat"] == {
        "id": chat, "title": "Партнер 119", "type": "group", "all_members_are_administrators": False,
    }  # fmt: skip
    statuses = [joined["my_chat_member"][key]["status"] for key in ("old_chat_member", "new_chat_member")]
    assert statuses == ["left", "member"]
    assert about["message"]["new_chat_members"][0]["id"] == BOT
    assert start["message"]["text"] == "/start@desk_bot Abc-123_x"
    assert start["message"]["entities"] == [{"type": "bot_command", "offset": 0, "length": 15}]


def test_a_tap_makes_a_new_group(api):
    chat = api.door("/tap", person="iryna", link=LINK, title="Зовсім нова")["chat"]
    kinds = [next(iter(set(one.get("message", {"my_chat_member": 1})) & {"my_chat_member", "group_chat_created", "text"}))
             for one in api.news()]  # fmt: skip
    assert kinds == ["my_chat_member", "group_chat_created", "text"]
    assert api.call("getChat", chat_id=chat)["title"] == "Зовсім нова"


def test_the_order_may_be_another_and_the_payload_missing(api):
    api.door("/faults", reorder="on", join_message="off")
    api.door("/tap", person="iryna", link=LINK, chat=new_group(api))
    assert api.kinds() == ["message", "my_chat_member"]
    api.door("/faults", reorder="off", payload_missing="on")
    api.door("/tap", person="iryna", link=LINK, chat=new_group(api))
    assert api.kinds() == ["my_chat_member"]


def test_the_variant_for_admins_brings_rights_and_no_payload(api):
    chat = new_group(api, "supergroup")
    api.door("/faults", join_message="off")
    api.door("/tap", person="iryna", link=f"{LINK}&admin=invite_users+manage_topics", chat=chat)
    (update,) = api.news()
    new = update["my_chat_member"]["new_chat_member"]
    assert (new["status"], new["can_invite_users"], new["can_manage_topics"], new["can_pin_messages"]) == (
        "administrator", True, True, False,
    )  # fmt: skip
    assert api.call("exportChatInviteLink", chat_id=chat)


def test_a_second_tap_brings_only_start(api):
    chat = new_group(api)
    api.door("/tap", person="iryna", link=LINK, chat=chat)
    api.updates()
    api.door("/tap", person="oleg", link="https://t.me/desk_bot?startgroup=second", chat=chat)
    (update,) = api.news()
    assert update["message"]["text"] == "/start@desk_bot second"


def test_privacy_mode(api):
    chat = api.group()
    own = api.call("sendMessage", chat_id=chat, text="Заявка")["message_id"]
    written = {
        "plain": api.door("/write", person="oleg", chat=chat, text="просто слова"),
        "reply": api.door("/write", person="oleg", chat=chat, text="відповідь", reply_to_id=own),
        "named": api.door("/write", person="oleg", chat=chat, text="/stan@desk_bot"),
        "foreign": api.door("/write", person="oleg", chat=chat, text="/stan@other_bot"),
        "last": api.door("/write", person="oleg", chat=chat, text="/stan"),
        "mention": api.door("/write", person="oleg", chat=chat, text="@desk_bot привіт"),
    }
    api.door("/pin", message=written["plain"]["message"])
    got = [one["message"] for one in api.news()]
    assert [one.get("text", "pinned") for one in got] == ["відповідь", "/stan@desk_bot", "/stan", "pinned"]
    assert got[0]["reply_to_message"]["message_id"] == own
    assert "reply_to_message" not in got[0]["reply_to_message"]


def test_an_admin_hears_everything_and_privacy_off_too(api):
    chat = api.group(admin=True)
    api.door("/write", person="oleg", chat=chat, text="слова")
    assert api.kinds() == ["message"]
    plain = api.group()
    api.door("/privacy", bot="desk_bot", privacy=False)
    assert api.call("getMe")["can_read_all_group_messages"] is True
    api.door("/write", person="oleg", chat=plain, text="ще ні")
    assert api.kinds() == []
    api.door("/kick", chat=plain, user="desk_bot")
    api.door("/add", chat=plain, user="desk_bot")
    api.updates()
    api.door("/write", person="oleg", chat=plain, text="тепер так")
    assert api.kinds() == ["message"]


def test_the_other_bot_spoke_last(api):
    api.door("/bot", token="7000000002:x", username="other_bot")
    chat = api.group(bots=["desk_bot", "other_bot"])
    other = api.as_bot("7000000002:x")
    other.call("sendMessage", chat_id=chat, text="я тут")
    assert api.kinds() == [], "a bot does not see another's messages"
    api.door("/write", person="oleg", chat=chat, text="/stan")
    assert api.kinds() == []
    assert [one["message"]["text"] for one in other.news() if "text" in one.get("message", {})] == ["/stan"]


def test_ids(api):
    """Supergroups count for themselves; in basic groups a bot counts what it sees, over all of them."""
    first, second = api.group("group", admin=True), api.group("group", admin=True)
    large = api.group()
    ids = [api.call("sendMessage", chat_id=chat, text="x")["message_id"] for chat in (first, second, large, first, large)]
    assert ids[1] == ids[0] + 1
    assert ids[3] == ids[0] + 2
    assert ids[4] == ids[2] + 1
    assert ids[2] < 5
    api.door("/faults", basic_group_ids="chat")
    third = api.group("group", admin=True)
    assert api.call("sendMessage", chat_id=third, text="x")["message_id"] == 2  # after the line about the bot itself


def test_a_reply_to_what_the_bot_never_saw(api):
    """PT-04: in a basic group it has no target, in a supergroup it has."""
    for kind, target in (("group", False), ("supergroup", True)):
        chat = api.group(kind)
        unseen = api.door("/write", person="iryna", chat=chat, text="між нами")
        assert (unseen["message_id"] is None) == (kind == "group")
        api.door("/write", person="oleg", chat=chat, text="/rate@desk_bot", reply_to=unseen["message"])
        (update,) = api.news()
        assert ("reply_to_message" in update["message"]) == target, kind


def test_an_upgrade(api):
    old = api.group("group")
    before = api.call("sendMessage", chat_id=old, text="раніше")["message_id"]
    new = api.door("/upgrade", chat=old)["chat"]
    first, second = (one["message"] for one in api.news())
    assert (first["chat"]["id"], first["migrate_to_chat_id"]) == (old, new)
    assert (second["chat"]["id"], second["migrate_from_chat_id"], second["message_id"]) == (new, old, 1)
    assert second["chat"]["type"] == "supergroup"
    assert api.call("sendMessage", chat_id=new, text="тепер")["message_id"] == 2
    assert api.call("getChatMember", chat_id=new, user_id=BOT)["status"] == "member"
    assert [one["text"] for one in api.seen(old)] == ["раніше"]
    assert api.fails("editMessageText", chat_id=old, message_id=before, text="x")[0] == 400


def test_kicked_and_back(api):
    chat = api.group()
    api.door("/kick", chat=chat, user="desk_bot", by="iryna")
    (update,) = api.news()
    assert update["my_chat_member"]["from"]["first_name"] == "Ірина"
    assert update["my_chat_member"]["new_chat_member"]["status"] == "kicked"
    assert update["my_chat_member"]["new_chat_member"]["until_date"] == 0
    api.door("/write", person="oleg", chat=chat, text="/stan@desk_bot")
    assert api.kinds() == []
    api.door("/add", chat=chat, user="desk_bot", by="oleg")
    back = api.news()[0]["my_chat_member"]
    assert [back[key]["status"] for key in ("old_chat_member", "new_chat_member")] == ["kicked", "member"]
    api.door("/promote", chat=chat, user="desk_bot", rights=["can_pin_messages"])
    assert api.news()[0]["my_chat_member"]["new_chat_member"]["can_pin_messages"] is True
    api.door("/demote", chat=chat, user="desk_bot")
    assert api.news()[0]["my_chat_member"]["new_chat_member"]["status"] == "member"


def test_the_group_is_deleted(api):
    chat = api.group()
    api.door("/delete-group", chat=chat)
    assert api.news()[0]["my_chat_member"]["new_chat_member"]["status"] == "left"


def test_members_come_and_go(api):
    chat = api.group(admin=True)
    api.door("/person", name="Пан", username="pan", id=42)
    api.call("getUpdates", allowed_updates=["message", "chat_member", "my_chat_member"])
    api.door("/join", chat=chat, person="pan")
    api.door("/leave", chat=chat, person="pan")
    api.door("/rename", chat=chat, title="Нова назва")
    news = api.news()
    assert [next(iter(one)) for one in news] == ["chat_member", "message", "message", "chat_member", "message"]
    assert news[1]["message"]["new_chat_members"][0]["first_name"] == "Пан"
    assert news[2]["message"]["left_chat_member"]["id"] == 42
    assert news[4]["message"]["new_chat_title"] == "Нова назва"


def test_topics(api):
    chat = api.group("forum", admin=True)
    thread = api.call("createForumTopic", chat_id=chat, name="Альфа")["message_thread_id"]
    api.updates()
    api.door("/write", person="oleg", chat=chat, text="у темі", thread=thread)
    api.door("/faults", topic_reply="off")
    api.door("/write", person="oleg", chat=chat, text="без відповіді", thread=thread)
    api.door("/write", person="oleg", chat=chat, text="загальне")
    one, two, three = (update["message"] for update in api.news())
    assert (one["message_thread_id"], one["is_topic_message"]) == (thread, True)
    assert one["reply_to_message"]["forum_topic_created"]["name"] == "Альфа"
    assert one["reply_to_message"]["message_id"] == thread
    assert "reply_to_message" not in two
    assert "message_thread_id" not in three
    assert api.door("/topic", chat=chat, name="Бета")["thread"] > thread
    assert api.call("editForumTopic", chat_id=chat, message_thread_id=thread, name="Гама") is True
    assert api.call("deleteForumTopic", chat_id=chat, message_thread_id=thread) is True
    assert api.fails("sendMessage", chat_id=chat, message_thread_id=thread, text="x")[1] == (
        "Bad Request: message thread not found"
    )
