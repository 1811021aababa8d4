"""The words of a text, as they are searched for."""

from __future__ import annotations

import re
import unicodedata

WORDS_MAX = 400  #: of one message that can be found
WORD_CHARACTERS_MAX = 64
_WORD = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """Each word once, in order, without differences of case and spelling of characters."""
    found = (word[:WORD_CHARACTERS_MAX] for word in _WORD.findall(plain(text)))
    return list(dict.fromkeys(found))[:WORDS_MAX]


def plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
