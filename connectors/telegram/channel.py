"""Sending and fetching by one bot, and what a plugin asks of a chat beyond that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from telegram import BotCommand, LinkPreviewOptions, ReplyParameters

from connectors.telegram import errors, limits
from connectors.telegram.client import Client, connect
from connectors.telegram.content import Content, content_of
from connectors.telegram.errors import says
from connectors.telegram.lookup import Lookup
from connectors.telegram.updates import hears_all, membership_state
from kernel.conversations import EarlierTry, FileRef, Outgoing
from kernel.errors import NotFound, Rejected, Throttled
from kernel.extension import Connection
from kernel.http import Window

NO_PREVIEW = LinkPreviewOptions(is_disabled=True)


@dataclass(frozen=True)
class Standing:
    """What our bot is in a chat, and what it hears there."""

    state: Literal["member", "admin", "left", "kicked"]
    hears_all: bool
    title: str
    public: bool
    room: str = ""  #: private, group, supergroup


class TelegramChannel:
    """Keeps kernel.conversations.Channel. An address is a chat's number, a vendor id `chat:number`."""

    text_units_max = limits.TEXT_UNITS_MAX  #: in UTF-16 units; callers split longer ones
    caption_units_max = limits.CAPTION_UNITS_MAX  #: of a text that goes with files

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._client: Client = connect(connection)
        self._lookup = Lookup(self._client, self.standing)

    # --- messages ---------------------------------------------------------------------------------------------------

    def send(self, message: Outgoing, *, key: str, earlier: EarlierTry | None) -> str:
        chat = chat_number(message.address)
        content = content_of(message)
        if message.edits:
            return self._edit(chat, message, content)
        if earlier is not None:
            with _still_in_doubt():
                found = self._lookup.find(chat, content, earlier, key)
                if found:
                    return _ids(chat, found)
                sent = self._send(chat, message, content)
        else:
            sent = self._send(chat, message, content)
        self._lookup.forget(key)
        return _ids(*sent)

    def _send(self, chat: int, message: Outgoing, content: Content) -> tuple[int, Sequence[int]]:
        reply = _answered(chat, message.reply_to)
        try:
            return self._send_once(chat, content, reply)
        except Rejected as exc:
            if reply is None or not says(exc, *errors.REPLY_NOT_FOUND):
                raise
        return self._send_once(chat, content, None)

    def _send_once(self, chat: int, content: Content, reply: ReplyParameters | None) -> tuple[int, Sequence[int]]:
        with content.parts(self._connection.files) as parts, self._window(chat).turn(max(1, len(content.files))):
            sent = self._client.call(parts.send(self._client.bot, chat, reply, NO_PREVIEW), writes=True)
        made = sent if isinstance(sent, tuple) else (sent,)
        return made[0].chat.id, [one.message_id for one in made]

    def _edit(self, chat: int, message: Outgoing, content: Content) -> str:
        """Saying the same twice changes nothing, so it is safe to repeat."""
        first = message.edits.split()[0]
        number = _number_in(chat, first)
        if number is None:
            raise Rejected("telegram: the message is from before the group became a supergroup: nobody can change it there")
        with self._window(chat).turn():
            try:
                self._client.call(content.as_edit(self._client.bot, chat, number, caption=bool(content.files)), writes=True)
            except Rejected as exc:
                if says(exc, errors.NO_TEXT):  # it came with files, so what it says is their caption
                    content.check(limits.CAPTION_UNITS_MAX)
                    self._edit_caption(chat, number, content)
                elif not says(exc, errors.NOT_MODIFIED):
                    raise
        return message.edits

    def _edit_caption(self, chat: int, number: int, content: Content) -> None:
        try:
            self._client.call(content.as_edit(self._client.bot, chat, number, caption=True), writes=True)
        except Rejected as exc:
            if not says(exc, errors.NOT_MODIFIED):
                raise

    def fetch(self, file: FileRef, into: Path, *, bytes_max: int) -> None:
        self._client.download(file.vendor_id, into, bytes_max)

    # --- beyond messages ----------------------------------------------------------------------------------------------

    def username(self) -> str:
        """Without @: for links like t.me/NAME?startgroup=…"""
        return self._client.me().username or ""

    def standing(self, address: str) -> Standing:
        """What our bot is there. Raises NotFound or NoRight where it cannot even ask, Moved where the chat moved."""
        chat = chat_number(address)
        found = self._client.call(self._client.bot.get_chat(chat))
        member = self._client.call(self._client.bot.get_chat_member(chat, self._client.bot_id))
        state = cast("Literal['member', 'admin', 'left', 'kicked']", membership_state(member))
        reads_all = state == "member" and bool(self._client.me().can_read_all_group_messages)
        private = found.type == "private"
        title, public = found.title or found.full_name or "", bool(found.username) and not private
        return Standing(state, private or hears_all(state, reads_all), title, public, str(found.type))

    def administrators(self, address: str) -> tuple[str, ...]:
        """Ids of the people who lead the chat."""
        found = self._client.call(self._client.bot.get_chat_administrators(chat_number(address)))
        return tuple(str(one.user.id) for one in found if not one.user.is_bot)

    def members(self, address: str) -> tuple[int, tuple[str, ...]]:
        """How many are in the chat, and the names of the people who lead it: more a bot is not told."""
        chat = chat_number(address)
        count = self._client.call(self._client.bot.get_chat_member_count(chat))
        leaders = self._client.call(self._client.bot.get_chat_administrators(chat))
        return int(count), tuple(one.user.full_name for one in leaders if not one.user.is_bot)

    def leave(self, address: str) -> None:
        """The bot goes. Where it has gone already, nothing happens."""
        try:
            self._client.call(self._client.bot.leave_chat(chat_number(address)), writes=True)
        except NotFound:
            return
        except Rejected as exc:
            if not says(exc, "not a member", "was kicked", "chat was deleted"):
                raise

    def answer_press(self, press_id: str, text: str) -> None:
        """The button stops turning, and shows the text if there is one. After a minute Telegram takes no answer any more."""
        try:
            self._client.call(self._client.bot.answer_callback_query(press_id, text=text[:200] or None), writes=True)
        except Rejected as exc:
            if not says(exc, "query is too old", "query id is invalid"):
                raise

    def set_commands(self, commands: Sequence[tuple[str, str]], language: str = "") -> None:
        """What Telegram offers when somebody types a slash."""
        offered = [BotCommand(name, help) for name, help in commands]
        self._client.call(self._client.bot.set_my_commands(offered, language_code=language or None), writes=True)

    def _window(self, chat: int) -> Window:
        return self._connection.window(str(chat), limits.GROUP if chat < 0 else limits.CHAT)


