"""The machinery of a demo: processes, clock, mishaps, waiting, and the verdict. What happens comes with the plugins."""

from __future__ import annotations

import argparse
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import requests

from app.cli.demo.processes import Processes, free_port
from app.cli.demo.stages import Stage
from app.cli.demo.systems import start_systems
from kernel.conversations import store as messages
from kernel.errors import Unreachable
from kernel.extension.sweep import turns
from kernel.jobs import call_queries, inbox
from kernel.mapping import MappingSet
from kernel.storage import Database
from kernel.testing.demo import Client, DemoStory, Result

QUIET_WITHIN_SECONDS = 150
QUIET_EVERY_SECONDS = 0.15
SILENCE_SECONDS = 6
OPENS_AT = clock_time(10)
OURS = ("service", "worker")  #: processes that are ours, and not emulated


class Demo:
    """Plays the days and judges them. Keeps kernel.testing.demo.Desk."""

    def __init__(
        self, args: argparse.Namespace, stage: Stage, mapping: MappingSet, stories: Sequence[type[DemoStory]]
    ) -> None:
        self._stage, self._mapping, self._once = stage, mapping, args.once
        self.seed, self.day_count = args.seed, args.days
        self.home: Path = args.home.resolve()
        self._clock_file = self.home / "clock-offset"
        self._clock_file.write_text("0")
        self.address = f"http://127.0.0.1:{free_port()}"
        self.processes = Processes(
            self.home,
            {
                "ANNEX_HOME": str(self.home),
                "ANNEX_SET": args.set_name,
                "ANNEX_PUBLIC_URL": self.address,
                "ANNEX_OPEN_PAGES": "yes",
                "ANNEX_CLOCK_FILE": str(self._clock_file),
                "ANNEX_LOG": os.environ.get("ANNEX_LOG", "info"),
            },
        )
        self.database = Database(f"sqlite:///{self.home / 'annex.db'}")
        self._began = time.monotonic()
        self._sweeps_wanted = 0
        self.absent: list[str] = []
        self.picked: list[str] = []
        self.clients: list[Client] = []
        self.secrets: list[str] = []
        self.office: Any = None
        self.systems: Mapping[str, Any] = {}
        self._stories = [story(self) for story in stories]

    def announce(self, text: str) -> None:
        print(f"{time.monotonic() - self._began:6.1f} s  {text}", flush=True)

    def run(self) -> int:
        days = next((days for story in self._stories if (days := story.days())), ())
        self._clock_file.write_text(str(self._offset_to(days[0]) if days else 0))
        results = self._open()
        for story in self._stories:
            story.begin(days)
        for number, day in enumerate(days or [datetime.now(UTC).date()], 1):
            if days:
                self._set_clock(day)
            self._play(day, number)
        self.announce("waiting until every delivery, job and call is done")
        self.quiet()
        self._print_tables()
        for story in self._stories:
            results += story.checks()
        results += [self._nothing_failed(), self._verified(), self._no_secret_logged()]
        results.append(self._stage.limit_kept(self.office.control))
        return self._end(print_checks(results))

    def _play(self, day: date, number: int) -> None:
        for phase in ("morning", "work", "evening", "night"):
            for story in self._stories:
                getattr(story, phase)(day, number)

    # --- beginning and end ----------------------------------------------------------------------------------------------

    def _open(self) -> list[Result]:
        self.announce(f"starting the emulated {self._stage.title}, the service and a worker")
        sells = "lead" in self._mapping.entities
        self._stage.start(self.processes, self.address, self.seed, "broker" if sells else "exchange")
        self.systems = start_systems(self.processes, self._mapping, self.seed)
        host, _, port = self.address.removeprefix("http://").partition(":")
        self.processes.start("service", "app", "serve", "--host", host, "--port", port)
        self.processes.wait_ready(self.address)
        results: list[Result] = []
        if announcement := self._stage.set_up(self.processes, self.address):
            self.announce(announcement)
            code, output = self.annex("plan")
            results.append(("a second plan finds nothing to do", output[-400:] if code else ""))
        self._start_worker()
        self.office = self._stage.office_of(self._mapping)
        return results

    def _start_worker(self) -> None:
        self.processes.start("worker", "app", "worker", "--id", "demo")

    def _offset_to(self, day: date) -> float:
        """Seconds from now to the opening of that day, where the desk is."""
        zone = ZoneInfo(self._mapping.portal.time_zone)
        return (datetime.combine(day, OPENS_AT, tzinfo=zone) - datetime.now(UTC)).total_seconds()

    def _set_clock(self, day: date) -> None:
        """For us and for the portal."""
        offset = self._offset_to(day)
        self.office.control("date", {"at": (datetime.now(UTC) + timedelta(seconds=offset)).isoformat()})
        self._clock_file.write_text(str(offset))

    def _print_tables(self) -> None:
        for story in self._stories:
            for title, arguments in story.shown:
                print(f"\n── {title} " + "─" * 60 + f"\n{self.annex(*arguments)[1].rstrip()}", flush=True)

    def _end(self, agreed: bool) -> int:
        self.announce(f"portal: {_counters(self.office.control('state'))}")
        self.announce(f"our answers to its posts: {_intake(self.address, self._stage.connector)}")
        what = "; ".join(story.agreement for story in self._stories if story.agreement)
        print(f"\nAll agree: {what}." if agreed else "\nTHEY DO NOT AGREE.")
        if not self._once:
            for title, path in (story.page for story in self._stories if story.page[1]):
                print(f"\n{title}: {self.address}{path}")
            print(f"{self._stage.title}: {self._stage.address} (emulated)\nCtrl-C ends.")
            for system in self.systems.values():
                print(f"{system.title}: {system.address} (emulated)")
            while True:
                time.sleep(1)
        return 0 if agreed else 1

    def _nothing_failed(self) -> Result:
        with self.database.read() as tx:
            deliveries, calls = inbox.count(tx, "failed"), call_queries.failed(tx)
        announcement = "; ".join(f"{call['verb']} {call['lane']}: {call['reason']}" for call in calls[:3])
        wrong = f"{deliveries} deliveries, {len(calls)} calls: {announcement}" if deliveries or calls else ""
        return "no delivery and no call failed for good", wrong

    def _verified(self) -> Result:
        code, output = self.annex("verify")
        return "annex verify finds nothing", output[-400:] if code else ""

    def _no_secret_logged(self) -> Result:
        """Those of the settings, and what stories planted."""
        secrets = [*self.processes.secrets(), *self.secrets]
        logs = {name: (self.home / f"{name}.log").read_text(encoding="utf-8") for name in OURS}
        places = [f"{name}.log holds secret {n} of {len(secrets)}" for n, secret in enumerate(secrets, 1)
                  for name, text in logs.items() if secret in text]  # fmt: skip
        lines = sum(text.count("\n") for text in logs.values())
        return f"none of {len(secrets)} secrets and personal details in {lines} lines of our logs", "; ".join(places[:3])

    # --- what stories ask for -------------------------------------------------------------------------------------------

    def pick(self) -> str:
        found = str(self.ready()[-1])
        self.picked.append(found)
        return found

    def ready(self) -> list[str]:
        return [who for who in self.office.managers if who not in self.picked]

    def annex(self, *arguments: str) -> tuple[int, str]:
        done = self.processes.annex(*arguments)
        return done.returncode, done.stdout or done.stderr  # warnings of the log are no part of what it says

    def faults(self, switches: Mapping[str, Any]) -> None:
        self.office.control("faults", dict(switches))

    def lose_something(self) -> None:
        self.faults(self._stage.lost)
        self._sweeps_wanted = self._sweeps() + 3
        self.announce(f"  ! {self._stage.lost_in_words}")

    def kill_worker(self) -> None:
        self.processes.kill("worker")
        self.announce("  ! the worker is killed with -9 …")
        time.sleep(0.5)
        self._start_worker()
        self.announce("    … and started again")

    def silence(self) -> None:
        self.faults({"down": "on"})
        self.announce(f"  ! the portal does not answer for {SILENCE_SECONDS} seconds")
        time.sleep(SILENCE_SECONDS)
        self.faults({"down": "off"})

    def pass_time(self, seconds: float) -> None:
        offset = float(self._clock_file.read_text()) + seconds
        self.office.control("date", {"at": (datetime.now(UTC) + timedelta(seconds=offset)).isoformat()})
        self._clock_file.write_text(str(offset))

    def open_page(self, who: str, deal: int) -> str:
        return self._stage.open_the_board(self.office, who, deal, self.address)

    def quiet(self, until: Callable[[], bool] = lambda: True) -> None:
        """Twice in a row, for one job may give rise to the next; what got lost is found by a sweep."""
        deadline, calm = time.monotonic() + QUIET_WITHIN_SECONDS, 0
        while time.monotonic() < deadline:
            self.office.control("wait-idle", {"timeout": 60})
            waiting = self._waiting()
            calm = calm + 1 if not waiting and self._sweeps() >= self._sweeps_wanted and until() else 0
            if calm >= 2:
                return
            time.sleep(QUIET_EVERY_SECONDS)
        if waiting or self._sweeps() < self._sweeps_wanted:
            raise Unreachable(f"still {waiting} waiting after {QUIET_WITHIN_SECONDS} s; see the logs in {self.home}")

    def _waiting(self) -> int:
        with self.database.read() as tx:
            return inbox.count(tx, "new") + messages.count(tx, "new") + call_queries.open_count(tx)

    def _sweeps(self) -> int:
        """How many sweeps there were."""
        with self.database.read() as tx:
            return turns(tx)


def print_checks(results: Sequence[Result]) -> bool:
    """Each check with its result; true only if all are well."""
    print("\n── Checks " + "─" * 60)
    for name, problem in results:
        print(f"{'✗' if problem else '✓'} {name}{': ' + problem if problem else ''}")
    return not any(problem for _, problem in results)


def _intake(address: str, connector: str) -> str:
    """How fast webhooks were answered, from our own metrics."""
    buckets, count = dict[str, float](), 0
    for line in requests.get(f"{address}/metrics", timeout=10).text.splitlines():
        if found := re.match(rf'annex_intake_seconds_bucket\{{connection="{connector}/[^"]*",le="([^"]+)"\}} (\S+)', line):
            buckets[found[1]] = float(found[2])
        elif line.startswith("annex_intake_seconds_count{"):
            count = int(float(line.rpartition(" ")[2]))
    half, nearly_all = (next((le for le, n in buckets.items() if n >= share * count), "+Inf") for share in (0.5, 0.99))
    return f"{count}, half within {half} s, 99 of 100 within {nearly_all} s"


def _counters(state: Mapping[str, Any]) -> str:
    found = state.get("counters", state)
    return ", ".join(f"{name} {value}" for name, value in found.items() if isinstance(value, int | float))
