"""Double entry as values that never change.

Sign: what is held is positive, what is owed or owned as a claim against that is negative; all legs of a posting add up to
zero in each currency at each place. Which accounts a book has, the plugin that keeps it declares (chart.py).
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kernel.errors import BooksBroken
from kernel.ledger.chart import FIRST_BOOK


@dataclass(frozen=True)
class Leg:
    """An amount in minor units on one account. `flow` marks money coming into or leaving a place."""

    account: str
    currency: str
    amount: int
    place: str
    party: str = ""
    flow: str = ""  #: "in", "out" or ""

    def reversed(self) -> Leg:
        """The same with the opposite sign; the flow stays, so that a day's turnover shrinks by what did not hold."""
        return replace(self, amount=-self.amount)

    def row(self) -> list[Any]:
        return [self.account, self.party, self.currency, self.place, self.amount, self.flow]


@dataclass(frozen=True)
class Posting:
    """What should stand in the books under `slot` of a subject: a fact's money side. `at` in microseconds UTC."""

    slot: str
    at: int
    legs: tuple[Leg, ...]
    op: str = ""

    def content(self) -> tuple[Any, ...]:
        return (self.slot, self.at, self.op, tuple(self.legs))

    def check(self) -> Posting:
        """Raises BooksBroken unless the legs add up to zero in each currency at each place."""
        sums: dict[tuple[str, str], int] = defaultdict(int)
        for leg in self.legs:
            sums[leg.currency, leg.place] += leg.amount
        for (currency, place), rest in sums.items():
            if rest:
                raise BooksBroken(f"posting «{self.slot}»: legs in {currency} at {place} miss zero by {rest} minor units")
        return self


@dataclass(frozen=True)
class Draft:
    """A row for the journal before it has a number: a posting, a reversal, or a fact without legs."""

    kind: str
    subject: str
    key: str
    at: int
    body: Mapping[str, Any]
    legs: tuple[Leg, ...] = ()
    op: str = ""
    reverses: int | None = None
    author: str = ""
    trace: str = ""


@dataclass(frozen=True)
class Entry:
    """A row of the journal."""

    seq: int
    kind: str
    subject: str
    key: str
    at: int
    recorded_at: int
    author: str
    trace: str
    reverses: int | None
    body: Mapping[str, Any] = field(default_factory=dict)
    book: str = ""

    @property
    def slot(self) -> str:
        return str(self.body.get("slot", ""))

    @property
    def op(self) -> str:
        return str(self.body.get("op", ""))

    def legs(self) -> tuple[Leg, ...]:
        return tuple(
            Leg(account, currency, amount, place, party, flow)
            for account, party, currency, place, amount, flow in self.body.get("legs", ())
        )

    def posting(self) -> Posting:
        return Posting(self.slot, self.at, self.legs(), self.op)


_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False)


def canonical(body: Mapping[str, Any]) -> str:
    """The one text of a body that is stored and hashed."""
    return _ENCODER.encode(body)


HASHED = ("seq", "kind", "subject", "key", "at", "recorded_at", "author", "trace", "reverses", "body")


def entry_hash(prev: str, row: Mapping[str, Any]) -> str:
    """SHA-256 over the previous hash, the book and every other column of the row."""
    return hash_of(prev, row["book"], [row[name] for name in HASHED])


def hash_of(prev: str, book: str, values: Iterable[Any]) -> str:
    """The same, where the columns' values are at hand in the order of HASHED.

    The first book's rows are hashed as they were before books had names; any other name comes in front, so that no row can
    be given to another book without its hash being wrong.
    """
    named = () if book == FIRST_BOOK else ("book", book)
    text = "\x1f".join([*named, prev, *["" if value is None else str(value) for value in values]])
    return hashlib.sha256(text.encode()).hexdigest()


def standing(entries: Iterable[Entry]) -> dict[str, Entry]:
    """By slot, the postings that no reversal has answered yet."""
    entries = list(entries)
    answered = {entry.reverses for entry in entries if entry.reverses is not None}
    return {entry.slot: entry for entry in entries if entry.kind == "posting" and entry.seq not in answered}


def changes(
    subject: str,
    now: Mapping[str, Entry],
    wanted: Iterable[Posting],
    *,
    version: int,
    author: str = "",
    trace: str = "",
) -> list[Draft]:
    """What to append so that exactly the wanted postings stand: reversals first, then the new ones, in order.

    `version` grows with each change of the subject, so that every journal key is used once.
    """
    wanted = [posting.check() for posting in wanted]
    goal = {posting.slot: posting for posting in wanted}
    if len(goal) != len(wanted):
        raise BooksBroken(f"{subject}: two postings want the same slot")
    drafts = []
    for slot, entry in now.items():
        if slot not in goal or goal[slot].content() != entry.posting().content():
            legs = tuple(leg.reversed() for leg in entry.legs())
            body = {"slot": slot, "op": entry.op, "legs": [leg.row() for leg in legs]}
            key = f"{subject}/{slot}/-{entry.seq}"
            drafts.append(Draft("reversal", subject, key, entry.at, body, legs, entry.op, entry.seq, author, trace))
    for posting in wanted:
        stands = now.get(posting.slot)
        if stands is None or stands.posting().content() != posting.content():
            body = {"slot": posting.slot, "op": posting.op, "legs": [leg.row() for leg in posting.legs]}
            key = f"{subject}/{posting.slot}/{version}"
            drafts.append(Draft("posting", subject, key, posting.at, body, posting.legs, posting.op, None, author, trace))
    return drafts
