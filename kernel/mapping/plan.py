"""The difference between a mapping set and its portal, as a list of changes that can be shown, asked about and made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

Kind = Literal["create", "change", "rename", "drop", "arrange", "manual", "note"]
"""`create`, `change`, `rename`: made by `annex apply`. `drop`: data would go with it, so it is asked about. `arrange`: how
staff see a card; what they arranged themselves would be overwritten, so it is asked about, too. `manual`: the
portal lets only a person do it; where it cannot be seen that it is done, the person says so, and `make` notes it. `note`:
seen and left alone; nothing to do."""


@dataclass(frozen=True)
class Change:
    """One difference. `make` carries it out; made twice, it changes nothing more."""

    kind: Kind
    what: str  #: "field «Курс клиента» of deals"
    detail: str = ""  #: "is «Курс», shall be «Курс клиента»"; for `manual` what to click
    records: int = 0  #: for `drop`: how many records hold data that would be lost
    make: Callable[[], None] | None = None


class Setup(Protocol):
    """What a connector gives for setting a portal up."""

    def plan(self) -> list[Change]:
        """All differences, in the order in which they have to be made. Reads the portal anew.

        A change that needs the number of something not yet made (a field of a pipeline to come) may be left out: after the
        first changes are made the plan is asked for again, until nothing but `manual` and `note` is left.
        """
