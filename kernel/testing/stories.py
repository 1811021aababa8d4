"""What a plugin brings to `annex simulate`: its story, that is what people do in the CRM, and what must hold then.

A plugin's folder may have a module `story` (a file or a package). Its `simulation` is a subclass of SimulatedStory. The
machinery (app/simulation) plays the stories of all plugins of a set together: one desk, one emulated CRM, one seed. Nothing
that serves a desk imports a story.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any, Literal, Protocol

from kernel.datasets import FoundClient
from kernel.extension.portal import Portal
from kernel.testing.clock import FakeClock

DayStatus = Literal["open", "paused", "closed"]
Action = Callable[[], object]


@dataclass(frozen=True)
class Card:
    """A contact's card or a member of staff, as a field's value."""

    id: str
    name: str


@dataclass(frozen=True)
class Member(Card):
    """A member of staff, with the departments they belong to and those they head."""

    groups: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()


#: A field's value as staff give it: what they type, a choice by our word for it, a card, a day, a tick, or nothing.
Typed = str | bool | date | Card | None


@dataclass(frozen=True)
class StageChange:
    """One line of a record's history. `by`: who moved it; empty: we did."""

    stage: str
    by: str
    created: bool = False


@dataclass(frozen=True)
class Absence:
    """Somebody was dismissed, or taken out of their group, until they were taken back."""

    person: str
    since: datetime
    dismissed: bool
    until: datetime | None = None

    def holds(self, at: datetime) -> bool:
        return self.since <= at and (self.until is None or at < self.until)


@dataclass(frozen=True)
class DayChange:
    """Somebody began, interrupted or ended their working day."""

    at: datetime
    person: str
    status: DayStatus


class EmulatedCRM(Protocol):
    """An emulated CRM as its staff use it: entities, fields, tables and stages by our own words for them.

    What staff do is written in the name of a person, so that the CRM's events go out as in production; `by` names them, and
    without it anybody did. What a CRM does not have (Planfix: leads, working days) raises NotImplementedError.
    """

    tells_of_rows: bool  #: whether a changed row can be found by asking what changed (a deleted one never can)
    people: Sequence[Member]
    contacts: Sequence[Card]  #: cards that are there from the beginning
    rows_deleted: set[tuple[str, str]]  #: (entity, record id) of records that lost a row
    days: list[DayChange]  #: every working day that staff began, interrupted or ended, in order
    absences: list[Absence]  #: who left the CRM or their group, and who came back, in order

    # --- what staff do ---

    def new(self, entity: str, values: Mapping[str, Typed], *, stage: str = "", by: str = "") -> str: ...

    def set(self, entity: str, record: str, values: Mapping[str, Typed], *, by: str = "") -> None: ...

    def move(self, entity: str, record: str, stage: str, *, by: str = "") -> None: ...

    def delete(self, entity: str, record: str, *, by: str = "") -> None: ...

    def restore(self, entity: str, record: str) -> None:
        """Somebody takes a deleted record out of the bin."""

    def add_row(self, entity: str, record: str, table: str, values: Mapping[str, Typed]) -> None: ...

    def edit_row(self, entity: str, record: str, table: str, key: str, values: Mapping[str, Typed]) -> None: ...

    def delete_row(self, entity: str, record: str, table: str, key: str) -> None: ...

    def comment(self, entity: str, record: str, text: str, *, by: str = "") -> str:
        """Somebody writes a comment; its id."""

    def edit_comment(self, entity: str, comment: str, text: str) -> None:
        """Whoever wrote it gives it another text, or an administrator if they have left."""

    def press(self, entity: str, record: str) -> None:
        """The button that asks Annex to read the record again."""

    def arrive(self, entity: str, values: Mapping[str, Typed]) -> str:
        """The CRM makes a record by itself: somebody called, wrote, filled in a form."""

    def set_day(self, person: str, status: DayStatus) -> None: ...

    def set_active(self, person: str, active: bool) -> None:
        """Dismiss somebody, or take them back."""

    def set_grouped(self, person: str, grouped: bool) -> None:
        """Take somebody out of all their groups (departments), or put them back into those they had."""

    # --- what stands there ---

    def value(self, entity: str, record: str, field: str) -> str:
        """A field as the CRM keeps it: of a person or a card its id."""

    def day_of(self, person: str) -> str:
        """Their working day now, in the words of kernel.crm.Workday."""

    def stage_of(self, entity: str, record: str) -> str: ...

    def row_keys(self, entity: str, record: str, table: str) -> list[str]: ...

    def history(self, entity: str, record: str) -> list[StageChange]: ...

    def rows_of_ours(self) -> list[tuple[str, str]]:
        """(record, key of ours) of every child row that Annex made."""

    def records_of_ours(self) -> list[str]:
        """Every record that Annex made."""

    def notes_of_ours(self, entity: str, record: str) -> list[str]:
        """The texts of the comments that Annex wrote there, oldest first."""


