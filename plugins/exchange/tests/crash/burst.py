"""What the staff of a desk do in one burst of the kill campaign, and what it has to come to.

The deals are those of the demo; each run has its own clients.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from kernel.storage import Database
from plugins.exchange.story.plans import Plan, Storyteller, make_deal
from plugins.exchange.tests.crash.checks import Checks

PRICES = {"UAH": "41.5", "USD": "1", "EUR": "0.92", "PLN": "3.95", "GBP": "0.78", "CZK": "23.1", "CHF": "0.88", "USDT": "1"}


def cross(base: str, quote: str, _day: date) -> Decimal:
    return Decimal(PRICES[quote]) / Decimal(PRICES[base])


class Burst:
    """Keeps tests.crash.bursts.Burst."""

    def __init__(self, office: Any, database: Database, _systems: Mapping[str, Any]) -> None:
        self._office = office
        self._all: list[Plan] = []
        self._now: list[Plan] = []
        self._checks = Checks(office, database, self._all)

    def open(self, seed: int) -> None:
        """The owners' money, so that payouts have something to come from."""
        plans = Storyteller(seed, cross).opening(datetime.now(UTC).date())
        for plan in plans:
            make_deal(self._office, plan)
            for act in plan.acts:
                act(self._office)
        self._all += plans

    def plan(self, chance: random.Random, mark: str, deals: int) -> None:
        self._now = planned(chance, mark, deals)
        self._all += self._now

    def play(self, chance: random.Random, pause: Callable[[], float]) -> int:
        """Acts of all deals interleave as they come; each deal keeps its own order."""
        queue: list[list[Callable[[], None]]] = []
        for plan in self._now:
            acts: list[Callable[[], None]] = [lambda plan=plan: make_deal(self._office, plan)]  # type: ignore[misc]
            acts += [lambda act=act: act(self._office) for act in plan.acts]  # type: ignore[misc]
            queue.append(acts)
        done = 0
        while waiting := [acts for acts in queue if acts]:
            chance.choice(waiting).pop(0)()
            done += 1
            time.sleep(pause())
        return done

    def put_right(self) -> None:
        """Nobody is asked for anything here."""

    def faults(self, *, of_all: bool = False) -> Iterator[str]:
        return self._checks.everything(self._all if of_all else self._now)


def planned(chance: random.Random, mark: str, deals: int) -> list[Plan]:
    """Some deals of a trading day; strangers among the clients are new in each run, a few of them come twice."""
    day = Storyteller(chance.randrange(2**31), cross).trading_day(datetime.now(UTC).date(), 24)
    plans = chance.sample(day, deals)
    strangers = 0
    for plan in plans:
        if not plan.fields.get("Ім'я клієнта"):
            continue
        strangers += chance.random() < 0.8  # else the one before comes again, perhaps at the same moment
        who = f"{mark}{max(strangers, 1):02d}"
        for name in [name for name in plan.fields if name.endswith(" клієнта")]:
            del plan.fields[name]
        plan.fields |= {"Ім'я клієнта": f"Клієнт {who}", "Telegram клієнта": f"@c{who}"}
    return plans
