"""Chats and messages as people see them, for doors and the page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sandbox.telegram.model import Chat, Message, StoredFile, User
from sandbox.telegram.state import World

FILE_KEYS = ("photo", "document", "video", "audio", "voice", "animation", "video_note", "sticker")


def ids(message: Message) -> dict[str, Any]:
    """How a door names a message: the sandbox's key, and the ids as bots count."""
    made: dict[str, Any] = {"message": message.key, "chat": message.chat.id}
    if message.number:
        return made | {"message_id": message.number}
    counted = {str(bot): number for bot, number in message.ids.items()}
    return made | {"message_id": next(iter(counted.values()), None), "ids": counted}


def file_of(world: World, message: Message) -> StoredFile | None:
    """The file a message carries."""
    for key in FILE_KEYS:
        value = message.content.get(key)
        if value:
            return world.files[(value[-1] if isinstance(value, list) else value)["_file"]]
    return None


def message(world: World, one: Message) -> dict[str, Any]:
    stored = file_of(world, one)
    made = ids(one) | {
        "from": one.sender.id, "name": one.sender.name, "bot": one.sender.is_bot,
        "at": datetime.fromtimestamp(one.date, UTC).isoformat(), "text": one.text, "service": one.service,
        "kind": kind(one), "reply_to": one.reply.key if one.reply else None, "thread": one.thread or None,
        "album": one.album or None, "edited": bool(one.edited), "deleted": one.deleted,
        "forwarded_from": origin(one), "quote": one.quote and one.quote["text"],
        "buttons": [[b["text"] for b in row] for row in (one.markup or {}).get("inline_keyboard", [])],
        "reactions": {str(who): "".join(r.get("emoji", "") for r in given) for who, given in one.reactions.items()},
        "versions": [str(old.get("text", old.get("caption", ""))) for old in one.versions],
    }  # fmt: skip
    if stored:
        made["file"] = {"id": stored.id, "name": stored.name, "size": stored.size, "mime": stored.mime}
    return made


def kind(one: Message) -> str:
    return next((key for key in one.content if key in FILE_KEYS), next(iter(one.content), "text"))


def origin(one: Message) -> str | None:
    if not one.origin:
        return None
    user = one.origin.get("sender_user", {})
    return str(one.origin.get("sender_user_name") or f"{user.get('first_name', '')} {user.get('last_name', '')}".strip())


def chat(one: Chat) -> dict[str, Any]:
    return {
        "chat": one.id, "kind": "forum" if one.forum else one.kind, "title": title(one), "username": one.username,
        "deleted": one.deleted, "upgraded_to": one.upgraded_to or None, "upgraded_from": one.upgraded_from or None,
        "bot": one.bot or None, "messages": sum(not m.deleted for m in one.messages),
        "members": [
            {"id": m.user.id, "name": m.user.name, "status": m.status, "bot": m.user.is_bot} for m in one.members.values()
        ],
        "topics": [{"thread": t.thread, "name": t.name, "closed": t.closed} for t in one.topics.values()],
        "pinned": [m.key for m in one.pinned],
    }  # fmt: skip


def title(one: Chat, viewer: User | None = None) -> str:
    if one.kind != "private":
        return one.title
    others = [m.user.name for m in one.members.values() if m.user is not viewer and (viewer is None or m.user.is_bot)]
    return " · ".join(others)


def chats(world: World) -> list[Chat]:
    return [*world.groups.values(), *world.private.values()]
