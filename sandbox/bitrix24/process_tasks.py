"""Tasks of business processes: bizproc.task.* (contract, section 9)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sandbox.bitrix24 import documents, people
from sandbox.bitrix24.doors import door
from sandbox.bitrix24.formats import integer, items, mapping, number, parse_time
from sandbox.bitrix24.process_model import Process, Processes, Script, end, selected
from sandbox.bitrix24.registry import Call, Listed, RestError, method
from sandbox.bitrix24.robots import SCOPE
from sandbox.bitrix24.state import Portal

if TYPE_CHECKING:
    from sandbox.bitrix24.server import Sandbox

KEPT_SECONDS = 24 * 3600  #: the cloud forgets a task a day after its process ended
SHOWN = ["ENTITY", "DOCUMENT_ID", "ID", "WORKFLOW_ID", "DOCUMENT_NAME", "NAME", "DOCUMENT_URL"]
RUNNING, YES, NO, OK, CANCEL = "0", "1", "2", "3", "4"
WORDS = {"yes": YES, "no": NO, "ok": OK, "cancel": CANCEL}
#: Which answers each kind of task takes.
ANSWERS = {
    "ApproveActivity": (YES, NO), "ReviewActivity": (OK,), "RequestInformationActivity": (OK,),
    "RequestInformationOptionalActivity": (OK, CANCEL),
}  # fmt: skip


@dataclass
class Task:
    id: int
    workflow: str
    user: str
    title: str
    activity: str
    document: list[str]
    script: Script
    status: str = RUNNING
    overdue: str | None = None
    modified: str = ""
    answers: dict[str, Any] = field(default_factory=dict)
    comment: str = ""


@dataclass
class Tasks:
    by_id: dict[int, Task] = field(default_factory=dict)


def ask(portal: Portal, process: Process, script: Script) -> Task:
    """Put the script's question to its person."""
    document = documents.parsed(process.document)
    fields = documents.fields_of(portal, document) if document else None
    user = script.user or str((fields or {}).get("ASSIGNED_BY_ID") or process.started_by)
    made = Task(portal.next_id("task"), process.id, user, script.title, script.activity, process.document, script)
    made.modified = portal.now().isoformat()
    if script.days:
        made.overdue = (portal.now() + timedelta(days=script.days)).isoformat()
    portal.area(Tasks).by_id[made.id] = made
    return made


def drop(portal: Portal, process: Process) -> None:
    area = portal.area(Tasks)
    area.by_id = {key: task for key, task in area.by_id.items() if task.workflow != process.id}


def _kept(portal: Portal) -> list[Task]:
    """Tasks the cloud still knows."""
    since = portal.clock.ticks() - KEPT_SECONDS
    running = portal.area(Processes).running
    kept = []
    for task in portal.area(Tasks).by_id.values():
        process = running.get(task.workflow)
        if process and (process.ended_s is None or process.ended_s > since):
            kept.append(task)
    return kept


@method("bizproc.task.list", scope=SCOPE)
def listed(call: Call) -> Listed:
    filter_ = {key.upper(): value for key, value in mapping(call.get("FILTER"), "FILTER").items()}
    tasks = _kept(call.portal)
    asked = [str(item) for key in ("USER_ID", "=USER_ID") for item in items(filter_.get(key))]
    if not call.client.admin:
        _check_subordinates(call, asked)
        tasks = [task for task in tasks if task.user in (asked or [call.client.user_id])]
    return selected(call, [_row(call.portal, task) for task in tasks], SHOWN, {"ID": "asc"})


def _check_subordinates(call: Call, users: list[str]) -> None:
    me = call.client.user_id
    if any(user != me and me not in people.heads_over(call.portal, user) for user in users):
        raise RestError(400, "ACCESS_DENIED", "Access denied!")


def _row(portal: Portal, task: Task) -> dict[str, Any]:
    document = documents.parsed(task.document)
    fields = documents.fields_of(portal, document) if document else None
    url = f"/crm/{document.kind.lower()}/details/{document.number}/" if document else ""
    return {
        "ID": str(task.id), "WORKFLOW_ID": task.workflow, "DOCUMENT_NAME": documents.name_of("", fields or {}),
        "NAME": task.title, "DESCRIPTION": "", "MODIFIED": task.modified, "STATUS": _status(portal, task),
        "USER_ID": task.user, "USER_STATUS": task.status, "MODULE_ID": task.document[0], "ENTITY": task.document[1],
        "DOCUMENT_ID": task.document[2], "ACTIVITY": task.activity, "ACTIVITY_NAME": f"A{task.id}_2_3_4",
        "OVERDUE_DATE": task.overdue, "PARAMETERS": _parameters(task), "DOCUMENT_URL": url,
    }  # fmt: skip


def _status(portal: Portal, task: Task) -> str:
    overdue = parse_time(task.overdue, portal.zone)
    return CANCEL if task.status == RUNNING and overdue and overdue < portal.now() else task.status


def _parameters(task: Task) -> dict[str, Any]:
    return {
        "CommentLabel": "Comment", "CommentRequired": "Y" if task.script.comment_required else "N", "ShowComment": "Y",
        "StatusOkLabel": "Save", "Fields": [dict(item) for item in task.script.fields],
    }  # fmt: skip


