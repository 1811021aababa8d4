"""Which chat a call means, and may this bot act there (contract 1.6)."""

from __future__ import annotations

from sandbox.telegram.errors import bad, forbidden, rights, upgraded
from sandbox.telegram.model import Bot, Chat, Member, Message, User
from sandbox.telegram.params import Call
from sandbox.telegram.state import World


def target(call: Call, name: str = "chat_id") -> Chat:
    """The chat, if the bot may write there."""
    chat = known(call, name)
    if chat.kind == "private":
        _open_to(call, chat)
    else:
        _inside(call.bot, chat)
    return chat


def known(call: Call, name: str = "chat_id") -> Chat:
    """The chat, if the bot has ever met it."""
    if not call.has(name):
        raise bad("chat_id is empty")
    text = call.text(name)
    if text.startswith("@"):
        chat = next(
            (c for c in call.world.groups.values() if c.username.lower() == text[1:].lower() and not c.deleted), None
        )
    else:
        chat = _by_number(call.world, call.bot, call.number(name))
    if chat is None or (chat.kind != "private" and not chat.username and chat.member(call.bot.id) is None):
        raise bad("chat not found")
    return chat


def _by_number(world: World, bot: Bot, number: int) -> Chat | None:
    if number in world.bots:
        raise forbidden("bots can't send messages to bots" if number != bot.id else "bot can't send messages to itself")
    person = world.people.get(number)
    if person is None:
        return world.groups.get(number)
    chat = world.private.get((bot.id, number))
    if chat is None and not any(c.present(number) and c.member(bot.id) for c in world.groups.values()):
        return None
    return chat or Chat(number, "private", bot=bot.id, members={bot.id: Member(bot), number: Member(person)})


def _open_to(call: Call, chat: Chat) -> None:
    person = call.world.people[chat.id]
    if person.deactivated:
        raise forbidden("user is deactivated")
    if (call.bot.id, person.id) not in call.world.private:
        raise forbidden("bot can't initiate conversation with a user")
    if person.id in call.bot.blocked_by:
        raise forbidden("bot was blocked by the user")


def _inside(bot: Bot, chat: Chat) -> None:
    if chat.upgraded_to:
        raise upgraded(chat.upgraded_to)
    if chat.deleted:
        raise forbidden("the group chat was deleted")
    member = chat.member(bot.id)
    if member is not None and member.status == "kicked":
        raise forbidden(f"bot was kicked from the {chat.kind} chat")
    if member is None or not member.present:
        raise forbidden(f"bot is not a member of the {chat.kind} chat")


def need(call: Call, chat: Chat, right: str, what: str) -> None:
    """The bot must have the right there."""
    member = chat.member(call.bot.id)
    if chat.kind != "private" and not (member and member.may(right)):
        raise rights(what)


def message(call: Call, chat: Chat, number: int, wrong: str) -> Message:
    """The message of that id, or 400 with `wrong`."""
    found = call.world.find(call.bot, chat, number)
    if found is None:
        raise bad(wrong)
    return found


def person(call: Call, chat: Chat) -> User:
    """`user_id` of a call about a member."""
    user = call.world.user(call.number("user_id"))
    if user is None:
        raise bad("user not found" if chat.kind == "private" else "member not found")
    return user
