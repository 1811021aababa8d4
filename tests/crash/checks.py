"""After quiet, whatever the set: nothing that was answered is lost, nothing stands twice or failed, the books are sound."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

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
                reported = {name: values[0] for name, values in parse_qs(body).items()} if isinstance(body, str) else body
                found.answered[reported["delivery"]] += 1
            else:
                found.not_answered += 1
        return found


def everything(world: World, webhooks: Webhooks) -> list[str]:
    """Every fault as a sentence."""
    return [
        *_deliveries(world, webhooks),
        *world.faults_of_the_books(),
        *_nothing_failed(world),
        *world.faults_of_the_limit(),
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
