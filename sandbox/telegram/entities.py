"""Entities of a text: those Telegram finds by itself, and those a parse_mode asks for. Offsets count UTF-16 units."""

from __future__ import annotations

import re
from typing import Any

from sandbox.telegram import html_text, markdown_text
from sandbox.telegram.errors import bad
from sandbox.telegram.utf16 import units

FOUND = (
    ("url", re.compile(r"(?<![\w@])(?:https?://[^\s<>]+[^\s<>.,;:!?)»\"']|(?:[\w-]+\.)+(?:com|org|net|ua|ru|me|io|test)\b(?:/\S*)?)")),
    ("email", re.compile(r"(?<![\w.])[\w.+-]+@[\w-]+\.[\w.-]*\w")),
    ("bot_command", re.compile(r"(?<![\w/])/[A-Za-z0-9_]{1,64}(?:@\w{3,32})?")),
    ("mention", re.compile(r"(?<![\w@.])@[A-Za-z]\w{3,31}")),
    ("hashtag", re.compile(r"(?<![\w#&])#(?=\w*[^\W\d])\w+")),
    ("phone_number", re.compile(r"(?<![\w+])\+\d{10,14}\b")),
)  # fmt: skip


def found(text: str, taken: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What Telegram marks by itself, outside of what is marked already."""
    entities = list(taken)
    for kind, pattern in FOUND:
        for match in pattern.finditer(text):
            offset, length = units(text[: match.start()]), units(match[0])
            if not any(_overlap(offset, length, other) for other in entities):
                entities.append({"type": kind, "offset": offset, "length": length})
    return sorted(entities, key=lambda one: (one["offset"], -one["length"]))


def _overlap(offset: int, length: int, other: dict[str, Any]) -> bool:
    return bool(offset < other["offset"] + other["length"] and other["offset"] < offset + length)


def parse(text: str, mode: str, given: list[dict[str, Any]] | None = None) -> tuple[str, list[dict[str, Any]]]:
    """The plain text and its entities; leading and trailing blanks go, as the server does it."""
    entities = [dict(one) for one in given or []]
    word = mode.lower()
    if word == "html":
        text, entities = html_text.parse(text)
    elif word in ("markdownv2", "markdown"):
        text, entities = markdown_text.parse(text, word == "markdownv2")
    elif word:
        raise bad("unsupported parse_mode")
    text, entities = _trim(text, entities)
    return text, found(text, entities)


def _trim(text: str, entities: list[dict[str, Any]]) -> tuple[str, list[dict[str, Any]]]:
    stripped = text.strip()
    before, end = units(text[: len(text) - len(text.lstrip())]), units(stripped)
    kept = []
    for one in entities:
        start = max(one["offset"] - before, 0)
        stop = min(one["offset"] + one["length"] - before, end)
        if stop > start:
            kept.append({**one, "offset": start, "length": stop - start})
    return stripped, kept


def commands(content: dict[str, Any]) -> list[tuple[str, str]]:
    """Commands of a text with the bot each names, in lower case: `/start@desk_bot` -> ("start", "desk_bot")."""
    text, made = str(content.get("text", "")), []
    for one in content.get("entities", []):
        if one["type"] == "bot_command":
            raw = text.encode("utf-16-le")[one["offset"] * 2 : (one["offset"] + one["length"]) * 2].decode("utf-16-le")
            name, _, bot = raw[1:].partition("@")
            made.append((name.lower(), bot.lower()))
    return made
