"""The CRM comment for what was heard in a chat (PT-02). Plain text: whoever writes it as HTML escapes it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from kernel.texts import translate
from plugins.partners.rules.folding import one_line, shown, visible

FILE_BYTES_MAX = 20 * 1024 * 1024  #: what a bot may download
NAME_LENGTH_MAX, QUOTE_LENGTH_MAX = 64, 400
COMMENT_LENGTH_MAX = 14_000  #: of all versions together: every CRM keeps so much in one comment
#: the default of `files_refused`: what runs, or shows a page of a stranger's, when somebody opens it
FILES_REFUSED = (
    ".apk", ".app", ".bat", ".cmd", ".com", ".cpl", ".dll", ".dmg", ".exe", ".hta", ".htm", ".html", ".iso", ".jar", ".js",
    ".jse", ".lnk", ".mht", ".mhtml", ".mjs", ".msi", ".ps1", ".reg", ".scr", ".sh", ".shtml", ".svg", ".svgz", ".swf",
    ".url", ".vbe", ".vbs", ".wsf", ".xht", ".xhtml", ".xml", ".xsl",
)  # fmt: skip
_TYPES_REFUSED = (
    "text/html", "image/svg", "application/xhtml", "text/javascript", "application/javascript", "text/xml",
    "application/xml", "application/x-msdownload", "application/x-msdos-program", "application/x-sh",
)  # fmt: skip
_LINK = re.compile(r"https://t\.me/[A-Za-z0-9_/?=+\-]{1,120}")


class Kind(StrEnum):
    """What a message is. The names are those of Telegram, but for one."""

    TEXT = "text"
    PHOTO = "photo"
    VIDEO = "video"
    DOCUMENT = "document"
    AUDIO = "audio"
    VOICE = "voice"
    VIDEO_NOTE = "video_note"
    ANIMATION = "animation"
    STICKER = "sticker"
    DIE = "die"  #: Telegram has the plural
    LOCATION = "location"
    CONTACT = "contact"
    POLL = "poll"
    OTHER = "other"


class Event(StrEnum):
    """What happened to the chat: a grey line in the partner's card."""

    JOINED = "joined"
    LEFT = "left"
    RENAMED = "renamed"
    PINNED = "pinned"


_FILES = frozenset((Kind.PHOTO, Kind.VIDEO, Kind.DOCUMENT, Kind.AUDIO, Kind.VOICE, Kind.VIDEO_NOTE, Kind.ANIMATION))


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote it, as Telegram says."""

    name: str = ""
    username: str = ""


@dataclass(frozen=True, slots=True)
class HeardFile:
    name: str = ""
    size_bytes: int | None = None
    media_type: str = ""
    duration_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Earlier:
    """What stood there before an edit, and the clock time of it in the desk's zone: `14:05`."""

    at: str
    text: str


@dataclass(frozen=True, slots=True)
class Heard:
    """One message of a chat. `text` is its text or caption, with the addresses behind links in sight."""

    author: Author
    kind: Kind = Kind.TEXT
    text: str = ""
    file: HeardFile = HeardFile()
    emoji: str = ""  #: of a sticker; of a die with its value
    data: tuple[str, ...] = ()  #: a location's latitude, longitude and title; a contact's name and phone; a poll's lines
    forwarded_from: str | None = None
    quote: str = ""
    earlier: tuple[Earlier, ...] = ()  #: newest first
    link: str = ""  #: to the message in Telegram


def comment_text(heard: Heard, language: str, refused: Sequence[str] = FILES_REFUSED) -> str:
    """`Oleg (@oleg_fx): …` with what was forwarded or quoted above and what stood there before below."""
    above = []
    if heard.forwarded_from is not None:
        name = one_line(heard.forwarded_from, NAME_LENGTH_MAX) or translate(language, "partners_nameless")
        above.append(translate(language, "partners_forwarded", author=name))
    if quote := shown(heard.quote, QUOTE_LENGTH_MAX):
        above += [f"> {line}" for line in quote.split("\n")]
    body = "\n".join([*above, *_said(heard, language, refused)])
    head = f"{author_text(heard.author, language)}:"
    text = head + ("\n" if above else " ") + body
    return "\n".join([text, *_earlier(heard.earlier, language, COMMENT_LENGTH_MAX - len(text))]).rstrip()


def album_text(messages: Sequence[Heard], language: str, refused: Sequence[str] = FILES_REFUSED) -> str:
    """One comment for an album: what each member says, in order; files without a caption only where they do not come along.
    Raises ValueError without messages."""
    if not messages:
        raise ValueError("an album has messages")
    said = [line for one in messages for line in _said(one, language, refused, name_kind=False)]
    text = "\n".join(said) or translate(language, "partners_album", count=len(messages))
    text = f"{author_text(messages[0].author, language)}: {text}"
    earlier = [was for one in messages for was in one.earlier]
    return "\n".join([text, *_earlier(earlier, language, COMMENT_LENGTH_MAX - len(text))])


def reaction_text(author: Author, emoji: str, language: str) -> str:
    """A line below the comment of the message that it belongs to; without an emoji: taken back."""
    name = author_text(author, language)
    if not emoji:
        return translate(language, "partners_reaction_gone", author=name)
    return translate(language, "partners_reaction", author=name, emoji=one_line(emoji, 16) or "—")


