"""What the set-up compares: the portal as read, what we remember of it, and a step as data that can be shown and made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, get_args

from kernel.crm import Person
from kernel.errors import Fault
from kernel.http import Vault
from kernel.mapping.plan import Kind

Section = Literal[
    "pipeline", "smart", "field", "option", "stage", "source", "list", "list_field", "list_reader", "robot", "field_type",
    "sender",
]  # fmt: skip
SECTIONS: tuple[Section, ...] = get_args(Section)
VAULT_NAME = "ids"
# Labels are written in every language of the suite, so that a portal shows them whatever its own language is.
LANGUAGES: Mapping[str, str] = {"ru": "ru", "uk": "ua", "en": "en"}


class Answered(Protocol):
    """One command's answer inside a batch."""

    @property
    def value(self) -> Any: ...
    @property
    def fault(self) -> Fault | None: ...
    @property
    def total(self) -> int | None: ...
    @property
    def next(self) -> int | None: ...


class Caller(Protocol):
    """What the set-up needs of the client."""

    def call(self, method: str, params: Mapping[str, Any] = ..., *, writes: bool = ..., app: bool = ...) -> Any: ...

    def batch(
        self, calls: Sequence[tuple[str, Mapping[str, Any]]], *, writes: bool = ..., halt: bool = ..., app: bool = ...
    ) -> Sequence[Answered]: ...


# --- the portal as read ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Category:
    """A pipeline of deals."""

    id: int
    name: str
    origin: str = ""  #: our key, if we made it


@dataclass(frozen=True)
class Status:
    """A stage, or a source: one line of a directory of the CRM."""

    id: str
    entity: str  #: "DEAL_STAGE_5"
    code: str  #: "C5:NEW"
    name: str
    sort: int = 0
    color: str = ""
    semantics: str = ""  #: "", "S" or "F"
    system: bool = False


@dataclass(frozen=True)
class SmartType:
    id: int  #: its own number: part of its fields' codes
    entity_type: int
    title: str
    relations: Mapping[str, Any] = field(default_factory=dict)

    @property
    def parents(self) -> frozenset[int]:
        return frozenset(int(one.get("entityTypeId") or 0) for one in self.relations.get("parent") or ())


@dataclass(frozen=True)
class Option:
    id: str
    value: str
    mark: str = ""  #: XML_ID: our key
    sort: int = 0


@dataclass(frozen=True)
class UserField:
    id: str
    code: str
    type: str
    label: str
    multiple: bool = False
    mandatory: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    options: tuple[Option, ...] = ()


@dataclass(frozen=True)
class UniversalList:
    id: str
    code: str
    name: str


@dataclass(frozen=True)
class ListField:
    id: str  #: "PROPERTY_401"
    code: str
    name: str
    type: str
    multiple: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)  #: id -> text


@dataclass(frozen=True)
class Placed:
    """A page of ours bound to a place of the portal."""

    place: str
    handler: str
    title: str = ""


@dataclass(frozen=True)
class Element:
    """A field in a section of a card."""

    name: str  #: as the card calls it
    always: bool = False  #: shown although it is empty
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CardSection:
    title: str
    elements: tuple[Element, ...]


CardView = tuple[CardSection, ...]


@dataclass(frozen=True)
class Application:
    """Our local application as the portal sees it."""

    id: str = ""  #: the portal's number of it: part of the names of its field types
    user_id: str = ""
    installed: bool = True
    events: tuple[tuple[str, str], ...] = ()  #: (EVENT, handler)
    known_events: frozenset[str] = frozenset()  #: empty: the portal did not say
    placed: tuple[Placed, ...] = ()
    places: frozenset[str] = frozenset()
    robots: frozenset[str] = frozenset()
    senders: frozenset[str] = frozenset()  #: codes of providers of texts
    types: Mapping[str, str] = field(default_factory=dict)  #: field types: code -> handler

    def type_of(self, code: str) -> str:
        """Under which type fields of that field type stand in the portal."""
        return f"rest_{self.id}_{code}"


