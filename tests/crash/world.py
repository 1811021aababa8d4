"""A whole desk of real processes: the emulated portal, the service, workers, and the database they share."""

from __future__ import annotations

import json
import random
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import requests

from app.bootstrap import Annex, build
from app.cli.demo.office_planfix import Office
from app.cli.demo.stages import HOOK_SECRET, TOKEN
from app.cli.demo.systems import BOT_TOKEN, Telegram
from app.cli.demo.systems import HOOK_SECRET as CHAT_SECRET
from app.cli.verify import faults
from connectors.planfix.limits import ARRIVAL_SECONDS_MAX
from kernel.storage import Database
from tests.crash.bursts import Burst, bursts_of
from tests.crash.crew import Crew
from tests.crash.hosts import LOCAL, Host, free_port
from tests.crash.postgres import Postgres

SET = "exchange-desk-planfix"  #: the desk that is killed
CHAT, CHAT_SPEED = "partners", 20  #: the set's connection to Telegram, whose limits are so many times quicker
READY_SECONDS, QUIET_SECONDS = 90, 120


@dataclass
class World:
    """`speed`: the portal's seconds pass so many times faster, so its «one request a second» is `speed` a second."""

    home: Path
    crew: Crew
    office: Any  #: the emulated portal as its people use it
    portal: str  #: address of the emulated portal
    doors: list[str]  #: addresses of the web processes
    url: str
    postgres: Postgres | None
    annex: Annex
    workers: list[str]
    webs: list[str]
    speed: int
    systems: Mapping[str, Telegram] = field(default_factory=dict)  #: emulated beside the portal, by the set's connections
    bursts: list[Burst] = field(default_factory=list)  #: what the staff of the set's plugins do
    read_until: int = 0  #: the number of the portal's last message that was looked at
    given_up: int = 0  #: messages that the portal gave up, as far as a sweep has looked for what they were about

    def open(self, seed: int) -> None:
        """What must be there before the first burst."""
        for burst in self.bursts:
            burst.open(seed)
        self.quiet()

    def plan(self, chance: random.Random, mark: str, deals: int) -> None:
        for burst in self.bursts:
            burst.plan(chance, mark, deals)

    def play(self, chance: random.Random, pause: Callable[[], float]) -> int:
        return sum(burst.play(chance, pause) for burst in self.bursts)

    def mishaps(self, chance: random.Random) -> None:
        """The network between has its bad moments, too, in some runs."""
        faults = {"duplicate_rate": chance.choice((0, 0.2)), "reorder_rate": chance.choice((0, 0.2))}
        faults["lose_answer_next"] = chance.choice((0, 0, 1))
        faults["latency"] = chance.choice((0, 0, 10))  # of the portal's seconds
        self.office.control("faults", faults)

    def calm(self) -> None:
        self.office.control("faults", {"duplicate_rate": 0, "reorder_rate": 0, "lose_answer_next": 0})

    def put_right(self) -> None:
        """People do what they are asked to."""
        for burst in self.bursts:
            burst.put_right()

    def faults(self, *, of_all: bool = False) -> list[str]:
        """What staff meant and did not come to."""
        return [fault for burst in self.bursts for fault in burst.faults(of_all=of_all)]

    @property
    def database(self) -> Database:
        return self.annex.database

    def count(self, sql: str, **values: Any) -> int:
        with self.database.read() as tx:
            return int(tx.value(sql, **values))

    def waiting(self) -> str:
        """What is not done yet, in words; empty if nothing waits."""
        with self.database.read() as tx:
            deliveries = tx.value("SELECT COUNT(*) FROM inbox WHERE state = 'new'")
            calls = tx.value("SELECT COUNT(*) FROM outgoing WHERE state IN ('waiting', 'sending')")
            messages = tx.value("SELECT COUNT(*) FROM incoming_message WHERE state = 'new'")
        told = sum(bot["pending"] for one in self.systems.values() for bot in one.control("state").get("bots", ()))
        found = {"deliveries": deliveries, "calls": calls, "messages": messages, "updates of a chat": told}
        return ", ".join(f"{count} {what}" for what, count in found.items() if count)

    def quiet(self, within: float = QUIET_SECONDS) -> None:
        """Until no delivery, look or call waits anywhere. What stays waiting has lost its job."""
        until, calm = time.monotonic() + within, 0
        while time.monotonic() < until:
            self.office.control("wait-idle", {"timeout": 30})
            calm = calm + 1 if not self.waiting() else 0
            if calm >= 2:
                return
            time.sleep(0.05)
        raise AssertionError(f"still waiting after {within} s: {self.waiting()}")

    def ready(self) -> None:
        """Until every web process answers that it is ready, by itself."""
        until = time.monotonic() + READY_SECONDS
        for door in self.doors:
            while not _is_ready(door):
                assert time.monotonic() < until, f"{door} is not ready"
                time.sleep(0.05)

    def catch_up(self) -> None:
        """What the portal gave up telling is found."""
        given_up = self.office.control("state")["counters"]["given_up"]
        if given_up > self.given_up:
            self.given_up = given_up
            self.sweep()

    def sweep(self) -> None:
        """Let a sweep come soon, and wait for it: what the portal gave up telling is found by it."""
        turn = self._turn()
        until = time.monotonic() + QUIET_SECONDS
        while self._turn() < turn + 2:
            assert time.monotonic() < until, "no sweep came through"
            with self.database.write() as tx:
                tx.run("UPDATE regular SET next_at = 0 WHERE name LIKE :n", n="%:sweep")
            time.sleep(0.3)
        self.quiet()

    def _turn(self) -> int:
        return self.count("SELECT COALESCE(MAX(turn), 0) FROM crm_swept WHERE ok = 1")

    def messages(self) -> list[Mapping[str, Any]]:
        """Each message that the portal sent since this was asked last, with the answer it got."""
        found = self.office.control(f"log?since={self.read_until}&direction=out")
        self.read_until = int(found["last"])
        return list(found["entries"])

    def faults_of_the_limit(self) -> Iterator[str]:
        """Requests leave no closer together than allowed. One that is longer in flight than the gate counts on, its network
        cut or the machine standing still, may arrive together with a later one: so many refusals are nobody's fault."""
        refused = self.office.control("state")["counters"]["refused"]
        if refused and refused > (late := self.late_requests()):
            yield f"the portal refused {refused} requests, and only {late} were long in flight"

    def late_requests(self) -> int:
        """By our own logs: how many requests were answered later than the gate counts on, or never."""
        found = 0
        for name in (*self.webs, *self.workers):
            for line in (self.home / f"{name}.log").read_text(encoding="utf-8").splitlines():
                messages = json.loads(line) if line.startswith("{") and '"call' in line else {}
                found += messages.get("event") == "call.failed" or messages.get("ms", 0) > 1000 * ARRIVAL_SECONDS_MAX
        return found

    def faults_of_the_books(self) -> list[str]:
        """What `annex verify` says."""
        with self.annex.runtime.portal.read() as unit:
            return list(islice(faults(self.annex, unit), 5))

    def keep(self, folder: Path) -> None:
        """Logs for whoever has to find out."""
        shutil.copytree(self.home, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.db*", "secret.key"))
        if self.postgres:
            self.postgres.keep_log(folder)

    def close(self) -> None:
        self.crew.close()
        self.office.close()
        self.annex.close()
        if self.postgres:
            self.postgres.close()


def _is_ready(door: str) -> bool:
    try:
        with requests.Session() as session:
            session.trust_env = False
            return session.get(f"{door}/readyz", timeout=5).status_code == 200
    except requests.RequestException:
        return False


@dataclass(frozen=True)
class Layout:
    """Which process runs where. `spare`: hosts that stand ready for whoever has to move."""

    database: Host | None  #: None: SQLite
    portal: Host = LOCAL
    webs: tuple[Host, ...] = (LOCAL,)
    workers: tuple[Host, ...] = ()
    spare: tuple[Host, ...] = ()
    hub: str = "127.0.0.1"
    networks: tuple[str, ...] = ()


ONE_MACHINE = Layout(None)
SEVERAL_PROCESSES = Layout(LOCAL, workers=(LOCAL, LOCAL))


class Starting(Protocol):
    """How a kind of desk is started."""

    def __call__(
        self, home: Path, layout: Layout, crew: Crew, postgres: Postgres | None, seed: int, speed: int
    ) -> World: ...


def open_world(home: Path, layout: Layout, *, seed: int, speed: int, opening: Starting | None = None) -> World:
    """Everything started and ready: the exchange desk, or another one. Whoever opens it closes it."""
    shutil.rmtree(home, ignore_errors=True)  # what an earlier campaign left
    home.mkdir(parents=True)
    crew, postgres = Crew(home), None
    try:
        if layout.database:
            postgres = Postgres(layout.database, networks=layout.networks)
            postgres.start()
            postgres.create()
        return (opening or _open)(home, layout, crew, postgres, seed, speed)
    except BaseException:
        crew.close()
        if postgres:
            postgres.close()
        raise


def start_services(
    crew: Crew, layout: Layout, doors: list[str], environment: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    """Web processes and workers; their names."""
    webs = [f"service-{n}" for n, _ in enumerate(layout.webs, 1)] if len(layout.webs) > 1 else ["service"]
    inside = () if layout.workers else ("--with-worker",)
    for name, host, door in zip(webs, layout.webs, doors, strict=True):
        serve = ("-m", "app", "serve", "--host", host.address, "--port", door.rpartition(":")[2], *inside)
        crew.start(name, *serve, host=host, environment=environment)
    workers = [f"worker-{n}" for n, _ in enumerate(layout.workers, 1)]
    for name, host in zip(workers, layout.workers, strict=True):
        crew.start(name, "-m", "app", "worker", "--id", name, host=host, environment=environment)
    return webs, workers


def _telegram(crew: Crew, seed: int) -> tuple[Telegram, dict[str, str]]:
    """The emulated Telegram, and the settings of the connection to it. Updates are fetched, so that it knows no door."""
    port = free_port()
    crew.start(
        "telegram", "-m", "sandbox.telegram", "--port", str(port), "--token", BOT_TOKEN, "--speedup", str(CHAT_SPEED),
        "--seed", str(seed), environment={},
    )  # fmt: skip
    first = json.loads(crew.answer_of("telegram"))
    settings = {
        "TOKEN": BOT_TOKEN, "HOOK_SECRET": CHAT_SECRET, "URL": str(first["base"]).removesuffix("/bot"), "MODE": "polling",
    }  # fmt: skip
    return Telegram(first), {f"TELEGRAM_{CHAT.upper()}_{name}": value for name, value in settings.items()}


def _open(home: Path, layout: Layout, crew: Crew, postgres: Postgres | None, seed: int, speed: int) -> World:
    ports = [free_port() for _ in layout.webs]
    doors = [f"http://{host.address}:{port}" for host, port in zip(layout.webs, ports, strict=True)]
    public = doors[0] if len(doors) == 1 else f"http://{layout.hub}:{free_port()}"
    portal_port = free_port()
    portal = f"http://{layout.portal.address}:{portal_port}"
    crew.start(
        "portal", "-m", "sandbox.planfix", "--host", layout.portal.address, "--port", str(portal_port), "--token", TOKEN,
        "--speedup", str(speed), "--seed", str(seed), "--hook-secret", HOOK_SECRET, "--post-to", public,
        "--fault", "status_fires_changed=on", "--fault", "retry_schedule=en", "--fault", "per_day=0",
        host=layout.portal.hurried(), environment={},
    )  # fmt: skip
    first = json.loads(crew.answer_of("portal"))
    url = postgres.url if postgres else f"sqlite:///{home / 'annex.db'}"
    environment = {
        "ANNEX_HOME": str(home), "ANNEX_DATABASE_URL": url, "ANNEX_PUBLIC_URL": public, "ANNEX_SET": SET,
        "ANNEX_LOG": "debug", "PLANFIX_URL": f"http://127.0.0.1:{portal_port}/rest/", "PLANFIX_TOKEN": TOKEN,
        "PLANFIX_HOOK_SECRET": HOOK_SECRET, "PLANFIX_REQUESTS_PER_SECOND": str(speed), "PLANFIX_REQUESTS_PER_DAY": "0",
    }  # fmt: skip
    systems: dict[str, Telegram] = {}
    if layout.portal == LOCAL:  # elsewhere the portal alone is reached
        systems[CHAT], more = _telegram(crew, seed)
        environment |= more
    annex = build(environment)
    annex.migrate(jobs=True)
    for host in dict.fromkeys(host for host in (*layout.webs, *layout.workers, *layout.spare) if host.prefix):
        way = ("-m", "tests.crash.relay", f"127.0.0.1:{portal_port}", portal.removeprefix("http://"))
        crew.start(f"way-{host.name}", *way, host=host, environment={})
    webs, workers = start_services(crew, layout, doors, environment)
    if len(doors) > 1:
        targets = [door.removeprefix("http://") for door in doors]
        crew.start("balancer", "-m", "tests.crash.relay", public.removeprefix("http://"), *targets, environment={})
    office = Office(first["address"], first["accounts"], TOKEN)
    bursts = bursts_of([plugin.name for plugin in annex.runtime.plugins], office, annex.database, systems)
    world = World(home, crew, office, portal, doors, url, postgres, annex, workers, webs, speed, systems, bursts)
    world.ready()
    return world
