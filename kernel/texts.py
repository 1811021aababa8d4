"""Words for people, by language. Each room keeps `locale/<language>.toml`; a text missing in one language falls back to
English, and one missing in English is an error that a test finds. Russian is kept by the rooms that need it; who reads it
gets the others in Ukrainian.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

FALLBACK = "en"
NEXT_BEST = {"ru": "uk"}
_folders: list[Path] = [Path(__file__).parent / "locale"]


def add_folder(folder: Path) -> None:
    """Called for each room that brings texts."""
    if folder.is_dir() and folder not in _folders:
        _folders.append(folder)
        _catalog.cache_clear()


@cache
def _catalog(language: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for folder in _folders:
        path = folder / f"{language}.toml"
        if path.is_file():
            found.update(tomllib.loads(path.read_text(encoding="utf-8")))
    return found


def translate(language: str, code: str, /, **values: Any) -> str:
    """The text with its values filled in."""
    next_best = NEXT_BEST.get(language, FALLBACK)
    template = _catalog(language).get(code) or _catalog(next_best).get(code) or _catalog(FALLBACK)[code]
    return template.format_map({name: str(value) for name, value in values.items()})
