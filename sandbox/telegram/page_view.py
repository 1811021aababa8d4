"""What the page shows of chats and messages, as values for its templates."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup

from sandbox.common.page import language_of
from sandbox.telegram import rich, views
from sandbox.telegram.model import Bot, Chat, Message, User
from sandbox.telegram.state import World

TEXTS: dict[str, dict[str, str]] = tomllib.loads((Path(__file__).parent / "page_texts.toml").read_text(encoding="utf-8"))
LANGUAGES = ("uk", "ru", "en")
TOAST_SECONDS = 8
COLORS = 7


def language(wanted: str, header: str) -> str:
    """The language asked for, else the browser's first that we have, else Ukrainian."""
    return language_of(TEXTS, wanted, header, LANGUAGES[0])


def chats_of(world: World, person: User) -> list[dict[str, Any]]:
    """The person's chats, the one with the newest message first."""
    own = [one for one in views.chats(world) if one.member(person.id) and not one.upgraded_to]
    own.sort(key=lambda one: one.messages[-1].key if one.messages else 0, reverse=True)
    made = []
    for one in own:
        last = next((m for m in reversed(one.messages) if not m.deleted and not m.service), None)
        made.append({
            "id": key(one), "title": views.title(one, person), "kind": one.kind, "color": abs(one.id) % COLORS,
            "last": f"{last.sender.first_name}: {preview(last)}" if last else "", "at": clock(last.date) if last else "",
        })  # fmt: skip
    return made


def key(chat: Chat) -> int:
    """How the page names a chat; a private one by its bot."""
    return chat.bot or chat.id


def find(world: World, person: User, ident: int) -> Chat | None:
    chat = world.private.get((ident, person.id)) if ident > 0 else world.groups.get(ident)
    return chat if chat is not None and chat.member(person.id) else None


def feed(world: World, person: User, chat: Chat, thread: int, words: dict[str, str]) -> list[dict[str, Any]]:
    """All messages, those before an upgrade first."""
    earlier = world.groups[chat.upgraded_from].messages if chat.upgraded_from else []
    shown = [one for one in [*earlier, *chat.messages] if not thread or one.thread == thread]
    return [message(world, person, one, words) for one in shown]


def message(world: World, person: User, one: Message, words: dict[str, str]) -> dict[str, Any]:
    stored = views.file_of(world, one)
    entities = one.content.get("entities", one.content.get("caption_entities", []))
    image = stored is not None and stored.mime.startswith("image/") and stored.content is not None
    return {
        "key": one.key, "own": one.sender is person, "name": one.sender.name, "color": one.sender.id % COLORS,
        "bot": one.sender.is_bot, "html": rich.html(one.text, entities), "at": clock(one.date), "edited": one.edited,
        "deleted": one.deleted, "line": line(one, words) if one.service else "", "origin": views.origin(one),
        "reply": reply(one), "file": file(stored.name, stored.size, stored.id, image) if stored else None,
        "kind": views.kind(one), "other": other(one, words), "album": one.album,
        "versions": [str(old.get("text", old.get("caption", ""))) for old in one.versions],
        "buttons": (one.markup or {}).get("inline_keyboard", []) if one.sender.is_bot else [],
        "reactions": sorted("".join(r.get("emoji", "") for r in given) for given in one.reactions.values() if given),
    }  # fmt: skip


def file(name: str, size: int, number: int, image: bool) -> dict[str, Any]:
    shown = f"{size / 1_048_576:.1f} MB" if size >= 1_048_576 else f"{max(size / 1024, 0.1):.1f} KB"
    ending = name.rpartition(".")[2][:4].upper() if "." in name else "…"
    return {"name": name, "size": shown, "id": number, "image": image, "ending": ending}


def reply(one: Message) -> dict[str, Any] | None:
    target = one.reply
    if target is None:
        return None
    return {"name": target.sender.name, "text": one.quote["text"] if one.quote else preview(target), "key": target.key}


def preview(one: Message) -> str:
    return (one.text or views.kind(one))[:80].replace("\n", " ")


def other(one: Message, words: dict[str, str]) -> str:
    """Kinds without file and text, in one line."""
    content = one.content
    if "location" in content:
        return f"{words['place']}: {content['location']['latitude']}, {content['location']['longitude']}"
    if "contact" in content:
        return f"{words['contact']}: {content['contact'].get('first_name', '')} {content['contact'].get('phone_number', '')}"
    if "poll" in content:
        options = " · ".join(str(row["text"]) for row in content["poll"]["options"])
        return f"{words['poll']}: {content['poll']['question']} ({options})"
    return str(content["dice"]["emoji"]) if "dice" in content else ""


def line(one: Message, words: dict[str, str]) -> str:
    """The grey line of a service message."""
    content, name = one.content, one.sender.name
    if "new_chat_members" in content:
        return f"{name} {words['joined']} {', '.join(user['first_name'] for user in content['new_chat_members'])}"
    if "left_chat_member" in content:
        return f"{content['left_chat_member']['first_name']} {words['left']}"
    if "new_chat_title" in content:
        return f"{words['renamed']} «{content['new_chat_title']}»"
    if "forum_topic_created" in content:
        return f"{words['topic_made']} «{content['forum_topic_created']['name']}»"
    simple = {
        "pinned_message": f"{name} {words['pinned']}", "group_chat_created": f"{name} {words['made_group']}",
        "migrate_from_chat_id": words["became_super"], "migrate_to_chat_id": words["became_super"],
    }  # fmt: skip
    return next((text for kind, text in simple.items() if kind in content), words["other"])


def clock(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).astimezone().strftime("%d.%m %H:%M")


def toast(world: World, person: User) -> str:
    """What the bot answered to the last pressed button, for some seconds."""
    asked = next((one for one in reversed(world.callbacks.values()) if one.person == person.id), None)
    if asked is None or asked.answer is None or world.clock.ticks() - asked.made > TOAST_SECONDS * world.clock.speedup:
        return ""
    return str(asked.answer["text"])


def state_of(chat: Chat, person: User, words: dict[str, str]) -> str:
    """Why the person cannot write here; empty if they can."""
    if chat.deleted:
        return words["gone"]
    if chat.upgraded_to:
        return words["upgraded"]
    return "" if chat.present(person.id) else words["not_member"]


def bots(world: World) -> list[Bot]:
    return list(world.bots.values())


def members(chat: Chat) -> Markup:
    return Markup(", ").join(one.user.name for one in chat.members.values() if one.present)
