"""Switches: what a real system may do in ways nobody has confirmed, and what may break."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ONOFF = ("on", "off")


@dataclass(frozen=True)
class Switch:
    """`default` gives the type; `choices` limits words."""

    default: Any
    help: str
    choices: tuple[str, ...] = ()


def as_table(known: Mapping[str, Switch]) -> str:
    """For a README, between its marks."""
    lines = ["| switch | default | meaning |", "|---|---|---|"]
    for name, switch in sorted(known.items()):
        choices = f" ({', '.join(switch.choices)})" if switch.choices else ""
        lines.append(f"| `{name}` | {switch.default} | {switch.help}{choices} |")
    return "\n".join(lines)


class Switches:
    """The switches' present values and the random choices, which --seed makes repeatable."""

    def __init__(self, known: Mapping[str, Switch], seed: int = 0) -> None:
        self._known = known
        self._values: dict[str, Any] = {name: switch.default for name, switch in known.items()}
        self._rng = random.Random(seed)  # noqa: S311 - not for secrets: the same seed must give the same story

    def set(self, name: str, value: Any) -> None:
        """Set a switch from a word; an unknown name or value is a ValueError that says what is possible."""
        if name not in self._known:
            raise ValueError(f"unknown switch {name!r}; known: {', '.join(sorted(self._known))}")
        switch = self._known[name]
        if isinstance(switch.default, str):
            if isinstance(value, bool):
                value = "on" if value else "off"
            value = str(value)
            if switch.choices and value not in switch.choices:
                raise ValueError(f"{name} takes one of {', '.join(switch.choices)}, not {value!r}")
        else:
            try:
                value = type(switch.default)(value)
            except (TypeError, ValueError):
                raise ValueError(f"{name} takes a number, not {value!r}") from None
            if value < 0 or (name.endswith("_rate") and value > 1):
                raise ValueError(f"{name} must not be {value}")
        self._values[name] = value

    def set_all(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Set several, all or none; the new values."""
        before = dict(self._values)
        try:
            for name, value in wanted.items():
                self.set(name, value)
        except ValueError:
            self._values = before
            raise
        return {name: self._values[name] for name in wanted}

    def get(self, name: str) -> Any:
        return self._values[name]

    def on(self, name: str) -> bool:
        return bool(self._values[name] == "on")

    def word(self, name: str) -> str:
        return str(self._values[name])

    def number(self, name: str) -> float:
        return float(self._values[name])

    def take(self, name: str) -> bool:
        """Use up one of a `…_next` counter; true if there was one left."""
        if self._values[name] > 0:
            self._values[name] -= 1
            return True
        return False

    def chance(self, name: str) -> bool:
        """Draw a random number for a `…_rate`; none at zero, so that a switch that is off does not shift the story."""
        rate = float(self._values[name])
        return rate > 0 and self._rng.random() < rate

    def table(self) -> dict[str, dict[str, Any]]:
        """All switches with value, default, choices and help, for GET /sandbox/faults."""
        return {
            name: {"value": self._values[name], "default": s.default, "choices": list(s.choices), "help": s.help}
            for name, s in sorted(self._known.items())
        }
