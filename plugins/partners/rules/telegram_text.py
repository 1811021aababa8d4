"""Texts within Telegram's limits. Lengths are in UTF-16 units, as Telegram counts: «😀» is two."""

from __future__ import annotations

import re

TEXT_UNITS_MAX = 4096
CAPTION_UNITS_MAX = 1024
# What must not be torn from the character before it: marks, joiners and what they join, skin tones.
_STICKS = re.compile("[\u0300-\u036f\u200d\ufe00-\ufe0f\u20e3\U0001f3fb-\U0001f3ff]")


def units(text: str) -> int:
    return len(text) + sum(char > "\uffff" for char in text)


def split(text: str, units_max: int = TEXT_UNITS_MAX) -> tuple[str, ...]:
    """Parts that fit, cut at the last line end that fits, else at a blank, else between two characters. No part is blank:
    Telegram refuses those."""
    if units_max < 2:
        raise ValueError("a part must hold at least one character of two units")
    parts = []
    rest = _sendable(text).strip()
    while rest:
        cut = _cut(rest, units_max)
        if part := rest[:cut].rstrip():
            parts.append(part)
        rest = rest[cut:].lstrip("\n") if "\n" in rest[cut : cut + 1] else rest[cut:].lstrip()
        rest = rest if rest.strip() else ""
    return tuple(parts)


def caption_and_rest(text: str) -> tuple[str, tuple[str, ...]]:
    """The caption of a file, and the messages that follow it where the text is longer than a caption may be."""
    if units(_sendable(text).strip()) <= CAPTION_UNITS_MAX:
        return _sendable(text).strip(), ()
    caption = split(text, CAPTION_UNITS_MAX)[0]
    return caption, split(_sendable(text).strip()[len(caption) :])


def _sendable(text: str) -> str:
    """Without NUL; a lone half of a character becomes the replacement character: neither can be sent."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text.replace("\r\n", "\n").replace("\x00", ""))


def _cut(text: str, units_max: int) -> int:
    """Where the first part ends."""
    end = _fitting(text, units_max)
    if end == len(text):
        return end
    for mark in ("\n", " "):
        at = text.rfind(mark, 0, end + 1)
        if at > 0 and text[:at].strip():
            return at
    whole = end
    while whole > 1 and (_STICKS.match(text[whole]) or text[whole - 1] == "\u200d"):
        whole -= 1
    return whole if whole > 1 else end


def _fitting(text: str, units_max: int) -> int:
    """How many characters fit."""
    used = 0
    for index, char in enumerate(text):
        used += 2 if char > "\uffff" else 1
        if used > units_max:
            return index
    return len(text)
