"""A message comes into a chat: it gets its ids, and the bots that may see it get an update (contract 1.3)."""

from __future__ import annotations

from typing import Any

from sandbox.telegram import entities, show, updates
from sandbox.telegram.model import Bot, Chat, Message, User
from sandbox.telegram.state import World


def post(world: World, chat: Chat, sender: User, content: dict[str, Any], **more: Any) -> Message:
    """Put a message into the chat and tell the bots. `more` are fields of Message."""
    message = Message(world.next_id("message"), chat, sender, world.now(), content, **more)
    chat.messages.append(message)
    world.messages[message.key] = message
    if chat.kind == "supergroup":
        message.number = chat.next_message
        chat.next_message += 1
        chat.index[0, message.number] = message
    if isinstance(sender, Bot):
        world.give_id(message, sender)
        chat.last_bot = sender.id
    for bot in world.bots_of(chat):
        if sees(world, bot, message):
            world.give_id(message, bot)
            updates.put(world, bot, "message", show.message(world, bot.id, message), chat.id)
    world.changed.notify_all()
    return message


def service(world: World, chat: Chat, sender: User, content: dict[str, Any], **more: Any) -> Message:
    """A message that people see as a grey line."""
    return post(world, chat, sender, content, service=True, **more)


def edited(world: World, message: Message) -> None:
    """Bots that see the message get its new version."""
    for bot in world.bots_of(message.chat):
        if sees(world, bot, message):
            world.give_id(message, bot)
            updates.put(world, bot, "edited_message", show.message(world, bot.id, message), message.chat.id)


def sees(world: World, bot: Bot, message: Message) -> bool:
    """Does this message reach the bot: everything in private and for admins, else what privacy mode lets through."""
    chat = message.chat
    if message.sender.id == bot.id:
        return message.service
    if message.sender.is_bot and not message.service:
        return False
    if chat.kind == "private" or message.service:
        return True
    member = chat.members[bot.id]
    open_ears = not bot.privacy if world.faults.on("privacy_at_once") else member.reads_all
    if member.admin or open_ears:
        return True
    if message.reply is not None and message.reply.sender.id == bot.id:
        return True
    return any(_meant(chat, bot, name) for _, name in entities.commands(message.content))


def _meant(chat: Chat, bot: Bot, name: str) -> bool:
    """A command that names the bot; one that names nobody is for the bot that spoke last, or for all before one spoke."""
    return name == bot.username.lower() if name else chat.last_bot in (0, bot.id)
