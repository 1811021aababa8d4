"""What any CRM is to us: records with logical fields, child rows, people, and comments.

Names here are our words (deal, contact, client_rate); the mapping set says what they are called in a given portal.
A value that stands in the CRM but cannot be read as its declared type is an `Unreadable`: never guessed, never lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Literal

from kernel.errors import NotFound
from kernel.texts import translate


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

    def message(self, language: str) -> str:
        return translate(language, self.code, **{"text": self.raw, "type": "", **self.details})


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

    entity: str  #: our key: "deal", "contact"
    id: str  #: the CRM's id
    name: str = ""
    stage: str | None = None  #: our key of the stage; None where the portal's stage is not in the mapping
    stage_label: str = ""  #: what staff see
    values: Values = field(default_factory=dict)
    rows: Mapping[str, tuple[Row, ...]] = field(default_factory=dict)
    created_at: datetime | None = None
    changed_at: datetime | None = None
    created_by: str = ""  #: the person's id, where the CRM says so
    moved_by: str = ""  #: who moved it to its stage, where the CRM says so
    url: str = ""  #: where staff open it
    elsewhere: bool = False  #: it stands outside of what the set names for its kind, in another pipeline, say


class Elsewhere(NotFound):
    """The record is there, but outside of what the mapping set names for its kind: to most it is as good as gone."""

    def __init__(self, text: str, record: Record) -> None:
        super().__init__(text)
        self.record = record


@dataclass(frozen=True)
class Changed:
    """A record that changed since some moment, as a sweep sees it."""

    entity: str  #: our key; "deal/operation" for a child row of a deal
    id: str
    at: datetime  #: the latest moment at which it may have changed: a CRM that cuts seconds off means the minute's end
    record: Record | None = None  #: as just read, where the CRM gives that without further cost
    rows_apart: bool = False  #: changed child rows are named by themselves, so the record without rows says it all
    owner: str = ""  #: of a child row, where the CRM says so
    elsewhere: bool = False  #: it stands outside of what the set names for its kind


@dataclass(frozen=True)
class Move:
    """One line of a record's stage history."""

    id: str  #: the CRM's own number of the line, or "" where it has none
    stage: str | None  #: our key; None where the portal's stage is not in the mapping
    label: str  #: what staff see
    at: datetime
    created: bool = False  #: not a move: the record was made at this stage
    by: str = ""  #: the person's id, where the CRM says so
    elsewhere: bool = False  #: it led outside of what the set names


@dataclass(frozen=True)
class Person:
    """A member of staff as the CRM knows them."""

    id: str
    name: str
    role: str  #: "owner", "staff" or "robot"
    active: bool = True
    groups: tuple[str, ...] = ()  #: names of the departments or groups they belong to
    heads: tuple[str, ...] = ()  #: names of those they are the head of
    positions: tuple[str, ...] = ()  #: what the CRM says their job is
    admin: bool = False  #: an administrator of the CRM
    email: str = ""  #: where the CRM says so
    telegram: str = ""  #: their id in Telegram (a number, as text), where the CRM has it


Workday = Literal["open", "paused", "closed", "expired", "off", "unknown"]
"""A person's working day. "expired": begun on an earlier day and never ended, so not begun today. "off": the CRM keeps no
working day for them, so nothing may depend on it. "unknown": the CRM did not tell."""


PROOF, WHOLE, SHORT = "proof", "whole", "short"
AUTHOR_ID = "author_id"
"""Of an event's details. PROOF: WHOLE where what proves the delivery covers its author, too; SHORT where it is of the older
kind that does not. AUTHOR_ID: the CRM's id of the author, where it sent one."""


@dataclass(frozen=True)
class Event:
    """What a CRM told us: something about a record changed. No old values: what changed is found by reading."""

    name: str  #: "deal.changed", "deal.stage", "board.link" …
    entity: str
    record_id: str
    author: str = ""  #: who did it, as the CRM names them; may be empty
    delivery: str = ""  #: the CRM's or our own id of this delivery, if there is one
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class MissingItem:
    """Something the mapping set needs and the portal does not have (or has otherwise)."""

    kind: str  #: "field", "stage", "table", "object", "right", "automation" …
    name: str
    where: str
    remedy: str  #: what to click, in words


def format_value(value: Any) -> str:
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
        return ", ".join(format_value(item) for item in value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date | datetime):
        return value.isoformat()
    return str(value)
