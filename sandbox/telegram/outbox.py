"""What all sending methods do alike: reply, topic, buttons, limits, then the message."""

from __future__ import annotations

from typing import Any

from sandbox.telegram import access, entities, limits, posting, show
from sandbox.telegram.errors import bad
from sandbox.telegram.model import Chat, Message
from sandbox.telegram.params import Call
from sandbox.telegram.utf16 import units

TEXT_MAX, CAPTION_MAX, BUTTON_DATA_BYTES_MAX = 4096, 1024, 64


def send(call: Call, content: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Send one message into the call's chat; the message as the bot gets it back."""
    chat = access.target(call)
    extra = envelope(call, chat) | more
    limits.check(call.world, call.bot, chat)
    return put(call, chat, content, **extra)


def put(call: Call, chat: Chat, content: dict[str, Any], **more: Any) -> dict[str, Any]:
    message = posting.post(call.world, chat, call.bot, content, **more)
    call.made.append(message)
    call.world.counters["accepted"] += 1
    return show.message(call.world, call.bot.id, message)


def envelope(call: Call, chat: Chat) -> dict[str, Any]:
    """Reply, topic and buttons, checked, as fields of Message."""
    made: dict[str, Any] = {"markup": markup(call)}
    thread = call.number("message_thread_id")
    if thread:
        made["thread"] = _thread(chat, thread)
    given = call.object("reply_parameters")
    number = given.get("message_id") or call.number("reply_to_message_id")
    if not number:
        return made
    if given.get("chat_id") not in (None, "", chat.id, str(chat.id)):
        return made  # a reply into another chat: accepted, shown without it
    found = call.world.find(call.bot, chat, int(number))
    if found is None:
        if given.get("allow_sending_without_reply") or call.flag("allow_sending_without_reply"):
            return made
        raise bad("message to be replied not found")
    made["reply"] = found
    if given.get("quote"):
        made["quote"] = quote(found, str(given["quote"]), by_hand=True)
    if found.thread and not thread:
        made["thread"] = found.thread
    return made


def quote(message: Message, text: str, by_hand: bool = False) -> dict[str, Any]:
    position = message.text.find(text)
    if position < 0:
        raise bad("message quote not found" if by_hand else "QUOTE_TEXT_INVALID")
    return {"text": text, "position": units(message.text[:position]), "is_manual": True}


def _thread(chat: Chat, thread: int) -> int:
    topic = chat.topics.get(thread)
    if not chat.forum or (topic is None and thread != 1):
        raise bad("message thread not found")
    if topic is not None and topic.closed:
        raise bad("TOPIC_CLOSED")
    return 0 if thread == 1 else thread


def markup(call: Call) -> dict[str, Any] | None:
    given = call.object("reply_markup")
    rows = given.get("inline_keyboard")
    if rows is None:
        return given or None
    for button in [button for row in rows for button in row]:
        if not isinstance(button, dict) or not button.get("text"):
            raise bad("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
        if len(str(button.get("callback_data", "")).encode()) > BUTTON_DATA_BYTES_MAX:
            raise bad("BUTTON_DATA_INVALID")
    return {"inline_keyboard": rows} if any(rows) else None


def text(call: Call) -> dict[str, Any]:
    """`text` with its entities, checked."""
    plain, found = entities.parse(call.text("text"), call.text("parse_mode"), call.entities("entities"))
    if not plain:
        raise bad("message text is empty")
    if len(plain) > TEXT_MAX:
        raise bad("message is too long")
    made: dict[str, Any] = {"text": plain}
    if found:
        made["entities"] = found
    preview = call.object("link_preview_options")
    if preview:
        made["link_preview_options"] = preview
    return made


def caption(call: Call, given: dict[str, Any] | None = None) -> dict[str, Any]:
    """`caption` with its entities; `given` is an item of an album."""
    source = call if given is None else Call(call.world, call.bot, given)
    plain, found = entities.parse(
        source.text("caption"), source.text("parse_mode"), source.entities("caption_entities")
    )  # fmt: skip
    if len(plain) > CAPTION_MAX:
        raise bad("message caption is too long")
    made: dict[str, Any] = {"caption": plain} if plain else {}
    if found:
        made["caption_entities"] = found
    return made
