"""A message as Telegram sends it → what the kernel calls a message: text, files, what it answers. Pure functions.

Anything in it may be wrong, also where the library does not look: every number is checked before it becomes part of an id.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from telegram import Chat, Message, MessageEntity, MessageOrigin, TelegramObject, User

from kernel.conversations import FileRef, Incoming

NUMBER_MAX = 2**63
NAME_CHARACTERS_MAX = 200
_COMMAND_TO = re.compile(r"(/\w+)@(\w+)", re.ASCII)


class Unfit(ValueError):
    """It cannot be read."""


def number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= NUMBER_MAX:
        raise Unfit("a number is something else")
    return value


def words(value: Any) -> str:
    """A text that may be absent."""
    if value is not None and not isinstance(value, str):
        raise Unfit("a text is something else")
    return str(value or "")  # the library has enumerations that are texts


def moment(value: Any) -> datetime | None:
    return value.astimezone(UTC) if isinstance(value, datetime) else None


def vendor_id(chat: Any, message: Any) -> str:
    """`chat:number`."""
    return f"{number(chat)}:{number(message)}"


def person(user: User | None) -> str:
    """Their name, as others see it."""
    return "" if user is None else " ".join(filter(None, (words(user.first_name), words(user.last_name))))


def room(chat: Chat) -> dict[str, str]:
    return _filled(room=words(chat.type), room_title=words(chat.title))


def message(given: Message, bot_id: int, username: str) -> Incoming:
    """One that somebody wrote."""
    chat, sort = given.chat, sort_of(given)
    replied = _replied(given)
    sender = given.sender_chat or given.from_user  # one may write in the name of a group or channel
    return Incoming(
        vendor_id=vendor_id(chat.id, given.message_id),
        address=str(number(chat.id)),
        text=_text(given, username),
        account=str(bot_id),
        author=str(number(sender.id)) if sender else "",
        author_name=words(sender.title) if isinstance(sender, Chat) else person(sender),
        at=moment(given.date),
        reply_to=vendor_id(chat.id, replied.message_id) if replied else "",
        files=tuple(files(given)),
        group=words(given.media_group_id),
        number=number(given.message_id),
        reply_text=words(replied.text or replied.caption) if replied else "",
        reply_ours=bool(replied and replied.from_user and replied.from_user.id == bot_id),
        details={**room(chat), **_details(given, sort, replied)},
    )


def content_hash(given: Message) -> str:
    """Of what an edit can change and a person can see."""
    parts = [words(given.text), words(given.caption), *(words(part.file_unique_id) for _, part in _media(given))]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def files(given: Message) -> Iterator[FileRef]:
    for kind, part in _media(given):
        seconds = part.to_dict().get("duration")
        name = words(getattr(part, "file_name", None))
        size = part.file_size
        yield FileRef(
            vendor_id=words(part.file_id),
            name=name[:NAME_CHARACTERS_MAX],
            media_type=words(getattr(part, "mime_type", None)) or ("image/jpeg" if kind == "photo" else ""),
            size_bytes=number(size) if size is not None else None,
            kind=kind,
            seconds=int(seconds) if isinstance(seconds, int | float) and abs(seconds) < NUMBER_MAX else None,
        )


def _media(given: Message) -> list[tuple[str, Any]]:
    """The file that came with it; an animation also comes as a document, for programs that know no animations."""
    if given.photo:
        return [("photo", given.photo[-1])]  # all of them are one picture, the largest stands last
    for kind in ("animation", "video", "voice", "audio", "video_note", "document"):
        if (part := getattr(given, kind)) is not None:
            return [(kind, part)]
    return []


def sort_of(given: Message) -> str:
    if found := _media(given):
        return found[0][0]
    if given.venue is not None:
        return "location"
    for sort in ("sticker", "dice", "location", "contact", "poll"):
        if getattr(given, sort) is not None:
            return sort
    return "text" if given.text is not None else "other"


def _data(given: Message, sort: str) -> str:
    """What has no text of its own, as text."""
    if sort == "sticker" and given.sticker:
        return words(given.sticker.emoji)
    if sort == "dice" and given.dice:
        return f"{words(given.dice.emoji)} {number(given.dice.value)}"
    if sort == "location" and given.location:
        place = f"{given.location.latitude}, {given.location.longitude}"
        return "\n".join(
            filter(None, (*((words(given.venue.title), words(given.venue.address)) if given.venue else ()), place))
        )
    if sort == "contact" and given.contact:
        name = " ".join(filter(None, (words(given.contact.first_name), words(given.contact.last_name))))
        return f"{name} {words(given.contact.phone_number)}"
    if sort == "poll" and given.poll:
        return "\n".join([words(given.poll.question), *(words(one.text) for one in given.poll.options)])
    return ""


def _details(given: Message, sort: str, replied: Message | None) -> dict[str, str]:
    user, quote = given.from_user, given.quote
    return _filled(
        sort=sort,
        data=_data(given, sort),
        username=words(user.username) if user else "",
        language=words(user.language_code) if user else "",
        link=(given.link or "").removesuffix("?thread=None"),
        forwarded_from=_origin(given.forward_origin),
        quote=words(quote.text) if quote else "",
        reply_group=words(replied.media_group_id) if replied else "",
        edited_at=edited.isoformat() if (edited := moment(given.edit_date)) else "",
    )


def _filled(**given: str) -> dict[str, str]:
    return {name: value for name, value in given.items() if value}


def _origin(origin: MessageOrigin | None) -> str:
    """Whoever wrote a forwarded message first: a person, one who hides, a group or a channel."""
    if origin is None:
        return ""
    chat = getattr(origin, "sender_chat", None) or getattr(origin, "chat", None)
    return (
        person(getattr(origin, "sender_user", None)) or words(getattr(origin, "sender_user_name", None))
        or (words(chat.title) if chat else "") or "?"
    )  # fmt: skip


def _replied(given: Message) -> Message | None:
    """What it answers. In a forum each message of a topic «answers» the one that opened it, which nobody meant."""
    replied = given.reply_to_message
    if replied is None or replied.forum_topic_created is not None:
        return None
    return replied


def _text(given: Message, username: str) -> str:
    """Plain; an address that hides behind words stands after them. `/start@our_bot CODE` is `/start CODE`."""
    own = given.text if given.text is not None else given.caption
    text = _addresses_shown(words(own), given.entities if given.text is not None else given.caption_entities)
    found = _COMMAND_TO.match(text)
    if found and (not username or found[2].lower() == username.lower()):
        return found[1] + text[found.end() :]
    return text


def _addresses_shown(text: str, entities: tuple[MessageEntity, ...]) -> str:
    """Offsets are in UTF-16 units."""
    hidden = [one for one in entities if one.type == MessageEntity.TEXT_LINK and one.url]
    if not hidden:
        return text
    units = text.encode("utf-16-le", "surrogatepass")
    for one in sorted(hidden, key=lambda one: number(one.offset), reverse=True):
        end = 2 * (number(one.offset) + number(one.length))
        url = words(one.url)
        if url.rstrip("/") != units[2 * one.offset : end].decode("utf-16-le", "surrogatepass").rstrip("/"):
            units = units[:end] + f" ({url})".encode("utf-16-le", "surrogatepass") + units[end:]
    return units.decode("utf-16-le", "surrogatepass")


def is_present(member: TelegramObject) -> bool:
    """Whether that state means being in the room."""
    status = getattr(member, "status", "")
    return status in ("creator", "administrator", "member") or (
        status == "restricted" and getattr(member, "is_member", False) is True
    )
