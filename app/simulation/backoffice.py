"""An emulated back office beside the CRM: in every other seed of a set that has one, with one of the three promises in turn.

In the other seeds the connection is off, as it is for whoever has not connected one yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from app.simulation.machine import Application
from kernel.datasets import FoundClient
from kernel.mapping import MappingSet
from kernel.testing import FakeClock
from sandbox.backoffice.opening import digits
from sandbox.backoffice.server import Options, Still
from sandbox.common.clock import LedClock

CONNECTOR = "backoffice"
PROMISES = ("request_id", "lookup", "none")
DOUBLES = ("accept", "refuse")  #: mostly it believes whatever comes: then a second client shows
LOOK_UP_SECONDS_MAX = 90.0  #: until it knows of a request; a set waits longer before it believes «unknown»

#: What every request gets for a while: the switch, and the word for it.
TROUBLES = (
    ("down", "on"), ("down", "closed"), ("busy", "503"), ("busy", "429"), ("html_502", "on"), ("html_200", "on"),
    ("empty", "200"), ("empty", "500"), ("garbage", "on"), ("half", "short"), ("doctype", "on"), ("redirect", "302"),
    ("expired", "401"), ("expired", "fault"), ("fault", "MAINTENANCE"),
)  # fmt: skip
#: What the next request to open an account gets.
ONCE = (
    ("cut_before_commit_next", 1), ("lose_answer_next", 1), ("lose_answer_next", 2), ("faults_next", "BUSY"),
    ("faults_next", "INTERNAL,BUSY"), ("field_errors_next", "INN_CHECKSUM:Person/INN,MARKET_CLOSED:Terms/Market[2]"),
    ("field_errors_next", "SANCTIONS_CHECK:Person"),
)  # fmt: skip
OFF: Mapping[str, Any] = {name: "off" for name, _ in TROUBLES} | {
    "times": "", "cut_before_commit_next": 0, "lose_answer_next": 0, "faults_next": "", "field_errors_next": "",
}  # fmt: skip


class SimulatedBackOffice:
    """One connection's. Keeps kernel.testing.stories.EmulatedAccounts and app.simulation.machine.Other."""

    def __init__(self, name: str, seed: int, clock: FakeClock) -> None:
        turn = seed // 2
        self.host = f"{name}.example.com"
        self.promise = PROMISES[turn % len(PROMISES)]
        doubles = DOUBLES[turn // len(PROMISES) % 3 == 2]
        faults = (("promise", self.promise), ("doubles", doubles))
        self._still = Still(Options(seed=seed, faults=faults), LedClock(clock.now))
        self._office = self._still.office
        self.application: Application = self._still.serve
        self.unreachable = False

    def turn(self, chance: Any, rough: bool) -> None:
        """For a while things break more often, or not at all."""
        faults = self._office.faults
        faults.set_all(OFF)
        self.unreachable = rough and chance.random() < 0.08
        if rough and chance.random() < 0.35:
            faults.set(*chance.choice(TROUBLES))
            faults.set("times", chance.choice(("1", "2", "6", "")))
        if rough and chance.random() < 0.5:
            faults.set(*chance.choice(ONCE))
        faults.set("lookup_delay_s", chance.choice((0.0, 0.0, LOOK_UP_SECONDS_MAX)) if rough else 0.0)
        faults.set("in_work_s", chance.choice((0.0, 0.0, 40.0)) if rough else 0.0)

    # --- for those who work there -----------------------------------------------------------------------------------------

    def clients_with(self, phone: str) -> list[FoundClient]:
        found = [one for one in self._office.clients.values() if digits(one.details.get("phone", "")) == digits(phone)]
        contracts = [(one, one.tables["contracts"][0]) for one in found]
        return [FoundClient(one.id, one.name, it["number"], date.fromisoformat(it["opened"])) for one, it in contracts]

    def done(self, request_id: str) -> int:
        return sum(one.request_id == request_id for one in self._office.registrations)


def back_offices(mapping: MappingSet, seed: int, clock: FakeClock) -> dict[str, SimulatedBackOffice]:
    """By the customer's names of their connections."""
    if seed % 2 == 0:
        return {}
    named = [name for name, wanted in mapping.portal.connection.items() if wanted.connector == CONNECTOR]
    return {name: SimulatedBackOffice(name, seed, clock) for name in named}


def addresses_of(offices: Mapping[str, SimulatedBackOffice]) -> dict[str, str]:
    """The settings that switch them on."""
    return {f"{CONNECTOR}_{name}_URL".upper(): f"https://{office.host}" for name, office in offices.items()}


def with_promises(mapping: MappingSet, offices: Iterable[SimulatedBackOffice]) -> MappingSet:
    """The set, saying of each push what the office promises."""
    pushes = dict(mapping.pushes)
    for office in offices:
        pushes = {name: push.model_copy(update={"once": office.promise}) for name, push in pushes.items()}
    return replace(mapping, pushes=pushes)
