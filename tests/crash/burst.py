"""What staff do in one burst, and what it has to come to. The deals are the demo's own; each run has its own clients."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

from app.cli.demo.office_planfix import Office
from app.cli.demo.story import Plan, Storyteller, make_deal

PRICES = {"UAH": "41.5", "USD": "1", "EUR": "0.92", "PLN": "3.95", "GBP": "0.78", "CZK": "23.1", "CHF": "0.88", "USDT": "1"}


def cross(base: str, quote: str, _day: date) -> Decimal:
    return Decimal(PRICES[quote]) / Decimal(PRICES[base])


def opening(office: Office, seed: int) -> list[Plan]:
    """The owners' money, so that payouts have something to come from."""
    plans = Storyteller(seed, cross).opening(datetime.now(UTC).date())
    for plan in plans:
        make_deal(office, plan)
        for act in plan.acts:
            act(office)
    return plans


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


def play(office: Office, plans: list[Plan], chance: random.Random, pause: Callable[[], float]) -> int:
    """Acts of all deals interleave as they come; each deal keeps its own order. Returns how many there were."""
    queue: list[list[Callable[[], None]]] = []
    for plan in plans:
        acts: list[Callable[[], None]] = [lambda plan=plan: make_deal(office, plan)]  # type: ignore[misc]
        acts += [lambda act=act: act(office) for act in plan.acts]  # type: ignore[misc]
        queue.append(acts)
    done = 0
    while waiting := [acts for acts in queue if acts]:
        chance.choice(waiting).pop(0)()
        done += 1
        time.sleep(pause())
    return done
