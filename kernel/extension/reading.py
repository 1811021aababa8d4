"""What a plugin's `prepare` gets: the portal as it is, with every way to write closed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, fields
from typing import Any, NoReturn, cast

from kernel.crm import CRM, Person
from kernel.extension.portal import Portal, Unit
from kernel.extension.staff import STAFF_SECONDS_MAX
from kernel.jobs import Job, Queue
from kernel.storage import Database, Tx

WRITES = frozenset({
    "create", "update", "add_row", "update_row", "comment", "start", "restore", "write", "edit", "put", "remove",
    "hand_over", "end", "move", "add",
})  # fmt: skip
"""Of a CRM and its optional parts."""
PARTS = frozenset(
    {"people", "workdays", "history", "bin", "comments", "tasks", "activities", "files", "notices", "processes", "calls"}
)


class WroteWhileReading(RuntimeError):
    """A `prepare` tried to write. What it finds out goes to `handle`, which writes in the unit of work of the pass."""


class ReadAgain(Exception):
    """Raised by a `prepare` that cannot judge this reading: the record is to be read once more, for all plugins. Only while
    `last_reading` is False."""

    def __init__(self, after_seconds: float = 0.0) -> None:
        super().__init__("the record is to be read once more")
        self.after_seconds = after_seconds


class _Reads:
    """A CRM, or a part of one, that can be asked and not told."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        if name in WRITES:
            _refuse(name)
        found = getattr(self._inner, name)
        return _Reads(found) if name in PARTS and found is not None else found


class _ReadDatabase:
    def __init__(self, inner: Database) -> None:
        self._inner = inner

    def read(self) -> AbstractContextManager[Tx]:
        return self._inner.read()

    def write(self) -> NoReturn:
        _refuse("write")


class _NoQueue:
    def enqueue(self, tx: Tx, job: Job) -> None:
        _refuse("enqueue")

    def enqueue_many(self, tx: Tx, jobs: Any) -> None:
        _refuse("enqueue")


def _refuse(verb: str) -> NoReturn:
    raise WroteWhileReading(f"a plugin's prepare only reads, and this one called «{verb}»")


@dataclass
class ReadOnlyPortal(Portal):
    """One reading of a record, shared by all plugins of a pass."""

    real: Portal | None = None
    read_at: int = 0  #: microseconds: what took effect before is in the record
    last_reading: bool = True  #: whether the record will not be read again in this pass

    @classmethod
    def of(cls, portal: Portal, *, read_at: int = 0, last_reading: bool = True) -> ReadOnlyPortal:
        own = {one.name: getattr(portal, one.name) for one in fields(Portal) if one.init}
        own["crm"] = cast("CRM", _Reads(portal.crm))
        mine = {name: one.given(crm=own["crm"]) for name, one in portal.connections.items() if one.full_name == portal.name}
        own["connections"] = {**portal.connections, **mine}
        own["database"] = cast("Database", _ReadDatabase(portal.database))
        own["queue"] = cast("Queue", _NoQueue())
        return cls(**own, real=portal, read_at=read_at, last_reading=last_reading)

    def people(self, *, seconds: float = STAFF_SECONDS_MAX) -> list[Person]:
        assert self.real is not None
        return self.real.people(seconds=seconds)  # what it keeps is kept for all

    @contextmanager
    def unit(self, *, author: str = "", trace: str = "") -> Iterator[Unit]:
        _refuse("unit")
        yield
