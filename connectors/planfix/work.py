"""What changed, who moved what, and how people stand: what a sweep, the stage lock and the assignment ask."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from connectors.planfix import field_types as types
from connectors.planfix import limits, records
from connectors.planfix.client import Client, condition
from connectors.planfix.layout import EntityPlan, Layout
from connectors.planfix.search import CUSTOM, Finder
from connectors.planfix.values import moment_of, person, refs
from kernel.clock import Clock
from kernel.crm import Changed, Move, Record, Workday

MINUTE = timedelta(minutes=1)
DUE = "next_contact"  #: the date by which something has to be done about a deal


def changed(finder: Finder, layout: Layout, since_when: Mapping[str, datetime], zone: ZoneInfo, site: str) -> list[Changed]:
    """One list an entity. Times come without seconds, so a record may have changed until the minute's end."""
    found = []
    for entity, since in since_when.items():
        plan = layout.plan(entity)
        for raw in finder.records(plan, {}, None, since):
            one = records.record(plan, raw, zone, site, {})
            at = one.changed_at or one.created_at or since
            found.append(Changed(one.entity, one.id, at.replace(second=0, microsecond=0) + MINUTE, record=one))
    return found


def moves(client: Client, layout: Layout, plan: EntityPlan, number: int, zone: ZoneInfo) -> list[Move] | None:
    """Changes of status stand among the comments, each with the old and the new one. What they say of how a task began is
    the old status of the first."""
    if plan.kind != "task":
        return None
    words = {number: _word(plan, labels) for number, labels in layout.statuses(plan.object_id)}
    newest = itertools.islice(
        client.history(plan.kind, number), limits.COMMENT_PAGES_LOOKED_THROUGH * limits.PAGE_RECORDS_MAX
    )
    told = sorted(
        (raw for raw in newest if isinstance(raw.get("changeStatus"), dict)), key=lambda r: records.number_in(r["id"])
    )
    found = []
    for raw in told:
        to = records.number_in(raw["changeStatus"].get("newStatusId"))
        by = person(raw.get("owner"), "user")
        stage, label = words.get(to, (None, ""))
        at = moment_of(raw.get("dateTime"), zone)
        if to and at:
            found.append(Move(str(records.number_in(raw.get("id"))), stage, label, at, by=by.id if by else ""))
    return found


def overdue(finder: Finder, layout: Layout, people: Iterable[str], clock: Clock, zone: ZoneInfo) -> dict[str, int]:
    """Planfix has no activities: an open deal whose «next contact» lies before today is overdue for its people."""
    counts = dict.fromkeys(people, 0)
    entity = layout.mapping.entities.get("deal")
    if entity is None or DUE not in entity.field or not counts:
        return counts
    plan = layout.plan("deal")
    slot = plan.slots[DUE]
    if slot.portal is None or slot.portal.type != types.DATE:
        return counts
    today = clock.now().astimezone(zone).date()
    before = condition(
        CUSTOM[types.DATE], {"dateType": "otherDate", "dateValue": f"{today:%d-%m-%Y}"}, operator="lt", field=slot.portal.id
    )
    for raw in finder.narrowed(plan, [before]):
        record = records.record(plan, raw, zone, "", {})
        due = record.values.get(DUE)
        if _ended(plan, record) or not isinstance(due, date) or due >= today:
            continue
        for one in _people(plan, record) & set(counts):
            counts[one] += 1
    return counts


def workdays(people: Iterable[str]) -> dict[str, Workday]:
    """Planfix keeps no working day, so nothing may depend on it."""
    return dict.fromkeys(people, "off")


def _word(plan: EntityPlan, labels: Iterable[str]) -> tuple[str | None, str]:
    names = tuple(labels)
    return next((stage for one in names if (stage := plan.map.stage_of(one))), None), next(iter(names), "")


def _ended(plan: EntityPlan, record: Record) -> bool:
    stage = plan.map.stage.get(record.stage or "")
    return stage is not None and (bool(stage.outcome) or not stage.next)


def _people(plan: EntityPlan, record: Record) -> set[str]:
    return {
        ref.id
        for name, field in plan.map.field.items()
        if field.type in ("user", "users")
        for ref in refs(record.values.get(name))
    }
