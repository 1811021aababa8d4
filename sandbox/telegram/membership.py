"""Who is in a group: coming, going, promotion, upgrade; with the updates and grey lines that belong to it."""

from __future__ import annotations

from typing import Any

from sandbox.telegram import posting, show, updates
from sandbox.telegram.model import Bot, Chat, Member, Topic, User
from sandbox.telegram.state import World


def new_group(world: World, title: str, kind: str, people: list[User], username: str = "") -> Chat:
    """A group of these people; the first one made it."""
    chat = world.add_group(title, kind, username)
    for place, one in enumerate(people):
        chat.members[one.id] = Member(one, "member" if place else "creator")
    return chat


def status(
    world: World, chat: Chat, by: User, user: User, new: str, rights: frozenset[str] = frozenset()
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Change a member's status silently; how it was and how it is."""
    member = chat.members.get(user.id)
    before = show.member(member or Member(user, "left"))
    was_present = member is not None and member.present
    if member is None:
        member = chat.members[user.id] = Member(user)
    member.status, member.rights = new, rights
    if isinstance(user, Bot) and member.present and not was_present:
        member.reads_all = not user.privacy
    return before, show.member(member)


def tell(world: World, chat: Chat, by: User, user: User, change: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """`my_chat_member` to the bot it is about, `chat_member` to bots that are admins and asked for it."""
    body = {
        "chat": show.chat(chat), "from": show.user(by), "date": world.now(),
        "old_chat_member": change[0], "new_chat_member": change[1],
    }  # fmt: skip
    if change[0] == change[1]:
        return
    if isinstance(user, Bot):
        updates.put(world, user, "my_chat_member", body, chat.id)
    for bot in world.bots_of(chat):
        member = chat.members[bot.id]
        if bot.id != user.id and member.admin:
            updates.put(world, bot, "chat_member", body, chat.id)


def add(
    world: World, chat: Chat, by: User, user: User, rights: frozenset[str] | None = None, new_group: bool = False
) -> None:
    """Put somebody into the group, as `by` did it; with rights as an admin."""
    change = status(world, chat, by, user, "member" if rights is None else "administrator", rights or frozenset())
    tell(world, chat, by, user, change)
    if not user.is_bot or world.faults.on("join_message"):
        content = {"new_chat_members": [show.user(user)], "new_chat_participant": show.user(user),
                   "new_chat_member": show.user(user)}  # fmt: skip
        posting.service(world, chat, by, {"group_chat_created": True} if new_group and chat.kind == "group" else content)


def leave(world: World, chat: Chat, user: User) -> None:
    """They go by themselves."""
    _line_of_leaving(world, chat, user, user)
    tell(world, chat, user, user, status(world, chat, user, user, "left"))


def kick(world: World, chat: Chat, by: User, user: User) -> None:
    """They are removed and may not come back by themselves."""
    change = status(world, chat, by, user, "kicked")
    tell(world, chat, by, user, change)
    _line_of_leaving(world, chat, by, user)


def _line_of_leaving(world: World, chat: Chat, by: User, user: User) -> None:
    shown = show.user(user)
    posting.service(world, chat, by, {"left_chat_member": shown, "left_chat_participant": shown})


def promote(world: World, chat: Chat, by: User, user: User, rights: frozenset[str] | None) -> None:
    """To admin with these rights, or with None back to a plain member."""
    new = "member" if rights is None else "administrator"
    tell(world, chat, by, user, status(world, chat, by, user, new, rights or frozenset()))


def rename(world: World, chat: Chat, by: User, title: str) -> None:
    chat.title = title
    posting.service(world, chat, by, {"new_chat_title": title})


def open_topic(world: World, chat: Chat, by: User, name: str, color: int = 7322096) -> Topic:
    """A topic's number is the id of the message that opened it."""
    root = posting.service(
        world, chat, by, {"forum_topic_created": {"name": name, "icon_color": color}}, thread=chat.next_message
    )  # fmt: skip
    topic = Topic(root.number, name, root, color=color)
    chat.topics[topic.thread] = topic
    return topic


def upgrade(world: World, chat: Chat, by: User) -> Chat:
    """A basic group becomes a supergroup: two grey lines, ids start at 1 again (contract 1.5)."""
    new = world.add_group(chat.title, "supergroup")
    new.upgraded_from = chat.id
    for member in chat.members.values():
        new.members[member.user.id] = Member(member.user, member.status, member.rights, member.reads_all)
    posting.service(world, chat, by, {"migrate_to_chat_id": new.id})
    chat.upgraded_to = new.id
    posting.service(world, new, by, {"migrate_from_chat_id": chat.id})
    return new
