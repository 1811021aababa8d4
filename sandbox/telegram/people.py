"""What a person does in a chat: writes, answers, edits, deletes, reacts, presses."""

from __future__ import annotations

import base64
from typing import Any

from sandbox.telegram import entities, media, origins, posting, send_methods, show, updates
from sandbox.telegram.model import Bot, Callback, Chat, Message, User
from sandbox.telegram.state import World
from sandbox.telegram.utf16 import units

CAPTIONED = ("photo", "document", "video", "audio", "voice", "animation")


class Impossible(ValueError):
    """A person was asked to do what the application would not let them."""


def text_content(text: str, key: str = "text") -> dict[str, Any]:
    found = entities.found(text, [])
    return {key: text} | ({"entities" if key == "text" else "caption_entities": found} if found else {})


def content(world: World, data: dict[str, Any]) -> dict[str, Any]:
    """What the data of a door says: exactly one of text, file, location, venue, contact, poll, checklist, dice."""
    for kind in media.KINDS:
        if data.get(kind) is not None:
            made = media.content(kind, media.of_person(world, kind, file_data(data[kind])), int(data.get("duration", 0)))
            words = str(data.get("caption", ""))
            return made | (text_content(words, "caption") if words and kind in CAPTIONED else {})
    if data.get("poll") is not None:
        poll = data["poll"]
        return send_methods.poll(world.next_id("poll"), str(poll["question"]), [str(one) for one in poll["options"]])
    if data.get("location") is not None:
        return {"location": {key: float(data["location"][key]) for key in ("latitude", "longitude")}}
    if data.get("contact") is not None:
        return {"contact": dict(data["contact"])}
    if data.get("dice") is not None:
        return {"dice": {"emoji": str(data["dice"]), "value": world.faults.number_below(6) + 1}}
    if data.get("checklist") is not None:
        asked = data["checklist"]
        tasks = [{"id": n, "text": str(one)} for n, one in enumerate(asked["tasks"], 1)]
        return {"checklist": {"title": str(asked["title"]), "tasks": tasks}}
    if data.get("venue") is not None:
        venue = dict(data["venue"])
        place = {key: float(venue[key]) for key in ("latitude", "longitude")}
        return {
            "location": place,
            "venue": {"location": place, "title": str(venue["title"]), "address": str(venue["address"])},
        }
    text = str(data.get("text", "")).strip()
    if not text:
        raise Impossible("nothing to write: give text, a file, location, venue, contact, poll, checklist or dice")
    return text_content(text)


def file_data(value: Any) -> dict[str, Any]:
    """`{"name", "text" or "base64" or "size"}`; a bare name is a small file of that name."""
    data = {"name": value} if isinstance(value, str) else dict(value)
    if "base64" in data:
        data["content"] = base64.b64decode(data["base64"])
    elif "text" in data:
        data["content"] = str(data["text"]).encode()
    elif "size" not in data and "content" not in data:
        data["content"] = b"\xff\xd8\xff\xe0 a small picture of the sandbox" if "name" in data else b"sandbox"
    return data


def write(world: World, person: User, chat: Chat, made: dict[str, Any], **more: Any) -> Message:
    """They write. In private this unblocks nothing, but it makes the chat known to the bot."""
    _may_write(chat, person)
    return posting.post(world, chat, person, made, **more)


def _may_write(chat: Chat, person: User) -> None:
    if chat.upgraded_to:
        raise Impossible(f"this group became the supergroup {chat.upgraded_to}")
    if chat.deleted or not chat.present(person.id):
        raise Impossible(f"{person.name} is not in the chat")


def quoted(message: Message, text: str) -> dict[str, Any]:
    position = message.text.find(text)
    if position < 0:
        raise Impossible(f"the message does not contain {text!r}")
    return {"text": text, "position": units(message.text[:position]), "is_manual": True}


def forward(world: World, person: User, chat: Chat, message: Message, hidden: bool = False, thread: int = 0) -> Message:
    return write(world, person, chat, message.content, origin=origins.of(message, hidden), thread=thread)


