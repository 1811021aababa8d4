"""Parameters of a call: every value may be a native type, a string, or JSON text inside a string (contract 1.9)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from sandbox.telegram.errors import bad
from sandbox.telegram.model import Bot, Message
from sandbox.telegram.request import Upload
from sandbox.telegram.state import World


@dataclass
class Call:
    """One call of a method. `made` collects the messages it made, for the log."""

    world: World
    bot: Bot
    fields: dict[str, Any]
    files: dict[str, Upload] = field(default_factory=dict)
    made: list[Message] = field(default_factory=list)
    description: str = ""

    def has(self, name: str) -> bool:
        return self.fields.get(name) not in (None, "")

    def text(self, name: str, default: str = "") -> str:
        value = self.fields.get(name)
        if value is None:
            return default
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    def number(self, name: str, default: int = 0) -> int:
        value = self.fields.get(name)
        try:
            return default if value in (None, "") else int(str(value))
        except ValueError:
            return default

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.fields.get(name)
        return default if value is None else str(value).lower() in ("true", "1", "yes", "t", "on")

    def json(self, name: str) -> Any:
        """An object or list, given as such or as JSON text; None if it is not there."""
        value = self.fields.get(name)
        if not isinstance(value, str):
            return value
        if not value.strip():
            return None
        try:
            return json.loads(value)
        except ValueError:
            raise bad(f"can't parse {name.replace('_', ' ')} JSON object") from None

    def object(self, name: str) -> dict[str, Any]:
        value = self.json(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise bad(f"can't parse {name.replace('_', ' ')}: Field must be of type Object")
        return value

    def array(self, name: str) -> list[Any]:
        value = self.json(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise bad(f"can't parse {name.replace('_', ' ')}: Field must be of type Array")
        return value

    def entities(self, name: str) -> list[dict[str, Any]]:
        return [
            one for one in self.array(name)
            if isinstance(one, dict) and isinstance(one.get("offset"), int) and isinstance(one.get("length"), int)
        ]  # fmt: skip
