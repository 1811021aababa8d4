"""What is to be done to a list so that it holds just the rows that it should. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from plugins.dossier_lists.elements import SUMMARY, Content

FEW_OF = 20  #: a list with more rows than that is not emptied by one answer
FEW_SHARE = 10  #: over 90 % fewer
SURE_AFTER = timedelta(seconds=60)


@dataclass(frozen=True)
class Held:
    """An element as we know it."""

    code: str
    client_id: str = ""
    written: str = ""
    there: bool = True
    state: str = "kept"
    content: str = ""
    gone_at: int = 0

    @property
    def is_summary(self) -> bool:
        return self.code.endswith(f":{SUMMARY}")

    @property
    def is_row(self) -> bool:
        """A row that the list is to hold, of which the back office still knows."""
        return not self.is_summary and self.state != "drop" and not self.gone_at


@dataclass
class Differences:
    put: list[Content] = field(default_factory=list)
    drop: list[str] = field(default_factory=list)
    mark: list[Held] = field(default_factory=list)  #: these stay, and say that the back office has them no more


@dataclass(frozen=True)
class Rest:
    """What is to become of elements that no row of the answer stands behind any more."""

    client_id: str
    present: Collection[str] = ()  #: codes of all rows of the answer, also of those for which the list has no room
    history: bool = False  #: they stay, marked
    whole: bool = True  #: the answer has all rows that there are
    hold: bool = False  #: they stay as they are until another answer says so, too
    most: int = 500


def differences(held: Mapping[str, Held], wanted: Sequence[Content], rest: Rest) -> Differences:
    found = Differences()
    for one in wanted:
        known = held.get(one.code)
        if known is None or known.state != "kept" or known.written != one.digest or known.gone_at:
            found.put.append(one)
    codes = {one.code for one in wanted}
    left: list[Held] = []  #: marked, or to be marked
    for known in held.values():
        if known.code in codes or known.is_summary or known.state == "drop":
            continue
        if (known.client_id and known.client_id != rest.client_id) or known.code in rest.present:
            found.drop.append(known.code)
        elif rest.hold or not rest.whole:
            continue
        elif rest.history and known.client_id:
            left.append(known)
        else:
            found.drop.append(known.code)
    _mark(found, left, max(rest.most - len(wanted), 0))
    return found


def _mark(found: Differences, left: Sequence[Held], room: int) -> None:
    """The newest of those that the back office has no more stay, as far as there is room."""
    left = sorted(left, key=lambda one: (one.gone_at == 0, one.gone_at, one.code), reverse=True)
    found.mark += [one for one in left[:room] if not one.gone_at]
    found.drop += [one.code for one in left[room:]]


def is_few(held: Mapping[str, Held], client_id: str, rows: int) -> bool:
    """Whether so many rows are suspiciously few."""
    before = sum(1 for one in held.values() if one.is_row and one.client_id == client_id)
    return before > FEW_OF and rows * FEW_SHARE < before
