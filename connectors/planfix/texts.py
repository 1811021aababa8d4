"""Texts as Planfix keeps them: comments are HTML, a text field may be, a line is plain; and how two are compared."""

from __future__ import annotations

import hashlib
import html
import re
import unicodedata

from connectors.planfix import limits

_BREAKS = re.compile(r"<br\s*/?>|</(?:p|div|li|tr|h[1-6])\s*>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-z][^<>]*>|<!--.*?-->", re.IGNORECASE | re.DOTALL)
_BLOCK = re.compile(r"<(?:p|br|div|ul|ol|li|table)(?:\s[^<>]*)?/?>", re.IGNORECASE)
# C0 controls but tab and line ends, and what Unicode calls «not a character»: some JSON readers stop at them.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")


def clean(text: str) -> str:
    """The same text without what cannot be sent: controls and halves of characters; line ends as \\n."""
    whole = text.encode("utf-8", "replace").decode()
    return _UNPRINTABLE.sub("", whole.replace("\r\n", "\n").replace("\r", "\n"))


def plain(markup: str) -> str:
    """HTML as a person reads it: tags gone, line ends where blocks end."""
    text = _BREAKS.sub("\n", re.sub(r"[\r\n]+", " ", markup))
    lines = html.unescape(_TAG.sub("", text)).replace("\xa0", " ").split("\n")
    return "\n".join(" ".join(line.split()) for line in lines).strip()


def from_text_field(stored: str) -> str:
    """A text field's value: HTML only where the field's editor made it so."""
    return plain(stored) if _BLOCK.search(stored) else stored


def same_text(sent: str, stored: str) -> bool:
    """Whether Planfix keeps what we sent: blanks, line ends and mark-up do not count."""
    left, right = clean(sent), clean(stored)
    return _squeezed(left) == _squeezed(right) or _squeezed(plain(left)) == _squeezed(plain(right))


def _squeezed(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def mark(key: str) -> str:
    """Our key as a comment shows it: short, and different for keys that only differ at their end."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:12]


def comment_html(text: str, key: str) -> str:
    """A comment: paragraphs and line ends kept, nothing in the text taken for HTML, our mark small at the end."""
    return marked_html(text, mark(key))


def marked_html(text: str, shown_mark: str) -> str:
    """The same with a mark that is known; without one there is none."""
    tail = f"<p><i>№ {shown_mark}</i></p>" if shown_mark else ""
    room = limits.COMMENT_BYTES_MAX - len(tail.encode())
    body = _paragraphs(clean(text))
    if len(body.encode()) > room:
        short = clean(text)
        while len(body.encode()) > room:
            short = short[: len(short) * 9 // 10]
            body = _paragraphs(short + "…")
    return body + tail


def _paragraphs(text: str) -> str:
    blocks = [block.strip("\n") for block in re.split(r"\n\s*\n", text)]
    return "".join(f"<p>{html.escape(block).replace(chr(10), '<br>')}</p>" for block in blocks if block.strip())


def carries(markup: str, key: str) -> bool:
    """Whether a comment is the one written for that key: the mark stands alone at its very end."""
    return re.search(rf"№\s*{mark(key)}\Z", plain(markup)) is not None


def digits(text: str) -> str:
    """A phone number's digits."""
    return re.sub(r"[^0-9]", "", text)
