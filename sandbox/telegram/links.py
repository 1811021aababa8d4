"""A tap on a startgroup link: the bot is added, with rights or without, and gets its payload (contract 1.2)."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from sandbox.telegram import membership, people
from sandbox.telegram.model import RIGHTS, RIGHTS_BY_DEFAULT, Bot, Chat, User
from sandbox.telegram.people import Impossible
from sandbox.telegram.state import World

ADMIN_WORDS = {
    "change_info": "can_change_info", "delete_messages": "can_delete_messages", "restrict_members": "can_restrict_members",
    "invite_users": "can_invite_users", "pin_messages": "can_pin_messages", "manage_topics": "can_manage_topics",
    "promote_members": "can_promote_members", "manage_video_chats": "can_manage_video_chats",
    "manage_chat": "can_manage_chat",
}  # fmt: skip


@dataclass(frozen=True)
class Link:
    bot: str
    payload: str = ""
    group: bool = True
    admin: frozenset[str] | None = None


def parse(text: str) -> Link:
    """`https://t.me/desk_bot?startgroup=…&admin=…`, or `?start=…` for the private chat."""
    parts = urlsplit(text)
    query = parse_qs(parts.query.replace("+", "%2B"), keep_blank_values=True)
    if parts.netloc not in ("t.me", "telegram.me") or not parts.path.strip("/"):
        raise Impossible(f"not a link to a bot: {text!r}")
    words = query.get("admin", [""])[0].replace(" ", "+").split("+")
    unknown = [word for word in words if word and word not in ADMIN_WORDS]
    if unknown:
        raise Impossible(f"unknown rights in the link: {', '.join(unknown)}")
    admin = frozenset(ADMIN_WORDS[word] for word in words if word) if "admin" in query else None
    payload = query.get("startgroup", query.get("start", [""]))[0]
    return Link(parts.path.strip("/"), payload, "start" not in query, admin)


def tap(world: World, person: User, link: Link, chat: Chat, new_group: bool = False) -> None:
    """The person puts the bot into this group. With rights asked for, no payload comes."""
    bot = bot_named(world, link.bot)
    if not bot.can_join_groups:
        raise Impossible(f"{bot.username} joins no groups")
    if not chat.present(person.id):
        raise Impossible(f"{person.name} is not in the group")
    text = f"/start@{bot.username} {link.payload}".strip()
    payload = link.admin is None and not world.faults.on("payload_missing")
    if chat.present(bot.id) and link.admin is None:
        if payload:
            people.write(world, person, chat, people.text_content(text))
        return
    first = payload and world.faults.on("reorder")
    if first:
        _say_before_joining(world, person, chat, bot, text)
    if link.admin is not None and chat.present(bot.id):
        membership.promote(world, chat, person, bot, link.admin | {"can_manage_chat"})
    else:
        rights = None if link.admin is None else link.admin | {"can_manage_chat"}
        membership.add(world, chat, person, bot, rights, new_group)
    if payload and not first:
        people.write(world, person, chat, people.text_content(text))


def _say_before_joining(world: World, person: User, chat: Chat, bot: Bot, text: str) -> None:
    """`/start` overtakes `my_chat_member`: the bot is in already when it is written, but is told so afterwards."""
    before = chat.members.get(bot.id)
    membership.status(world, chat, person, bot, "member")
    people.write(world, person, chat, people.text_content(text))
    if before is None:
        del chat.members[bot.id]
    else:
        before.status = "left"


def bot_named(world: World, name: str) -> Bot:
    found = next((bot for bot in world.bots.values() if bot.username.lower() == name.lower().lstrip("@")), None)
    if found is None:
        raise Impossible(f"no bot {name!r}; there are: {', '.join(bot.username for bot in world.bots.values())}")
    return found


def rights(words: object) -> frozenset[str]:
    """Rights of a promotion: a list of names, or nothing for the usual ones."""
    if words is None:
        return RIGHTS_BY_DEFAULT
    given = [str(word) for word in words] if isinstance(words, list) else str(words).replace("+", ",").split(",")
    made = frozenset(ADMIN_WORDS.get(word, word) for word in given if word)
    if made - set(RIGHTS):
        raise Impossible(f"unknown rights: {', '.join(sorted(made - set(RIGHTS)))}")
    return made | {"can_manage_chat"}
