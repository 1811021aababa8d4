"""Activities of a record, and how they are bound to another one: the new binding first, since the only one cannot go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from connectors.bitrix24.client import Client, Outcome
from connectors.bitrix24.layout import EntityPlan, Layout
from connectors.bitrix24.limits import PAGE_ROWS
from connectors.bitrix24.marks import carries, line, marked
from connectors.bitrix24.portal import rows
from connectors.bitrix24.values import number_in, number_of
from kernel.crm import Activity, Left
from kernel.errors import Rejected, Unverified

Place = tuple[int, int]  #: entityTypeId and id
SUBJECT_CHARACTERS_MAX = 255
PAGES_LOOKED_THROUGH = 4  #: how far back an activity is looked for whose answer was lost
ALREADY_BOUND, NOT_BOUND = "ACTIVITY_IS_ALREADY_BOUND", "BINDING_NOT_FOUND"


class BitrixActivities:
    def __init__(self, client: Client, layout: Layout, zone: ZoneInfo) -> None:
        self._client, self._layout, self._zone = client, layout, zone

    def open_of(self, entity: str, record_id: str) -> tuple[Activity, ...]:
        plan = self._layout.plan(entity)
        return tuple(self._bound(_place(plan, record_id)))

    def add(
        self, entity: str, record_id: str, subject: str, text: str, *, responsible: str, due_at: datetime, key: str,
        maybe_done: bool = False,
    ) -> str:  # fmt: skip
        """As a «дело» of the card. What it says ends with our mark, by which an earlier try is found."""
        place = _place(self._layout.plan(entity), record_id)
        if maybe_done and (found := self._made_for(place, key)):
            return found
        params = {
            "ownerTypeId": place[0], "ownerId": place[1], "title": line(subject)[:SUBJECT_CHARACTERS_MAX],
            "description": marked(text, key), "responsibleId": number_of(responsible),
            "deadline": due_at.astimezone(self._zone).isoformat(timespec="seconds"),
        }  # fmt: skip
        answer = self._client.call("crm.activity.todo.add", params, writes=True)
        number = number_in(answer.get("id")) if isinstance(answer, dict) else 0
        if not number:
            raise Unverified("bitrix24: an activity was answered without its number", maybe_done=True)
        return str(number)

    def move(self, entity: str, record_id: str, to: str) -> tuple[Left, ...]:
        plan = self._layout.plan(entity)
        old, new = _place(plan, record_id), _place(plan, to)
        bound = self._bound(old)
        left: dict[Activity, str] = {}
        self._told("add", new, [one for one, places in bound.items() if new not in places], ALREADY_BOUND, left)
        self._told("delete", old, [one for one in bound if one not in left], NOT_BOUND, left)
        moved = [one for one in bound if one not in left]
        for one, places in self._places(moved).items():
            if new not in places or old in places:
                raise Unverified(f"bitrix24: activity {one.id} is not bound to {plan.kind} {to} alone", maybe_done=True)
        return tuple(Left(one, reason) for one, reason in left.items())

    def _made_for(self, place: Place, key: str) -> str:
        """The activity made for that key, among the newest of the record; empty if there is none."""
        before: dict[str, Any] = {}
        for _page in range(PAGES_LOOKED_THROUGH):
            wanted = {"BINDINGS": [{"OWNER_TYPE_ID": place[0], "OWNER_ID": place[1]}], **before}
            params = {"filter": wanted, "select": ["ID", "DESCRIPTION"], "order": {"ID": "DESC"}, "start": -1}
            found = rows(self._client.call("crm.activity.list", params))
            for raw in found:
                if carries(str(raw.get("DESCRIPTION") or ""), key):
                    return str(number_in(raw.get("ID")))
            if len(found) < PAGE_ROWS:
                break
            before = {"<ID": min(number_in(raw.get("ID")) for raw in found)}
        return ""

    # --- inside -----------------------------------------------------------------------------------------------------

    def _told(self, verb: str, place: Place, which: Sequence[Activity], fine: str, left: dict[Activity, str]) -> None:
        """Add or delete one binding of each; those that the portal refuses go to `left`."""
        calls = [(f"crm.activity.binding.{verb}", _params(one, place)) for one in which]
        for one, outcome in zip(which, self._batch(calls, writes=True), strict=True):
            fault = outcome.fault
            if fault is not None and not isinstance(fault, Rejected):
                raise fault
            if fault is not None and fault.vendor_code != fine:
                left[one] = str(fault)

    def _bound(self, place: Place) -> dict[Activity, frozenset[Place]]:
        """The open activities of that record, with all that each is bound to. A filter that the portal passes over in
        silence does no harm: the bindings themselves say whose they are."""
        found = self._places(list(dict.fromkeys(self._listed(place))))
        return {one: places for one, places in found.items() if place in places}

    def _listed(self, place: Place) -> Iterator[Activity]:
        """By rising id; one that is bound to several of those asked for comes several times."""
        after = 0
        while True:
            wanted = {"BINDINGS": [{"OWNER_TYPE_ID": place[0], "OWNER_ID": place[1]}], "COMPLETED": "N", ">ID": after}
            params = {"filter": wanted, "select": ["ID", "SUBJECT", "COMPLETED"], "order": {"ID": "ASC"}, "start": -1}
            found = rows(self._client.call("crm.activity.list", params))
            for raw in found:
                if raw.get("COMPLETED") == "N":
                    yield Activity(str(number_in(raw.get("ID"))), str(raw.get("SUBJECT") or ""))
            last = max((number_in(raw.get("ID")) for raw in found), default=0)
            if len(found) < PAGE_ROWS or last <= after:
                return
            after = last

    def _places(self, activities: Sequence[Activity]) -> dict[Activity, frozenset[Place]]:
        calls = [("crm.activity.binding.list", {"activityId": number_of(one.id)}) for one in activities]
        found = {}
        for one, outcome in zip(activities, self._batch(calls), strict=True):
            if not isinstance(outcome.fault, Rejected):  # one that was deleted meanwhile is nobody's
                found[one] = frozenset(
                    (number_in(raw.get("entityTypeId")), number_in(raw.get("entityId"))) for raw in rows(outcome.get())
                )
        return found

    def _batch(self, calls: Sequence[tuple[str, Mapping[str, Any]]], *, writes: bool = False) -> list[Outcome]:
        return self._client.batch(calls, writes=writes) if calls else []


def _place(plan: EntityPlan, record_id: str) -> Place:
    return plan.entity_type, number_of(record_id)


def _params(activity: Activity, place: Place) -> dict[str, int]:
    return {"activityId": number_of(activity.id), "entityTypeId": place[0], "entityId": place[1]}


__all__ = ["BitrixActivities"]