def chat_number(address: str) -> int:
    """Raises Rejected where that is no chat's number."""
    try:
        found = int(address) if address.isascii() else 0
    except ValueError:
        found = 0
    if not found or abs(found) >= 2**63:
        raise Rejected(f"telegram: «{address[:40]}» is not the number of a chat")
    return found


def _answered(chat: int, reply_to: str) -> ReplyParameters | None:
    """Of an album it is the first message. What stands in another chat, from before a move, cannot be answered."""
    number = _number_in(chat, reply_to.split()[0]) if reply_to.strip() else None
    return ReplyParameters(number, allow_sending_without_reply=True) if number is not None else None


def _number_in(chat: int, vendor_id: str) -> int | None:
    """The number of a message, if it is in that chat."""
    address, _, number = vendor_id.partition(":")
    number = number.partition(":")[0]
    return int(number) if address == str(chat) and number.isascii() and number.isdigit() and len(number) < 19 else None


def _ids(chat: int, numbers: Sequence[int]) -> str:
    return " ".join(f"{chat}:{number}" for number in numbers)


@contextmanager
def _still_in_doubt() -> Iterator[None]:
    """An earlier try may have arrived: whoever is put off here must look once more, so this try counts as one."""
    try:
        yield
    except Throttled as exc:
        exc.maybe_done = True
        raise
