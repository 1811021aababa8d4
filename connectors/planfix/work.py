"""What changed, and who moved what: what a sweep and the stage lock ask."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from connectors.planfix import limits, records
from connectors.planfix.client import Client
from connectors.planfix.layout import EntityPlan, Layout
from connectors.planfix.search import Finder
from connectors.planfix.values import moment_of, number_of, person
from kernel.crm import Changed, Move
from kernel.errors import Rejected

MINUTE = timedelta(minutes=1)


def changed(finder: Finder, layout: Layout, since_when: Mapping[str, datetime], zone: ZoneInfo, site: str) -> list[Changed]:
    """One list an entity. Times come without seconds, so a record may have changed until the minute's end."""
    found = []
    for entity, since in since_when.items():
        plan = layout.plan(entity)
        for raw in finder.changed(plan, since):
            one = records.record(plan, raw, zone, site, {})
            at = (one.changed_at or one.created_at or since).replace(second=0, microsecond=0) + MINUTE
            found.append(Changed(one.entity, one.id, at, record=one, elsewhere=one.elsewhere))
    return found


class PlanfixHistory:
    """Changes of status stand among the comments, each with the old and the new one. What they say of how a task began is
    the old status of the first. That a task was put under another object is told only by statuses of that object."""

    def __init__(self, client: Client, layout: Layout, zone: ZoneInfo) -> None:
        self._client, self._layout, self._zone = client, layout, zone

    def moves(self, entity: str, record_id: str) -> list[Move] | None:
        plan, number = self._layout.plan(entity), number_of(record_id)
        if plan.kind != "task":
            return None
        newest = itertools.islice(
            self._client.history(plan.kind, number), limits.COMMENT_PAGES_LOOKED_THROUGH * limits.PAGE_RECORDS_MAX
        )
        response = sorted(
            (raw for raw in newest if isinstance(raw.get("changeStatus"), dict)), key=lambda r: records.number_in(r["id"])
        )
        led_to = [(raw, records.number_in(raw["changeStatus"].get("newStatusId"))) for raw in response]
        words = self._words(plan, {to for _raw, to in led_to} - {0})
        found = []
        for raw, to in led_to:
            by = person(raw.get("owner"), "user")
            stage, label = words.get(to, (None, self._layout.noted_status(to)))
            at = moment_of(raw.get("dateTime"), self._zone)
            if to and at:
                line = str(records.number_in(raw.get("id")))
                found.append(Move(line, stage, label, at, by=by.id if by else "", elsewhere=to not in words))
        return found

    def _words(self, plan: EntityPlan, wanted: set[int]) -> dict[int, tuple[str | None, str]]:
        """The object's statuses. One that is not among them may be newer than what we read of the object, so it is read once
        more; otherwise it is another object's, or was removed."""
        statuses = self._layout.statuses(plan.object_id, wanted)
        return {number: _word(plan, labels) for number, labels in statuses}


class PlanfixBin:
    """A deleted task goes on answering, with `isDeleted`. Whether setting that back restores it is nowhere documented, so it
    is read back, and whoever asked is told where it stays deleted."""

    def __init__(self, client: Client, layout: Layout) -> None:
        self._client, self._layout = client, layout

    def restore(self, entity: str, record_id: str) -> None:
        plan, number = self._layout.plan(entity), number_of(record_id)
        if self._deleted(plan, number):
            self._client.update(plan.kind, number, {"isDeleted": False}, silent=False)
            if self._deleted(plan, number):
                raise Rejected(
                    f"planfix: {plan.kind} {number} stays deleted: REST does not restore it here. An administrator restores "
                    "it in the trash of Planfix"
                )

    def _deleted(self, plan: EntityPlan, number: int) -> bool:
        return self._client.record(plan.kind, number, ["id", "isDeleted"]).get("isDeleted") is True


def _word(plan: EntityPlan, labels: Iterable[str]) -> tuple[str | None, str]:
    names = tuple(labels)
    return next((stage for one in names if (stage := plan.map.stage_of(one))), None), next(iter(names), "")
