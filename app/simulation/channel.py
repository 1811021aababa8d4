"""A chat system of the simulation: the twin of a channel, behind a network that loses, doubles, delays and refuses."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from app.simulation.machine import Points, SimulatedDatabase
from kernel.conversations import EarlierTry, Incoming, Outgoing
from kernel.errors import Throttled, Unreachable
from kernel.extension import Connection, Connector, Verb
from kernel.extension.channel_verbs import SEND, sends
from kernel.http.gate import leaving
from kernel.jobs.outgoing import Call
from kernel.mapping import MappingSet
from kernel.testing import FakeClock, TwinChannel

CALL_SECONDS = 0.08
SWITCHED_ON = {"TOKEN": "7000000001:simulated-bot", "HOOK_SECRET": "simulated-secret-of-the-bot"}
STOOD_STILL_SECONDS = CALL_SECONDS / 2


@dataclass(frozen=True)
class Standing:
    """What our bot is in a room, as the plugins ask for it."""

    state: str
    hears_all: bool
    public: bool = False
    title: str = ""


@dataclass
class SimulatedChannel(TwinChannel):
    """One per connection. `random_faults` says how often things break; what people do waits in `pending` for delivery."""

    points: Points = field(default_factory=lambda: Points(random.Random(0)))  # noqa: S311 - no secret
    database: SimulatedDatabase | None = None
    lost: float = 0.0  #: chance that a request, and again that its answer, gets lost
    limited: float = 0.0  #: chance that a request is put off
    down: bool = False
    mixed: float = 0.0  #: chance that an update comes late, and again that it comes twice
    pending: list[Incoming] = field(default_factory=list)
    standings: dict[str, str] = field(default_factory=dict)  #: by address, where the bot is no member any more

    def send(self, message: Outgoing, *, key: str, earlier: EarlierTry | None) -> str:
        chance = self._goes()
        if chance.random() < self.limited:
            raise Throttled("simulated: too many requests", wait_seconds=chance.choice((1.0, 5.0, 40.0)))
        if self.lost and chance.random() < self.lost:
            self.clock_passes(chance.choice((0.01, 20.0)))
            raise Unreachable("simulated: the request was lost", maybe_done=True)
        self.clock_passes(CALL_SECONDS)
        made = super().send(message, key=key, earlier=earlier)
        self.points.pass_by("called")
        if self.lost and chance.random() < self.lost:
            self.clock_passes(chance.choice((0.01, 20.0)))
            raise Unreachable("simulated: the answer was lost", maybe_done=True)
        return made

    def _goes(self) -> random.Random:
        """As through a gate: what another worker has taken over does not leave, however long this one stood still."""
        assert self.database is not None
        self.database.nobody_waits()
        while True:
            before = self.clock.monotonic()
            leaving()
            if self.clock.monotonic() - before < STOOD_STILL_SECONDS:
                break
        self.points.pass_by("call", turn=False)
        if self.down:
            raise Unreachable("simulated: no route")
        return self.points.rng

    def clock_passes(self, seconds: float) -> None:
        self.clock.sleep(seconds)

    def username(self) -> str:
        return "simulated_bot"

    def standing(self, address: str) -> Standing:
        self._goes()
        return Standing(self.standings.get(address, "admin"), hears_all=True)

    # --- what comes in ----------------------------------------------------------------------------------------------------

    def turn(self, chance: random.Random, rough: bool) -> None:
        """For a while things break more often, or not at all."""
        self.lost = chance.choice((0.0, 0.1, 0.3)) if rough else 0.0
        self.limited = chance.choice((0.0, 0.1)) if rough else 0.0
        self.mixed = chance.choice((0.0, 0.1, 0.3)) if rough else 0.0
        self.down = rough and chance.random() < 0.08

    def step(self, deliver: Callable[[Sequence[Incoming]], bool]) -> bool:
        """Hand one update over, if there is one. One that nobody took comes again."""
        self.pending += self.take()
        if not self.pending:
            return False
        chance, place = self.points.rng, 0
        if self.mixed and chance.random() < self.mixed:
            place = self._late(chance)
        one = self.pending[place]
        if deliver((one,)) and not (self.mixed and chance.random() < self.mixed):
            self.pending.remove(one)
        return True

    def _late(self, chance: random.Random) -> int:
        """One of the next updates comes first. What the bot may do in a room is told in order."""
        fit = [n for n, one in enumerate(self.pending[:4]) if one.kind == "message"]
        return chance.choice(fit) if fit else 0


def settings_for(mapping: MappingSet) -> dict[str, str]:
    """What switches the set's channels on: without them their plugins are left out."""
    return {
        f"{wanted.connector}_{name}_{setting}".upper(): value
        for name, wanted in mapping.portal.connection.items()
        for setting, value in SWITCHED_ON.items()
        if wanted.connector == "telegram"
    }


def connected(connection: Connection, channel: SimulatedChannel) -> Connection:
    """The set's connection with that channel in the vendor's place."""
    verbs = {name: Verb(_nothing, "safe") for name in connection.connector.verbs if name != SEND}
    connector: Connector = replace(
        connection.connector, settings=(), channel=lambda _connection: channel, verbs={**verbs, **sends("lookup")},
        listen=None, catch_up=None,
    )  # fmt: skip
    return replace(connection, connector=connector, _built={})


def _nothing(connection: Connection, _call: Call, _maybe_done: bool) -> str:
    """What is no message has no effect that anybody checks."""
    channel: Any = connection.channel
    channel._goes()
    return ""


def channels_of(connections: Mapping[str, Connection], clock: FakeClock, points: Points, database: SimulatedDatabase) -> (
    dict[str, SimulatedChannel]
):  # fmt: skip
    """One for each connection of the set that is a channel."""
    return {
        name: SimulatedChannel(clock, points=points, database=database)
        for name, connection in connections.items()
        if connection.connector.channel is not None
    }
