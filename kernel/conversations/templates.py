"""Texts with `{field}` in them, written by people and filled in for each reader; nothing else is understood in them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

PLACE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


class UnknownField(ValueError):
    """`name`: what stands between the braces; empty where a brace stands alone."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def fields_of(text: str) -> list[str]:
    """The fields that the text names, each once. Raises UnknownField for a brace that opens or closes nothing."""
    found: dict[str, None] = {}
    for place in PLACE.finditer(text):
        if place[0] in ("{{", "}}"):
            continue
        name = (place[1] or "").strip()
        if not name:
            raise UnknownField("")
        found[name] = None
    return list(found)


def check(text: str, fields: Collection[str]) -> None:
    """Raises UnknownField, with the first one that is not among these."""
    for name in fields_of(text):
        if name not in fields:
            raise UnknownField(name)


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with the values in their places. `{{` and `}}` are braces; a value's own braces stay as they are. Raises
    UnknownField."""
    check(text, values)

    def value(place: re.Match[str]) -> str:
        return place[0][0] if place[0] in ("{{", "}}") else values[place[1].strip()]

    return PLACE.sub(value, text)
