"""After quiet, of an exchange desk: what staff meant is in books and portal alike, nothing of it twice, nothing missing."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from kernel.storage import Database
from plugins.exchange.story.plans import CANCELLED, CLOSED, NEW, Plan, expected_held, expected_profit
from plugins.exchange.story.reckoning import amounts
from plugins.exchange.tests.crash import count
from plugins.exchange.tests.crash.records import Records


class Checks:
    """`office` and `database` of the desk; `plans`: all that staff ever did, with what it has to come to."""

    def __init__(self, office: Any, database: Database, plans: Sequence[Plan]) -> None:
        self.office, self.database, self.plans = office, database, plans

    def everything(self, plans: Sequence[Plan]) -> Iterator[str]:
        """Every fault as a sentence; `plans` are the deals of this run."""
        records = Records(self.office)
        yield from _held_as_meant(self)
        yield from _deals(self, records, plans)
        yield from _cards(self, records, plans)
        yield from _kept_rows(self, records)


def _held_as_meant(desk: Checks) -> Iterator[str]:
    """Over all runs so far: what staff meant, reckoned in fractions, against the books' balances."""
    with desk.database.read() as tx:
        rows = tx.all("SELECT currency, SUM(amount) AS held FROM ledger_balance WHERE account = 'place' GROUP BY currency")
    held = {row["currency"]: int(row["held"]) for row in rows if row["held"]}
    meant = {code: int(amount * 10 ** count.SCALES[code]) for code, amount in expected_held(desk.plans).items()}
    if held != meant:
        yield f"held {held}, meant {meant}"


def _deals(desk: Checks, records: Records, plans: Sequence[Plan]) -> Iterator[str]:
    there = records.deals()
    for plan in plans:
        deal, about = there[plan.task], f"deal {plan.task} ({plan.case})"
        stage = deal["status"]["name"]
        if stage != plan.stage:
            yield f"{about} stands at {stage}, meant {plan.stage}"
        yield from (f"{about}: {fault}" for fault in _books_of(desk, records, plan, stage))
        yield from (f"{about}: {fault}" for fault in _comments_of(desk, records, plan.task))
        if not plan.trades:
            continue
        shown = amounts(str(desk.office.field_of(deal, "Прибуток") or ""))
        if plan.stage != CANCELLED and shown != expected_profit(plan):
            yield f"{about} shows the profit {shown}, meant {expected_profit(plan)}"
        if plan.stage != CANCELLED and not deal.get("counterparty"):
            yield f"{about} has no client's card"


def _books_of(desk: Checks, records: Records, plan: Plan, stage: str) -> Iterator[str]:
    with desk.database.read() as tx:
        legs = tx.all("SELECT account, currency, place, amount FROM ledger_leg WHERE subject LIKE :s", s=f"%/{plan.task}")
        rows = tx.all(
            "SELECT seq, kind, reverses, body FROM ledger_journal WHERE subject LIKE :s AND kind IN ('posting', 'reversal')",
            s=f"%/{plan.task}",
        )
    here, there = (
        count.booked(legs),
        count.wanted(plan.task, stage, plan.custody_left is not None, records.operations(plan.task)),
    )
    if here != there:
        yield f"booked {here}, the records come to {there}"
    reversed_ = Counter(row["reverses"] for row in rows if row["kind"] == "reversal")
    yield from (f"posting {seq} is reversed {times} times" for seq, times in reversed_.items() if times > 1)
    slots = Counter(
        json.loads(row["body"])["slot"] for row in rows if row["kind"] == "posting" and row["seq"] not in reversed_
    )
    yield from (f"posting «{slot}» stands {times} times" for slot, times in slots.items() if times > 1)


def _comments_of(desk: Checks, records: Records, task: int) -> Iterator[str]:
    """Each comment that we wanted stands there exactly once, and no other one of ours."""
    with desk.database.read() as tx:
        keys = tx.all(
            "SELECT key FROM outgoing WHERE verb IN ('comment', 'write_comment') AND lane LIKE :l", l=f"%deal:{task}"
        )
    wanted = Counter(hashlib.sha256(row["key"].encode()).hexdigest()[:12] for row in keys)
    found = Counter(records.marks(task))
    if wanted != found:
        yield f"comments wanted {dict(wanted)}, found {dict(found)}"


def _cards(desk: Checks, records: Records, plans: Sequence[Plan]) -> Iterator[str]:
    cards = records.cards()
    for name in ("Ключ Annex", "telegram"):
        times = Counter(card[name] for card in cards if card.get(name))
        yield from (f"{n} cards with {name} {value}" for value, n in times.items() if n > 1)
    by_telegram = {card["telegram"]: card for card in cards if card.get("telegram")}
    for plan in plans:
        stranger = str(plan.fields.get("Telegram клієнта", "")).removeprefix("@")
        if not stranger or plan.stage == CANCELLED:
            continue
        if stranger not in by_telegram:
            yield f"deal {plan.task}: there is no card of {stranger}"
            continue
        lines = str(by_telegram[stranger].get("Операції за місяць") or "").splitlines()
        for n in range(1, len(plan.trades) + 1):
            lines_of = sum(f"№{plan.task}/{n} " in f"{line} ".replace(",", " ").replace(":", " ") for line in lines)
            if lines_of > 1 or (lines_of == 0 and plan.stage == CLOSED):
                yield f"deal {plan.task}: operation {n} stands {lines_of} times on the card of {stranger}: {lines}"


def _kept_rows(desk: Checks, records: Records) -> Iterator[str]:
    """A row of custody per deal, and in it what is still kept."""
    rows = records.kept()
    keys = Counter(row["Ключ Annex"] for row in rows)
    yield from (f"{n} rows of custody with the key {key}" for key, n in keys.items() if n > 1)
    keeping = [plan for plan in desk.plans if plan.custody_left is not None and plan.stage not in (NEW, CANCELLED)]
    left: Counter[int] = Counter(int(row["Сума"]) for row in rows)
    meant = Counter(int(plan.custody_left or 0) for plan in keeping)
    if left != meant:
        yield f"kept on the cards: {dict(left)}, meant {dict(meant)}"
