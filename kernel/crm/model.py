"""What any CRM is to us: records with logical fields, child rows, people, and comments.

Names here are our words (deal, contact, client_rate); the mapping set says what they are called in a given portal.
A value that stands in the CRM but cannot be read as its declared type is an `Unreadable`: never guessed, never lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Literal, Protocol

from kernel.texts import say


@dataclass(frozen=True)
class Ref:
    """A pointer to a person or another record; `id` is the CRM's own id as a string, `name` what staff see."""

    id: str
    name: str = ""


@dataclass(frozen=True)
class Unreadable:
    """A value that is not what its field is declared to hold; `code` names the text that says why."""

    raw: str
    code: str = "not_type"
    details: Mapping[str, Any] = field(default_factory=dict)

    def said(self, language: str) -> str:
        return say(language, self.code, **{"text": self.raw, "type": "", **self.details})


Value = str | Decimal | date | datetime | bool | Ref | tuple[Ref, ...] | Unreadable | None
Values = Mapping[str, Value]
NO_VALUES: Values = MappingProxyType({})


@dataclass(frozen=True)
class Row:
    """One child row of a record (Planfix: a data tag entry; Bitrix24: an item), `key` is the CRM's own."""

    key: str
    values: Values


@dataclass(frozen=True)
class Record:
    """One record as the CRM holds it at the moment of reading."""

    entity: str  #: our word: "deal", "contact"
    id: str  #: the CRM's id
    name: str = ""
    stage: str | None = None  #: our word for the stage; None where the portal's stage is not in the mapping
    stage_label: str = ""  #: what staff see
    values: Values = field(default_factory=dict)
    rows: Mapping[str, tuple[Row, ...]] = field(default_factory=dict)
    created_at: datetime | None = None
    changed_at: datetime | None = None
    created_by: str = ""  #: the person's id, where the CRM says so
    moved_by: str = ""  #: who moved it to its stage, where the CRM says so
    url: str = ""  #: where staff open it


@dataclass(frozen=True)
class Changed:
    """A record that changed since some moment, as a sweep sees it."""

    entity: str  #: our word; "deal/operation" for a child row of a deal
    id: str
    at: datetime  #: the latest moment at which it may have changed: a CRM that cuts seconds off means the minute's end
    record: Record | None = None  #: as just read, where the CRM gives that without further cost
    rows_apart: bool = False  #: changed child rows are named by themselves, so the record without rows says it all
    owner: str = ""  #: of a child row, where the CRM says so


@dataclass(frozen=True)
class Move:
    """One line of a record's stage history."""

    id: str  #: the CRM's own number of the line, or "" where it has none
    stage: str | None  #: our word; None where the portal's stage is not in the mapping
    label: str  #: what staff see
    at: datetime
    created: bool = False  #: not a move: the record was made at this stage
    by: str = ""  #: the person's id, where the CRM says so


@dataclass(frozen=True)
class Person:
    """A member of staff as the CRM knows him."""

    id: str
    name: str
    role: str  #: "owner", "staff" or "robot"
    active: bool = True
    groups: tuple[str, ...] = ()  #: names of the departments or groups he belongs to
    heads: tuple[str, ...] = ()  #: names of those he is the head of
    positions: tuple[str, ...] = ()  #: what the CRM says their job is
    admin: bool = False  #: an administrator of the CRM


Workday = Literal["open", "paused", "closed", "expired", "off", "unknown"]
"""A person's working day. "expired": begun on an earlier day and never ended, so not begun today. "off": the CRM keeps no
working day for him, so nothing may depend on it. "unknown": the CRM did not tell."""


@dataclass(frozen=True)
class Event:
    """What a CRM told us: something about a record changed. No old values: what changed is found by reading."""

    name: str  #: "deal.changed", "deal.stage", "board.link" …
    entity: str
    record_id: str
    author: str = ""  #: who did it, as the CRM names him; may be empty
    delivery: str = ""  #: the CRM's or our own id of this delivery, if there is one
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Lack:
    """Something the mapping set needs and the portal does not have (or has otherwise)."""

    kind: str  #: "field", "stage", "table", "object", "right", "automation" …
    name: str
    where: str
    remedy: str  #: what to click, in words


class CRM(Protocol):
    """The one small interface through which plugins speak to any CRM.

    Creates take a `key` of ours that the CRM keeps with the record. With `maybe_done` the call first looks the key up,
    since an earlier try may have been carried out although its answer was lost. Writes are read back by the
    implementation; a difference raises `Unverified`. All calls may raise the tree under `kernel.errors.Fault`.
    """

    name: str

    def get(self, entity: str, record_id: str, *, tables: Iterable[str] = ()) -> Record:
        """Read one record with all mapped fields and the named child tables. Raises NotFound."""

    def find(
        self,
        entity: str,
        *,
        where: Values = NO_VALUES,
        ids: Iterable[str] | None = None,
        changed_since: datetime | None = None,
        tables: Iterable[str] = (),
    ) -> list[Record]:
        """All records that fit, oldest first, in as few requests as the CRM allows."""

    def create(self, entity: str, values: Values, *, key: str, maybe_done: bool = False) -> str:
        """Make a record; returns its id."""

    def update(self, entity: str, record_id: str, values: Values, *, stage: str | None = None) -> None:
        """Set the named fields (None empties one) and, if given, the stage."""

    def add_row(self, entity: str, record_id: str, table: str, values: Values, *, key: str, maybe_done: bool = False) -> str:
        """Add a child row; returns the CRM's key of it."""

    def update_row(self, entity: str, record_id: str, table: str, row_key: str, values: Values) -> None: ...

    def comment(
        self, entity: str, record_id: str, text: str, *, to: Iterable[str] = (), key: str, maybe_done: bool = False
    ) -> str:
        """Write a plain-text comment (line ends kept) and notify the given people; returns its id."""

    def people(self) -> list[Person]: ...

    def changed(self, since: Mapping[str, datetime]) -> list[Changed]:
        """What changed since the given moments, by entity, child rows too where the CRM can tell: for a sweep that may
        cost next to nothing. May name records that did not really change; must not miss any. An entity left out is not
        asked for this time."""

    def owner_of(self, entity: str, row_id: str) -> str:
        """The record to which a child row ("deal/operation") belongs. Raises NotFound."""

    def moves(self, entity: str, record_id: str) -> list[Move] | None:
        """The record's stage history, oldest first; None where the CRM keeps none."""

    def workdays(self, people: Iterable[str]) -> Mapping[str, Workday]:
        """Each person's working day, by id."""

    def start_workday(self, person: str) -> None:
        """Begin that person's working day, as his own button in the CRM would. Raises Rejected where the CRM has none."""

    def overdue(self, people: Iterable[str]) -> Mapping[str, int]:
        """By person: how many open leads and deals of his have an activity that should have been done by now."""

    def lacks(self) -> list[Lack]:
        """What the portal lacks of the mapping set, each with what to do about it."""

    def link(self, entity: str, record_id: str) -> str:
        """The address at which staff open the record."""


def shown(value: Any) -> str:
    """A value as a person would read it, for change journals and messages."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "✓" if value else "✗"
    if isinstance(value, Ref):
        return value.name or value.id
    if isinstance(value, Unreadable):
        return value.raw
    if isinstance(value, tuple):
        return ", ".join(shown(item) for item in value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date | datetime):
        return value.isoformat()
    return str(value)
