"""Text as a database can hold it."""

from __future__ import annotations

import re

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """Without NULs and halves of characters, which no database text can hold."""
    return _UNSTORABLE.sub("\ufffd", text)
