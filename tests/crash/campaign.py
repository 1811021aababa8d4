"""Runs of one kind, one after another in one world: staff at work, and whatever runs is killed at random moments."""

from __future__ import annotations

import random
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from tests.crash import checks
from tests.crash.broker import PROMISES, open_broker
from tests.crash.world import ONE_MACHINE, SEVERAL_PROCESSES, World, open_world

SPEED, BROKER_SPEED = 400, 200
#: What is killed, run after run: an exchange desk on either database, and a broker's sales department that opens accounts at
#: a back office, with each promise that such a system may give.
KINDS: Mapping[str, Callable[..., World]] = {
    "sqlite": partial(open_world, layout=ONE_MACHINE, speed=SPEED),
    "postgresql": partial(open_world, layout=SEVERAL_PROCESSES, speed=SPEED),
    **{
        f"broker-{promise}": partial(
            open_world, layout=ONE_MACHINE if promise == "none" else SEVERAL_PROCESSES, speed=BROKER_SPEED,
            opening=partial(open_broker, promise=promise),
        )
        for promise in PROMISES
    },
}  # fmt: skip
DEALS, KILLS_MIN, KILLS_MAX = 6, 2, 4
PAUSE_SECONDS_MAX = 1.0  #: between a death and the next start
BURST_SECONDS = 3.0  #: about so long staff are at work; kills fall into it

AIMED_SHARE = 0.5  #: of the kills fall upon a moment when something is being made in the portal
AIM_SECONDS_MAX, AIM_SPREAD_SECONDS = 1.5, 0.05
CREATIONS_IN_FLIGHT = (
    "SELECT COUNT(*) FROM outgoing WHERE state = 'sending' AND verb IN ('create', 'comment', 'put_row', 'send', "
    "'write_comment', 'open_account', 'open_account_lookup', 'open_account_once')"
)


@dataclass
class Figures:
    """What a campaign came to."""

    kind: str
    runs: int = 0
    acts: int = 0
    webhooks: int = 0
    repeated: int = 0
    not_answered: int = 0
    lost: int = 0
    given_up: int = 0
    seconds: float = 0.0
    requests: int = 0
    refused: int = 0
    effects: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    ended_by_themselves: Counter[str] = field(default_factory=Counter)
    last: list[str] = field(default_factory=list)  #: whom the last run killed, in order
    failed: dict[int, list[str]] = field(default_factory=dict)


def campaign(
    kind: str,
    runs: int,
    seed: int,
    home: Path,
    *,
    database_dies: bool = False,
) -> Figures:
    """`database_dies`: in the first run for certain, else only by chance. A failing run ends the campaign's world."""
    figures, world = Figures(kind), None
    began = time.monotonic()
    try:
        for number in range(runs):
            if world is None:
                world = KINDS[kind](home / f"{kind}-{number}", seed=seed + number)
                world.open(seed)
            started = time.monotonic()
            faults = _guarded(world, figures, seed + number, must="database" if database_dies and not number else "")
            figures.runs += 1
            _print(
                f"  seed {seed + number}: {time.monotonic() - started:.1f} s, {', '.join(figures.last) or 'nothing'} killed"
            )
            if faults:
                kept = home / f"failed-{kind}-{seed + number}"
                world.keep(kept)
                figures.failed[seed + number] = faults
                _print(f"{kind} seed {seed + number} FAILED, logs in {kept}:\n  " + "\n  ".join(faults))
                _end(world, figures)
                world = None
    except KeyboardInterrupt:
        _print(f"stopped after {figures.runs} runs")
    finally:
        if world is not None:
            _end(world, figures)
    figures.seconds = time.monotonic() - began
    return figures


def _print(text: str) -> None:
    print(text, flush=True)


def _end(world: World, figures: Figures) -> None:
    try:
        figures.ended_by_themselves += world.crew.ended_by_themselves
        counters = world.office.control("state")["counters"]
        figures.requests, figures.refused = figures.requests + counters["requests"], figures.refused + counters["refused"]
        figures.effects += world.count("SELECT COUNT(*) FROM outgoing WHERE state = 'done'")
    except Exception as exc:
        print(f"figures missing: {exc!r}")
    world.close()