@dataclass
class State:
    """The portal at the moment of reading. Parts it refused are missing and stand in `refused` instead."""

    categories: list[Category] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    types: list[SmartType] = field(default_factory=list)
    fields: dict[str, list[UserField]] = field(default_factory=dict)  #: by "CRM_DEAL"
    lists: list[UniversalList] = field(default_factory=list)
    list_fields: dict[str, list[ListField]] = field(default_factory=dict)  #: by the list's number
    departments: dict[str, str] = field(default_factory=dict)  #: folded name -> number
    people: list[Person] = field(default_factory=list)  #: where some list is read by roles
    user_id: str = ""
    app: Application | None = None
    cards: dict[str, CardView | None] = field(default_factory=dict)  #: by our key of the place; None: nobody arranged it
    refused: dict[str, Fault] = field(default_factory=dict)  #: "crm", "fields", "lists", "placement", "bizproc" …

    def of(self, entity: str) -> list[Status]:
        return sorted((one for one in self.statuses if one.entity == entity), key=lambda one: (one.sort, int(one.id)))


# --- steps ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    method: str
    params: Mapping[str, Any]
    app: bool = False


@dataclass(frozen=True)
class Key:
    """Under which key of ours something is remembered."""

    section: Section
    name: str

    def __str__(self) -> str:
        return f"{self.section}:{self.name}"


@dataclass(frozen=True)
class Step:
    """One difference. Without calls it can only be shown: it waits for another step, or for a person, who may have to say
    that it is done (`also`, `forgets`)."""

    kind: Kind
    what: str
    detail: str = ""
    calls: tuple[Call, ...] = ()
    key: Key | None = None
    learn: Callable[[Any], Any] | None = None  #: what to remember of the last call's answer
    remember: str = ""  #: what to remember where the answer does not matter
    code: str = ""  #: the code asked for, where we choose it: remembered before the call, so that a death leaves a trace
    count: Call | None = None  #: the call whose `total` says how many records hold what would go
    full: str = ""  #: for a drop: if records hold data, only a person can do it, and this says how
    empty_first: int = 0  #: for a drop: the entityTypeId whose items go first
    also: tuple[tuple[Key, str], ...] = ()  #: what else to remember once it is done
    forgets: tuple[Key, ...] = ()  #: and what to remember no longer


def digest(fields: Mapping[str, object]) -> str:
    """To remember what the portal does not tell."""
    return hashlib.sha256(json.dumps(fields, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:16]


# --- what we remember ----------------------------------------------------------------------------------------------------


class Memory:
    """Numbers of the things of the set in this portal, and which of them we made. Kept in the vault.

    Everything is found again without it; but only it can tell a renamed thing, and one of ours that the set no longer names.
    """

    def __init__(self, data: Mapping[str, Any] | None = None) -> None:
        given = dict(data or {})
        self.ids: dict[str, dict[str, Any]] = {name: dict(given.get(name) or {}) for name in SECTIONS}
        self.made: set[str] = set(given.get("made") or ())
        self.fresh: set[str] = set(
            given.get("fresh") or ()
        )  #: keys of pipelines that still hold the portal's default stages
        self.steps = int(given.get("steps") or 0)  #: how many were made here: tells whoever holds a layout that it is old

    @classmethod
    def load(cls, vault: Vault) -> Memory:
        return cls(vault.get(VAULT_NAME))

    def data(self) -> dict[str, Any]:
        return {**self.ids, "made": sorted(self.made), "fresh": sorted(self.fresh), "steps": self.steps}

    def get(self, section: Section, key: str) -> Any:
        return self.ids[section].get(key)

    def adopt(self, section: Section, key: str, value: Any) -> None:
        """This is that thing. Another key of ours for the same thing that is no longer in use passes its origin on."""
        mine = str(Key(section, key))
        for old, held in list(self.ids[section].items()):
            if held == value and old != key:
                del self.ids[section][old]
                if str(Key(section, old)) in self.made:
                    self.made.discard(str(Key(section, old)))
                    self.made.add(mine)
        self.ids[section][key] = value

    def retire(self, section: Section, key: str) -> None:
        """The key will mean another thing. If this one was ours, it is now one that the set no longer names."""
        value, mine = self.ids[section].pop(key), str(Key(section, key))
        if mine in self.made:
            self.made.discard(mine)
            number = next(n for n in range(1, len(self.ids[section]) + 2) if f"{key}#{n}" not in self.ids[section])
            self.made.add(f"{mine}#{number}")
            self.ids[section][f"{key}#{number}"] = value

    def forget(self, section: Section, key: str) -> None:
        self.ids[section].pop(key, None)
        self.made.discard(str(Key(section, key)))

    def left(self, section: Section, wanted: Iterable[str]) -> list[str]:
        """Words of things that we made and the set no longer names."""
        known = set(wanted)
        made = (key.partition(":")[2] for key in sorted(self.made) if key.startswith(f"{section}:"))
        return [key for key in made if key not in known]
