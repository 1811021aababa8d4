"""What a head may see: their own groups; with the right to it, all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from kernel.crm import Person
from kernel.errors import Fault
from kernel.extension.portal import Portal
from kernel.web.links import User


@dataclass(frozen=True)
class Sight:
    """`groups` None: everything."""

    groups: tuple[str, ...] | None
    people: Sequence[Person]

    def person(self, person_id: str) -> bool:
        """Whether that person is of their groups. Who is of none (a robot, somebody unknown) belongs to every head."""
        if self.groups is None:
            return True
        found = next((one for one in self.people if one.id == person_id), None)
        return found is None or not found.groups or bool(_folded(found.groups) & _folded(self.groups))


def _folded(groups: Sequence[str]) -> set[str]:
    return {group.casefold() for group in groups}


def sight_of(portal: Portal, all_groups: str) -> Callable[[User], Sight]:
    """Staff as last known: a CRM that is down must not take the page away. `all_groups`: the right to see everybody."""
    known: list[Person] = []

    def sight(user: User) -> Sight:
        with suppress(Fault):  # what was known before still says who heads what
            known[:] = portal.people()
        if user.may(all_groups):
            return Sight(None, list(known))
        me = next((one for one in known if user.person_id and one.id == user.person_id), None)
        return Sight(me.heads if me else (), list(known))

    return sight
