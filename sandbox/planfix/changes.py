"""Every change of a task goes through here, whoever makes it: REST, a script, a chat or an incoming webhook."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.planfix import errors, fields, web
from sandbox.planfix.model import Comment, Task, User
from sandbox.planfix.state import Change, Portal

PEOPLE_KEYS = ("assignees", "participants", "auditors")


@dataclass(frozen=True)
class Hand:
    """Who changes something: `chain` names the scripts that led to it, `silent` comes from the query."""

    user: User
    silent: bool = False
    chain: frozenset[str] = field(default_factory=frozenset)


def tell(portal: Portal, hand: Hand, change: Change) -> None:
    """Let the scripts see a change; under silent=true only if the switch says so (checklist 27)."""
    if not hand.silent or portal.faults.on("silent_fires"):
        portal.fire(change)


def add_comment(portal: Portal, comment: Comment) -> Comment:
    """Keep a comment or a log entry."""
    portal.comments[comment.id] = comment
    index, owner = (portal.task_comments, comment.task) if comment.task else (portal.contact_comments, comment.contact)
    index.setdefault(owner, []).append(comment.id)
    if comment.task and comment.type == "Comment":
        portal.tasks[comment.task].commented = comment.at
    return comment


def create_task(portal: Portal, data: dict[str, Any], hand: Hand) -> Task:
    """A new task by its object or template; both carry one number (contract 3.1)."""
    source = str(data.get("sourceObjectId") or "")
    if source and portal.faults.word("duplicate_source_id") == "refuse":
        for other in portal.tasks.values():
            if other.source_object_id == source:
                raise errors.Refusal(400, 1001, f"Task already exists for {source}")
    owner = _object_for(portal, data)
    statuses = portal.objects[owner].statuses
    now = portal.clock.now()
    task = Task(
        id=0, name=str(data.get("name") or ""), object=owner, status=statuses[0], created=now,
        assigner=hand.user.id, changed=now, description=str(data.get("description") or ""),
    )  # fmt: skip
    status = web.ref(data.get("status")) if data.get("status") is not None else 0
    if status:
        task.status = _known_status(portal, owner, status)
    task.source_object_id, task.source_data_version = source, str(data.get("sourceDataVersion") or "")
    _set_system(portal, task, data, hand.user)
    fields.store(task.values, fields.take(portal, data.get("customFieldData"), "task", owner, hand.user))
    task.id = portal.next_id("task")
    if not portal.statuses[task.status].active:
        task.completed = now
    portal.tasks[task.id] = task
    add_comment(portal, Comment(portal.next_id("comment"), task.assigner, now, task.description, task=task.id, first=True))
    tell(portal, hand, Change("created", task.id, hand.user.id, chain=hand.chain))
    return task


def update_task(portal: Portal, task: Task, data: dict[str, Any], hand: Hand) -> list[dict[str, str]]:
    """A partial change; returns the `failures` of the answer (contract 2.3)."""
    failures: list[dict[str, str]] = []
    status = web.ref(data.get("status")) if data.get("status") is not None else 0
    owner = _asked_object(portal, task, data, hand)
    moves = owner != task.object
    if status:
        _known_status(portal, owner, status)
        if status != task.status and not moves and not _may_go(portal, task, status):
            failures.append({"field": "status", "error": "Field change failed"})
            status = 0
    taken = fields.take(portal, data.get("customFieldData"), "task", owner, hand.user)
    what = _set_system(portal, task, data, hand.user)
    what |= {portal.fields["task"][number].name for number in fields.store(task.values, taken)}
    now = portal.clock.now()
    if moves:
        task.object = owner
        what.add("object")
        if not status and task.status not in portal.objects[owner].statuses:
            status = portal.objects[owner].statuses[0]
    if status and status != task.status:
        old, task.status = task.status, status
        task.completed = None if portal.statuses[status].active else now
        what.add("status")
        if not hand.silent and (not moves or portal.faults.on("object_change_logged")):  # silent: no entry (contract 2.3)
            entry = Comment(portal.next_id("comment"), hand.user.id, now, task=task.id, type="None")
            entry.old_status, entry.new_status = old, status
            add_comment(portal, entry)
    if what:
        task.changed = now
        tell(portal, hand, Change("changed", task.id, hand.user.id, frozenset(what), hand.chain))
    return failures


def _object_for(portal: Portal, data: dict[str, Any]) -> int:
    for key in ("object", "template"):
        number = web.ref(data.get(key))
        if number in portal.objects:
            return number
    process = web.ref(data.get("processId"))
    by_process = next((o.id for o in portal.objects.values() if process and o.process == process), 0)
    return by_process or next((o.id for o in portal.objects.values() if not o.fields), next(iter(portal.objects)))


def _asked_object(portal: Portal, task: Task, data: dict[str, Any], hand: Hand) -> int:
    """Under which object the task shall stand. People do it in the interface; of REST the schema has it, no source a try."""
    asked = next((number for key in ("object", "template") if (number := web.ref(data.get(key))) in portal.objects), 0)
    if not asked or (hand.user.is_robot and portal.faults.word("object_by_rest") == "ignored"):
        return task.object
    return asked


def _known_status(portal: Portal, owner: int, number: int) -> int:
    if number not in portal.statuses or number not in portal.objects[owner].statuses:
        raise errors.bad_value(f"Status not find by id {number}")
    return number


def _may_go(portal: Portal, task: Task, number: int) -> bool:
    """Transition rules of the status set; whether REST obeys them is UNCONFIRMED, so a switch."""
    allowed = portal.statuses[task.status].next
    return not portal.faults.on("status_rules") or allowed is None or number in allowed


def _set_system(portal: Portal, task: Task, data: dict[str, Any], author: User) -> set[str]:
    """System fields that were sent; names of those that differ now."""
    before = _system_values(task)
    for key in ("name", "description"):
        if isinstance(data.get(key), str):
            setattr(task, key, data[key])
    if "priority" in data:  # an unknown priority: NotUrgent (checklist 6)
        task.priority = "Urgent" if data["priority"] == "Urgent" else "NotUrgent"
    for key in ("parent", "project"):
        if key in data:
            setattr(task, key, web.ref(data[key]))
    if "counterparty" in data:
        ident = fields.person_ident(data["counterparty"], "contact") or ""
        task.counterparty = ident if ident and portal.person_exists(ident) else ""
    if data.get("assigner"):
        ident = fields.person_ident(data["assigner"], "user") or ""
        task.assigner = ident if portal.person_exists(ident) else author.id
    for key in PEOPLE_KEYS:
        if key in data:
            setattr(task, key, web.people_in(data[key], author))
    for key, name, flag in (("startDateTime", "start", "hasStartDate"), ("endDateTime", "end", "hasEndDate")):
        if key in data:
            setattr(task, name, web.moment_in(portal, data[key], author))
        if data.get(flag) is False:
            setattr(task, name, None)
    if isinstance(data.get("files"), list):  # replaces, [] removes (checklist 7)
        task.files = [n for n in map(web.ref, data["files"]) if n in portal.files]
    if isinstance(data.get("isDeleted"), bool):
        task.deleted = data["isDeleted"]
    after = _system_values(task)
    return {name for name, value in after.items() if value != before[name]}


SYSTEM_FIELDS = (
    "name", "description", "counterparty", "priority", "parent", "project", "assigner", "assignees", "participants",
    "auditors", "start", "end", "files", "deleted",
)  # fmt: skip


def _system_values(task: Task) -> dict[str, Any]:
    """A glimpse to compare with; lists and people are replaced, never changed in place."""
    return {name: getattr(task, name) for name in SYSTEM_FIELDS}
