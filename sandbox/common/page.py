"""What the pages for visitors have alike."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def templates(folder: Path) -> Environment:
    return Environment(
        loader=FileSystemLoader(folder / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip


def language_of(known: Container[str], wanted: str, header: str, otherwise: str) -> str:
    """The language asked for, else the browser's first that we have, else that one."""
    if wanted in known:
        return wanted
    spoken = [part.split(";")[0].strip()[:2].lower() for part in header.split(",")]
    return next((one for one in spoken if one in known), otherwise)
