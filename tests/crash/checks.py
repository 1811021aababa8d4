"""After quiet: nothing that was answered is lost, nothing stands twice, nothing is missing, in books and portal alike."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from app.cli.demo.checks import _amounts
from app.cli.demo.story import CANCELLED, CLOSED, NEW, Plan, expected_held, expected_profit
from tests.crash import count
from tests.crash.records import Records
from tests.crash.world import World


@dataclass
class Webhooks:
    """What the sender noted: each delivery's own name, and how often it was answered 200."""

    answered: Counter[str] = field(default_factory=Counter)
    not_answered: int = 0
    given_up: int = 0
    lost: int = 0  #: answered, but not to be found afterwards: must stay 0

    @classmethod
    def of(cls, entries: Iterable[Mapping[str, Any]]) -> Webhooks:
        found = cls()
        for entry in entries:
            if entry["status"] == 200:
                body = entry["body"]
                told = {name: values[0] for name, values in parse_qs(body).items()} if isinstance(body, str) else body
                found.answered[told["delivery"]] += 1
            else:
                found.not_answered += 1
        return found


def everything(world: World, plans: Sequence[Plan], webhooks: Webhooks) -> list[str]:
    """Every fault as a sentence; `plans` are the deals of this run."""
    records = Records(world.office)
    return [
        *_deliveries(world, webhooks),
        *world.faults_of_the_books(),
        *_nothing_failed(world),
        *_held_as_meant(world),
        *_deals(world, records, plans),
        *_cards(world, records, plans),
        *_kept_rows(world, records),
        *_limit(world),
    ]


def _deliveries(world: World, webhooks: Webhooks) -> Iterator[str]:
    with world.database.read() as tx:
        rows = tx.all("SELECT delivery, COUNT(*) AS times, MIN(state) AS state FROM inbox GROUP BY delivery")
    here = {row["delivery"]: row for row in rows}
    for delivery in webhooks.answered:
        row = here.get(delivery)
        if row is None:
            webhooks.lost += 1
            yield f"webhook {delivery} was answered 200 and is not stored"
        elif (row["times"], row["state"]) != (1, "done"):
            yield f"webhook {delivery} stands {row['times']} times, state {row['state']}"


def _nothing_failed(world: World) -> Iterator[str]:
    with world.database.read() as tx:
        for row in tx.all("SELECT id, reason FROM inbox WHERE state = 'failed'"):
            yield f"delivery {row['id']} failed: {row['reason']}"
        for row in tx.all("SELECT id, verb, lane, reason FROM outgoing WHERE state = 'failed'"):
            yield f"call {row['verb']} in {row['lane']} failed: {row['reason']}"


def _held_as_meant(world: World) -> Iterator[str]:
    """Over all runs so far: what staff meant, reckoned in fractions, against the books' balances."""
    with world.database.read() as tx:
        rows = tx.all("SELECT currency, SUM(amount) AS held FROM ledger_balance WHERE account = 'place' GROUP BY currency")
    held = {row["currency"]: int(row["held"]) for row in rows if row["held"]}
    meant = {code: int(amount * 10 ** count.SCALES[code]) for code, amount in expected_held(world.plans).items()}
    if held != meant:
        yield f"held {held}, meant {meant}"


def _deals(world: World, records: Records, plans: Sequence[Plan]) -> Iterator[str]:
    there = records.deals()
    for plan in plans:
        deal, about = there[plan.task], f"deal {plan.task} ({plan.case})"
        stage = deal["status"]["name"]
        if stage != plan.stage:
            yield f"{about} stands at {stage}, meant {plan.stage}"
        yield from (f"{about}: {fault}" for fault in _books_of(world, records, plan, stage))
        yield from (f"{about}: {fault}" for fault in _comments_of(world, records, plan.task))
        if not plan.trades:
            continue
        shown = _amounts(str(world.office.field_of(deal, "Прибуток") or ""))
        if plan.stage != CANCELLED and shown != expected_profit(plan):
            yield f"{about} shows the profit {shown}, meant {expected_profit(plan)}"
        if plan.stage != CANCELLED and not deal.get("counterparty"):
            yield f"{about} has no client's card"


def _books_of(world: World, records: Records, plan: Plan, stage: str) -> Iterator[str]:
    with world.database.read() as tx:
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


def _comments_of(world: World, records: Records, task: int) -> Iterator[str]:
    """Each comment that we wanted stands there exactly once, and no other one of ours."""
    with world.database.read() as tx:
        keys = tx.all("SELECT key FROM outgoing WHERE verb = 'comment' AND lane LIKE :l", l=f"%deal:{task}")
    wanted = Counter(hashlib.sha256(row["key"].encode()).hexdigest()[:12] for row in keys)
    found = Counter(records.marks(task))
    if wanted != found:
        yield f"comments wanted {dict(wanted)}, found {dict(found)}"


def _cards(world: World, records: Records, plans: Sequence[Plan]) -> Iterator[str]:
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


def _kept_rows(world: World, records: Records) -> Iterator[str]:
    """A row of custody per deal, and in it what is still kept."""
    rows = records.kept()
    keys = Counter(row["Ключ Annex"] for row in rows)
    yield from (f"{n} rows of custody with the key {key}" for key, n in keys.items() if n > 1)
    keeping = [plan for plan in world.plans if plan.custody_left is not None and plan.stage not in (NEW, CANCELLED)]
    left: Counter[int] = Counter(int(row["Сума"]) for row in rows)
    meant = Counter(int(plan.custody_left or 0) for plan in keeping)
    if left != meant:
        yield f"kept on the cards: {dict(left)}, meant {dict(meant)}"


def _limit(world: World) -> Iterator[str]:
    """Requests leave no closer together than allowed. One that is longer on its way than the gate counts on, its network
    cut or the machine standing still, may arrive together with a later one: so many refusals are nobody's fault."""
    refused = world.office.control("state")["counters"]["refused"]
    if refused and refused > (late := world.late_requests()):
        yield f"the portal refused {refused} requests, and only {late} were long on their way"
