"""Typed hooks: what one plugin asks of all the others that are switched on.

The plugin that asks declares the hook in its `api.py` and names it in `asks`; another plugin answers by naming its
function in `hooks`: `hooks=(UNFIT.by(unfit),)`. The type checker compares the function with the hook.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec, Protocol, TypeVar

from kernel.errors import Misconfigured
from kernel.telemetry import log

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T", bound="_Plugin")
Hooks = Mapping[str, tuple[Callable[..., Any], ...]]  #: the functions of the plugins switched on, by the hook's name


class _Portal(Protocol):
    @property
    def hooks(self) -> Hooks: ...


@dataclass(frozen=True)
class Hook(Generic[P, R]):
    """A question, named after the plugin that asks it: `Hook("assignment.unfit")`."""

    name: str

    @property
    def owner(self) -> str:
        """The plugin that asks."""
        return self.name.partition(".")[0]

    def by(self, run: Callable[P, R]) -> Implementation:
        """That function answers it."""
        return Implementation(self, run)

    def functions(self, portal: _Portal) -> Sequence[Callable[P, R]]:
        """Who answers it in this portal, in the order of the plugins' names."""
        return portal.hooks.get(self.name, ())


@dataclass(frozen=True)
class Implementation:
    """A plugin's answer to a hook."""

    hook: Hook[..., Any]
    run: Callable[..., Any]


class _Plugin(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def asks(self) -> tuple[Hook[..., Any], ...]: ...
    @property
    def hooks(self) -> tuple[Implementation, ...]: ...


def collect(switched_on: Sequence[T], installed: Iterable[T] = ()) -> Hooks:
    """All answers by hook. One to a plugin that is not switched on is left out; one to a hook that it does not ask is an
    error."""
    known = {plugin.name: plugin for plugin in (*installed, *switched_on)}
    on = {plugin.name for plugin in switched_on}
    found: dict[str, tuple[Callable[..., Any], ...]] = {}
    for plugin in sorted(switched_on, key=lambda one: one.name):
        for one in plugin.hooks:
            _check(plugin.name, one.hook, known.get(one.hook.owner))
            if one.hook.owner in on:
                found[one.hook.name] = (*found.get(one.hook.name, ()), one.run)
            else:
                log.info("hook.not_asked", plugin=plugin.name, hook=one.hook.name)
    return found


def _check(plugin: str, hook: Hook[..., Any], owner: _Plugin | None) -> None:
    if owner is None:
        raise Misconfigured(f"plugin «{plugin}» answers the hook «{hook.name}», but no plugin «{hook.owner}» is installed")
    if hook.name not in {one.name for one in owner.asks}:
        asked = ", ".join(one.name for one in owner.asks) or "none"
        raise Misconfigured(
            f"plugin «{plugin}» answers the hook «{hook.name}», which «{owner.name}» does not ask; it asks: {asked}"
        )