def event_text(event: Event, author: Author, language: str, *, what: str = "") -> str:
    """The grey line. `author` is who joined, left, renamed or pinned; `what` the new title or the pinned words."""
    name = author_text(author, language)
    return translate(language, f"partners_event_{event}", author=name, what=one_line(what, QUOTE_LENGTH_MAX) or "—")


def author_text(author: Author, language: str) -> str:
    """`Oleg (@oleg_fx)`. A name is a stranger's: it stays on its line and cannot begin with one of our marks."""
    name = one_line(one_line(author.name).replace(":", " ").lstrip("#＃№﹟ "), NAME_LENGTH_MAX)
    username = author.username.lstrip("@")
    known = bool(re.fullmatch(r"[A-Za-z0-9_]{1,32}", username))
    return (name or translate(language, "partners_nameless")) + (f" (@{username})" if known else "")


def carried(heard: Heard, refused: Sequence[str] = FILES_REFUSED) -> bool:
    """Whether its file is downloaded and attached to the comment."""
    return heard.kind in _FILES and not too_large(heard.file) and not file_refused(heard.file, refused)


def too_large(file: HeardFile) -> bool:
    return file.size_bytes is not None and file.size_bytes > FILE_BYTES_MAX


def file_refused(file: HeardFile, refused: Sequence[str] = FILES_REFUSED) -> bool:
    """By the last ending of its name, as Windows would read it, or by its media type."""
    name = visible(file.name).replace("\u3002", ".").casefold().split(":")[0].rstrip(". \t\n")
    endings = {"." + one.strip().lstrip(".").casefold() for one in refused if one.strip(" .")}
    return name.endswith(tuple(endings)) or (bool(endings) and file.media_type.strip().lower().startswith(_TYPES_REFUSED))


def duration_text(seconds: int) -> str:
    """`0:17`, `1:02:03`."""
    minutes, rest = divmod(max(0, seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def size_text(size_bytes: int, language: str) -> str:
    """`25,3 МБ`."""
    megabytes = (Decimal(size_bytes) * 10 // (1024 * 1024)).scaleb(-1)
    number = format(megabytes.quantize(Decimal("0.1")), "f").removesuffix(".0")
    number = number.replace(".", ",") if language in ("uk", "ru") else number
    return f"{number}\u00a0{translate(language, 'partners_megabytes')}"


def _earlier(versions: Sequence[Earlier], language: str, room: int) -> list[str]:
    """What stood there before, the newest first. What a comment has no room for stands on our page alone."""
    lines: list[str] = []
    for number, one in enumerate(versions):
        line = _was(one, language)
        room -= len(line) + 1
        if room < 0:
            return [*lines, translate(language, "partners_more", count=len(versions) - number)]
        lines.append(line)
    return lines


def _was(earlier: Earlier, language: str) -> str:
    return translate(language, "partners_was", at=one_line(earlier.at, 20), text=shown(earlier.text) or "—")


def _said(heard: Heard, language: str, refused: Sequence[str], *, name_kind: bool = True) -> list[str]:
    text = shown(heard.text)
    if heard.kind is Kind.TEXT:
        return [text] if text else []
    if heard.kind in _FILES:
        line = _file_line(heard, language, refused, name_kind=name_kind)
        return [part for part in (line, text) if part]
    line = _data_line(heard, language)
    return [line, text] if text else [line]


def _file_line(heard: Heard, language: str, refused: Sequence[str], *, name_kind: bool) -> str:
    """What the file is; why it does not come along; or nothing where the file beside the caption says it all."""
    kind = translate(language, f"partners_kind_{heard.kind}")
    name = one_line(heard.file.name, NAME_LENGTH_MAX * 2) or kind
    if too_large(heard.file):
        size = size_text(heard.file.size_bytes or 0, language)
        return _with_link(translate(language, "partners_too_large", name=name, size=size), heard)
    if file_refused(heard.file, refused):
        return _with_link(translate(language, "partners_open_there", what=name), heard)
    if heard.file.duration_seconds is not None:
        return f"{kind} {duration_text(heard.file.duration_seconds)}"
    return kind if name_kind and not heard.text.strip() else ""


def _data_line(heard: Heard, language: str) -> str:
    data = [one_line(one, 300) for one in heard.data]
    if heard.kind in (Kind.STICKER, Kind.DIE):
        return one_line(heard.emoji, 32) or translate(language, f"partners_kind_{heard.kind}")
    if heard.kind is Kind.POLL and data:
        return "\n".join(
            [translate(language, "partners_data", kind=_kind(heard, language), data=data[0]), *_listed(data[1:])]
        )
    if heard.kind in (Kind.LOCATION, Kind.CONTACT) and any(data):
        return translate(language, "partners_data", kind=_kind(heard, language), data=", ".join(filter(None, data)))
    return _with_link(translate(language, "partners_open_there", what=_kind(heard, language)), heard)


def _kind(heard: Heard, language: str) -> str:
    return translate(language, f"partners_kind_{heard.kind}")


def _listed(lines: Sequence[str]) -> list[str]:
    return [f"— {line}" for line in lines]


def _with_link(text: str, heard: Heard) -> str:
    return f"{text} {heard.link}" if _LINK.fullmatch(heard.link) else text
