"""What a plugin brings to `annex demo`: what staff do on the days, what is checked in the end, by a reckoning of its own.

A plugin's module `story` may have a `demo`, a subclass of DemoStory. The machinery (app/cli/demo) starts the emulated CRM,
the service and a worker as processes of their own, and plays the stories of all plugins of the set, day after day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Protocol

from kernel.storage import Database

#: A check: its name, and what is wrong; empty if nothing is.
Result = tuple[str, str]


@dataclass
class Client:
    """Somebody with whom stories go on where those before them stopped."""

    card: str  #: in the CRM
    deal: int
    owner: str  #: who has both
    kind: str = "contact"  #: or "company"
    number: str = ""  #: under which another system knows them, once it does


class Desk(Protocol):
    """What the machinery offers to the stories of a demo."""

    seed: int
    day_count: int  #: how many days were asked for
    home: Path
    address: str  #: of the service
    database: Database  #: for reading
    office: Any
    """The emulated CRM as its people use it, everything by its label; `office.control(door, body)` are its own doors."""
    systems: Mapping[str, Any]
    """The emulated systems of the set's other connections, by the customer's names: `.control(door, body)` are the doors of
    each, without a body it is only asked."""
    absent: list[str]  #: people who may be given nothing and move nothing just now: stories agree here
    picked: list[str]
    clients: list[Client]  #: in the order in which they came
    secrets: list[str]  #: what no log of ours may hold: stories add what they plant

    def announce(self, text: str) -> None: ...

    def pick(self) -> str:
        """Somebody of the staff for a part of their own in a story: nobody is picked twice, and all others are `ready`."""

    def ready(self) -> list[str]:
        """Who was picked for nothing."""

    def annex(self, *arguments: str) -> tuple[int, str]:
        """A command of the product as a person runs it: exit code, and what it said."""

    def quiet(self, until: Callable[[], bool] = lambda: True) -> None:
        """Wait until no delivery waits in the CRM and no job and no call with us, and `until` holds."""

    def faults(self, switches: Mapping[str, Any]) -> None:
        """Turn switches of the emulated CRM."""

    def lose_something(self) -> None:
        """What the CRM tells us next gets lost, and quiet is only once it was found."""

    def kill_worker(self) -> None:
        """kill -9, and a new one."""

    def silence(self) -> None:
        """The CRM answers nobody for a while."""

    def pass_time(self, seconds: float) -> None:
        """The clock of the service and of the CRM moves on by so much."""

    def open_page(self, who: str, deal: int) -> str:
        """A member of staff opens our page from the CRM; what became of it in words."""


class DemoStory:
    """One plugin's part of the days. Override what the plugin has something to show in; the default is nothing.

    The phases of a day, each played by all stories before the next: `morning`, `work`, `evening`, `night`. What it comes to
    in the end is to be reckoned by the story itself, never taken from the product.
    """

    after: Sequence[str] = ()  #: plugins whose story plays each phase before this one, if they are in the set
    connectors: frozenset[str] | None = None  #: CRMs in which it can be played; None: any
    agreement: str = ""  #: what agreed, in a few words
    shown: Sequence[tuple[str, tuple[str, ...]]] = ()  #: tables at the end: title, and the command that prints it
    page: tuple[str, str] = ("", "")  #: title and path of a page worth opening

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def days(self) -> Sequence[date]:
        """The days to play, if they matter; else it is today."""
        return ()

    def begin(self, days: Sequence[date]) -> None:
        """Everything runs and is set up; the clock stands at the first day."""

    def morning(self, day: date, number: int) -> None: ...

    def work(self, day: date, number: int) -> None: ...

    def evening(self, day: date, number: int) -> None: ...

    def night(self, day: date, number: int) -> None: ...

    def checks(self) -> Iterable[Result]:
        """Everything has come to rest: what must hold now."""
        return ()
