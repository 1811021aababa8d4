"""Staff with their departments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from connectors.bitrix24.client import Client
from connectors.bitrix24.names import Names, person_name
from connectors.bitrix24.portal import pages, rows
from connectors.bitrix24.values import number_in
from kernel.crm import Person
from kernel.errors import Rejected

Raw = Mapping[str, Any]


def people_of(client: Client, names: Names, admins: Callable[[], frozenset[str]] = frozenset) -> list[Person]:
    """All employees, those who left too. The one in whose name we work ourselves is the robot.

    `admins`: who is an administrator, which no list of people tells; of ourselves the portal says it.
    """
    calls: list[tuple[str, dict[str, Any]]] = [
        ("user.get", {"FILTER": {"USER_TYPE": "employee"}, "sort": "ID", "order": "ASC", "start": 0}),
        ("department.get", {"sort": "ID", "order": "ASC"}),
        ("profile", {}),
    ]
    users, departments, profile = pages(client, calls)
    for outcome in (departments, profile):  # without the right to see departments nobody has a group
        if outcome.fault is not None and not isinstance(outcome.fault, Rejected):
            raise outcome.fault
    told = {number_in(raw.get("ID")): raw for raw in rows(departments.value)}
    ours = number_in(profile.value.get("ID")) if isinstance(profile.value, dict) else 0
    mighty = admins() | ({str(ours)} if isinstance(profile.value, dict) and profile.value.get("ADMIN") is True else set())
    found = [_person(raw, told, ours, mighty) for raw in rows(users.get()) if number_in(raw.get("ID"))]
    names.put("user", {person.id: person.name for person in found})
    return found


def _person(raw: Raw, departments: Mapping[int, Raw], ours: int, admins: frozenset[str]) -> Person:
    number, numbers = number_in(raw.get("ID")), raw.get("UF_DEPARTMENT")
    mine = [number_in(one) for one in numbers] if isinstance(numbers, list) else [number_in(numbers)]
    position = str(raw.get("WORK_POSITION") or "").strip()
    led = [one for one, told in departments.items() if number_in(told.get("UF_HEAD")) == number]
    return Person(
        id=str(number),
        name=person_name(raw),
        role="robot" if number == ours else "staff",
        active=str(raw.get("ACTIVE")).upper() in ("TRUE", "Y", "1"),
        groups=tuple(_title(departments[one]) for one in mine if one in departments),
        heads=tuple(_title(departments[one]) for one in led),
        positions=(position,) if position else (),
        admin=str(number) in admins,
    )


def _title(department: Raw) -> str:
    return str(department.get("NAME") or "")
