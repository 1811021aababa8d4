"""Filters of the lists (contract 2.8, checklist 13): which type means what; all conditions are joined with AND."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.planfix.conditions import (
    CUSTOM_SHAPES,
    ROW_SHAPES,
    Getter,
    Nonsense,
    Test,
    among,
    by_row,
    combine,
    custom,
    date_is,
    filled,
    flag_is,
    number_of,
    person_of,
    text_is,
    unsupported,
)  # fmt: skip
from sandbox.planfix.model import Contact, Entry, Task, User
from sandbox.planfix.state import Portal


def for_tasks(portal: Portal, conditions: Any, viewer: User) -> Test:
    """Conditions of /task/list."""

    def assignee(task: Task) -> set[str]:
        members = {u.id for u in portal.users.values() if set(u.groups) & set(task.assignees.groups)}
        return set(task.assignees.users) | members

    def above(task: Task) -> set[int]:
        found: set[int] = set()
        while task.parent and task.parent not in found:
            found.add(task.parent)
            task = portal.tasks.get(task.parent, task)
        return found

    people: dict[int, Getter] = {
        1: lambda t: t.assigner, 2: assignee, 97: lambda t: t.assignees.users, 39: lambda t: t.participants.users,
    }  # fmt: skip
    numbers: dict[int, Getter] = {
        5: lambda t: t.project, 10: lambda t: t.status, 24: lambda t: portal.objects[t.object].process,
        51: lambda t: t.object, 325: lambda t: t.object, 57: lambda t: t.id, 73: lambda t: t.parent, 307: above,
        11: lambda t: {row.tag for row in portal.rows_of(task=t.id)},
    }  # fmt: skip
    moments: dict[int, Getter] = {
        12: lambda t: t.created, 13: lambda t: t.start and t.start.at, 14: lambda t: t.end and t.end.at,
        19: lambda t: t.completed, 20: lambda t: t.completed, 38: lambda t: t.changed,
        21: lambda t: max(filter(None, (t.changed, t.commented)), default=None),
        79: lambda t: max(filter(None, (t.changed, t.commented)), default=None),
    }  # fmt: skip

    def make(condition: dict[str, Any]) -> Test:
        kind = condition["type"]
        if kind in people:
            return among(condition, people[kind], person_of("user"))
        if kind == 7:
            return among(condition, lambda t: t.counterparty, person_of("contact"))
        if kind in numbers:
            return among(condition, numbers[kind], number_of)
        if kind == 18:
            turned = {**condition, "operator": "notequal"}
            return among(turned, numbers[11], number_of)
        if kind in moments:
            return date_is(portal, viewer, condition, moments[kind])
        if kind == 8:
            return text_is(condition, lambda t: t.name, contains=True)
        if kind == 9:
            return text_is(condition, lambda t: t.priority)
        if kind == 93:
            return by_row(portal, viewer, condition, lambda t: list(portal.rows_of(task=t.id)))
        if kind in (152, 153):
            return filled(condition, kind == 153)
        if 101 <= kind <= 117 and kind - 100 in CUSTOM_SHAPES:
            return custom(portal, viewer, condition, CUSTOM_SHAPES[kind - 100])
        raise unsupported(kind)

    return combine(conditions, make)


def for_contacts(portal: Portal, conditions: Any, viewer: User) -> Test:
    """Conditions of /contact/list. There is NO filter for Instagram."""

    def digits(value: Any) -> str:
        return "".join(filter(str.isdigit, str(value)))

    def by_phone(condition: dict[str, Any]) -> Test:
        wanted = digits(condition.get("value") or "")
        if not wanted:
            raise Nonsense
        return lambda c: any(wanted in digits(phone["number"]) for phone in c.phones)

    def telegram(contact: Contact) -> str:
        return str(contact.plain.get("telegram", "")).lstrip("@").lower()

    texts: dict[int, tuple[Getter, bool]] = {
        4001: (lambda c: c.full_name, True), 4005: (lambda c: c.plain.get("email"), True),
        4026: (lambda c: c.plain.get("email"), False), 4226: (telegram, False),
        4234: (lambda c: c.plain.get("telegramId"), False),
    }  # fmt: skip

    def make(condition: dict[str, Any]) -> Test:
        kind = condition["type"]
        if kind == 4234 and isinstance(condition.get("value"), int):
            condition = {**condition, "value": str(condition["value"])}
        if kind in texts:
            return text_is(condition, *texts[kind])
        if kind == 4003:
            return by_phone(condition)
        if kind in (4006, 4007):
            return flag_is(condition, lambda c: c.company == (kind == 4006))
        if kind in (4008, 4016, 4231):
            name = {4008: "group", 4016: "template", 4231: "id"}[kind]
            return among(condition, lambda c: getattr(c, name), number_of)
        if kind in (12, 38):
            return date_is(portal, viewer, condition, lambda c: c.created if kind == 12 else c.changed or c.created)
        if kind in (1, 2):
            return among(condition, lambda c: c.added_by if kind == 1 else c.supervisors.users, person_of("user"))
        if kind == 93:
            return by_row(portal, viewer, condition, lambda c: list(portal.rows_of(contact=c.id)))
        if kind in (4152, 4153):
            return filled(condition, kind == 4153)
        if 4101 <= kind <= 4118:
            return custom(portal, viewer, condition, CUSTOM_SHAPES[kind - 4100])
        raise unsupported(kind)

    return combine(conditions, make)


def for_rows(portal: Portal, conditions: Any, viewer: User) -> Test:
    """Conditions of /datatag/{id}/entry/list: on the row, and some on its task. None for lists (type 8)."""

    def make(condition: dict[str, Any]) -> Test:
        kind = condition["type"]
        if kind in ROW_SHAPES:
            return custom(portal, viewer, condition, ROW_SHAPES[kind])
        if kind in (1, 5, 7, 10, 12, 24, 51, 325):
            test = for_tasks(portal, [condition], viewer)
            return lambda row: row.task in portal.tasks and test(portal.tasks[row.task])
        raise unsupported(kind)

    return combine(conditions, make)


def for_entries(portal: Portal, conditions: Any, viewer: User) -> Test:
    """Conditions of directory entries."""

    def make(condition: dict[str, Any]) -> Test:
        kind = condition["type"]
        plain: dict[int, Callable[[Entry], Any]] = {6006: lambda e: e.key, 6003: lambda e: e.parent}
        if kind in plain:
            return among(condition, plain[kind], number_of)
        if kind == 6005:
            return flag_is(condition, lambda e: e.archived)
        if 6101 <= kind <= 6117 and kind - 6100 in CUSTOM_SHAPES:
            return custom(portal, viewer, condition, CUSTOM_SHAPES[kind - 6100])
        raise unsupported(kind)

    return combine(conditions, make)


def for_users(portal: Portal, conditions: Any, viewer: User) -> Test:
    """Conditions of /user/list."""

    def make(condition: dict[str, Any]) -> Test:
        kind = condition["type"]
        if kind == 9001:
            return among(condition, lambda u: u.groups, number_of)
        if kind == 9126:
            return text_is(
                {**condition, "value": str(condition.get("value") or "")}, lambda u: u.telegram_id, contains=False
            )
        if kind in (9003, 9006):
            return text_is(condition, lambda u: u.email if kind == 9003 else u.full_name, contains=kind == 9006)
        if kind == 9008:
            return among(condition, lambda u: number_of(u.id), number_of)
        raise unsupported(kind)

    return combine(conditions, make)
