"""Stage history and working days."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from connectors.bitrix24.client import Client
from connectors.bitrix24.layout import EntityPlan, Layout
from connectors.bitrix24.portal import pages, rows
from connectors.bitrix24.values import moment_of, number_in, number_of
from kernel.crm import Move, Workday
from kernel.errors import Rejected, Unverified

CREATED = 1  #: TYPE_ID of the line that says where the record was made
STATUSES: Mapping[str, Workday] = {"OPENED": "open", "PAUSED": "paused", "CLOSED": "closed", "EXPIRED": "expired"}


class BitrixHistory:
    """Leads, deals and items of smart processes have one."""

    def __init__(self, client: Client, layout: Layout, zone: ZoneInfo) -> None:
        self._client, self._layout, self._zone = client, layout, zone

    def moves(self, entity: str, record_id: str) -> list[Move] | None:
        return moves_of(self._client, self._layout.plan(entity), number_of(record_id), self._zone)


class BitrixWorkdays:
    """Where the portal keeps somebody's working day, their own button and ours are the same."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def statuses(self, people: Iterable[str]) -> Mapping[str, Workday]:
        """One batch for 25 people. Raises only where nothing could be asked at all."""
        return _statuses(self._client, people)

    def start(self, person: str) -> None:
        """Raises Rejected for somebody whose working day the portal does not keep."""
        number = number_of(person)
        if _workday(self._client.call("timeman.settings", {"USER_ID": number}), None) == "off":
            raise Rejected(f"bitrix24: person {number} keeps no working day")
        answer = self._client.call("timeman.open", {"USER_ID": number}, writes=True)
        if _workday(None, answer) != "open":
            raise Unverified(f"bitrix24: the working day of person {number} did not begin", maybe_done=True)


def moves_of(client: Client, plan: EntityPlan, number: int, zone: ZoneInfo) -> list[Move] | None:
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
            category = raw.get("CATEGORY_ID")
            elsewhere = bool(plan.pipelines) and category is not None and number_in(category) not in plan.pipelines.values()
            stage = None if elsewhere else plan.stages.keys.get(code)
            found.append(Move(str(number_in(raw.get("ID"))), stage, label, at, created, elsewhere=elsewhere))
    return found


def _statuses(client: Client, people: Iterable[str]) -> dict[str, Workday]:
    asked = list(dict.fromkeys(people))
    calls = [
        (method, {"USER_ID": number_of(person)}) for person in asked for method in ("timeman.settings", "timeman.status")
    ]  # fmt: skip
    response = client.batch(calls) if calls else []
    found: dict[str, Workday] = {}
    for n, person in enumerate(asked):
        settings, status = response[2 * n], response[2 * n + 1]
        for outcome in (settings, status):
            if outcome.fault is not None and not isinstance(outcome.fault, Rejected):
                raise outcome.fault
        found[person] = _workday(settings.value, status.value)
    return found


def _workday(settings: Any, status: Any) -> Workday:
    tracked = settings.get("UF_TIMEMAN") if isinstance(settings, dict) else None
    if tracked is not None and str(tracked).upper() in ("FALSE", "N", "0", ""):
        return "off"
    word = str(status.get("STATUS") or "").upper() if isinstance(status, dict) else ""
    return STATUSES.get(word, "unknown")
