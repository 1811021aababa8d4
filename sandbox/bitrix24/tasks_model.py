"""Tasks of the portal: what one is, how it changes, who may see it. Both versions of REST stand on this."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.bitrix24 import formats
from sandbox.bitrix24.people import heads_over
from sandbox.bitrix24.state import Portal

PENDING, IN_PROGRESS, CONTROL, COMPLETED, DEFERRED = "2", "3", "4", "5", "6"
STATUSES = (PENDING, IN_PROGRESS, CONTROL, COMPLETED, DEFERRED)
PLAN_YEARS_MAX = 60
Task = dict[str, Any]
#: name in the classic dialect, kind, what it is at first
TABLE: tuple[tuple[str, str, Any], ...] = (
    ("ID", "integer", None), ("PARENT_ID", "integer", None), ("TITLE", "string", ""), ("DESCRIPTION", "string", ""),
    ("MARK", "string", None), ("PRIORITY", "integer", 1), ("MULTITASK", "flag", "N"), ("NOT_VIEWED", "flag", "N"),
    ("REPLICATE", "flag", "N"), ("STAGE_ID", "integer", 0), ("SPRINT_ID", "integer", None), ("BACKLOG_ID", "integer", None),
    ("CREATED_BY", "integer", 0), ("CREATED_DATE", "datetime", None), ("RESPONSIBLE_ID", "integer", 0),
    ("CHANGED_BY", "integer", None), ("CHANGED_DATE", "datetime", None), ("STATUS_CHANGED_BY", "integer", None),
    ("CLOSED_BY", "integer", None), ("CLOSED_DATE", "datetime", None), ("ACTIVITY_DATE", "datetime", None),
    ("DATE_START", "datetime", None), ("DEADLINE", "datetime", None), ("START_DATE_PLAN", "datetime", None),
    ("END_DATE_PLAN", "datetime", None), ("GUID", "string", None), ("XML_ID", "string", None),
    ("COMMENTS_COUNT", "integer", None), ("SERVICE_COMMENTS_COUNT", "integer", None),
    ("ALLOW_CHANGE_DEADLINE", "flag", "N"), ("ALLOW_TIME_TRACKING", "flag", "N"), ("TASK_CONTROL", "flag", "N"),
    ("ADD_IN_REPORT", "flag", "N"), ("FORKED_BY_TEMPLATE_ID", "integer", None), ("TIME_ESTIMATE", "integer", 0),
    ("TIME_SPENT_IN_LOGS", "integer", None), ("MATCH_WORK_TIME", "flag", "N"), ("FORUM_TOPIC_ID", "integer", None),
    ("FORUM_ID", "integer", None), ("SITE_ID", "string", "s1"), ("SUBORDINATE", "flag", "N"),
    ("EXCHANGE_MODIFIED", "datetime", None), ("EXCHANGE_ID", "integer", None), ("OUTLOOK_VERSION", "integer", 1),
    ("VIEWED_DATE", "datetime", None), ("SORTING", "string", None), ("DURATION_FACT", "integer", None),
    ("IS_MUTED", "flag", "N"), ("IS_PINNED", "flag", "N"), ("IS_PINNED_IN_GROUP", "flag", "N"), ("FLOW_ID", "integer", None),
    ("DESCRIPTION_IN_BBCODE", "flag", "Y"), ("STATUS", "string", PENDING), ("STATUS_CHANGED_DATE", "datetime", None),
    ("DURATION_PLAN", "integer", None), ("DURATION_TYPE", "string", "days"), ("FAVORITE", "flag", "N"),
    ("GROUP_ID", "integer", 0), ("AUDITORS", "people", ()), ("ACCOMPLICES", "people", ()), ("TAGS", "texts", ()),
    ("UF_CRM_TASK", "texts", ()), ("UF_TASK_WEBDAV_FILES", "texts", ()), ("UF_MAIL_MESSAGE", "string", None),
)  # fmt: skip
KINDS = {name: kind for name, kind, _ in TABLE}
READ_ONLY = frozenset({
    "ID", "CREATED_DATE", "CHANGED_BY", "CHANGED_DATE", "STATUS_CHANGED_BY", "STATUS_CHANGED_DATE", "CLOSED_BY",
    "CLOSED_DATE", "ACTIVITY_DATE", "GUID", "COMMENTS_COUNT", "SERVICE_COMMENTS_COUNT", "OUTLOOK_VERSION",
})  # fmt: skip


class BadTask(Exception):
    """A task that cannot be so; `name` is the field in the classic dialect."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name, self.text = name, text


