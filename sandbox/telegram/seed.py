"""Worlds to begin with: a TOML file each in portals/."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from sandbox.telegram import links, membership
from sandbox.telegram.model import Member
from sandbox.telegram.state import World

FOLDER = Path(__file__).parent / "portals"


def portal_names() -> list[str]:
    """The default first."""
    return sorted((path.stem.replace("_", "-") for path in FOLDER.glob("*.toml")), key=lambda name: name != "partners")


def load(world: World, name: str, token: str) -> None:
    """Fill an empty world. The first bot gets the token of the command line."""
    path = FOLDER / f"{name.replace('-', '_')}.toml"
    if not path.is_file():
        raise ValueError(f"no portal {name!r}; there are: {', '.join(portal_names())}")
    data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    world.name = name
    for place, bot in enumerate(data.get("bot", [])):
        world.add_bot(token if place == 0 else bot["token"], bot["username"], bot["name"], bot.get("privacy", True))
    for one in data.get("person", []):
        world.add_person(one["first_name"], one.get("last_name", ""), one.get("username", ""), one.get("language", ""),
                         one.get("id", 0))  # fmt: skip
    for one in data.get("group", []):
        chat = world.add_group(one["title"], one.get("kind", "group"))
        for ident in one["members"]:
            chat.members[ident] = Member(world.people[ident], "creator" if ident == one["members"][0] else "member")
        for name_of_bot in one.get("bots", []):
            owner = world.people[one["members"][0]]
            membership.add(world, chat, owner, links.bot_named(world, name_of_bot))