@method("bizproc.task.complete", scope=SCOPE)
def complete(call: Call) -> bool:
    number_ = integer(call.get("TASK_ID")) or 0
    if not number_:
        raise RestError(400, "ERROR_TASK_VALIDATION", "empty TASK_ID")
    status = str(call.get("STATUS") or "").lower()
    status = WORDS.get(status, status)
    if status not in WORDS.values():
        raise RestError(400, "ERROR_TASK_VALIDATION", "incorrect STATUS")
    task = next((task for task in _kept(call.portal) if task.id == number_), None)
    # Nobody completes for somebody else, not even an administrator.
    if task is None or task.user != call.client.user_id:
        raise RestError(400, "ERROR_TASK_NOT_FOUND", "Task not found")
    process = call.portal.area(Processes).running[task.workflow]
    if task.status != RUNNING or process.ended_s is not None:
        raise RestError(400, "ERROR_TASK_COMPLETED", "Task already completed")
    if task.activity not in ANSWERS:
        raise RestError(400, "ERROR_TASK_TYPE", "Incorrect task type")
    if status not in ANSWERS[task.activity]:
        raise RestError(400, "ERROR_TASK_VALIDATION", "incorrect STATUS")
    _finish(call, task, process, status)
    return True


@method("bizproc.task.delegate", scope=SCOPE)
def delegate(call: Call) -> bool:
    """Tasks of one person go to another; the portal's own switch says whether it knows this method at all."""
    if call.portal.faults.word("task_delegate") == "unknown":
        raise RestError(404, "ERROR_METHOD_NOT_FOUND", "Method not found!")
    wanted = {integer(one) or 0 for one in items(call.get("TASK_IDS"))}
    from_user, to_user = str(call.get("FROM_USER_ID") or ""), str(call.get("TO_USER_ID") or "")
    if not wanted or not from_user or to_user not in call.portal.people:
        raise RestError(400, "ERROR_TASK_VALIDATION", "incorrect parameters")
    if not call.client.admin and from_user != call.client.user_id:
        raise RestError(400, "ACCESS_DENIED", "Access denied!")
    tasks = [task for task in _kept(call.portal) if task.id in wanted and task.user == from_user]
    if {task.id for task in tasks} != wanted:
        raise RestError(400, "ERROR_TASK_NOT_FOUND", "Task not found")
    for task in tasks:
        if task.status != RUNNING:
            raise RestError(400, "ERROR_TASK_COMPLETED", "Task already completed")
        task.user, task.modified = to_user, call.portal.now().isoformat()
    return True


def _finish(call: Call, task: Task, process: Process, status: str) -> None:
    comment = str(call.get("COMMENT") or "")
    if task.script.comment_required and not comment:
        raise _unfit("Comment is required")
    answers = {} if status == CANCEL else _answers(task.script, mapping(call.get("FIELDS"), "FIELDS"))
    task.status, task.answers, task.comment = status, answers, comment
    task.modified = call.portal.now().isoformat()
    end(call.portal, process, "Completed")
    document = documents.parsed(process.document)
    written = {field: answers[name] for name, field in task.script.write.items() if name in answers}
    if document and written:
        documents.write_as_robot(call.portal, document, written)


def _unfit(text: str) -> RestError:
    """What the form under the task would say."""
    return RestError(400, "ERROR_TASK_EXECUTION", text)


def _answers(script: Script, given: Mapping[str, Any]) -> dict[str, Any]:
    answers = {}
    for item in script.fields:
        value = given.get(item["Id"], item["Default"])
        if value in (None, "", []):
            if item["Required"]:
                raise _unfit(f"Field is required: {item['Name']}")
            continue
        answers[item["Id"]] = _answer(item, value)
    return answers


def _answer(item: Mapping[str, Any], value: Any) -> Any:
    if item["Type"] == "bool":
        word = str(value).upper()
        if word not in ("Y", "N", "1", "0", "TRUE", "FALSE"):
            raise _unfit(f"Wrong value: {item['Name']}")
        return "Y" if word in ("Y", "1", "TRUE") else "N"
    if item["Type"] in ("int", "double") and number(value) is None:
        raise _unfit(f"Wrong value: {item['Name']}")
    if item["Type"] == "select" and isinstance(item["Options"], Mapping) and str(value) not in item["Options"]:
        raise _unfit(f"Wrong value: {item['Name']}")
    return value


@door("GET", "/sandbox/workflow/tasks")
def shown(sandbox: Sandbox, asked: Mapping[str, Any]) -> dict[str, Any]:
    """All tasks with their answers, those the cloud has forgotten too; `?user=7` for one person's."""
    with sandbox.portal.lock:
        tasks = sandbox.portal.area(Tasks).by_id.values()
        return {
            "tasks": [
                {"id": t.id, "workflow": t.workflow, "user": t.user, "title": t.title, "status": t.status,
                 "answers": t.answers, "comment": t.comment, "document": t.document[2]}
                for t in tasks if asked.get("user") in (None, "", t.user)
            ]
        }  # fmt: skip
