"""The stories of a set: what its plugins bring, found beside each plugin's manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.discovery import beside
from kernel.errors import Misconfigured
from kernel.extension import Plugin
from kernel.testing.stories import SimulatedStory


def stories_of(plugins: Sequence[Plugin]) -> Mapping[str, type[SimulatedStory]]:
    """By plugin, for those that bring one. Raises Misconfigured for a `simulation` that is no SimulatedStory."""
    found: dict[str, type[SimulatedStory]] = {}
    for plugin in plugins:
        story = getattr(beside(plugin.name, "story"), "simulation", None)
        if story is None:
            continue
        if not (isinstance(story, type) and issubclass(story, SimulatedStory)):
            raise Misconfigured(f"the story of plugin «{plugin.name}»: `simulation` is no SimulatedStory")
        found[plugin.name] = story
    return found
