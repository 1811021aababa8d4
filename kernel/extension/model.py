"""What a connector's and a plugin's folder say of themselves. The folder's name is the name; nothing else registers it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kernel.crm import CRM, Event, Record, Values
from kernel.errors import AnnexError
from kernel.extension.hooks import Hook, Implementation
from kernel.ledger.chart import Chart

if TYPE_CHECKING:
    from flask import Blueprint
    from pydantic import BaseModel

    from kernel.extension.portal import Portal, Unit
    from kernel.extension.reading import ReadOnlyPortal
    from kernel.http import HttpClient, Transport, Vault
    from kernel.mapping import MappingSet, Setup
    from kernel.storage import Tx


class NotProven(AnnexError):
    """The delivery does not prove where it comes from."""

    def __init__(self, text: str = "", *, status: int = 403) -> None:
        super().__init__(text)
        self.status = status  #: 401 when the proof is missing, 403 when it is wrong


@dataclass(frozen=True)
class SettingLine:
    """One setting of a connector, from the environment or the settings file."""

    name: str
    help: str
    default: str = ""
    secret: bool = False
    required: bool = False


@dataclass(frozen=True)
class Delivery:
    """An HTTP request as it arrived at our door, before anyone believed it."""

    headers: Mapping[str, str]  #: names in lower case
    body: bytes
    event: str = ""  #: last part of the address, if any


@dataclass(frozen=True)
class FrameRequest:
    """A page of ours as the CRM opens it inside a frame of its own, before anyone believed it."""

    query: Mapping[str, str]
    form: Mapping[str, str]


@dataclass(frozen=True)
class Visitor:
    """Who opened a page, by the CRM's own proof."""

    person_id: str
    context: Mapping[str, str] = field(default_factory=dict)  #: what he opened it on: {"deal": "5121"}


@dataclass(frozen=True)
class Connection:
    """What a connector gets to build its CRM: settings, set, and the way out."""

    settings: Mapping[str, str]
    mapping: MappingSet
    http: Callable[..., HttpClient]  #: http(base_url, pace=…, headers=…) -> HttpClient
    clock: Any
    vault: Vault  #: tokens, encrypted
    transport: Transport | None = None
    public_url: str = ""  #: where the CRM reaches us
    plugins: Sequence[Plugin] = ()  #: those switched on: what they watch says which events are wanted


@dataclass(frozen=True)
class Sweeping:
    """How often a CRM may be asked what changed: at most 5 of 100 requests of its budget."""

    every_seconds: float = 20.0
    calm_seconds: float = 20.0  #: after a while without any change
    turns: Mapping[str, int] = field(default_factory=dict)  #: entity -> only every so many sweeps
    existing_turns: int = 4  #: every so many sweeps the CRM is asked whether it still has some records
    existing_ids: int = 100  #: about so many, as one request answers


@dataclass(frozen=True)
class Connector:
    """An outside system: its protocol, limits, errors and proof of origin."""

    name: str
    title: str
    settings: tuple[SettingLine, ...] = ()
    intake: Callable[[Delivery, Connection], list[Event]] | None = None
    """Is it really them, and what happened. Asks nobody but the vault, except at an installation. Raises NotProven, or
    BadInput naming the field. An empty list: proven, and nothing to look at."""
    identity: Callable[[FrameRequest, Connection], Visitor] | None = None
    """Who opened a page inside the CRM. Raises NotProven, or a Fault if the CRM cannot be asked."""
    framed_by: Callable[[Mapping[str, str]], Sequence[str]] = lambda settings: ()
    """From the settings: whose pages show ours in a frame (CSP sources)."""
    setup: Callable[[Connection], Setup] | None = None
    """What `annex plan` and `annex apply` work with."""
    crm: Callable[[Connection], CRM] | None = None
    sweeping: Callable[[Mapping[str, str]], Sweeping] = lambda settings: Sweeping()
    doctor: Callable[[Connection], Iterable[str]] | None = None
    """What is wrong with settings, token, rights and reachability: one line each, saying what to do."""


def author_of(events: Sequence[Event]) -> str:
    """Who changed the record, as far as its deliveries tell: the newest that names somebody; empty if none does."""
    return next((event.author for event in reversed(events) if event.author), "")


