"""A cursor: how far a consumer has read. To them it is a word without meaning; it is good for one feed and one scope."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

from kernel.errors import BadInput

_FORM = re.compile(r"v1:([a-z][a-z0-9_]*):([pa]):([0-9A-Za-z-]{1,40}):([0-9]{1,18})")
CHARACTERS_MAX = 200
_WORD = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Cursor:
    feed: str
    personal: bool  #: the scope: whether the key may read what is personal
    begun: str  #: the numbering it belongs to
    seq: int

    def __str__(self) -> str:
        text = f"v1:{self.feed}:{'p' if self.personal else 'a'}:{self.begun}:{self.seq}"
        return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(text: str) -> Cursor:
    """Raises BadInput."""
    try:
        if len(text) > CHARACTERS_MAX or not _WORD.fullmatch(text):
            raise ValueError
        found = _FORM.fullmatch(urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii"))
    except ValueError:
        found = None
    if found is None:
        raise BadInput.of("feeds_cursor_bad")
    return Cursor(found[1], found[2] == "p", found[3], int(found[4]))