def _guarded(world: World, figures: Figures, seed: int, must: str) -> list[str]:
    try:
        return run(world, figures, seed, must)
    except Exception as exc:
        return [f"{type(exc).__name__}: {exc}", *traceback.format_exc().splitlines()[-6:]]


def run(world: World, figures: Figures, seed: int, must: str = "") -> list[str]:
    """One burst with its kills; the faults found after quiet."""
    chance = random.Random(seed)
    world.plan(chance, f"{seed:05d}", DEALS)
    world.mishaps(chance)
    killer = Killer(world, random.Random(seed + 1), must)
    killer.start()
    figures.acts += world.play(chance, lambda: chance.random() * 2 * BURST_SECONDS / (DEALS * 6))
    # Only now: staff's own writes would be cut as well. Much of ours is still in flight.
    world.office.control("faults", {"cut_after_commit_next": chance.choice((0, 0, 1, 2))})
    killer.join()
    figures.kills += killer.kills
    figures.last = [name for _, name in killer.plan]
    world.calm()
    world.ready()
    world.quiet()
    world.office.control("faults", {"cut_after_commit_next": 0})
    webhooks = checks.Webhooks.of(world.messages())
    world.catch_up()
    world.put_right()
    world.quiet()
    figures.given_up = world.given_up
    faults = killer.faults + checks.everything(world, webhooks) + world.faults()
    figures.webhooks += len(webhooks.answered)
    figures.repeated += sum(times - 1 for times in webhooks.answered.values())
    figures.not_answered += webhooks.not_answered
    figures.lost += webhooks.lost
    return faults


class Killer(threading.Thread):
    """Kills any of the processes at random moments and starts them again after a random short pause."""

    def __init__(self, world: World, chance: random.Random, must: str = "") -> None:
        super().__init__(name="killer", daemon=True)
        self._world, self._chance = world, chance
        self._victims = _victims(world)
        self.kills: Counter[str] = Counter()
        self.faults: list[str] = []
        names = [chance.choice(sorted(self._victims)) for _ in range(chance.randint(KILLS_MIN, KILLS_MAX))]
        if must:
            names[0] = must
        self.plan = sorted((chance.random() * BURST_SECONDS, name) for name in names)

    def run(self) -> None:
        began = time.monotonic()
        try:
            for at, name in self.plan:
                time.sleep(max(0.0, at - (time.monotonic() - began)))
                if self._chance.random() < AIMED_SHARE:
                    self._wait_for_a_creation()
                self._victims[name](self._chance.random() * PAUSE_SECONDS_MAX)
                self.kills[name] += 1
        except Exception as exc:
            self.faults.append(f"the killer itself: {exc!r}")

    def _wait_for_a_creation(self) -> None:
        """The worst moment: what is made now would be made twice, if nobody looked for it before the repeat."""
        until = time.monotonic() + AIM_SECONDS_MAX
        while time.monotonic() < until:
            try:
                if self._world.count(CREATIONS_IN_FLIGHT):
                    break
            except sa.exc.DBAPIError:  # the database is being killed just now
                pass
            time.sleep(0.005)
        time.sleep(self._chance.random() * AIM_SPREAD_SECONDS)


def _victims(world: World) -> dict[str, Callable[[float], None]]:
    """By name: kill it, wait so many seconds, start it again."""
    crew, found = world.crew, dict[str, Callable[[float], None]]()

    def whole(name: str) -> Callable[[float], None]:
        def kill(pause: float) -> None:
            crew.kill(name)
            time.sleep(pause)
            crew.again(name)

        return kill

    def master(name: str) -> Callable[[float], None]:
        def kill(pause: float) -> None:
            crew.kill_master(name)
            time.sleep(pause)
            crew.again(name)

        return kill

    def database(pause: float) -> None:
        assert world.postgres is not None
        world.postgres.kill()
        time.sleep(pause)
        world.postgres.start()

    for name in (*world.webs, *world.workers):
        found[name] = whole(name)
    for name in world.webs:
        found[f"{name}, what it forked"] = lambda _pause, name=name: crew.kill_child(name)  # type: ignore[misc]
        found[f"{name}, its master only"] = master(name)
    if world.postgres is not None:
        found["database"] = database
    return found
