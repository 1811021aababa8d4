"""Staff, and what they should have done by now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from connectors.planfix import field_types as types
from connectors.planfix import records
from connectors.planfix.client import Client, condition
from connectors.planfix.layout import EntityPlan, Layout
from connectors.planfix.search import CUSTOM, Finder
from connectors.planfix.system import full_name
from connectors.planfix.values import refs
from kernel.clock import Clock
from kernel.crm import Person, Record

DUE = "next_contact"  #: the date by which something has to be done about a deal
ADMIN = "Admin"
ROLES: Mapping[str, str] = {ADMIN: "owner", "Robot": "robot"}


class PlanfixPeople:
    """The list has nobody who left."""

    def __init__(self, client: Client, layout: Layout, finder: Finder, clock: Clock, zone: ZoneInfo) -> None:
        self._client, self._layout, self._finder, self._clock, self._zone = client, layout, finder, clock, zone

    def all(self) -> list[Person]:
        found = []
        for raw in self._client.users():
            number, role = records.number_in(raw.get("id")), str(raw.get("role") or "")
            if number:
                active = raw.get("status") != "Inactive"
                groups, jobs = _names(raw.get("groups")), _names([raw.get("position")])
                kind = ROLES.get(role, "staff")
                email, telegram = _text(raw.get("email")), _text(raw.get("telegramId"))
                found.append(
                    Person(
                        f"user:{number}", full_name(raw), kind, active, groups, positions=jobs, admin=role == ADMIN,
                        email=email, telegram=telegram,
                    )
                )  # fmt: skip
        return found

    def active(self, people: Iterable[str]) -> frozenset[str]:
        wanted = frozenset(people)
        return frozenset(one.id for one in self.all() if one.active and one.id in wanted) if wanted else frozenset()

    def overdue(self, people: Iterable[str]) -> Mapping[str, int]:
        """Planfix has no activities: an open deal whose «next contact» lies before today is overdue for its people."""
        counts = dict.fromkeys(people, 0)
        entity = self._layout.mapping.entities.get("deal")
        if entity is None or DUE not in entity.field or not counts:
            return counts
        plan = self._layout.plan("deal")
        slot = plan.slots[DUE]
        if slot.portal is None or slot.portal.type != types.DATE:
            return counts
        today = self._clock.now().astimezone(self._zone).date()
        before = condition(
            CUSTOM[types.DATE],
            {"dateType": "otherDate", "dateValue": f"{today:%d-%m-%Y}"},
            operator="lt",
            field=slot.portal.id,
        )
        for raw in self._finder.narrowed(plan, [before]):
            record = records.record(plan, raw, self._zone, "", {})
            due = record.values.get(DUE)
            if _ended(plan, record) or not isinstance(due, date) or due >= today:
                continue
            for one in _people(plan, record) & set(counts):
                counts[one] += 1
        return counts


def _text(raw: Any) -> str:
    """A number may come as one."""
    return str(raw).strip() if isinstance(raw, str | int) and not isinstance(raw, bool) else ""


def _names(response: Any) -> tuple[str, ...]:
    """The names of groups or positions, which come as objects with `id` and `name`."""
    listed = response if isinstance(response, list) else []
    names = [str(one.get("name") or "") if isinstance(one, dict) else str(one or "") for one in listed]
    return tuple(name for name in names if name)


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
