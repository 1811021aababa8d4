"""What the simulation needs of a portal: staff who work in it, and a look at what it holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from app.bootstrap import Annex
from app.simulation.machine import Application


@dataclass(frozen=True)
class Card:
    """A contact's card or a member of staff, as a field's value."""

    id: str
    name: str


#: A field's value as staff give it: what they type, a choice by our word for it, a card, a day, a tick, or nothing.
Typed = str | bool | date | Card | None


def choose(dice: Any, unconfirmed: Mapping[str, Sequence[str]]) -> tuple[tuple[str, str], ...]:
    """One way of each that nobody has confirmed yet."""
    return tuple((name, dice.choice(choices)) for name, choices in unconfirmed.items())


class Weather:
    """The switches of an emulated portal, turned as the dice say. Rough: answers get lost, events are dropped, doubled and
    reordered, the portal is down. Else all goes well."""

    def __init__(self, faults: Any, rates: Mapping[str, float], once: Sequence[str]) -> None:
        self._faults, self._rates, self._once = faults, rates, once

    def turn(self, dice: Any, rough: bool) -> None:
        for name, rate in self._rates.items():
            self._faults.set(name, rate if rough and dice.random() < 0.5 else 0)
        for name in self._once:
            self._faults.set(name, dice.choice((1, 1, 2)) if rough and dice.random() < 0.08 else 0)
        self._faults.set("down", dice.choice(("on", "closed")) if rough and dice.random() < 0.04 else "off")

    def tell_nobody(self) -> None:
        """Until it turns no event goes out: only a sweep can find what staff do now."""
        self._faults.set("drop_rate", 1.0)


class Office(Protocol):
    """Everything by our own words for fields, tables and stages; written as that person, so that the portal's events go
    out as in life."""

    set_name: str
    tells_of_rows: bool  #: whether a changed row can be found by asking what changed (a deleted one never can)
    settings: Mapping[str, str]
    application: Application
    clients: list[Card]
    partners: list[Card]
    people: list[Card]
    weather: Weather

    def set_up(self, annex: Annex) -> None:
        """Make the portal what its mapping set says."""

    def deliver_to(self, door: Callable[[str, str, Mapping[str, str], bytes], tuple[int, str]]) -> None:
        """Who answers the portal's own requests: (method, url, headers, body) -> (status, text), 0 for no answer."""

    def step(self) -> bool:
        """Let the portal do what it has to do now, if anything: send a request of its own, apply a change put off."""

    def due_in(self) -> float | None:
        """Seconds until the portal has something to do; None if it has nothing to do."""

    # --- what staff do ---

    def new_deal(self, values: Mapping[str, Typed]) -> str: ...

    def set(self, deal: str, values: Mapping[str, Typed]) -> None: ...

    def move(self, deal: str, stage_label: str) -> None: ...

    def add_row(self, deal: str, values: Mapping[str, Typed]) -> None: ...

    def edit_row(self, deal: str, key: str, values: Mapping[str, Typed]) -> None: ...

    def delete_row(self, deal: str, key: str) -> None: ...

    def recalculate(self, deal: str) -> None:
        """The button that asks Annex to look."""

    def open_annex(self) -> None:
        """The owner opens our page inside the CRM, as a lost connection asks him to."""

    # --- what stands there ---

    def row_keys(self, deal: str) -> list[str]: ...

    def stage_of(self, deal: str) -> str:
        """The stage's label."""

    def comments_of_ours(self) -> int:
        """How many comments Annex wrote."""

    def records_of_ours(self) -> list[str]:
        """Every record that Annex made."""

    def custody_rows(self) -> list[tuple[str, str]]:
        """(contact, key of ours) of every row of custody on the cards."""

    def refused(self) -> int:
        """How many requests the portal refused because its limit was broken."""
