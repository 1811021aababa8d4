"""The words of the check: cards, numbers, and what differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Kind = Literal["no_number", "twice", "unfinished", "uncertain", "unknown", "removed"]
KINDS: tuple[Kind, ...] = ("no_number", "twice", "unfinished", "uncertain", "unknown", "removed")
Action = Literal[
    "write",  # the ClientID goes into the card
    "candidate",  # the card says «Кандидат» again
    "drop",  # the ClientID leaves the card, which says «Кандидат» again
    "keep_one",  # of several cards one keeps the ClientID
    "go_on",  # the hand-over goes on now
    "fill_card",  # the card gets what the back office answered
    "ask_now",  # the back office is asked now
    "decide",  # a person says on the deal's tab what became of the request
    "restore",  # the card comes back out of the recycle bin
    "close",  # a head knows of it, and nothing more can be done
    "",  # it is being put right already
]
How = Literal["", "removed", "replaced", "gone"]
Verdict = Literal["", "known", "unknown"]


class Found(NamedTuple):
    """A client of the back office."""

    client_id: str
    name: str


@dataclass(frozen=True)
class Card:
    """A client's card as last seen: one that holds a ClientID, or says that the client is active."""

    entity: str
    record: str
    name: str = ""
    owner: str = ""
    status: str = ""
    client_id: str = ""
    since: int = 0  #: microseconds: when this status was first seen with this ClientID
    moved_to: str = ""  #: the card that its deals went over to
    found: tuple[Found, ...] | None = None  #: whom the back office knows by its ИНН or phone; None: not asked
    found_at: int = 0

    @property
    def key(self) -> tuple[str, str]:
        return self.entity, self.record


@dataclass(frozen=True)
class Number:
    """A ClientID: what the back office says of it, and where it stood last if it left its card."""

    client_id: str
    verdict: Verdict = ""
    since: int = 0
    asked_at: int = 0
    how: How = ""
    entity: str = ""
    record: str = ""
    name: str = ""
    owner: str = ""
    status: str = ""
    lost_at: int = 0
    moved_to: str = ""


@dataclass(frozen=True)
class Remedy:
    """What the button does. `number`: the ClientID that is written. `target`: the card (or deal) that it is done to.
    `choices`: cards of which a head picks one, the first is proposed."""

    action: Action
    number: str = ""
    entity: str = ""
    target: str = ""
    choices: tuple[Card, ...] = ()


@dataclass(frozen=True)
class Difference:
    """One difference. `code` is a text of the catalogs that says what it is; `why` one that says more; `since` is in
    microseconds."""

    kind: Kind
    entity: str
    record: str  #: of the card, or of the deal of a registration
    name: str
    number: str
    since: int
    owners: tuple[str, ...]
    remedy: Remedy
    code: str
    why: str = ""
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.kind, self.entity, self.record, self.number
