"""A message's text with its entities, as HTML."""

from __future__ import annotations

import itertools
from typing import Any

from markupsafe import Markup, escape

from sandbox.telegram.utf16 import cut, units

TAGS = {"bold": "b", "italic": "i", "underline": "u", "strikethrough": "s", "code": "code", "pre": "code", "spoiler": "span",
        "blockquote": "q"}  # fmt: skip


def html(text: str, entities: list[dict[str, Any]]) -> Markup:
    """Every piece between two borders of entities gets the tags that cover it."""
    borders = {0, units(text)}
    for one in entities:
        borders |= {one["offset"], one["offset"] + one["length"]}
    places = sorted(border for border in borders if 0 <= border <= units(text))
    made = Markup("")
    for start, end in itertools.pairwise(places):
        piece = escape(cut(text, start, end - start))
        for one in entities:
            if one["offset"] <= start and end <= one["offset"] + one["length"]:
                piece = _wrap(piece, one, cut(text, one["offset"], one["length"]))
        made += piece
    return made


def _wrap(piece: Markup, entity: dict[str, Any], whole: str) -> Markup:
    kind = entity["type"]
    if kind in TAGS:
        return Markup("<{tag}>{piece}</{tag}>").format(tag=TAGS[kind], piece=piece)
    address = str(entity.get("url", "")) if kind == "text_link" else whole if kind == "url" else ""
    if address.startswith(("http://", "https://")):
        return Markup('<a href="{address}" rel="noreferrer noopener">{piece}</a>').format(address=address, piece=piece)
    if kind in ("mention", "bot_command", "hashtag", "email", "url", "text_link", "phone_number"):
        return Markup("<em>{piece}</em>").format(piece=piece)
    return piece