@dataclass(frozen=True)
class Seen:
    """A record as just read, beside what was seen of it before."""

    record: Record
    before: Record | None
    events: tuple[Event, ...]  #: the deliveries that made us look, oldest first; empty for a sweep
    expected: Record
    """The record as it will stand when our own writes on the way have arrived, those of the plugins before in this pass
    too: compare with this to write."""
    prepared: Any = None

    @property
    def author(self) -> str:
        return author_of(self.events)


Phase = Literal["guard", "fill", "act"]
"""When a watching plugin has its turn within one pass. "guard": it judges whether what happened may stand. "fill": it fills
inputs that others read. "act": everything else. Within a phase plugins go by name."""
PHASES: tuple[Phase, ...] = ("guard", "fill", "act")


@dataclass(frozen=True)
class Watch:
    """A plugin's interest in one kind of record. `handle` runs in one unit of work with the look's bookkeeping.

    `prepare` may ask the CRM first (no database open); what it returns comes as `seen.prepared`. It only reads: the portal
    it gets refuses to write. All plugins of one pass judge the same reading of the record.
    """

    entity: str
    handle: Callable[[Unit, Seen], None]
    tables: tuple[str, ...] = ()
    phase: Phase = "act"
    prepare: Callable[[ReadOnlyPortal, Record], Any] | None = None
    gone: Callable[[Unit, str], None] | None = None
    """The CRM has no record of that id (any more), or it stands elsewhere and this plugin does not judge that."""
    elsewhere: bool = False  #: it also judges records that stand outside of what the set names for their kind


@dataclass(frozen=True)
class Keeps:
    """Records that a plugin keeps figures of. Their deletion is told once, and so is their coming back, whether an event, a
    write or the sweep found it; meanwhile nothing is written to them."""

    entity: str
    ids: Callable[[Tx, str, str, int], Sequence[str]]
    """(tx, portal, after, most): the next ids after that one in rising order, at most so many."""
    gone: Callable[[Unit, str], None]  #: `unit.portal.people()` is at hand: it costs no question to the CRM
    back: Callable[[Unit, str], None] | None = None


@dataclass(frozen=True)
class RunsEvery:
    """A plugin's regular work."""

    name: str
    every: timedelta
    run: Callable[[Portal], None]
    help: str = ""


@dataclass(frozen=True)
class Command:
    """A sub-command of `annex` that a plugin brings."""

    name: str
    help: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[Portal, argparse.Namespace], int]


@dataclass(frozen=True)
class Plugin:
    """A capability a customer switches on in his mapping set."""

    name: str
    title: str
    settings: type[BaseModel] | None = None
    needs: tuple[str, ...] = ()  #: other plugins it uses through their api.py
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  #: entity -> logical fields ("table.field" too)
    watches: tuple[Watch, ...] = ()
    keeps: tuple[Keeps, ...] = ()
    answers: Mapping[str, Callable[[Portal, Event], Mapping[str, Any]]] = field(default_factory=dict)
    """Events that want more than a bare 200: what to put into the answer. Must be quick; no calls out."""
    books: tuple[Chart, ...] = ()
    """The books it keeps, with their accounts; nothing else can be posted."""
    every: tuple[RunsEvery, ...] = ()
    asks: tuple[Hook[..., Any], ...] = ()  #: its own hooks, which it asks of the other plugins
    hooks: tuple[Implementation, ...] = ()  #: what it answers to the hooks of others: `UNFIT.by(unfit)`
    done: Mapping[str, Callable[[Unit, Mapping[str, Any], str], None]] = field(default_factory=dict)
    """By name: what to do, in the same unit of work, when an outgoing call marked with that name came through."""
    pages: Callable[[Portal], Blueprint] | None = None
    rights: Mapping[str, str] = field(default_factory=dict)
    """Rights beyond the one of its own name, which its pages need where they say nothing else: name -> what it allows."""
    commands: tuple[Command, ...] = ()
    verify: Callable[[Unit], Iterable[str]] | None = None
    """Re-derive the plugin's tables; yields each fault found, first first."""
    migrations: Path | None = None


__all__ = [
    "Command",
    "Connection",
    "Connector",
    "Delivery",
    "FrameRequest",
    "Keeps",
    "NotProven",
    "Plugin",
    "RunsEvery",
    "Seen",
    "SettingLine",
    "Sweeping",
    "Values",
    "Visitor",
    "Watch",
]  # fmt: skip
