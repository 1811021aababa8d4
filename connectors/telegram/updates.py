"""What an update says, kind by kind. Pure functions; None: a kind that we do not know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from telegram import CallbackQuery, ChatMember, ChatMemberUpdated, Message, MessageReactionUpdated, Update, User

from connectors.telegram import reading
from connectors.telegram.reading import moment, number, person, room, vendor_id, words
from kernel.conversations import Incoming
from kernel.conversations.model import Kind

Found = tuple[Incoming, ...]
CONTENT = ("checklist", "giveaway", "giveaway_winners")


@dataclass(frozen=True)
class Us:
    """Our bot, as far as it is known without asking."""

    bot_id: int
    username: str = ""
    reads_all: bool = False  #: privacy mode is off


def read(update: Update, us: Us) -> Found | None:
    number(update.update_id)
    for name, of in _KINDS.items():
        if (part := getattr(update, name)) is not None:
            return of(update, part, us)
    return None


def _message(_update: Update, given: Message, us: Us) -> Found | None:
    if given.chat.type == "channel":
        return ()
    if given.migrate_to_chat_id is not None:
        return (_moved(given, us, given.chat.id, given.migrate_to_chat_id),)
    if given.migrate_from_chat_id is not None:
        return (_moved(given, us, given.migrate_from_chat_id, given.chat.id),)
    if (noted := _noted(given)) is not None:
        return (_note(given, us, *noted, given.new_chat_members or [given.left_chat_member]),)
    return (reading.message(given, us.bot_id, us.username),)


def _edited(_update: Update, given: Message, us: Us) -> Found | None:
    if given.chat.type == "channel":
        return ()
    found, at = reading.message(given, us.bot_id, us.username), given.edit_date
    seconds = int(at.timestamp()) if isinstance(at, datetime) else 0
    changed = f"{found.vendor_id}:e{seconds}:{reading.content_hash(given)}"
    return (replace(found, vendor_id=changed, edits=found.vendor_id),)


def _moved(given: Message, us: Us, old: Any, new: Any) -> Incoming:
    """Both rooms say so, each under a number of its own. Messages of one room are handled in order, so what is written in
    the new one is handled after it said where it comes from."""
    return Incoming(
        vendor_id(given.chat.id, given.message_id), str(given.chat.id), account=str(us.bot_id), at=moment(given.date),
        kind="moved", number=number(given.message_id),
        details={**room(given.chat), "from": str(number(old)), "to": str(number(new))},
    )  # fmt: skip


def _noted(given: Message) -> tuple[str, str] | None:
    """What the room says of itself: our word for it, and a text."""
    if given.new_chat_members:
        return "joined", ", ".join(person(one) for one in given.new_chat_members)
    if given.left_chat_member is not None:
        return "left", person(given.left_chat_member)
    if given.new_chat_title is not None:
        return "renamed", words(given.new_chat_title)
    if given.pinned_message is not None:
        pinned = given.pinned_message
        return "pinned", words(getattr(pinned, "text", None) or getattr(pinned, "caption", None))
    if given.group_chat_created or given.supergroup_chat_created:
        return "created", words(given.chat.title)
    if given.forum_topic_created is not None:
        return "other", words(given.forum_topic_created.name)
    silent = reading.sort_of(given) == "other" and given.effective_attachment is None and not _has_content(given)
    return ("other", _service(given)) if silent else None


def _has_content(given: Message) -> bool:
    """Somebody wrote it, though the library counts it among no attachments; or it is of a kind newer than the library."""
    return any(getattr(given, kind, None) is not None for kind in CONTENT) or bool(given.api_kwargs)


def _service(given: Message) -> str:
    """The vendor's names of what else stands in a message without content."""
    usual = {"message_id", "date", "chat", "from", "sender_chat", "message_thread_id", "is_topic_message"}
    return ", ".join(sorted(set(given.to_dict()) - usual))


def _note(given: Message, us: Us, what: str, text: str, whom: Sequence[User | None]) -> Incoming:
    sender = given.from_user
    return Incoming(
        vendor_id(given.chat.id, given.message_id), str(number(given.chat.id)), account=str(us.bot_id),
        author=str(number(sender.id)) if sender else "", author_name=person(sender), at=moment(given.date), kind="note",
        number=number(given.message_id),
        details={
            **room(given.chat), "what": what, "text": text, **({"link": given.link} if given.link else {}),
            **_who(whom), **_username(sender),
        },
    )  # fmt: skip


