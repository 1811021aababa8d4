"""parse_mode HTML, the tags people use."""

from __future__ import annotations

import html
import re
from typing import Any

from sandbox.telegram.errors import bad
from sandbox.telegram.utf16 import units

KINDS = {
    "b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline", "ins": "underline",
    "s": "strikethrough", "strike": "strikethrough", "del": "strikethrough", "code": "code", "pre": "pre",
    "a": "text_link", "tg-spoiler": "spoiler", "span": "spoiler", "blockquote": "blockquote",
}  # fmt: skip
TAG = re.compile(r"<(/?)([a-zA-Z][\w-]*)([^<>]*)>|<|[^<]+")
ATTRIBUTE = re.compile(r"([\w-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")


def parse(text: str) -> tuple[str, list[dict[str, Any]]]:
    plain, at = "", 0
    entities: list[dict[str, Any]] = []
    opened: list[tuple[str, int, dict[str, str]]] = []
    for part in TAG.finditer(text):
        at = len(text[: part.start()].encode())
        if not part[2]:
            if part[0] == "<":
                raise bad(f'can\'t parse entities: Unsupported start tag "" at byte offset {at}')
            plain += html.unescape(part[0])
            continue
        name = part[2].lower()
        if name not in KINDS:
            raise bad(f'can\'t parse entities: Unsupported start tag "{name}" at byte offset {at}')
        if not part[1]:
            opened.append((name, units(plain), {m[1].lower(): m[2] or m[3] or "" for m in ATTRIBUTE.finditer(part[3])}))
            continue
        if not opened:
            raise bad(f"can't parse entities: Unexpected end tag at byte offset {at}")
        if opened[-1][0] != name:
            raise bad(
                f'can\'t parse entities: Unmatched end tag at byte offset {at}, expected "</{opened[-1][0]}>", '
                f'found "</{name}>"'
            )
        _, offset, attributes = opened.pop()
        if units(plain) > offset:
            entities.append(_entity(name, offset, units(plain) - offset, attributes))
    if opened:
        raise bad(f"can't parse entities: Can't find end tag corresponding to start tag \"{opened[-1][0]}\"")
    return plain, entities


def _entity(name: str, offset: int, length: int, attributes: dict[str, str]) -> dict[str, Any]:
    made: dict[str, Any] = {"type": KINDS[name], "offset": offset, "length": length}
    if name == "a":
        made["url"] = html.unescape(attributes.get("href", ""))
    return made
