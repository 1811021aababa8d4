"""What a plugin's folder says of itself. The folder's name is the name; nothing else registers it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernel.conversations import Incoming
from kernel.crm import Event, Record, Values
from kernel.extension.connector import Capability

if TYPE_CHECKING:
    from flask import Blueprint
    from pydantic import BaseModel

    from kernel.extension.portal import Portal, Unit


def author_of(events: Sequence[Event]) -> str:
    """Who changed the record, as far as its deliveries tell: the newest that names somebody; empty if none does."""
    return next((event.author for event in reversed(events) if event.author), "")


@dataclass(frozen=True)
class Seen:
    """A record as just read, beside what was seen of it before."""

    record: Record
    before: Record | None
    events: tuple[Event, ...]  #: the deliveries that made us look, oldest first; empty for a sweep
    soon: Record  #: the record as it will stand when our own writes on the way have arrived: compare with this to write
    prepared: Any = None

    @property
    def author(self) -> str:
        return author_of(self.events)


@dataclass(frozen=True)
class Watch:
    """A plugin's interest in one kind of record. `handle` runs in one unit of work with the look's bookkeeping.

    `prepare` may ask the CRM first (no database open); what it returns comes as `seen.prepared`.
    """

    entity: str
    handle: Callable[[Unit, Seen], None]
    tables: tuple[str, ...] = ()
    fills: bool = False  #: it fills inputs that other plugins read, so it goes first
    prepare: Callable[[Portal, Record], Any] | None = None
    gone: Callable[[Unit, str], None] | None = None  #: the CRM has no record of that id (any more)


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
    connects: Mapping[str, Capability] = field(default_factory=dict)
    """Which of its settings name a connection, and what that connection must be able to do: {"chat": "channel"}."""
    on_message: Callable[[Unit, Incoming], None] | None = None
    """A message came in on one of those connections (`unit.connection` is its name). Runs in one unit of work, once per
    message and in order for each writer."""
    answers: Mapping[str, Callable[[Portal, Event], Mapping[str, Any]]] = field(default_factory=dict)
    """Events that want more than a bare 200: what to put into the answer. Must be quick; no calls out."""
    every: tuple[RunsEvery, ...] = ()
    offers: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    """By name, "stage_lock.objection": what the plugin named first asks of all the others that are switched on."""
    done: Mapping[str, Callable[[Unit, Mapping[str, Any], str], None]] = field(default_factory=dict)
    """By name: what to do, in the same unit of work, when an outgoing call marked with that name came through."""
    pages: Callable[[Portal], Blueprint] | None = None
    commands: tuple[Command, ...] = ()
    verify: Callable[[Unit], Iterable[str]] | None = None
    """Re-derive the plugin's tables; yields each fault found, first first."""
    migrations: Path | None = None


__all__ = ["Command", "Plugin", "RunsEvery", "Seen", "Values", "Watch"]
