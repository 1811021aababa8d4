"""Methods about chats, their members, links and topics."""

from __future__ import annotations

from typing import Any

from sandbox.telegram import access, membership, posting, show
from sandbox.telegram.errors import bad
from sandbox.telegram.model import Chat, Member, Topic
from sandbox.telegram.params import Call
from sandbox.telegram.registry import method

TOPIC_NAME_MAX = 128
PERMISSIONS = (
    "can_send_messages", "can_send_audios", "can_send_documents", "can_send_photos", "can_send_videos",
    "can_send_video_notes", "can_send_voice_notes", "can_send_polls", "can_send_other_messages",
    "can_add_web_page_previews", "can_change_info", "can_invite_users", "can_pin_messages", "can_manage_topics",
    "can_edit_tag", "can_react_to_messages",
)  # fmt: skip
GIFTS = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels")


@method("getChat")
def get_chat(call: Call) -> Any:
    chat = access.known(call)
    if chat.kind != "private":
        access.target(call)
    made = show.chat(chat) | {
        "accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": dict.fromkeys(GIFTS, False),
    }  # fmt: skip
    if chat.kind != "private":
        made |= {"permissions": dict.fromkeys(PERMISSIONS, True), "has_visible_history": True}
        if chat.invite:
            made["invite_link"] = chat.invite
    if chat.pinned and chat.pinned[-1].id_for(call.bot.id):
        made["pinned_message"] = show.message(call.world, call.bot.id, chat.pinned[-1], nested=True)
    return made


@method("getChatMember")
def get_chat_member(call: Call) -> Any:
    chat = access.target(call)
    user = access.person(call, chat)
    member = chat.member(user.id)
    return show.member(member or Member(user, "left"))


@method("getChatAdministrators")
def get_administrators(call: Call) -> Any:
    chat = access.target(call)
    if chat.kind == "private":
        raise bad("there are no administrators in the private chat")
    own = call.bot.id
    return [show.member(one) for one in chat.members.values() if one.admin and (not one.user.is_bot or one.user.id == own)]


@method("getChatMemberCount", "getChatMembersCount")
def count_members(call: Call) -> Any:
    return sum(member.present for member in access.target(call).members.values())


@method("leaveChat", sends=True)
def leave_chat(call: Call) -> Any:
    chat = access.target(call)
    if chat.kind == "private":
        raise bad("chat member status can't be changed in private chats")
    membership.leave(call.world, chat, call.bot)
    return True


@method("setChatTitle", sends=True)
def set_title(call: Call) -> Any:
    chat = access.target(call)
    access.need(call, chat, "can_change_info", "change chat title")
    membership.rename(call.world, chat, call.bot, call.text("title"))
    return True


# -- links


@method("exportChatInviteLink")
def export_link(call: Call) -> Any:
    chat = access.target(call)
    access.need(call, chat, "can_invite_users", "manage chat invite link")
    return _new_link(call, chat)


@method("createChatInviteLink")
def create_link(call: Call) -> Any:
    chat = access.target(call)
    access.need(call, chat, "can_invite_users", "manage chat invite link")
    made = {
        "invite_link": _new_link(call, chat), "creator": show.user(call.bot), "is_primary": False, "is_revoked": False,
        "creates_join_request": call.flag("creates_join_request"),
    }  # fmt: skip
    return made | ({"name": call.text("name")} if call.has("name") else {})


def _new_link(call: Call, chat: Chat) -> str:
    chat.invite = f"https://t.me/+sandbox{call.world.next_id('link'):06d}"
    return chat.invite


# -- topics


@method("createForumTopic", sends=True)
def create_topic(call: Call) -> Any:
    chat = _forum(call)
    name = call.text("name").strip()
    if not 1 <= len(name) <= TOPIC_NAME_MAX:
        raise bad("topic name is too long" if name else "TOPIC_TITLE_EMPTY")
    color = call.number("icon_color", 7322096)
    topic = membership.open_topic(call.world, chat, call.bot, name, color)
    return {"message_thread_id": topic.thread, "name": name, "icon_color": color}


@method("closeForumTopic", sends=True)
def close_topic(call: Call) -> Any:
    return _set_closed(call, True)


@method("reopenForumTopic", sends=True)
def reopen_topic(call: Call) -> Any:
    return _set_closed(call, False)


@method("editForumTopic", sends=True)
def edit_topic(call: Call) -> Any:
    chat = _forum(call)
    topic = _topic(call, chat)
    if not call.has("name") or call.text("name") == topic.name:
        raise bad("TOPIC_NOT_MODIFIED")
    topic.name = call.text("name")
    posting.service(call.world, chat, call.bot, {"forum_topic_edited": {"name": topic.name}}, thread=topic.thread)
    return True


@method("deleteForumTopic", sends=True)
def delete_topic(call: Call) -> Any:
    chat = _forum(call)
    topic = _topic(call, chat)
    for message in chat.messages:
        if message.thread == topic.thread:
            message.deleted = True
    del chat.topics[topic.thread]
    return True


def _forum(call: Call) -> Chat:
    chat = access.target(call)
    if not chat.forum:
        raise bad("the chat is not a forum")
    access.need(call, chat, "can_manage_topics", "create a topic")
    return chat


def _topic(call: Call, chat: Chat) -> Topic:
    topic = chat.topics.get(call.number("message_thread_id"))
    if topic is None:
        raise bad("message thread not found")
    return topic


def _set_closed(call: Call, closed: bool) -> bool:
    chat = _forum(call)
    topic = _topic(call, chat)
    if topic.closed == closed:
        raise bad("TOPIC_NOT_MODIFIED")
    topic.closed = closed
    what = "forum_topic_closed" if closed else "forum_topic_reopened"
    posting.service(call.world, chat, call.bot, {what: {}}, thread=topic.thread)
    return True
