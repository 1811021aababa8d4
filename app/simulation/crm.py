"""What the simulation needs of an emulated CRM beside what its stories see (kernel.testing.stories.EmulatedCRM)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from app.bootstrap import Annex
from app.simulation.machine import Application
from kernel.testing.stories import EmulatedCRM


def choose(chance: Any, unconfirmed: Mapping[str, Sequence[str]]) -> tuple[tuple[str, str], ...]:
    """One way of each that nobody has confirmed yet."""
    return tuple((name, chance.choice(choices)) for name, choices in unconfirmed.items())


class RandomFaults:
    """The switches of an emulated portal, turned as chance says. Rough: answers get lost, events are dropped, doubled and
    reordered, the portal is down. Else all goes well."""

    def __init__(self, faults: Any, rates: Mapping[str, float], once: Sequence[str]) -> None:
        self._faults, self._rates, self._once = faults, rates, once

    def turn(self, chance: Any, rough: bool) -> None:
        for name, rate in self._rates.items():
            self._faults.set(name, rate if rough and chance.random() < 0.5 else 0)
        for name in self._once:
            self._faults.set(name, chance.choice((1, 1, 2)) if rough and chance.random() < 0.08 else 0)
        self._faults.set("down", chance.choice(("on", "closed")) if rough and chance.random() < 0.04 else "off")

    def tell_nobody(self) -> None:
        """Until it turns no event goes out: only a sweep can find what staff do now."""
        self._faults.set("drop_rate", 1.0)


class SimulatedCRM(EmulatedCRM, Protocol):
    """The whole of it: also what belongs to the machinery."""

    settings: Mapping[str, str]
    application: Application
    random_faults: RandomFaults

    def set_up(self, annex: Annex) -> None:
        """Make the portal what its mapping set says."""

    def deliver_to(self, door: Callable[[str, str, Mapping[str, str], bytes], tuple[int, str]]) -> None:
        """Who answers the portal's own requests: (method, url, headers, body) -> (status, text), 0 for no answer."""

    def step(self) -> bool:
        """Let the portal do what it has to do now, if anything: send a request of its own, apply a change put off."""

    def due_in(self) -> float | None:
        """Seconds until the portal has something to do; None if it has nothing to do."""

    def open_annex(self) -> None:
        """The owner opens our page inside the CRM, as a lost connection asks them to."""

    def comments_of_ours(self) -> int:
        """How many comments Annex wrote."""

    def refused(self) -> int:
        """How many requests the portal refused because its limit was broken."""
