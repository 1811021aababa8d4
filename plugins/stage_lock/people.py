"""Who moved it, who may override, who is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kernel.crm import Person
from kernel.extension.portal import Portal
from plugins.stage_lock.settings import StageLockSettings

NAME = "stage_lock"


def settings_of(portal: Portal) -> StageLockSettings:
    return portal.settings(NAME, StageLockSettings)


def find(people: Sequence[Person], who: str) -> Person | None:
    """By the CRM's id, else by name: some CRMs report a change with the one, some with the other."""
    if not who:
        return None
    by_id = next((person for person in people if person.id == who), None)
    folded = who.casefold()
    return by_id or next((person for person in people if person.name.casefold() == folded), None)


def id_of(people: Sequence[Person], who: str) -> str:
    person = find(people, who)
    return person.id if person else who


def name_of(people: Sequence[Person], who: str) -> str:
    person = find(people, who)
    return person.name if person else who


def overriding(people: Iterable[Person], names: Iterable[str]) -> list[Person]:
    """Those of these names, and the heads of groups of these names."""
    wanted = {name.casefold() for name in names}
    return [
        person
        for person in people
        if person.active and (person.name.casefold() in wanted or any(group.casefold() in wanted for group in person.heads))
    ]


def may_override(portal: Portal, person_id: str) -> bool:
    return any(person.id == person_id for person in overriding(portal.people(), settings_of(portal).override))


def recipients(people: Sequence[Person], who: str) -> tuple[str, ...]:
    """Whom a comment names: a living person, never a robot."""
    person = find(people, who)
    return (person.id,) if person and person.active and person.role != "robot" else ()


def sole(people: Sequence[Person], authors: Iterable[str]) -> str:
    """The one person who is named by all the deliveries that name anybody; empty if they name several."""
    named = {id_of(people, author) for author in authors if author}
    return named.pop() if len(named) == 1 else ""
