"""What a plugin's folder says of itself. The folder's name is the name; nothing else registers it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kernel.conversations import Incoming
from kernel.crm import Comment, Event, Record, Values
from kernel.extension.connector import Capability
from kernel.extension.hooks import Hook, Implementation
from kernel.ledger.chart import Chart

if TYPE_CHECKING:
    from flask import Blueprint
    from pydantic import BaseModel

    from kernel.extension.asked import Asked
    from kernel.extension.portal import Portal, Unit
    from kernel.extension.reading import ReadOnlyPortal
    from kernel.jobs.outgoing import Call
    from kernel.storage import Tx


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
    """The record as it will stand when our own writes in flight have arrived, those of the plugins before in this pass
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
    """A plugin's interest in one kind of record. `handle` runs in one unit of work with the sync's bookkeeping.

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
class HeardComment:
    """A comment that somebody wrote in the CRM, or one that they have edited since it was handed over."""

    comment: Comment
    edited: bool = False
    prepared: Any = None


@dataclass(frozen=True)
class CommentWatch:
    """A plugin's interest in the comments of one kind of record, where the CRM lets us read them.

    `handle` runs once for each comment and each version of it, oldest first, in one unit of work with the bookkeeping. It
    never gets what Annex wrote itself, nor what stood there before anybody listened. `prepare` may ask the CRM first (fetch
    a file, say); it only reads, and may run more than once.
    """

    entity: str
    handle: Callable[[Unit, HeardComment], None]
    prepare: Callable[[ReadOnlyPortal, Comment], Any] | None = None


@dataclass(frozen=True)
class Keeps:
    """Records that a plugin keeps figures of. Their deletion is told once, and so is their coming back, whether an event, a
    write or the sweep found it; meanwhile nothing is written to them."""

    entity: str
    ids: Callable[[Tx, str, str, int], Sequence[str]]
    """(tx, portal, after, most): the next ids after that one in rising order, at most so many."""
    gone: Callable[[Unit, str], None]  #: `unit.portal.staff.known()` knows: the people were asked for just before
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
    """A capability a customer switches on in their mapping set."""

    name: str
    title: str
    settings: type[BaseModel] | None = None
    needs: tuple[str, ...] = ()  #: other plugins it uses through their api.py
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  #: entity -> logical fields ("table.field" too)
    watches: tuple[Watch, ...] = ()
    keeps: tuple[Keeps, ...] = ()
    comments: tuple[CommentWatch, ...] = ()
    connects: Mapping[str, Capability] = field(default_factory=dict)
    """Which of its settings name a connection, or several, and what they must be able to do: {"chat": "channel"}."""
    on_message: Callable[[Unit, Incoming], None] | None = None
    """A message came in on one of those connections (`unit.connection` is its name, `unit.heard` its place in the
    timeline). Runs in one unit of work, once per message and in order for each address."""
    on_request: Callable[[Unit, Incoming], None] | None = None
    """Somebody in the CRM wants a message sent (kind «request»). Runs in one unit of work, once per request; one plugin of a
    set takes them."""
    before_message: Callable[[ReadOnlyPortal, Incoming], Any] | None = None
    """Asks the CRM before `on_message` (no database open): what it returns comes as `unit.prepared`. It only reads; a fault
    makes the message wait, and it may run more than once."""
    fetches: Callable[[Unit, Incoming], int] | None = None
    """How many bytes a file of that message may have to be fetched before `on_message`; 0: its files stay there."""
    on_timer: Callable[[Unit, str, Mapping[str, Any]], None] | None = None
    """A timer that it set (`unit.set_timer`) is due: key and body. Runs in one unit of work; failing, it comes again."""
    answers: Mapping[str, Callable[[Portal, Event], Mapping[str, Any]]] = field(default_factory=dict)
    """Events that want more than a bare 200: what to put into the answer. Must be quick; no calls out."""
    books: tuple[Chart, ...] = ()
    """The books it keeps, with their accounts; nothing else can be posted."""
    every: tuple[RunsEvery, ...] = ()
    asks: tuple[Hook[..., Any], ...] = ()  #: its own hooks, which it asks of the other plugins
    hooks: tuple[Implementation, ...] = ()  #: what it answers to the hooks of others: `UNFIT.by(unfit)`
    done: Mapping[str, Callable[[Unit, Mapping[str, Any], str], None]] = field(default_factory=dict)
    """By name: what to do, in the same unit of work, when an outgoing call marked with that name came through."""
    undone: Mapping[str, Callable[[Unit, Mapping[str, Any], str, str], None]] = field(default_factory=dict)
    """By the same names: what to do, in the same unit of work, when such a call became `uncertain` or `failed`: payload,
    state, reason. Not when it is dropped: a person gave it up who knows of it, or its record is gone."""
    asked: Mapping[str, Callable[[Unit, Call, Sequence[Asked]], None]] = field(default_factory=dict)
    """By verb, for a log of questions: what each try of such a call, whose ever it is, asked of the other side. In a unit of
    work of its own, which is missing where the process died."""
    on_closed: Callable[[Unit, str, str], None] | None = None
    """We may not write into a thread any more: thread, reason. Runs once, in the unit of work that found it out."""
    pages: Callable[[Portal], Blueprint] | None = None
    rights: Mapping[str, str] = field(default_factory=dict)
    """Rights beyond the one of its own name, which its pages need where they say nothing else: name -> what it allows."""
    commands: tuple[Command, ...] = ()
    restored: Callable[[Unit], None] | None = None
    """The database was filled from a copy, and what happened since is not in it. Runs once, in one unit of work, before
    anything is sent; calls that must not be repeated are uncertain by then."""
    verify: Callable[[Unit], Iterable[str]] | None = None
    """Re-derive the plugin's tables; yields each fault found, first first."""
    differences: Callable[[Unit], Iterable[str]] | None = None
    """What stands otherwise in the CRM than another system says, for people to put right: no fault of ours, and `annex
    verify` names it after the faults. In the set's language, each with what to do about it."""
    doctor: Callable[[Portal], Iterable[str]] | None = None
    """What `annex doctor` should say of it: each finding with what to do about it, in the set's language."""
    migrations: Path | None = None


__all__ = ["Command", "CommentWatch", "HeardComment", "Keeps", "Plugin", "RunsEvery", "Seen", "Values", "Watch"]
