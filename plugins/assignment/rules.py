"""Who gets the next record, and which records are given out at all. Pure: no clock, no input or output, no floats."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any, Protocol

from kernel.crm import Person, Record, Ref
from kernel.mapping import EntityMap

PHONE_DIGITS_MIN = 7  #: what is shorter may be many people's
UNTOUCHED_SECONDS = 5  #: what a CRM still writes by itself so soon after making a record is no person's deed


class Objection(Protocol):
    """Why a person gets nothing now: the code of a text, and what stands in it. Other plugins bring their own."""

    @property
    def code(self) -> str: ...

    @property
    def values(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class Reason:
    """An objection of our own, or another plugin's as we keep it."""

    code: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Member:
    """A person of a queue, and what speaks against them now."""

    id: str
    name: str
    weight: int = 1
    overdue: int | None = None
    groups: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()

    @property
    def eligible(self) -> bool:
        return not self.reasons


@dataclass(frozen=True)
class Share:
    """What is due to a member by now, exactly, and what they were given. Who joins starts with no claim for the past."""

    due: Fraction = Fraction(0)
    given: int = 0
    last: int = 0  #: the turn at which they were last given one; 0: never

    @property
    def claim(self) -> Fraction:
        return self.due - self.given


@dataclass(frozen=True)
class Choice:
    """One record given out: to whom, and everybody's shares afterwards."""

    member: Member
    shares: Mapping[str, Share]  #: of the candidates
    claims: Mapping[str, Fraction]  #: of the candidates, as compared


def choose(candidates: Sequence[Member], shares: Mapping[str, Share], turn: int, *, wanted: str = "") -> Choice:
    """Each candidate's due grows by their part of this one record; the greatest claim gets it, or the candidate `wanted`.

    Ties go to who has waited longest, then by id. `turn` is the number of this record in its queue, from 1.
    """
    whole = sum(one.weight for one in candidates)
    grown = {}
    for one in candidates:
        share = shares.get(one.id, Share())
        grown[one.id] = Share(share.due + Fraction(one.weight, whole), share.given, share.last)
    chosen = min(candidates, key=lambda one: (one.id != wanted, -grown[one.id].claim, grown[one.id].last, one.id))
    claims = {person: share.claim for person, share in grown.items()}
    before = grown[chosen.id]
    return Choice(chosen, {**grown, chosen.id: Share(before.due, before.given + 1, turn)}, claims)


def undo(weights: Mapping[str, int], chosen: str, shares: Mapping[str, Share]) -> dict[str, Share]:
    """The shares as if that record had not been given out: its part of the due goes, and so does the one given."""
    whole = sum(weights.values())
    found = {}
    for person, weight in weights.items():
        share = shares.get(person, Share())
        found[person] = Share(share.due - Fraction(weight, whole), share.given - (person == chosen), share.last)
    return found


def members(
    people: Iterable[Person], groups: Iterable[str], names: Iterable[str], weights: Mapping[str, int]
) -> list[Member]:
    """The people of a queue: of its groups, but not their heads and no robots; and whoever is named."""
    wanted, named = {group.casefold() for group in groups}, {name.casefold() for name in names}
    by_name = {name.casefold(): weight for name, weight in weights.items()}
    found = []
    for person in people:
        own = {group.casefold() for group in person.groups}
        heads = {group.casefold() for group in person.heads}
        of_group = bool(own & wanted) and not heads & wanted and person.role != "robot"
        if person.active and (of_group or person.name.casefold() in named):
            found.append(Member(person.id, person.name, by_name.get(person.name.casefold(), 1), groups=person.groups))
    return sorted(found, key=lambda member: (member.name.casefold(), member.id))


def heads_of(people: Iterable[Person], groups: Iterable[str], names: Iterable[str]) -> list[Person]:
    """Who is told: the people named, else the heads of the groups, else the owners."""
    staff = [person for person in people if person.active and person.role != "robot"]
    named, wanted = {name.casefold() for name in names}, {group.casefold() for group in groups}
    found = [person for person in staff if person.name.casefold() in named]
    if not named:
        found = [person for person in staff if {group.casefold() for group in person.heads} & wanted]
    return found or [person for person in staff if person.role == "owner"]


def client_keys(values: Mapping[str, object], fields: Iterable[str]) -> frozenset[str]:
    """By what the client of a record is known: phones by their last ten digits, e-mails in lower case, cards by number."""
    found = set()
    for name in fields:
        value = values.get(name)
        if isinstance(value, Ref):
            found.add(f"{name}:{value.id}" if value.id else "")
        elif isinstance(value, str) and "@" in value:
            found.add(f"email:{value.strip().casefold()}")
        elif isinstance(value, str):
            digits = "".join(char for char in value if char.isdecimal() and char.isascii())
            found.add(f"phone:{digits[-10:]}" if len(digits) >= PHONE_DIGITS_MIN else "")
    return frozenset(found - {""})


# --- which records ----------------------------------------------------------------------------------------------------


def start_stages(entity: EntityMap, wanted: Sequence[str]) -> tuple[str, ...]:
    """Where records join the queue."""
    if wanted or not entity.stage:
        return tuple(wanted)
    return tuple(name for name, stage in entity.stage.items() if stage.start) or (next(iter(entity.stage)),)


def is_closed(entity: EntityMap, record: Record) -> bool:
    stage = entity.stage.get(record.stage or "")
    return stage is not None and stage.outcome != ""


def owner_of(record: Record) -> Ref:
    value = record.values.get("assigned")
    return value if isinstance(value, Ref) else Ref("")


def joins(
    record: Record, stages: Sequence[str], sources: Sequence[str], members: frozenset[str], not_before: datetime
) -> bool:
    """Whether the CRM made this record by itself and it stands where records are given out."""
    if stages and record.stage not in stages:
        return False
    if sources and record.values.get("source") not in sources:
        return False
    if record.created_by in members:
        return False  # typed in by a manager: their own
    return record.created_at is None or record.created_at >= not_before


def taken_by_hand(record: Record, author: Person | None, members: frozenset[str], stand_ins: frozenset[str]) -> bool:
    """Whether a member has the record by a person's deed, as far as its first reading can tell.

    A CRM may name a member by itself when it makes the record; that is nobody's deed. What tells them apart: who is named
    as author of the change, else whether the record was touched at all after it was made.
    """
    owner = owner_of(record).id
    if owner not in members or owner in stand_ins:
        return False
    if author is not None:
        return author.role != "robot"
    if record.created_at is None or record.changed_at is None:
        return True  # better one left to its owner than one taken from them
    return record.changed_at - record.created_at > timedelta(seconds=UNTOUCHED_SECONDS)


def changed_by_hand(was: str, now: str, author: Person | None, members: frozenset[str]) -> bool:
    """Whether the responsible of a waiting record was changed by a person: then it is no longer ours to give."""
    if was == now:
        return False
    if author is not None:
        return author.role != "robot"
    return now in members
