"""The demos of a set: what its plugins bring, in the order in which they play."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.discovery import beside
from kernel.errors import Misconfigured
from kernel.testing.demo import DemoStory


def demos_of(plugins: Sequence[str], connector: str) -> list[type[DemoStory]]:
    """Of these plugins, as far as they can be played in that CRM. Raises Misconfigured if there is none."""
    found: dict[str, type[DemoStory]] = {}
    for name in sorted(plugins):
        story = getattr(beside(name, "story"), "demo", None)
        if story is None:
            continue
        if not (isinstance(story, type) and issubclass(story, DemoStory)):
            raise Misconfigured(f"the story of plugin «{name}»: `demo` is no DemoStory")
        if story.connectors is None or connector in story.connectors:
            found[name] = story
    if not found:
        raise Misconfigured(
            f"none of its plugins ({', '.join(sorted(plugins))}) brings one that can be played in {connector}"
        )
    return [found[name] for name in _in_order(found)]


def _in_order(found: Mapping[str, type[DemoStory]]) -> list[str]:
    """By name, but each after those it wants to come after."""
    ordered: list[str] = []
    while rest := [name for name in found if name not in ordered]:
        free = [name for name in rest if not set(found[name].after) & set(rest)]
        ordered.append((free or rest)[0])
    return ordered