@dataclass(eq=False)
class Comment:
    id: int
    task: int
    author: int
    text: str
    at: datetime


@dataclass
class Tasks:
    rows: dict[int, Task] = field(default_factory=dict)
    comments: dict[int, Comment] = field(default_factory=dict)


def attach(sandbox: Any) -> None:
    sandbox.counts.append(lambda portal: {
        "tasks": len(portal.area(Tasks).rows), "task_comments": len(portal.area(Tasks).comments),
    })  # fmt: skip


def camel(name: str) -> str:
    """`CREATED_DATE` is `createdDate` in answers."""
    first, *rest = name.lower().split("_")
    return first + "".join(part.capitalize() for part in rest)


def read(portal: Portal, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Written fields of the classic dialect as they are kept; unknown ones are passed over, as the portal does."""
    values: dict[str, Any] = {}
    for key, value in sent.items():
        name = str(key).upper()
        if name in KINDS and name not in READ_ONLY:
            values[name] = _read_one(portal, KINDS[name], value)
    return values


def _read_one(portal: Portal, kind: str, value: Any) -> Any:
    if kind == "integer":
        return formats.integer(value)
    if kind == "datetime":
        return formats.parse_time(value, portal.zone)
    if kind == "flag":
        return formats.yn(value)
    if kind == "people":
        return [number for number in (formats.integer(item) for item in formats.items(value)) if number is not None]
    if kind == "texts":
        return [str(item) for item in formats.items(value)]
    return None if value is None else str(value)


def _check(portal: Portal, task: Task) -> None:
    if not str(task["TITLE"] or "").strip():
        raise BadTask("TITLE", "Task name not specified.")
    if not task["RESPONSIBLE_ID"]:
        raise BadTask("RESPONSIBLE_ID", "Responsible person is not specified.")
    for name, words in (("RESPONSIBLE_ID", "Responsible person"), ("CREATED_BY", "Creator")):
        if str(task[name]) not in portal.people:
            raise BadTask(name, f'The user specified in the field "{words}" was not found.')
    if task["STATUS"] not in STATUSES:
        raise BadTask("STATUS", "Invalid status.")
    start, end = task["START_DATE_PLAN"], task["END_DATE_PLAN"]
    if start and end and end < start:
        raise BadTask("END_DATE_PLAN", "The planned end date is earlier than the start date.")
    if start and end and end.year - start.year > PLAN_YEARS_MAX:
        raise BadTask("END_DATE_PLAN", "The planned duration is too long.")
    _check_parent(portal, task)


def _check_parent(portal: Portal, task: Task) -> None:
    rows, parent = portal.area(Tasks).rows, task["PARENT_ID"]
    if not parent:
        return
    if parent not in rows:
        raise BadTask("PARENT_ID", 'The task specified in the field "Parent task" was not found.')
    if parent == task["ID"]:
        raise BadTask("PARENT_ID", "Cannot link a node to itself.")
    above: int | None = parent
    seen: set[int] = set()
    while above in rows and above not in seen:
        seen.add(above)
        above = rows[above]["PARENT_ID"]
        if above is not None and above == task["ID"]:
            raise BadTask("PARENT_ID", "Circular links between tasks are not allowed.")


def create(portal: Portal, values: Mapping[str, Any], actor: str) -> Task:
    """A new task. Raises BadTask."""
    now = portal.now()
    task: Task = {name: list(first) if isinstance(first, tuple) else first for name, _, first in TABLE}
    task |= {"CREATED_BY": int(actor), **values, "ID": None}
    task["STATUS"] = str(task["STATUS"] or PENDING)
    _check(portal, task)
    ident = portal.next_id("task")
    key = portal.secret("task", ident)
    task |= {
        "ID": ident, "CREATED_DATE": now, "CHANGED_DATE": now, "CHANGED_BY": int(actor), "ACTIVITY_DATE": now,
        "STATUS_CHANGED_DATE": now, "GUID": f"{{{key[:8]}-{key[8:12]}-{key[12:16]}-{key[16:20]}-{key[20:32]}}}",
    }  # fmt: skip
    portal.area(Tasks).rows[ident] = task
    _event(portal, "ADD", {"FIELDS_BEFORE": "undefined", "FIELDS_AFTER": {"ID": ident}, "IS_ACCESSIBLE_BEFORE": "N"}, actor)
    return task


def change(portal: Portal, task: Task, values: Mapping[str, Any], actor: str) -> None:
    """Write values. Raises BadTask, and nothing is written."""
    changed = {name: value for name, value in values.items() if task.get(name) != value}
    _check(portal, {**task, **changed})
    if not changed:
        return
    now = portal.now()
    if "STATUS" in changed:
        closed = changed["STATUS"] == COMPLETED
        changed |= {"STATUS_CHANGED_BY": int(actor), "STATUS_CHANGED_DATE": now}
        changed |= {"CLOSED_BY": int(actor) if closed else 0, "CLOSED_DATE": now if closed else None}
        if changed["STATUS"] == IN_PROGRESS:
            changed["DATE_START"] = task["DATE_START"] or now
    task |= {**changed, "CHANGED_BY": int(actor), "CHANGED_DATE": now, "ACTIVITY_DATE": now}
    task["OUTLOOK_VERSION"] += 1
    ident = task["ID"]
    _event(portal, "UPDATE", {"FIELDS_BEFORE": {"ID": ident}, "FIELDS_AFTER": {"ID": ident}}, actor)


def remove(portal: Portal, task: Task, actor: str) -> None:
    area = portal.area(Tasks)
    del area.rows[task["ID"]]
    for other in area.rows.values():
        other["PARENT_ID"] = None if other["PARENT_ID"] == task["ID"] else other["PARENT_ID"]
    for comment in [one for one in area.comments.values() if one.task == task["ID"]]:
        del area.comments[comment.id]
    _event(portal, "DELETE", {"FIELDS_BEFORE": {"ID": task["ID"]}, "FIELDS_AFTER": "undefined"}, actor)


def _event(portal: Portal, what: str, data: Mapping[str, Any], actor: str) -> None:
    portal.raise_event(f"ONTASK{what}", data, actor)


# -- comments


def say(portal: Portal, task: Task, author: int, text: str, actor: str) -> Comment:
    """A new comment in a task."""
    comment = Comment(portal.next_id("task_comment"), task["ID"], author, text, portal.now())
    portal.area(Tasks).comments[comment.id] = comment
    task |= {"COMMENTS_COUNT": (task["COMMENTS_COUNT"] or 0) + 1, "ACTIVITY_DATE": comment.at}
    comment_event(portal, "ADD", comment, actor)
    return comment


def comment_event(portal: Portal, what: str, comment: Comment, actor: str) -> None:
    known = {"ID": comment.id, "MESSAGE_ID": comment.id, "TASK_ID": comment.task}
    data = {
        "FIELDS_BEFORE": "undefined" if what == "ADD" else known,
        "FIELDS_AFTER": "undefined" if what == "DELETE" else {**known, "ACTION": what},
    }
    _event(portal, f"COMMENT{what}", data, actor)


# -- who may see


def visible(portal: Portal, task: Task, user_id: str, admin: bool) -> bool:
    """Administrators see all, heads what is their people's, others what they take part in."""
    members = _members(task)
    return admin or user_id in members or any(user_id in heads_over(portal, member) for member in members)


def _members(task: Task) -> set[str]:
    return {str(number) for number in (task["CREATED_BY"], task["RESPONSIBLE_ID"], *task["AUDITORS"], *task["ACCOMPLICES"])}


def may_edit(portal: Portal, task: Task, user_id: str, admin: bool) -> bool:
    own = {str(task["CREATED_BY"]), str(task["RESPONSIBLE_ID"])}
    return admin or user_id in own or any(user_id in heads_over(portal, member) for member in own)


def seen_by(portal: Portal, user_id: str, admin: bool) -> Iterable[Task]:
    return [task for task in portal.area(Tasks).rows.values() if visible(portal, task, user_id, admin)]


def is_overdue(portal: Portal, task: Task) -> bool:
    return bool(task["DEADLINE"]) and task["STATUS"] not in (COMPLETED, CONTROL) and task["DEADLINE"] < portal.now()
