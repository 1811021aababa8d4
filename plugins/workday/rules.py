"""Who must have started their day, and whether they have. Values in, decision out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Literal

from kernel.crm import Person, Workday

Standing = Literal["started", "not_started", "unknown"]


def members(people: Iterable[Person], groups: Iterable[str]) -> list[Person]:
    """The active members of these groups, and their heads; never a robot."""
    wanted = {group.casefold() for group in groups}
    return [
        person
        for person in people
        if person.active
        and person.role != "robot"
        and any(group.casefold() in wanted for group in (*person.groups, *person.heads))
    ]


def standing(status: Workday, *, paused_counts: bool) -> Standing:
    """What a status means: one whose day the CRM does not keep is never locked out, and nothing is done on a guess."""
    match status:
        case "open" | "off":
            return "started"
        case "paused":
            return "started" if paused_counts else "not_started"
        case "closed" | "expired":
            return "not_started"
        case "unknown":
            return "unknown"


def changed(before: Mapping[str, Workday], now: Mapping[str, Workday]) -> list[str]:
    """Whose status is another one than before; somebody never read before counts as changed."""
    return [person for person, status in now.items() if before.get(person) != status]


def left(before: Collection[str], now: Collection[str]) -> list[str]:
    """Who need not start their day any more."""
    return sorted(set(before) - set(now))