def _username(user: User | None) -> dict[str, str]:
    return {"username": words(user.username)} if user and user.username else {}


def _who(whom: Sequence[User | None]) -> dict[str, str]:
    """Of those who came or went: ids, and user names beside them (`-` for whoever has none)."""
    known = [one for one in whom if one is not None]
    if not known:
        return {}
    return {
        "who": " ".join(str(number(one.id)) for one in known),
        "usernames": " ".join(words(one.username) or "-" for one in known),
    }


def _membership(update: Update, given: ChatMemberUpdated, us: Us) -> Found:
    """What we may do there changed."""
    if given.chat.type == "channel":
        return ()
    state = membership_state(given.new_chat_member)
    details = {
        **room(given.chat), "state": state, "public": yes(bool(given.chat.username)),
        "hears_all": yes(hears_all(state, us.reads_all)),
    }  # fmt: skip
    return (_change(update, given, us, "membership", details),)


def _member(update: Update, given: ChatMemberUpdated, us: Us) -> Found:
    """Somebody else came or went; only an admin is told."""
    before, now = reading.is_present(given.old_chat_member), reading.is_present(given.new_chat_member)
    what = ("joined" if now else "left") if before != now else "other"
    if given.chat.type == "channel":
        return ()
    whom = given.new_chat_member.user
    details = {**room(given.chat), "what": what, "text": person(whom), **_who([whom])}
    return (_change(update, given, us, "note", details),)


def _change(update: Update, given: ChatMemberUpdated, us: Us, kind: Kind, details: dict[str, str]) -> Incoming:
    return Incoming(
        f"u{update.update_id}:{int(given.date.timestamp())}", str(number(given.chat.id)), account=str(us.bot_id),
        author=str(number(given.from_user.id)), author_name=person(given.from_user), at=moment(given.date), kind=kind,
        details=details,
    )  # fmt: skip


def membership_state(member: ChatMember) -> str:
    """member, admin, left or kicked."""
    if member.status in ("creator", "administrator"):
        return "admin"
    if member.status == "kicked":
        return "kicked"
    return "member" if reading.is_present(member) else "left"


def hears_all(state: str, reads_all: bool) -> bool:
    return state == "admin" or (state == "member" and reads_all)


def yes(value: bool) -> str:
    return "yes" if value else "no"


def _press(update: Update, given: CallbackQuery, us: Us) -> Found | None:
    if given.message is None or given.data is None:
        return None
    chat = given.message.chat
    return (
        Incoming(
            f"u{update.update_id}:{words(given.id)}", str(number(chat.id)), account=str(us.bot_id),
            author=str(number(given.from_user.id)), author_name=person(given.from_user), kind="press",
            reply_to=vendor_id(chat.id, given.message.message_id), reply_ours=True,
            details={**room(chat), "data": words(given.data), "press_id": words(given.id)},
        ),
    )  # fmt: skip


def _reaction(update: Update, given: MessageReactionUpdated, us: Us) -> Found:
    by_chat = given.actor_chat
    author = by_chat.id if by_chat else given.user.id if given.user else None
    name = words(by_chat.title) if by_chat else person(given.user)
    return (
        Incoming(
            f"u{update.update_id}:{int(given.date.timestamp())}", str(number(given.chat.id)), account=str(us.bot_id),
            author=str(number(author)) if author is not None else "", author_name=name, at=moment(given.date),
            kind="reaction", reply_to=vendor_id(given.chat.id, given.message_id),
            details={
                **room(given.chat), "reaction": "".join(_emoji(one) for one in given.new_reaction),
                **_username(given.user),
            },
        ),
    )  # fmt: skip


def _emoji(reaction: Any) -> str:
    """A custom one has no character, a paid one is a star."""
    return words(getattr(reaction, "emoji", None)) or ("⭐" if reaction.type == "paid" else "□")


_KINDS: dict[str, Callable[[Update, Any, Us], Found | None]] = {
    "message": _message,
    "edited_message": _edited,
    "my_chat_member": _membership,
    "chat_member": _member,
    "callback_query": _press,
    "message_reaction": _reaction,
    "channel_post": lambda *_: (),
    "edited_channel_post": lambda *_: (),
}
