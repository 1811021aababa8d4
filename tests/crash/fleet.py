"""Beyond one machine: two web and three worker processes, each on a host of its own, and what networks and hosts do to them.

Two bursts. In the first one a worker is cut off and comes back, one is killed and replaced under its id on another host,
one web process is killed, and a worker stands still for a while. In the second one a worker stands still with work in its
hands, its place is taken under its id, and when all is done it wakes up and believes that nothing has happened.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.crash import checks, hosts
from tests.crash.crew import Part
from tests.crash.hosts import LOCAL, Host
from tests.crash.world import Layout, World, open_world

SPEED = 40  #: requests a second that the portal allows
#: Of the portal's seconds, two of ours: a worker that stands still has a call in its hands as soon as there is any work.
LONG_CALL = 80
DEALS = 5
AWAY_SECONDS = 3.0  #: unless told otherwise: for so long somebody is cut off or stands still
AWAKE_SECONDS = 2.0  #: for so long one who woke up late is watched


def layout(apart: bool) -> tuple[Layout, Host]:
    """Who runs where; and a spare host."""
    if not apart:
        near = [Host(f"near-{n}", f"127.0.0.{n}") for n in range(2, 9)]
        return Layout(near[0], LOCAL, tuple(near[1:3]), tuple(near[3:6])), near[6]
    hosts.bridge()
    database, portal = hosts.namespace("database", 2), hosts.namespace("portal", 3)
    webs = tuple(hosts.namespace(f"web-{n}", 10 + n) for n in (1, 2))
    workers = tuple(hosts.namespace(f"work-{n}", 20 + n) for n in (1, 2, 3))
    spare = hosts.namespace("spare", 30)
    return Layout(database, portal, webs, workers, (spare,), hosts.HUB, (hosts.NETWORK,)), spare


class Fleet:
    """What is done to a running fleet, and what was seen of it."""

    def __init__(self, world: World, spare: Host, apart: bool, seed: int, away_seconds: float) -> None:
        self.world, self.spare, self.apart, self.away_seconds = world, spare, apart, away_seconds
        self.chance = random.Random(seed)
        self.seen: dict[str, Any] = {"apart": apart, "seed": seed}
        self.faults: list[str] = []

    def burst(self, mark: str, meanwhile: Callable[[], None]) -> None:
        """Staff at work, something happening meanwhile, quiet, and every check."""
        self.world.plan(self.chance, mark, DEALS)
        self.world.office.control("faults", {"duplicate_rate": 0.2, "reorder_rate": 0.2})
        other = threading.Thread(target=self._recorded(meanwhile), name="fate", daemon=True)
        other.start()
        self.world.play(self.chance, lambda: self.chance.random() * 0.2)
        other.join()
        self.world.office.control("faults", {"duplicate_rate": 0, "reorder_rate": 0})
        self.check()

    def check(self, *, of_all: bool = False) -> None:
        self.world.ready()
        self.world.quiet()
        webhooks = checks.Webhooks.of(self.world.messages())
        self.faults += checks.everything(self.world, webhooks) + self.world.faults(of_all=of_all)
        self.seen["webhooks"] = self.seen.get("webhooks", 0) + len(webhooks.answered)

    def _recorded(self, action: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                action()
            except Exception as exc:
                self.faults.append(f"what was to happen did not: {exc!r}")

        return run

    # --- what happens -----------------------------------------------------------------------------------------------

    def misfortunes(self) -> None:
        """One after the other, each while the ones before are still being got over."""
        crew, host = self.world.crew, self.world.crew.parts["worker-1"].host
        time.sleep(0.5)
        host.cut_off() if self.apart else crew.freeze("worker-1")
        time.sleep(0.5)
        crew.kill("worker-2")
        crew.kill("service-2")
        time.sleep(0.7)
        crew.again("worker-2", self.spare)
        time.sleep(max(0.0, self.away_seconds - 1.2))
        host.reconnect() if self.apart else crew.thaw("worker-1")
        crew.freeze("worker-3")
        crew.again("service-2")
        time.sleep(self.away_seconds)
        crew.thaw("worker-3")

    def succession(self) -> None:
        """A worker stands still with work in its hands; another one takes its place under its id."""
        crew = self.world.crew
        until = time.monotonic() + 30
        self.world.office.control("faults", {"latency": LONG_CALL})
        while True:  # until it was caught with work in its hands
            time.sleep(0.3)
            crew.freeze("worker-1")
            if held := self._held("worker-1"):
                break
            crew.thaw("worker-1")
            assert time.monotonic() < until, "worker-1 never had work in its hands"
        self.world.office.control("faults", {"latency": 0})
        self.seen["in its hands"] = held
        self.asleep: Part = crew.forget("worker-1")
        part = self.asleep
        crew.start("worker-1", *part.arguments, host=self.spare, environment=part.environment)

    def awakening(self) -> None:
        """The one who was replaced wakes up after all has been done in its place."""
        before = self.world.count("SELECT COUNT(*) FROM outgoing")
        self.world.crew.wake(self.asleep)
        time.sleep(AWAKE_SECONDS)
        self.world.quiet()
        self.seen["overtaken"] = self._logged("overtaken")
        self.world.crew.end(self.asleep)
        if more := self.world.count("SELECT COUNT(*) FROM outgoing") - before:
            self.faults.append(f"one who woke up late made {more} new calls")

    def _held(self, worker: str) -> int:
        return self.world.count(
            "SELECT COUNT(*) FROM dbos.workflow_status WHERE executor_id = :w AND status = 'PENDING' "
            "AND workflow_uuid LIKE 'call:%'", w=worker,
        )  # fmt: skip

    def _logged(self, word: str) -> int:
        text = "".join(file.read_text(encoding="utf-8") for file in self.world.home.glob("worker-*.log"))
        return sum(word in line for line in text.splitlines())


def play(home: Path, seed: int, apart: bool, away_seconds: float) -> Fleet:
    """The whole story. The fleet's limit is the checks' business: the portal counts what it refused."""
    where, spare = layout(apart)
    world = open_world(home / "fleet", where, seed=seed, speed=SPEED)
    fleet = Fleet(world, spare, apart, seed, away_seconds)
    try:
        _tell_the_story(fleet, seed)
    except Exception as exc:
        fleet.faults.append(f"{type(exc).__name__}: {exc}")
    finally:
        if fleet.faults:
            world.keep(home / "failed-fleet")
        world.close()
    return fleet


def _tell_the_story(fleet: Fleet, seed: int) -> None:
    world = fleet.world
    world.open(seed)
    fleet.burst("a", fleet.misfortunes)
    fleet.burst("b", fleet.succession)
    fleet.awakening()
    fleet.check(of_all=True)
    counters = world.office.control("state")["counters"]
    fleet.seen |= {name: counters[name] for name in ("requests", "refused", "in_second_max")}
    fleet.seen["late"] = world.late_requests()
    fleet.seen["calls"] = world.count("SELECT COUNT(*) FROM outgoing WHERE state = 'done'")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.fleet", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(90_000))
    parser.add_argument("--home", type=Path)
    parser.add_argument("--away", type=float, default=AWAY_SECONDS, help="seconds cut off, and seconds frozen")
    parser.add_argument("--near", action="store_true", help="loopback addresses, even where namespaces can be made")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    why = "asked for" if args.near else hosts.namespaces_work() if not args.inside else ""
    home = (args.home or Path(tempfile.mkdtemp(prefix="annex-fleet-"))).resolve()
    if not why and not args.inside:
        return _apart(home, args.seed, args.away)
    print(f"loopback addresses instead of network namespaces: {why}" if why else "a network namespace for each process")
    print(f"seed {args.seed}, {home}", flush=True)
    began = time.monotonic()
    fleet = play(home, args.seed, not why, args.away)
    fleet.seen["seconds"] = round(time.monotonic() - began, 1)
    print(json.dumps(fleet.seen, ensure_ascii=False))
    print("\n".join(fleet.faults) or "all well", flush=True)
    return 1 if fleet.faults else 0


def _apart(home: Path, seed: int, away_seconds: float) -> int:
    """The same once more in a network of its own, of which nothing is left when it ends."""
    again = [sys.executable, "-m", "tests.crash.fleet", "--inside", "--seed", str(seed), "--home", str(home)]
    again += ["--away", str(away_seconds)]
    room = f'{hosts.MAKE_ROOM} && exec "$@"'
    return subprocess.run([*hosts.APART, "sh", "-c", room, "sh", *again], env=os.environ, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
