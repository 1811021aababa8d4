"""Text made fit for showing, and text made fit for comparing."""

from __future__ import annotations

import re
import unicodedata

# Control characters, marks that turn the direction of text, halves of characters. Joiners stay: emoji are built with them.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
_APOSTROPHES = dict.fromkeys(map(ord, "'’ʼ‘`´′ʹʻ＇ˮ"))
_LETTER_MARKS = "\u0306\u0308"  #: of й, ї and ё, which are letters of their own
# Letters that look alike, by their Latin twin. Capitals look alike more often than small letters («В» and «B», not «в» and
# «b»), and both cases must meet after folding.
_TWINS = str.maketrans(
    dict(zip("авекмнорстухіїёѕјԁԛԝ", "abekmhopctyxiiesjdqw", strict=True))
    | dict(zip("αβεζηικμνορτυχ", "abezhikmnoptyx", strict=True))
)


def shown(text: str, length_max: int = 0) -> str:
    """A stranger's text as plain text that cannot rearrange what stands around it; line ends stay."""
    plain = _UNSAFE.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()
    return plain if not length_max or len(plain) <= length_max else plain[: length_max - 1].rstrip() + "…"


def one_line(text: str, length_max: int = 120) -> str:
    """The same on one line, for a name or a title."""
    return shown(" ".join(shown(text).split()), length_max)


def visible(text: str) -> str:
    """Without characters that take no room (zero-width, soft hyphen, direction marks), letters and digits in plain forms."""
    kept = "".join(char for char in text if unicodedata.category(char) not in ("Cf", "Cs", "Cc") or char in "\n\t")
    return re.sub("[\ufe00-\ufe0f]", "", unicodedata.normalize("NFKC", kept))


def fold(text: str) -> str:
    """For comparing: «ПЕ́ТРЕНКО», `Пeтрeнкo` with Latin letters and «петренко» are one. Not for showing."""
    apart = unicodedata.normalize("NFD", visible(text.translate(_APOSTROPHES)).translate(_APOSTROPHES))
    unstressed = "".join(char for char in apart if char in _LETTER_MARKS or not unicodedata.combining(char))
    bare = unicodedata.normalize("NFC", unstressed).casefold()
    return bare.translate(_TWINS)


def words(text: str) -> list[str]:
    """The folded words of letters; digits, blanks, hyphens and underscores part them."""
    return re.findall(r"[^\W\d_]+", fold(text))
