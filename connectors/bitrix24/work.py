"""Stage history, working days and overdue activities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from connectors.bitrix24.client import Client, Query
from connectors.bitrix24.codes import ENTITY_TYPES
from connectors.bitrix24.layout import EntityPlan
from connectors.bitrix24.portal import pages, rows
from connectors.bitrix24.values import moment_of, number_in, number_of, stamp
from kernel.crm import Move, Workday
from kernel.errors import Rejected, Unverified

CREATED = 1  #: TYPE_ID of the line that says where the record was made
STATUSES: Mapping[str, Workday] = {"OPENED": "open", "PAUSED": "paused", "CLOSED": "closed", "EXPIRED": "expired"}
CLOSED_SEMANTICS = frozenset({"S", "F"})
PEOPLE_PER_QUERY = 50


def moves_of(client: Client, plan: EntityPlan, number: int, zone: ZoneInfo) -> list[Move] | None:
    """Oldest first; None where the portal keeps no history of such records."""
    if plan.kind not in ("lead", "deal", "smart") or not plan.map.stage:
        return None
    params = {"entityTypeId": plan.entity_type, "filter": {"OWNER_ID": number}, "order": {"ID": "ASC"}, "start": 0}
    [outcome] = pages(client, [("crm.stagehistory.list", params)])
    found = []
    for raw in sorted(rows(outcome.get(), "items"), key=lambda raw: number_in(raw.get("ID"))):
        code = str(raw.get("STAGE_ID") or raw.get("STATUS_ID") or "")  # leads have a word of their own for it
        at = moment_of(raw.get("CREATED_TIME"), zone)
        if at is not None:
            label = plan.stages.names.get(code, code)
            created = number_in(raw.get("TYPE_ID")) == CREATED
            found.append(Move(str(number_in(raw.get("ID"))), plan.stages.words.get(code), label, at, created))
    return found


def workdays_of(client: Client, people: Iterable[str]) -> dict[str, Workday]:
    """One batch for 25 people. Raises only where nothing could be asked at all."""
    asked = list(dict.fromkeys(people))
    calls = [
        (method, {"USER_ID": number_of(person)}) for person in asked for method in ("timeman.settings", "timeman.status")
    ]  # fmt: skip
    told = client.batch(calls) if calls else []
    found: dict[str, Workday] = {}
    for n, person in enumerate(asked):
        settings, status = told[2 * n], told[2 * n + 1]
        for outcome in (settings, status):
            if outcome.fault is not None and not isinstance(outcome.fault, Rejected):
                raise outcome.fault
        found[person] = _workday(settings.value, status.value)
    return found


def start_workday(client: Client, person: str) -> None:
    """Raises Rejected for somebody whose working day the portal does not keep."""
    number = number_of(person)
    if _workday(client.call("timeman.settings", {"USER_ID": number}), None) == "off":
        raise Rejected(f"bitrix24: person {number} keeps no working day")
    answer = client.call("timeman.open", {"USER_ID": number}, writes=True)
    if _workday(None, answer) != "open":
        raise Unverified(f"bitrix24: the working day of person {number} did not begin", maybe_done=True)


def _workday(settings: Any, status: Any) -> Workday:
    tracked = settings.get("UF_TIMEMAN") if isinstance(settings, dict) else None
    if tracked is not None and str(tracked).upper() in ("FALSE", "N", "0", ""):
        return "off"
    word = str(status.get("STATUS") or "").upper() if isinstance(status, dict) else ""
    return STATUSES.get(word, "unknown")


def overdue_of(client: Client, people: Iterable[str], now: datetime, zone: ZoneInfo) -> dict[str, int]:
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