def edit(world: World, person: User, message: Message, text: str) -> None:
    """Another text, or another caption."""
    if message.sender is not person or message.deleted or message.service:
        raise Impossible("only one's own message can be edited")
    message.versions.append(message.content)
    if "text" in message.content:
        message.content = text_content(text)
    else:
        kept = {key: value for key, value in message.content.items() if not key.startswith("caption")}
        message.content = kept | (text_content(text, "caption") if text else {})
    message.edited = world.now()
    posting.edited(world, message)
    world.changed.notify_all()


def delete(world: World, message: Message) -> None:
    """Bots are not told."""
    message.deleted = True
    world.changed.notify_all()


def album(
    world: World, person: User, chat: Chat, items: list[dict[str, Any]], *, number: str = "", **more: Any
) -> list[Message]:
    """Several messages under one media_group_id: a new one, or that of an album whose last members come late."""
    number = number or str(13_000_000_000_000_000 + world.next_id("album"))
    return [write(world, person, chat, content(world, item), album=number, **more) for item in items]


def react(world: World, person: User, message: Message, emoji: str) -> None:
    """An empty emoji takes the reaction back. Only bots that are admins and asked for it are told."""
    old = message.reactions.get(person.id, [])
    new = [{"type": "emoji", "emoji": emoji}] if emoji else []
    if new:
        message.reactions[person.id] = new
    else:
        message.reactions.pop(person.id, None)
    chat = message.chat
    for bot in world.bots_of(chat):
        if message.id_for(bot.id) and (chat.members[bot.id].admin or chat.kind == "private"):
            body = {"chat": show.chat(chat), "message_id": message.id_for(bot.id), "user": show.user(person),
                    "date": world.now(), "old_reaction": old, "new_reaction": new}  # fmt: skip
            updates.put(world, bot, "message_reaction", body, chat.id)
    world.changed.notify_all()


def press(world: World, person: User, message: Message, button: str) -> Callback:
    """Press the button of that text or data under a bot's message."""
    rows = (message.markup or {}).get("inline_keyboard", [])
    one = next((b for row in rows for b in row if button in (b.get("text"), b.get("callback_data"))), None)
    bot = message.sender
    if one is None or "callback_data" not in one or not isinstance(bot, Bot):
        raise Impossible(f"the message has no button {button!r} with data")
    asked = Callback(str(4_000_000_000_000_000_000 + world.next_id("callback")), bot.id, person.id, message,
                     world.clock.ticks())  # fmt: skip
    world.callbacks[asked.id] = asked
    body = {"id": asked.id, "from": show.user(person), "message": show.message(world, bot.id, message),
            "chat_instance": str(-message.chat.id * 7919), "data": one["callback_data"]}  # fmt: skip
    updates.put(world, bot, "callback_query", body, message.chat.id)
    return asked


def start(world: World, person: User, bot: Bot, payload: str = "") -> Message:
    """Open the private chat with the bot, with `/start payload`; unblocks it."""
    chat = world.private_chat(bot, person)
    if person.id in bot.blocked_by:
        block(world, person, bot, False)
    return write(world, person, chat, text_content(f"/start {payload}".strip()))


def block(world: World, person: User, bot: Bot, blocked: bool) -> None:
    """The bot gets my_chat_member with status kicked, or member again."""
    chat = world.private_chat(bot, person)
    old, new = ("member", "kicked") if blocked else ("kicked", "member")
    (bot.blocked_by.add if blocked else bot.blocked_by.discard)(person.id)
    until = {"until_date": 0}
    body = {
        "chat": show.chat(chat), "from": show.user(person), "date": world.now(),
        "old_chat_member": {"user": show.user(bot), "status": old} | (until if old == "kicked" else {}),
        "new_chat_member": {"user": show.user(bot), "status": new} | (until if new == "kicked" else {}),
    }  # fmt: skip
    updates.put(world, bot, "my_chat_member", body, chat.id)
