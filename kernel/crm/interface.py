"""The small interface through which plugins speak to any CRM: its records, and what else it may have.

`None` stands where a CRM does not have something at all: whoever needs it says so, and nothing is pretended. A CRM that has
it but cannot be asked now raises a Fault, as with every call.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol

from kernel.crm.activities import Activities
from kernel.crm.comments import Comments
from kernel.crm.lists import Lists
from kernel.crm.model import NO_VALUES, Changed, MissingItem, Move, Person, Record, Values, Workday
from kernel.crm.notices import Notices
from kernel.crm.processes import Processes
from kernel.crm.tasks import Tasks
from kernel.crm.texts import Texts


class People(Protocol):
    """Staff."""

    def all(self) -> list[Person]:
        """Everybody the CRM names; a CRM may leave out those who left."""

    def active(self, people: Iterable[str]) -> frozenset[str]:
        """Who of these ids works here at this moment: asked anew, never from a list that was kept."""

    def overdue(self, people: Iterable[str]) -> Mapping[str, int]:
        """By person: how many open leads and deals of theirs have something that should have been done by now."""


class Workdays(Protocol):
    """Working days, as people begin and end them."""

    def statuses(self, people: Iterable[str]) -> Mapping[str, Workday]:
        """Each person's working day, by id."""

    def start(self, person: str) -> None:
        """Begin that person's working day, as their own button in the CRM would. Raises Rejected where they have none."""


class History(Protocol):
    """What the CRM remembers of a record's past."""

    def moves(self, entity: str, record_id: str) -> list[Move] | None:
        """The record's stage history, oldest first; None where none is kept of such records."""


class RecycleBin(Protocol):
    """What was deleted can be brought back."""

    def restore(self, entity: str, record_id: str) -> None:
        """Bring a deleted record back under its own id; one that is there stays. Raises NotFound where it is gone for good,
        Rejected where the CRM does not bring it back."""


class CRM(Protocol):
    """Records with logical fields, child rows and comments; and the optional parts.

    Creates take a `key` of ours that the CRM keeps with the record. With `maybe_done` the call first looks the key up,
    since an earlier try may have been carried out although its answer was lost. Writes are read back by the
    implementation; a difference raises `Unverified`. All calls may raise the tree under `kernel.errors.Fault`.

    An implementation names this class as its base and so has no part that it does not mention. `files` and `calls` are
    names kept for parts that no CRM of ours has yet; the first that has one brings its protocol.
    """

    name: str
    people: People | None = None
    workdays: Workdays | None = None
    history: History | None = None
    bin: RecycleBin | None = None
    comments: Comments | None = None
    tasks: Tasks | None = None
    activities: Activities | None = None
    lists: Lists | None = None
    files: None = None
    notices: Notices | None = None
    processes: Processes | None = None
    texts: Texts | None = None
    calls: None = None
    elsewhere_is_foreign: bool = False
    """What stands outside of the set is another thing altogether, such as a task of another object, and no matter of ours
    unless it was seen inside before."""

    def get(self, entity: str, record_id: str, *, tables: Iterable[str] = ()) -> Record:
        """Read one record with all mapped fields and the named child tables. Raises NotFound; for one that stands outside
        of what the set names that is an `Elsewhere`."""
        raise NotImplementedError

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
        raise NotImplementedError

    def existing(self, entity: str, ids: Iterable[str]) -> frozenset[str]:
        """Which of these the CRM still has, wherever they stand: those that a `get` would read, or find elsewhere. Deleted
        and merged ones are missing. One request for a hundred or more, since a sweep asks for all records in turn."""
        raise NotImplementedError

    def create(self, entity: str, values: Values, *, key: str, maybe_done: bool = False, stage: str | None = None) -> str:
        """Make a record, at that stage or where records of its kind begin; returns its id."""
        raise NotImplementedError

    def update(self, entity: str, record_id: str, values: Values, *, stage: str | None = None) -> None:
        """Set the named fields (None empties one) and, if given, the stage."""
        raise NotImplementedError

    def add_row(self, entity: str, record_id: str, table: str, values: Values, *, key: str, maybe_done: bool = False) -> str:
        """Add a child row; returns the CRM's key of it."""
        raise NotImplementedError

    def update_row(self, entity: str, record_id: str, table: str, row_key: str, values: Values) -> None:
        raise NotImplementedError

    def comment(
        self, entity: str, record_id: str, text: str, *, to: Iterable[str] = (), key: str, maybe_done: bool = False
    ) -> str:
        """Write a plain-text comment (line ends kept) and notify the given people; returns its id."""
        raise NotImplementedError

    def changed(self, since: Mapping[str, datetime]) -> list[Changed]:
        """What changed since the given moments, by entity, child rows too where the CRM can tell: for a sweep that may
        cost next to nothing. May name records that did not really change; must not miss any. An entity left out is not
        asked for this time. Records that stand elsewhere are named where the CRM reports them at no further cost."""
        raise NotImplementedError

    def owner_of(self, entity: str, row_id: str) -> str:
        """The record to which a child row ("deal/operation") belongs. Raises NotFound."""
        raise NotImplementedError

    def missing(self) -> list[MissingItem]:
        """What is missing in the portal for the mapping set, each with what to do about it."""
        raise NotImplementedError

    def link(self, entity: str, record_id: str) -> str:
        """The address at which staff open the record. The CRM is not asked: it is wanted while the database is open."""
        raise NotImplementedError
