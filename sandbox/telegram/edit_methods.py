"""Methods that change, copy, forward, delete, pin and react to messages, and answer buttons."""

from __future__ import annotations

from typing import Any

from sandbox.telegram import access, media, origins, outbox, posting, show
from sandbox.telegram.errors import NOT_MODIFIED, STALE_QUERY, bad
from sandbox.telegram.model import Chat, Message
from sandbox.telegram.params import Call
from sandbox.telegram.registry import method

CALLBACK_SECONDS = 15 * 60
FILE_KEYS = ("photo", "document", "video", "audio", "animation")


@method("editMessageText", sends=True)
def edit_text(call: Call) -> Any:
    access.target(call)
    content = outbox.text(call)
    message = _own(call)
    if "text" not in message.content:
        raise bad("there is no text in the message to edit")
    return _change(call, message, content)


@method("editMessageCaption", sends=True)
def edit_caption(call: Call) -> Any:
    access.target(call)
    content = outbox.caption(call)
    message = _own(call)
    if not any(key in message.content for key in (*FILE_KEYS, "voice")):
        raise bad("there is no caption in the message to edit")
    kept = {key: value for key, value in message.content.items() if key not in ("caption", "caption_entities")}
    return _change(call, message, kept | content)


@method("editMessageMedia", sends=True)
def edit_media(call: Call) -> Any:
    access.target(call)
    item = call.object("media")
    kind = str(item.get("type"))
    if kind not in FILE_KEYS:
        raise bad("can't parse InputMedia: type must be known")
    message = _own(call)
    content = media.content(kind, media.given(call, kind, item.get("media"))) | outbox.caption(call, item)
    return _change(call, message, content)


@method("editMessageReplyMarkup", sends=True)
def edit_markup(call: Call) -> Any:
    access.target(call)
    message = _own(call)
    return _change(call, message, message.content)


def _own(call: Call) -> Message:
    """The message, if there is one and the bot may edit it."""
    message = access.message(call, access.target(call), call.number("message_id"), "message to edit not found")
    if message.sender.id != call.bot.id or message.service or message.origin or "dice" in message.content:
        raise bad("message can't be edited")
    return message


def _change(call: Call, message: Message, content: dict[str, Any]) -> dict[str, Any]:
    markup = outbox.markup(call)
    if content == message.content and markup == message.markup:
        raise bad(NOT_MODIFIED)
    if content != message.content:
        message.versions.append(message.content)
        message.edited = call.world.now()
    message.content, message.markup = content, markup
    call.made.append(message)
    call.world.counters["edits"] += 1
    call.world.changed.notify_all()
    return show.message(call.world, call.bot.id, message)


# -- copies


def _source(call: Call, what: str) -> Message:
    chat = access.known(call, "from_chat_id")
    message = access.message(call, chat, call.number("message_id"), f"message to {what} not found")
    if message.service:
        raise bad(f"the message can't be {'copied' if what == 'copy' else 'forwarded'}")
    return message


@method("copyMessage", sends=True)
def copy_message(call: Call) -> Any:
    message = _source(call, "copy")
    content = message.content
    if call.fields.get("caption") is not None and "text" not in content:
        content = {key: value for key, value in content.items() if not key.startswith("caption")} | outbox.caption(call)
    return {"message_id": outbox.send(call, content)["message_id"]}


@method("forwardMessage", sends=True)
def forward_message(call: Call) -> Any:
    message = _source(call, "forward")
    return outbox.send(call, message.content, origin=origins.of(message), markup=None)


# -- taking away, pinning, reactions


@method("deleteMessage", sends=True)
def delete_message(call: Call) -> Any:
    chat = access.target(call)
    _delete(call, chat, access.message(call, chat, call.number("message_id"), "message to delete not found"))
    return True


@method("deleteMessages", sends=True)
def delete_messages(call: Call) -> Any:
    chat = access.target(call)
    for number in call.array("message_ids"):
        message = call.world.find(call.bot, chat, int(number))
        if message is not None:
            _delete(call, chat, message)
    return True


def _delete(call: Call, chat: Chat, message: Message) -> None:
    member = chat.member(call.bot.id)
    if message.sender.id != call.bot.id and not (member and member.may("can_delete_messages")):
        raise bad("message can't be deleted")
    message.deleted = True
    call.world.changed.notify_all()


@method("pinChatMessage", sends=True)
def pin_message(call: Call) -> Any:
    chat = access.target(call)
    access.need(call, chat, "can_pin_messages", "manage pinned messages in the chat")
    message = access.message(call, chat, call.number("message_id"), "message to pin not found")
    chat.pinned.append(message)
    posting.service(call.world, chat, call.bot, {"pinned_message": {"_message": message.key}}, thread=message.thread)
    return True


@method("unpinChatMessage", "unpinAllChatMessages", sends=True)
def unpin_message(call: Call) -> Any:
    chat = access.target(call)
    access.need(call, chat, "can_pin_messages", "manage pinned messages in the chat")
    number = call.number("message_id")
    chat.pinned = [message for message in chat.pinned if number and message.id_for(call.bot.id) != number]
    return True


@method("setMessageReaction", sends=True)
def set_reaction(call: Call) -> Any:
    chat = access.target(call)
    message = access.message(call, chat, call.number("message_id"), "message to react not found")
    message.reactions[call.bot.id] = [one for one in call.array("reaction") if isinstance(one, dict)]
    call.world.changed.notify_all()
    return True


@method("answerCallbackQuery")
def answer_callback(call: Call) -> Any:
    asked = call.world.callbacks.get(call.text("callback_query_id"))
    if asked is None or asked.bot != call.bot.id or call.world.clock.ticks() - asked.made > CALLBACK_SECONDS:
        raise bad(STALE_QUERY)
    if len(call.text("text")) > 200:
        raise bad("MESSAGE_TOO_LONG")
    asked.answer = {"text": call.text("text"), "show_alert": call.flag("show_alert"), "url": call.text("url")}
    call.world.changed.notify_all()
    return True
