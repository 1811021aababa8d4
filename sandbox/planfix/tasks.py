"""Tasks (deals) and checklists over REST (contract 3.1, 3.5)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from sandbox.planfix import changes, errors, filters, showing, web
from sandbox.planfix.changes import Hand
from sandbox.planfix.model import Check, Status, Task, User
from sandbox.planfix.queue import BusyQueue
from sandbox.planfix.state import Portal


def status_out(status: Status) -> dict[str, Any]:
    """All that a status tells; transitions are NOT exposed."""
    return {
        "id": status.id, "name": status.name, "color": status.color, "isActive": status.active,
        "hasDeadline": status.deadline, "isAppliedIndividually": False,
        "texts": [{"lang": "Ru", "name": status.name}],
    }  # fmt: skip


def rows_out(portal: Portal, keys: list[int]) -> list[dict[str, Any]]:
    """`dataTags` of a card or comment: which table, which key."""
    rows = (portal.rows[key] for key in keys)
    return [
        {"dataTag": {"id": r.tag, "name": portal.tags[r.tag].name if r.tag in portal.tags else ""}, "key": r.key}
        for r in rows
    ]


def task_out(portal: Portal, task: Task, names: web.Wanted, viewer: User) -> dict[str, Any]:
    """One task with the asked fields; unset ones are absent."""
    definition = portal.objects[task.object]
    status = portal.statuses.get(task.status)
    makers: dict[str, Any] = {
        "id": lambda: task.id,
        "name": lambda: task.name,
        "description": lambda: task.description,
        "priority": lambda: task.priority,
        "status": lambda: status_out(status) if status else {"id": task.status},
        "processId": lambda: definition.process,
        "resultChecking": lambda: False,
        "type": lambda: "Task",
        "assigner": lambda: web.person_out(portal, task.assigner),
        "parent": lambda: {"id": task.parent} if task.parent else None,
        "object": lambda: {"id": task.object},
        "template": lambda: {"id": task.object},
        "project": lambda: {"id": task.project} if task.project else None,
        "counterparty": lambda: web.person_out(portal, task.counterparty) if task.counterparty else None,
        "dateTime": lambda: web.moment_out(portal, task.created, viewer),
        "startDateTime": lambda: web.moment_out(portal, task.start, viewer),
        "endDateTime": lambda: web.moment_out(portal, task.end, viewer),
        "hasStartDate": lambda: task.start is not None,
        "hasEndDate": lambda: task.end is not None,
        "hasStartTime": lambda: bool(task.start and task.start.timed),
        "hasEndTime": lambda: bool(task.end and task.end.timed),
        "actualCompletionDate": lambda: web.moment_out(portal, task.completed, viewer),
        "dateOfLastUpdate": lambda: web.moment_out(portal, task.changed, viewer),
        "dateOfLastComment": lambda: web.moment_out(portal, task.commented, viewer),
        "overdue": lambda: bool(task.end and task.end.at < portal.clock.now() and (status is None or status.active)),
        "isDeleted": lambda: task.deleted,
        "assignees": lambda: web.people_out(portal, task.assignees),
        "participants": lambda: web.people_out(portal, task.participants),
        "auditors": lambda: web.people_out(portal, task.auditors),
        "files": lambda: files_out(portal, task.files),
        "dataTags": lambda: rows_out(portal, portal.task_rows.get(task.id, [])),
        "sourceObjectId": lambda: task.source_object_id or None,
        "sourceDataVersion": lambda: task.source_data_version or None,
    }
    made = {name: make() for name, make in makers.items() if name in names}
    shown = {name: value for name, value in made.items() if value is not None}
    if names.numbers:
        sums = showing.totals(portal, "task", task.object, task=task.id)
        shown |= showing.custom(portal, task.values, names.numbers, "task", task.object, viewer, sums)
    return shown


def files_out(portal: Portal, numbers: list[int]) -> list[dict[str, Any]]:
    """Files with their size in kilobytes, rounded up (contract 3.5)."""
    stored = (portal.files[n] for n in numbers if n in portal.files)
    return [{"id": f.id, "name": f.name, "size": -(-len(f.content) // 1024)} for f in stored]


def routes(rest: Blueprint, portal: Portal, busy: BusyQueue) -> None:
    """Register /task…"""

    @rest.post("/task/")
    def task_create() -> Response:
        task = changes.create_task(portal, web.body(), Hand(web.viewer(), web.silent()))
        return web.answer({"id": task.id}, 201)

    @rest.get("/task/<ident:number>")
    def task_get(number: int) -> Response:
        task = portal.task(number, web.viewer())
        return web.answer({"task": task_out(portal, task, web.wanted(), web.viewer())})

    @rest.post("/task/<ident:number>")
    def task_update(number: int) -> Response:
        data, hand = web.body(), Hand(web.viewer(), web.silent())
        task = portal.tasks.get(number)
        if task is None:
            raise errors.Refusal(404, 1000, f"Task for update not found by id {number}")
        if not portal.may_see(hand.user, task):
            raise errors.no_access("task")
        if busy.is_busy(f"task:{number}"):
            busy.put(f"task:{number}", lambda: changes.update_task(portal, task, data, hand))
            return web.answer(None, 202)
        return web.updated(portal, changes.update_task(portal, task, data, hand))

    @rest.post("/task/list")
    def task_list() -> Response:
        data, user = web.body(), web.viewer()
        as_user = portal.users.get(str(data.get("runAsUserId") or ""))
        if as_user and user.role in ("Admin", "Robot"):
            user = as_user
        test = filters.for_tasks(portal, data.get("filters"), user)
        # Records are made in ascending order of id, and no `sort` is obeyed (contract 2.5).
        hide = portal.faults.word("deleted_tasks") == "hidden"
        found = [t for t in portal.tasks.values() if not (hide and t.deleted) and portal.may_see(user, t) and test(t)]
        names = web.wanted(data)
        return web.answer({"tasks": [task_out(portal, t, names, web.viewer()) for t in web.page(portal, found, data)]})

    @rest.post("/task/filters")
    def task_filters() -> Response:
        return web.answer({"filters": [{"id": ":all", "name": "All"}, {"id": ":in", "name": "Incoming"}]})

    @rest.get("/task/templates")
    def task_templates() -> Response:
        names = web.wanted()
        found = web.page(portal, list(portal.objects.values()))
        return web.answer({"templates": [web.pick({"id": o.id, "name": o.name}, names) for o in found]})

    @rest.get("/task/recurring")
    def task_recurring() -> Response:
        return web.answer({"tasks": []})

    @rest.get("/task/<ident:number>/files")
    def task_files(number: int) -> Response:
        return web.answer({"files": files_out(portal, portal.task(number, web.viewer()).files)})

    @rest.post("/task/<ident:number>/checklist/list")
    def checklist_list(number: int) -> Response:
        task, data = portal.task(number, web.viewer()), web.body()
        names = web.wanted(data)
        items = [check_out(portal, portal.checks[n], names) for n in web.page(portal, task.checklist, data)]
        return web.answer({"items": items})

    @rest.post("/task/<ident:number>/checklist")
    def checklist_add(number: int) -> Response:
        task, data = portal.task(number, web.viewer()), web.body()
        name = str(data.get("name") or "").strip()
        if not name:
            raise errors.Refusal(400, 601, "Checklist item not created")
        item = Check(portal.next_id("task"), task.id, name, portal.clock.now(), data.get("isDone") is True)
        item.assignees = web.people_in(data.get("assignees"), web.viewer())
        portal.checks[item.id] = item
        task.checklist.append(item.id)
        return web.answer({"id": item.id}, 201)

    def check_of(number: int, item: int) -> Check:
        portal.task(number, web.viewer())
        check = portal.checks.get(item)
        if check is None or check.task != number:
            raise errors.Refusal(400, 600, f"Checklist item not found by id {item}")
        return check

    @rest.get("/task/<ident:number>/checklist/<int:item>")
    def checklist_get(number: int, item: int) -> Response:
        return web.answer({"item": check_out(portal, check_of(number, item), web.wanted())})

    @rest.post("/task/<ident:number>/checklist/<int:item>")
    def checklist_update(number: int, item: int) -> Response:
        check, data = check_of(number, item), web.body()
        check.name = str(data.get("name") or check.name)
        check.done = data["isDone"] if isinstance(data.get("isDone"), bool) else check.done
        if "assignees" in data:
            check.assignees = web.people_in(data["assignees"], web.viewer())
        return web.updated(portal, field="name")


def check_out(portal: Portal, check: Check, names: web.Wanted) -> dict[str, Any]:
    """A checklist item; its parent is the task."""
    return web.pick(
        {"id": check.id, "name": check.name, "isDone": check.done, "parent": {"id": check.task},
         "assignees": web.people_out(portal, check.assignees)}, names)  # fmt: skip
