"""Double entry as values that never change.

Sign: what is held is positive, what is owed or owned as a claim against that is negative; all legs of a posting add up to
zero in each currency at each place. Which accounts a book has, the plugin that keeps it declares (chart.py).
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kernel.errors import BooksBroken
from kernel.ledger.chart import FIRST_BOOK


class Leg(NamedTuple):
    """An amount in minor units on one account. `flow` marks money coming into or leaving a place."""

    account: str
    currency: str
    amount: int
    place: str
    party: str = ""
    flow: str = ""  #: "in", "out" or ""

    def reversed(self) -> Leg:
        """The same with the opposite sign; the flow stays, so that a day's turnover shrinks by what did not hold."""
        return self._replace(amount=-self.amount)

    def row(self) -> list[Any]:
        return [self.account, self.party, self.currency, self.place, self.amount, self.flow]

    def text(self) -> str:
        """The canonical text of its row."""
        account, currency, amount, place, party, flow = self
        return f"[{quoted(account)},{quoted(party)},{quoted(currency)},{quoted(place)},{amount},{quoted(flow)}]"


_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False)


quoted = json.encoder.encode_basestring  #: a text inside a canonical text


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
        for _, currency, amount, place, _, _ in self.legs:
            sums[currency, place] += amount
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
    text: str = ""  #: the body's canonical text, where the caller has it


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


#: A posting as the journal holds it, but for what only its place there decides: slot, time, op, body's text, legs.
Prepared = tuple[str, int, str, str, tuple[Leg, ...]]


def prepared(subject: str, wanted: Sequence[Posting]) -> list[Prepared]:
    """The postings of a subject that has none yet, checked and written out."""
    if len({posting.slot for posting in wanted}) != len(wanted):
        raise BooksBroken(f"{subject}: two postings want the same slot")
    return [(posting.slot, posting.at, posting.op, _text_of(posting.check()), posting.legs) for posting in wanted]


def canonical(body: Mapping[str, Any] | Sequence[Any]) -> str:
    """The one text of a body, or of a part of it, that is stored and hashed."""
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
    seq, kind, subject, key, at, recorded_at, author, trace, reverses, body = values
    named = "" if book == FIRST_BOOK else f"book\x1f{book}\x1f"
    answers = "" if reverses is None else reverses
    text = (
        f"{named}{prev}\x1f{seq}\x1f{kind}\x1f{subject}\x1f{key}\x1f{at}\x1f{recorded_at}\x1f{author}\x1f{trace}"
        f"\x1f{answers}\x1f{body}"
    )
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
            key, text = f"{subject}/{posting.slot}/{version}", _text_of(posting)
            drafts.append(
                Draft("posting", subject, key, posting.at, body, posting.legs, posting.op, None, author, trace, text)
            )
    return drafts


def _text_of(posting: Posting) -> str:
    """The canonical text of its body, in a third of the time; a test compares."""
    legs = ",".join([leg.text() for leg in posting.legs])
    return f'{{"legs":[{legs}],"op":{quoted(posting.op)},"slot":{quoted(posting.slot)}}}'
