"""Lists beside the records: elements with typed fields that hang on a record's card, written many at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from kernel.crm.model import Values
from kernel.errors import Fault


@dataclass(frozen=True)
class ListElement:
    """One element. `code` is ours, and unique in its list: by it the element is found again, whoever made it."""

    list: str  #: our name of it: "securities"
    code: str
    name: str = ""  #: what staff see first
    values: Values = field(default_factory=dict)  #: a field that is not named is empty
    entity: str = ""  #: on whose card it hangs: "contact", "company"; empty on none
    record_id: str = ""


@dataclass(frozen=True)
class ListChange:
    """What to do with an element: have it hold just this, or, with `drop`, have it gone."""

    element: ListElement
    drop: bool = False
    there: bool = False  #: the list holds an element of that code, as far as we know: that saves a question


@dataclass(frozen=True)
class Start:
    """Elements of a list whose codes begin so."""

    list: str
    code: str


class Lists(Protocol):
    """What a CRM that has lists can do. Calls may raise the tree under Fault, or Misconfigured where a list is missing."""

    at_once: int
    """So many changes, of whichever lists, are one request."""
    every_seconds: float
    """From one such request to the next: so that writing takes at most a tenth of what the CRM allows."""

    def write(self, changes: Sequence[ListChange]) -> list[Fault | None]:
        """Make them so; for each, what kept it from being done. Repeating is as good as doing it once: what is there
        already is changed, what is not there is made, and what is gone already is gone.

        Leaves only while there is room for those who wait in front of a page; else raises Throttled. A list of which the
        request as a whole came to nothing raises that.
        """

    def codes(self, starts: Sequence[Start]) -> list[frozenset[str]]:
        """Which elements there are, for each."""

    def read(self, start: Start) -> list[ListElement]:
        """The same with all they hold, by code."""


__all__ = ["ListChange", "ListElement", "Lists", "Start"]
