"""Texts as Bitrix24 keeps them: comments and notices are BB code; our key's mark in them; and how two texts are compared."""

from __future__ import annotations

import hashlib
import re
import unicodedata

TEXT_CHARACTERS_MAX = 60_000  #: ours: longer comments are cut; a MySQL text holds 64 KB
# C0 controls but tab and line ends, and what Unicode calls «not a character».
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
_MARK_CHARACTERS = 12
_MARK = re.compile(r"\s*№\s*([0-9a-f]{12})\Z")
_LINK = re.compile(r"\[url(?:=([^\]]*))?\](.*?)\[/url\]", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(
    r"\[/?(?:b|i|u|s|p|code|quote|list|color|size|font|img|user|left|center|right|justify|table|tr|td|th|video|disk file id)"
    r"(?:=[^\]]*)?(?:\s[^\]]*)?\]",
    re.IGNORECASE,
)  #: BB code that the portal knows; what else stands in brackets is text


def clean(text: str) -> str:
    """The same text without what cannot be sent: controls and halves of characters; line ends as \\n."""
    whole = text.encode("utf-8", "replace").decode()
    return _UNPRINTABLE.sub("", whole.replace("\r\n", "\n").replace("\r", "\n"))


def line(text: str) -> str:
    return " ".join(clean(text).split())


def plain(text: str) -> str:
    """A text of which nothing is taken for BB code. That has no escape: an invisible blank breaks what looks like a tag."""
    return re.sub(r"\[(?=/?[A-Za-z*])", "[\u200b", clean(text))


def mark(key: str) -> str:
    """Our key as a comment shows it: short, and different for keys that only differ at their end."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:_MARK_CHARACTERS]


def marked(text: str, key: str) -> str:
    """A comment with our mark in its last line."""
    return remarked(text, mark(key))


def remarked(text: str, shown_mark: str) -> str:
    """The same with a mark that is known; without one there is none."""
    body = plain(text).strip("\n")
    room = TEXT_CHARACTERS_MAX // 4  # a character takes up to four bytes
    cut = body if len(body) <= room else body[: room - 1] + "…"
    return f"{cut}\n№ {shown_mark}" if shown_mark else cut


def carries(text: str, key: str) -> bool:
    """Whether a comment is the one written for that key: the mark stands at its very end."""
    return re.search(rf"№\s*{mark(key)}\s*\Z", text) is not None


def shown(stored: str) -> tuple[str, str]:
    """A comment as plain text with the addresses of links in sight, and the mark at its end if it is ours (else empty)."""
    text = _LINK.sub(_link, re.sub(r"<br\s*/?>|\[br\]", "\n", stored, flags=re.IGNORECASE))
    text = _TAG.sub("", re.sub(r"\[\*\]\s*", "• ", text)).replace("\u200b", "")
    text = "\n".join(line.rstrip() for line in clean(text).split("\n")).strip()
    found = _MARK.search(text)
    return (text[: found.start()].rstrip(), found[1]) if found else (text, "")


def _link(found: re.Match[str]) -> str:
    address, words = (found[1] or "").strip(), found[2].strip()
    if not address or address.rstrip("/") == words.rstrip("/"):
        return words
    return f"{words} ({address})" if words else address


def same_text(sent: str, stored: str) -> bool:
    """Whether the portal keeps what we sent: blanks, line ends and line breaks as mark-up do not count."""
    return _squeezed(sent) == _squeezed(re.sub(r"<br\s*/?>|\[br\]", "\n", stored, flags=re.IGNORECASE))


def _squeezed(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", clean(text)).split())


def folded(label: str) -> str:
    """Labels are compared without case, spare blanks and the several apostrophes of keyboards."""
    text = unicodedata.normalize("NFC", label)
    for apostrophe in "’ʼ`′":
        text = text.replace(apostrophe, "'")
    return " ".join(text.split()).casefold()


def digits(text: str) -> str:
    """A phone number's digits."""
    return re.sub(r"[^0-9]", "", text)
