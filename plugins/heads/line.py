"""Who is on the line, as the plugin of working days knows it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from kernel.extension.portal import Unit
from kernel.values import from_micros
from plugins.assignment.api import MemberView, QueueView
from plugins.workday import api as workday


@dataclass(frozen=True)
class Row:
    """One person in all queues of a group: the views stand in the order of the queues."""

    views: tuple[MemberView, ...]

    @property
    def person(self) -> MemberView:
        return self.views[0]

    @property
    def alike(self) -> bool:
        """Whether the same holds in every queue."""
        return all((one.eligible, one.reasons) == (self.person.eligible, self.person.reasons) for one in self.views)

    @property
    def eligible(self) -> bool:
        return any(one.eligible for one in self.views)


@dataclass(frozen=True)
class Group:
    """Queues of the same people: one table."""

    queues: tuple[QueueView, ...]
    rows: tuple[Row, ...]


def groups_of(queues: Sequence[QueueView]) -> list[Group]:
    """The queues by their members, in the order of the first of each."""
    found: dict[tuple[str, ...], list[QueueView]] = {}
    for queue in queues:
        found.setdefault(tuple(one.id for one in queue.members) or (f"nobody in {queue.name}",), []).append(queue)
    return [
        Group(tuple(same), tuple(Row(views) for views in zip(*(queue.members for queue in same), strict=True)))
        for same in found.values()
    ]


@dataclass(frozen=True)
class Day:
    """A person's working day: the CRM's word for it, and since when as far as we saw."""

    status: str
    since: datetime

    @property
    def on_line(self) -> bool:
        return self.status == "open"


def days_of(unit: Unit, people: Iterable[str]) -> dict[str, Day]:
    """By person; who need not start their day, or was not read yet, is not here."""
    known, zone = workday.all_of(unit.tx, unit.portal.name), unit.portal.zone
    return {one: Day(known[one].status, from_micros(known[one].since, zone)) for one in people if one in known}
