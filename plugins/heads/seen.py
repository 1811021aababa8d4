"""What a head may see: their own groups; with the right to it, all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from kernel.crm import Person
from kernel.errors import Fault
from kernel.extension.portal import Portal
from kernel.web.identity import User
from plugins.assignment import api as assignment
from plugins.stage_lock import api as stage_lock

ALL_GROUPS = "heads.all"


@dataclass(frozen=True)
class Sight:
    """`groups` None: everything."""

    groups: tuple[str, ...] | None
    people: Sequence[Person]

    def person(self, person_id: str) -> bool:
        """Whether that person is of his groups. Who is of none (a robot, somebody unknown) belongs to every head."""
        if self.groups is None:
            return True
        found = next((one for one in self.people if one.id == person_id), None)
        return found is None or not found.groups or bool(_folded(found.groups) & _folded(self.groups))


def _folded(groups: Sequence[str]) -> set[str]:
    return {group.casefold() for group in groups}


def sight_of(portal: Portal) -> Callable[[User], Sight]:
    """Staff as last known: a CRM that is down must not take the page away."""
    known: list[Person] = []

    def sight(user: User) -> Sight:
        with suppress(Fault):  # what was known before still says who heads what
            known[:] = portal.people()
        if user.may(ALL_GROUPS):
            return Sight(None, list(known))
        me = next((one for one in known if user.person_id and one.id == user.person_id), None)
        return Sight(me.heads if me else (), list(known))

    return sight


def decisions_of(found: Sequence[assignment.Decision], sight: Sight) -> list[assignment.Decision]:
    return [one for one in found if not one.person or sight.person(one.person)]


def cases_of(found: Sequence[stage_lock.Case], sight: Sight) -> list[stage_lock.Case]:
    return [one for one in found if sight.person(one.person)]
