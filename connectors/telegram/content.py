"""What a message of ours consists of, in Telegram's words: a text, or a text with one file, or with an album."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telegram import (
    Bot,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputFile,
    InputMediaDocument,
    InputMediaPhoto,
    LinkPreviewOptions,
    Message,
    ReplyParameters,
)

from connectors.telegram import limits
from kernel.conversations import Button, Outgoing, OutgoingFile
from kernel.errors import Rejected
from kernel.files import FileStore

Sent = Coroutine[Any, Any, Message | tuple[Message, ...]]
BUTTON_BYTES_MAX = 64


@dataclass(frozen=True)
class Content:
    """Checked: within what Telegram takes."""

    text: str
    files: tuple[OutgoingFile, ...] = ()
    buttons: tuple[Button, ...] = ()

    def check(self, units_max: int) -> None:
        """Raises Rejected where the text is too long."""
        found = units(self.text)
        if found > units_max:
            raise Rejected(f"telegram: the text has {found} characters, {units_max} may be sent at once")

    @property
    def as_photos(self) -> bool:
        """An album holds photos only, or documents only: with one that is no photo, all go as documents."""
        return all(one.media_type in limits.PHOTO_TYPES and one.size_bytes <= limits.PHOTO_BYTES_MAX for one in self.files)

    @contextmanager
    def parts(self, store: FileStore) -> Iterator[Parts]:
        """Ready to be sent: files lie on this machine's disk meanwhile."""
        with ExitStack() as stack:
            opened = []
            for one in self.files:
                path = stack.enter_context(store.as_file(one.content))
                _check_size(one, path)
                opened.append(stack.enter_context(path.open("rb")))
            yield Parts(self, opened)

    def as_edit(self, bot: Bot, chat: int, number: int, *, caption: bool) -> Coroutine[Any, Any, Message | bool]:
        """The request that makes an earlier message say this. Buttons are named again: else they would go."""
        if caption:
            return bot.edit_message_caption(chat, number, caption=self.text, reply_markup=keyboard(self.buttons))
        return bot.edit_message_text(
            self.text,
            chat,
            number,
            reply_markup=keyboard(self.buttons),
            link_preview_options=LinkPreviewOptions(is_disabled=True),
        )


@dataclass(frozen=True)
class Parts:
    """A content whose files are open."""

    content: Content
    opened: Sequence[Any]

    def send(self, bot: Bot, chat: int, reply: ReplyParameters | None, preview: LinkPreviewOptions) -> Sent:
        """The request, not yet begun."""
        text, markup = self.content.text, keyboard(self.content.buttons)
        if not self.opened:
            return bot.send_message(chat, text, reply_parameters=reply, reply_markup=markup, link_preview_options=preview)
        if len(self.opened) > 1:
            return bot.send_media_group(chat, self._album(), reply_parameters=reply)
        one, file = self.content.files[0], self._input(0)
        more: dict[str, Any] = {"caption": text or None, "reply_parameters": reply, "reply_markup": markup}
        if self.content.as_photos:
            return bot.send_photo(chat, file, **more)
        if one.media_type in limits.VOICE_TYPES:
            return bot.send_voice(chat, file, **more)
        return bot.send_document(chat, file, disable_content_type_detection=True, **more)

    def _album(self) -> list[Any]:
        """What it says stands under its first file."""
        kind = InputMediaPhoto if self.content.as_photos else InputMediaDocument
        text = self.content.text or None
        return [kind(self._input(n, attach=True), caption=None if n else text) for n in range(len(self.opened))]

    def _input(self, index: int, *, attach: bool = False) -> InputFile:
        name = self.content.files[index].name or "file"
        return InputFile(self.opened[index], filename=name, attach=attach, read_file_handle=False)


def content_of(message: Outgoing) -> Content:
    """Raises Rejected in words where Telegram would not take it."""
    made = Content(message.text, message.files, message.buttons)
    if len(made.files) > limits.ALBUM_FILES_MAX:
        raise Rejected(f"telegram: {len(made.files)} files, {limits.ALBUM_FILES_MAX} may go together")
    if len(made.files) > 1 and made.buttons:
        raise Rejected("telegram: buttons cannot stand under several files")
    if not made.files and not made.text.strip():
        raise Rejected("telegram: there is nothing to send: no text and no file")
    for button in made.buttons:
        if not 1 <= len(button.data.encode("utf-8", "surrogatepass")) <= BUTTON_BYTES_MAX:
            raise Rejected(f"telegram: what the button «{button.label}» sends must have 1 to {BUTTON_BYTES_MAX} bytes")
    made.check(limits.CAPTION_UNITS_MAX if made.files else limits.TEXT_UNITS_MAX)
    for one in made.files:
        _check_bytes(one, one.size_bytes)
    return made


def keyboard(buttons: Sequence[Button]) -> InlineKeyboardMarkup | None:
    """One row each: labels are words, not icons."""
    if not buttons:
        return None
    return InlineKeyboardMarkup([[InlineKeyboardButton(one.label, callback_data=one.data)] for one in buttons])


def units(text: str) -> int:
    """As Telegram counts characters."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _check_size(one: OutgoingFile, path: Path) -> None:
    _check_bytes(one, path.stat().st_size)


def _check_bytes(one: OutgoingFile, size: int) -> None:
    if size > limits.UPLOAD_BYTES_MAX:
        raise Rejected(
            f"telegram: «{one.name}» has {size} bytes, a bot may send {limits.UPLOAD_BYTES_MAX // 1_000_000} MB at most"
        )