class EmulatedAccounts(Protocol):
    """An emulated system in which accounts are opened, as those see it who work there."""

    promise: str  #: what it promises about repeats, in the words of `push.*.toml`; the set says the same

    def clients_with(self, phone: str) -> list[FoundClient]:
        """Everybody who was registered with that phone, oldest first."""

    def done(self, request_id: str) -> int:
        """How often a request was carried out, accepted or not; a repeat that it knew as one does not count."""


@dataclass
class World:
    """What the machinery offers to the stories of one seed."""

    portal: Portal  #: of a process of its own that only reads
    crm: EmulatedCRM
    random: random.Random
    clock: FakeClock
    note: Callable[[str], None]  #: the last notes stand in the text of a failure
    channels: Mapping[str, Any] = field(default_factory=dict)
    """The emulated chat systems by the names of their connections: what TwinChannel lets people do."""
    systems: Mapping[str, EmulatedAccounts] = field(default_factory=dict)
    """The emulated systems that are asked for data, by the names of their connections; none while they are switched off."""
    settle: Callable[[], None] = lambda: None
    """Let everything be done that there is to do; for `begin` and `repair`, while all is well."""


class SimulatedStory:
    """One plugin's part of a simulated desk. Override what the plugin has something to say about; the default is nothing.

    A story must draw every choice from `world.random` and every time from `world.clock`: then a seed plays the same again,
    to the letter. What must hold is said with `assert`; the text names record and figures.
    """

    #: By entity: fields that only staff fill in. A sweep must have found every change of these, and of the stage.
    typed: Mapping[str, tuple[str, ...]] = {}
    #: By entity: tables whose rows must have been read again.
    tables: Mapping[str, tuple[str, ...]] = {}

    def __init__(self, world: World) -> None:
        self.world = world

    @classmethod
    def settings(cls, chance: random.Random) -> Mapping[str, Any]:
        """Settings of the plugin in which this seed differs from its set."""
        return {}

    def begin(self) -> None:
        """Before the first step, while all is well."""

    def deleted(self) -> Iterable[tuple[str, str]]:
        """(entity, record id) of what its staff deleted and a plugin keeps figures of: at rest Annex must know of it."""
        return ()

    def records(self) -> Iterable[tuple[str, str]]:
        """(entity, record id) of what its staff made: at rest, what we last read of it must be what the CRM holds."""
        return ()

    def actions(self) -> Mapping[Action, int]:
        """What somebody may do in a step, each with its weight against all others of the set."""
        return {}

    def after_each_step(self) -> None:
        """What holds always. Called very often: ask little."""

    def repair(self) -> None:
        """All is well again: people do what the product has asked them to do. Called once, before all comes to rest."""

    def at_rest(self) -> None:
        """What holds when nobody has anything left to do."""

    def figures(self) -> Mapping[str, int]:
        """What the summary of many stories adds up: {"deals": 25}."""
        return {}


def absent(absences: Iterable[Absence], at: datetime, *, known_after: float = 0.0) -> frozenset[str]:
    """Who was dismissed, or in no group, at that moment; or came back so few seconds before that nobody need know of it."""
    known = timedelta(seconds=known_after)
    return frozenset(one.person for one in absences if one.since <= at and (one.until is None or at < one.until + known))


def begin_or_end(absences: list[Absence], person: str, at: datetime, *, dismissed: bool, ends: bool) -> None:
    """Note in the list that somebody's absence of that kind begins or ends."""
    for place, one in enumerate(absences):
        if (one.person, one.dismissed, one.until) == (person, dismissed, None):
            absences[place] = replace(one, until=at)
    if not ends:
        absences.append(Absence(person, at, dismissed))


def labels(found: Iterable[Card]) -> dict[str, Card]:
    """Cards by their names."""
    return {card.name: card for card in found}


def was_open(days: Iterable[DayChange], person: str, since: datetime, until: datetime, zone: tzinfo) -> bool:
    """Whether that person was at work at some moment of that span. A day that nobody ended is over at midnight."""
    changes = [change for change in days if change.person == person and change.at <= until]
    for change, following in zip(changes, [*changes[1:], None], strict=False):
        if change.status == "open":
            midnight = datetime.combine(change.at.astimezone(zone).date() + timedelta(days=1), time(), tzinfo=zone)
            ended = min(midnight, following.at if following else midnight)
            if ended >= since:
                return True
    return False
