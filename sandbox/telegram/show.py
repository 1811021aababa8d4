"""Records as a bot sees them: its own message ids, its own file ids."""

from __future__ import annotations

from typing import Any

from sandbox.telegram.model import RIGHTS, Bot, Chat, Member, Message, StoredFile, User
from sandbox.telegram.state import World


def user(one: User) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": one.id, "is_bot": one.is_bot, "first_name": one.first_name}
    for key, value in (("last_name", one.last_name), ("username", one.username), ("language_code", one.language)):
        if value:
            shown[key] = value
    return shown


def me(bot: Bot) -> dict[str, Any]:
    return user(bot) | {
        "can_join_groups": bot.can_join_groups, "can_read_all_group_messages": not bot.privacy,
        "supports_inline_queries": False, "can_connect_to_business": False, "has_main_web_app": False,
        "has_topics_enabled": False, "allows_users_to_create_topics": False, "can_manage_bots": False,
    }  # fmt: skip


def chat(one: Chat, person: User | None = None) -> dict[str, Any]:
    """`person` is whom a private chat is with."""
    if one.kind == "private":
        other = person or next((m.user for m in one.members.values() if not m.user.is_bot), None)
        assert other is not None
        shown = user(other)
        return {key: shown[key] for key in ("id", "first_name", "last_name", "username") if key in shown} | {
            "type": "private"
        }
    made: dict[str, Any] = {"id": one.id, "title": one.title, "type": one.kind}
    if one.username:
        made["username"] = one.username
    if one.forum:
        made["is_forum"] = True
    if one.kind == "group":
        made["all_members_are_administrators"] = False
    return made


def member(one: Member) -> dict[str, Any]:
    made: dict[str, Any] = {"user": user(one.user), "status": one.status}
    if one.status == "creator":
        made["is_anonymous"] = False
    if one.status == "administrator":
        made |= {"can_be_edited": False, "is_anonymous": False} | {right: right in one.rights for right in RIGHTS}
        made |= {"can_manage_voice_chats": "can_manage_video_chats" in one.rights}
    if one.status == "kicked":
        made["until_date"] = 0
    return made


def file(world: World, bot: int, stored: StoredFile) -> dict[str, Any]:
    return {
        "file_id": world.file_id(bot, stored), "file_unique_id": f"AQAD{stored.id:08d}", "file_size": stored.size,
    }  # fmt: skip


def content(world: World, bot: int, value: Any) -> Any:
    """`{"_file": 5, …}` becomes that bot's ids of the file, at every depth."""
    if isinstance(value, list):
        return [content(world, bot, item) for item in value]
    if not isinstance(value, dict):
        return value
    if "_file" in value:
        rest = {key: content(world, bot, item) for key, item in value.items() if key != "_file"}
        return file(world, bot, world.files[value["_file"]]) | rest
    if "_message" in value:
        return message(world, bot, world.messages[value["_message"]], nested=True)
    return {key: content(world, bot, item) for key, item in value.items()}


def message(world: World, bot: int, one: Message, nested: bool = False) -> dict[str, Any]:
    """The message; `nested` is the one inside another, which carries no reply of its own."""
    made: dict[str, Any] = {
        "message_id": one.id_for(bot),
        "date": one.date,
        "chat": chat(one.chat),
        "from": user(one.sender),
    }
    if one.thread:
        made["message_thread_id"] = one.thread
        made["is_topic_message"] = True
    if one.edited:
        made["edit_date"] = one.edited
    if one.album:
        made["media_group_id"] = one.album
    if one.origin:
        made["forward_origin"] = one.origin
    if not nested:
        made |= _reply(world, bot, one)
    made |= content(world, bot, one.content)
    if one.markup and "inline_keyboard" in one.markup:
        made["reply_markup"] = one.markup
    return made


def _reply(world: World, bot: int, one: Message) -> dict[str, Any]:
    """What it answers. In a basic group a bot has no target for what it never saw (contract, PT-04)."""
    made: dict[str, Any] = {}
    target = one.reply
    if target is None and one.thread and world.faults.on("topic_reply") and one.thread in one.chat.topics:
        root = one.chat.topics[one.thread].root
        target = root if root is not one else None
    if target is not None and target.chat is one.chat and not target.deleted and target.id_for(bot):
        made["reply_to_message"] = message(world, bot, target, nested=True)
        if one.quote:
            made["quote"] = one.quote
    if one.external:
        made["external_reply"] = content(world, bot, one.external)
        if one.quote:
            made["quote"] = one.quote
    return made
