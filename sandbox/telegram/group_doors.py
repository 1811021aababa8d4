"""Doors about groups: making, joining, leaving, rights, upgrade, the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.telegram import doors, links, membership, posting
from sandbox.telegram.doors import Running, door
from sandbox.telegram.model import Chat, User
from sandbox.telegram.people import Impossible
from sandbox.telegram.state import World

KINDS = ("group", "supergroup", "forum")


@door("POST", "/sandbox/group")
def make(sandbox: Running, data: Mapping[str, Any]) -> Any:
    """A group of `members` (ids or usernames, the first one made it), with `bots` in it."""
    world = sandbox.world
    kind = str(data.get("kind", "group"))
    if kind not in KINDS:
        raise Impossible(f"kind is one of {', '.join(KINDS)}, not {kind!r}")
    members = [doors.person(world, {"person": one}) for one in data.get("members", [])]
    if not members:
        raise Impossible("members: a group needs somebody who made it")
    chat = membership.new_group(world, str(data["title"]), kind, members, str(data.get("username", "")))
    for name in data.get("bots", []):
        rights = links.rights(data.get("rights")) if data.get("admin") else None
        membership.add(world, chat, members[0], doors.user(world, {"user": name}), rights)
    return {"chat": chat.id}


@door("POST", "/sandbox/join")
def join(sandbox: Running, data: Mapping[str, Any]) -> Any:
    world = sandbox.world
    chat, one = doors.group(world, data), doors.person(world, data)
    membership.add(world, chat, one, one)
    return _members(chat)


@door("POST", "/sandbox/leave")
def leave(sandbox: Running, data: Mapping[str, Any]) -> Any:
    chat = doors.group(sandbox.world, data)
    membership.leave(sandbox.world, chat, doors.person(sandbox.world, data))
    return _members(chat)


@door("POST", "/sandbox/add")
def add(sandbox: Running, data: Mapping[str, Any]) -> Any:
    """Somebody, mostly a bot that was kicked, is put into the group by `by`."""
    world = sandbox.world
    chat = doors.group(world, data)
    rights = links.rights(data.get("rights")) if data.get("admin") else None
    membership.add(world, chat, _by(world, chat, data), doors.user(world, data), rights)
    return _members(chat)


@door("POST", "/sandbox/kick")
def kick(sandbox: Running, data: Mapping[str, Any]) -> Any:
    world = sandbox.world
    chat = doors.group(world, data)
    membership.kick(world, chat, _by(world, chat, data), doors.user(world, data))
    return _members(chat)


@door("POST", "/sandbox/promote")
def promote(sandbox: Running, data: Mapping[str, Any]) -> Any:
    world = sandbox.world
    chat = doors.group(world, data)
    membership.promote(world, chat, _by(world, chat, data), doors.user(world, data), links.rights(data.get("rights")))
    return _members(chat)


@door("POST", "/sandbox/demote")
def demote(sandbox: Running, data: Mapping[str, Any]) -> Any:
    world = sandbox.world
    chat = doors.group(world, data)
    membership.promote(world, chat, _by(world, chat, data), doors.user(world, data), None)
    return _members(chat)


@door("POST", "/sandbox/rename")
def rename(sandbox: Running, data: Mapping[str, Any]) -> Any:
    world = sandbox.world
    chat = doors.group(world, data)
    membership.rename(world, chat, _by(world, chat, data), str(data["title"]))
    return {"chat": chat.id, "title": chat.title}


@door("POST", "/sandbox/pin")
def pin(sandbox: Running, data: Mapping[str, Any]) -> Any:
    world = sandbox.world
    message = doors.message(world, data)
    chat = message.chat
    chat.pinned.append(message)
    posting.service(
        world, chat, _by(world, chat, data), {"pinned_message": {"_message": message.key}}, thread=message.thread
    )
    return {"chat": chat.id, "pinned": message.key}


@door("POST", "/sandbox/topic")
def topic(sandbox: Running, data: Mapping[str, Any]) -> Any:
    world = sandbox.world
    chat = doors.group(world, data)
    if not chat.forum:
        raise Impossible("the group is no forum")
    made = membership.open_topic(world, chat, _by(world, chat, data), str(data["name"]))
    return {"chat": chat.id, "thread": made.thread}


@door("POST", "/sandbox/upgrade")
def upgrade(sandbox: Running, data: Mapping[str, Any]) -> Any:
    world = sandbox.world
    chat = doors.group(world, data)
    if chat.kind != "group" or chat.upgraded_to:
        raise Impossible("only a basic group can be upgraded, and once")
    return {"chat": membership.upgrade(world, chat, _by(world, chat, data)).id, "was": chat.id}


@door("POST", "/sandbox/delete-group")
def delete_group(sandbox: Running, data: Mapping[str, Any]) -> Any:
    """The group is deleted for all; a bot in it is told that it left."""
    world = sandbox.world
    chat = doors.group(world, data)
    by = _by(world, chat, data)
    for bot in world.bots_of(chat):
        membership.tell(world, chat, by, bot, membership.status(world, chat, by, bot, "left"))
    chat.deleted = True
    world.changed.notify_all()
    return {"chat": chat.id, "deleted": True}


@door("POST", "/sandbox/privacy")
def privacy(sandbox: Running, data: Mapping[str, Any]) -> Any:
    """Privacy mode of a bot; works in a group only when the bot is added again (contract 1.3)."""
    bot = doors.bot(sandbox.world, data)
    bot.privacy = bool(data.get("privacy", True))
    return {"bot": bot.id, "privacy": bot.privacy}


def _by(world: World, chat: Chat, data: Mapping[str, Any]) -> User:
    """Who does it: `by`, or who made the group."""
    if data.get("by") is not None:
        return doors.user(world, data, "by")
    return next(m.user for m in chat.members.values() if m.present and not m.user.is_bot)


def _members(chat: Chat) -> dict[str, Any]:
    return {"chat": chat.id, "members": {str(one.user.id): one.status for one in chat.members.values()}}
