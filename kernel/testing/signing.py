"""Sessions for the tests of pages: of an operator, or of a person whom the CRM's people then hold."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from kernel.crm import Person
from kernel.mapping import RoleMap
from kernel.web import Site


def roles(head: tuple[str, ...] = (), staff: tuple[str, ...] = ()) -> dict[str, RoleMap]:
    """Owner, head and staff as the shipped sets have them."""
    return {
        "owner": RoleMap(label="owner", administrators=True, rights=["*"]),
        "head": RoleMap(label="head", heads=["*"], rights=list(head)),
        "staff": RoleMap(label="staff", everyone=True, rights=list(staff)),
    }


def operator_session(site: Site, name: str = "Олег Власник") -> str:
    """The cookie of whoever came by `annex link --operator`."""
    token = site.links.for_operator(name, "/").rpartition("/")[2]
    opened = site.links.enter(token, None)
    assert opened is not None
    return opened[0]


def person_session(site: Site, person: Person) -> str:
    """The cookie of a person of the CRM. Whom the CRM does not have yet is added to its people."""
    portal = site.portal
    people: Any = portal.crm.people
    if people is None:
        people = portal.crm.people = SimpleNamespace(all=list)
    ask = people.all
    if not any(one.id == person.id for one in ask()):
        people.all = lambda: [*ask(), person]
    portal.staff.forget()
    return site.links.open_session(person)


def session(site: Site, role: str = "owner", name: str = "Олена Власниця", person: str = "") -> str:
    """The cookie of somebody with that role of `roles`: with `person`, of that one of the CRM as they are there; without,
    an owner is an operator, and others are somebody new."""
    if person:
        people: Any = site.portal.crm.people
        known = next((one for one in (people.all() if people else ()) if one.id == person), None)
        return person_session(site, known or Person(person, name, "staff"))
    if role == "owner":
        return operator_session(site, name)
    new = Person(f"{role}:{name}", name, "staff")
    return person_session(site, replace(new, heads=("a department",)) if role == "head" else new)
