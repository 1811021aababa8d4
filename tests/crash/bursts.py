"""What staff do in a burst comes with the plugins: each that has one keeps it in its tests, as `tests/crash/burst.py`."""

from __future__ import annotations

import importlib
import importlib.util
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from kernel.storage import Database


class Burst(Protocol):
    """Staff at work on one desk, and what it has to come to."""

    def open(self, seed: int) -> None:
        """What must be there before the first burst."""

    def plan(self, chance: random.Random, mark: str, deals: int) -> None:
        """The next burst. `mark` tells it from all others."""

    def play(self, chance: random.Random, pause: Callable[[], float]) -> int:
        """Do it, with so many seconds between two acts; returns how many acts there were."""

    def put_right(self) -> None:
        """After quiet: people do what the product has asked them to do, and all of that is over."""

    def faults(self, *, of_all: bool = False) -> Iterable[str]:
        """After quiet: what the last burst, or all of them, did not come to, each as a sentence."""


def bursts_of(plugins: Sequence[str], office: Any, database: Database, systems: Mapping[str, Any]) -> list[Burst]:
    """Of these plugins; `systems`: what is emulated beside the CRM, by the names of the set's connections. Raises ValueError
    if none of them brings one: a campaign without work shows nothing."""
    found: list[Burst] = []
    for name in sorted(plugins):
        package = f"plugins.{name}.tests.crash"
        if importlib.util.find_spec(package):
            found.append(importlib.import_module(f"{package}.burst").Burst(office, database, systems))
    if not found:
        raise ValueError(f"no plugin of {', '.join(sorted(plugins))} brings a burst")
    return found
