"""Staff with their departments, who still works here, and what they should have done by now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from connectors.bitrix24.client import Client, Query
from connectors.bitrix24.codes import ENTITY_TYPES
from connectors.bitrix24.names import Names, person_name
from connectors.bitrix24.portal import pages, rows
from connectors.bitrix24.values import moment_of, number_in, number_of, stamp
from kernel.clock import Clock
from kernel.crm import Person
from kernel.errors import Rejected

Raw = Mapping[str, Any]
CLOSED_SEMANTICS = frozenset({"S", "F"})
PEOPLE_PER_QUERY = 50


class BitrixPeople:
    """Those who left stay in the list, as not active."""

    def __init__(
        self, client: Client, names: Names, clock: Clock, zone: ZoneInfo, admins: Callable[[], frozenset[str]] = frozenset
    ) -> None:
        self._admins = admins
        self._client, self._names, self._clock, self._zone = client, names, clock, zone

    def all(self) -> list[Person]:
        found = read_people(self._client, self._admins)
        self._names.put("user", {person.id: person.name for person in found})
        return found

    def active(self, people: Iterable[str]) -> frozenset[str]:
        return _active(self._client, people)

    def overdue(self, people: Iterable[str]) -> Mapping[str, int]:
        return _overdue(self._client, people, self._clock.now(), self._zone)


def read_people(client: Client, admins: Callable[[], frozenset[str]]) -> list[Person]:
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
    response = {number_in(raw.get("ID")): raw for raw in rows(departments.value)}
    ours = number_in(profile.value.get("ID")) if isinstance(profile.value, dict) else 0
    mighty = admins() | ({str(ours)} if isinstance(profile.value, dict) and profile.value.get("ADMIN") is True else set())
    return [_person(raw, response, ours, mighty) for raw in rows(users.get()) if number_in(raw.get("ID"))]


def _person(raw: Raw, departments: Mapping[int, Raw], ours: int, admins: frozenset[str]) -> Person:
    number, numbers = number_in(raw.get("ID")), raw.get("UF_DEPARTMENT")
    mine = [number_in(one) for one in numbers] if isinstance(numbers, list) else [number_in(numbers)]
    position = str(raw.get("WORK_POSITION") or "").strip()
    led = [one for one, response in departments.items() if number_in(response.get("UF_HEAD")) == number]
    return Person(
        id=str(number),
        name=person_name(raw),
        role="robot" if number == ours else "staff",
        active=_is_active(raw),
        groups=tuple(_title(departments[one]) for one in mine if one in departments),
        heads=tuple(_title(departments[one]) for one in led),
        positions=(position,) if position else (),
        admin=str(number) in admins,
        email=str(raw.get("EMAIL") or "").strip(),
    )


def _is_active(raw: Raw) -> bool:
    return str(raw.get("ACTIVE")).upper() in ("TRUE", "Y", "1")


def _active(client: Client, people: Iterable[str]) -> frozenset[str]:
    asked = sorted({number_of(person) for person in people})
    calls: list[tuple[str, dict[str, Any]]] = [
        ("user.get", {"FILTER": {"ID": asked[start : start + PEOPLE_PER_QUERY]}, "sort": "ID", "order": "ASC", "start": 0})
        for start in range(0, len(asked), PEOPLE_PER_QUERY)
    ]
    response = pages(client, calls) if calls else []
    return frozenset(str(number_in(raw.get("ID"))) for outcome in response for raw in rows(outcome.get()) if _is_active(raw))


def _title(department: Raw) -> str:
    return str(department.get("NAME") or "")


def _overdue(client: Client, people: Iterable[str], now: datetime, zone: ZoneInfo) -> dict[str, int]:
    """Open leads and deals with an activity past its deadline, by the person who answers for both."""
    asked = {number_of(person): person for person in people}
    late = _late(client, list(asked), now, zone) if asked else set()
    answers = _open(client, late)
    counted = {(person, kind, owner) for person, kind, owner in late if answers.get((kind, owner)) == person}
    return {person: sum(1 for one, _kind, _owner in counted if one == number) for number, person in asked.items()}


def _late(client: Client, people: list[int], now: datetime, zone: ZoneInfo) -> set[tuple[int, int, int]]:
    """Responsible, kind and number of the owner of each late activity. No deadline is stored as a far day or none."""
    fields = ["ID", "OWNER_ID", "OWNER_TYPE_ID", "RESPONSIBLE_ID", "DEADLINE"]
    queries = []
    for start in range(0, len(people), PEOPLE_PER_QUERY):
        wanted = {
            "COMPLETED": "N", "<DEADLINE": stamp(now, zone),
            "@RESPONSIBLE_ID": people[start : start + PEOPLE_PER_QUERY],
            "@OWNER_TYPE_ID": [ENTITY_TYPES["lead"], ENTITY_TYPES["deal"]],
        }  # fmt: skip
        queries.append(Query("crm.activity.list", {"filter": wanted, "select": fields}, "", "ID"))
    found: set[tuple[int, int, int]] = set()
    for raw in (raw for listed in client.many(queries) for raw in listed):
        deadline = moment_of(raw.get("DEADLINE"), zone)
        if deadline is not None and deadline < now:
            person, kind, owner = (number_in(raw.get(key)) for key in ("RESPONSIBLE_ID", "OWNER_TYPE_ID", "OWNER_ID"))
            found.add((person, kind, owner))
    return found


def _open(client: Client, late: set[tuple[int, int, int]]) -> dict[tuple[int, int], int]:
    """Of the owners that are still open: who answers for each."""
    calls = []
    owners = sorted({(kind, number) for _person, kind, number in late})
    for kind in sorted({kind for kind, _number in owners}):
        numbers = [number for one, number in owners if one == kind]
        for start in range(0, len(numbers), 50):
            wanted = {"@id": numbers[start : start + 50]}
            select = ["id", "assignedById", "stageSemanticId"]
            calls.append(("crm.item.list", {"entityTypeId": kind, "filter": wanted, "select": select, "start": -1}))
    found = {}
    for (_method, params), outcome in zip(calls, client.batch(calls) if calls else [], strict=True):
        for raw in rows(outcome.get(), "items"):
            if str(raw.get("stageSemanticId") or "") not in CLOSED_SEMANTICS:
                found[number_in(params["entityTypeId"]), number_in(raw.get("id"))] = number_in(raw.get("assignedById"))
    return found
