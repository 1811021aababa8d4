"""Tasks in REST 3.0: tasks.task.get, list, add, update, delete, field.list, field.get, access.get, chat.message.send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.bitrix24 import formats, tasks_model
from sandbox.bitrix24.rest3 import Call3, Problem, conditions, invalid, method3, ordered, paged, passes, required
from sandbox.bitrix24.state import Portal
from sandbox.bitrix24.tasks_model import BadTask, Task, Tasks
from sandbox.bitrix24.work_groups import Groups

PRIORITIES = {0: "low", 1: "average", 2: "high"}
STATUSES = {"2": "pending", "3": "in_progress", "4": "supposedly_completed", "5": "completed", "6": "deferred"}
MARKS = {None: "none", "P": "positive", "N": "negative"}
#: name, type, name in the classic dialect, may be sorted by, may be written when it is changed
FIELDS: tuple[tuple[str, str, str, bool, bool], ...] = (
    ("id", "int", "ID", True, False), ("title", "string", "TITLE", True, True),
    ("description", "string", "DESCRIPTION", False, True), ("creatorId", "int", "CREATED_BY", True, False),
    ("created", "DateTime", "CREATED_DATE", True, False), ("responsibleId", "int", "RESPONSIBLE_ID", True, True),
    ("deadline", "DateTime", "DEADLINE", True, True), ("needsControl", "bool", "TASK_CONTROL", False, True),
    ("startPlan", "DateTime", "START_DATE_PLAN", True, True), ("endPlan", "DateTime", "END_DATE_PLAN", True, True),
    ("groupId", "int", "GROUP_ID", True, True), ("stageId", "int", "STAGE_ID", False, True),
    ("flowId", "int", "FLOW_ID", False, True), ("priority", "string", "PRIORITY", True, True),
    ("status", "string", "STATUS", True, True), ("statusChanged", "DateTime", "STATUS_CHANGED_DATE", False, False),
    ("parentId", "int", "PARENT_ID", False, True), ("started", "DateTime", "DATE_START", True, False),
    ("estimatedTime", "int", "TIME_ESTIMATE", True, True), ("replicate", "bool", "REPLICATE", False, False),
    ("changed", "DateTime", "CHANGED_DATE", True, False), ("changedById", "int", "CHANGED_BY", False, False),
    ("statusChangedById", "int", "STATUS_CHANGED_BY", False, False), ("closedById", "int", "CLOSED_BY", False, False),
    ("closed", "DateTime", "CLOSED_DATE", True, False), ("activity", "DateTime", "ACTIVITY_DATE", True, False),
    ("guid", "string", "GUID", False, False), ("xmlId", "string", "XML_ID", False, True),
    ("outlookVersion", "int", "OUTLOOK_VERSION", False, False), ("mark", "string", "MARK", True, True),
    ("allowsChangeDeadline", "bool", "ALLOW_CHANGE_DEADLINE", False, True),
    ("allowsTimeTracking", "bool", "ALLOW_TIME_TRACKING", False, True),
    ("matchesWorkTime", "bool", "MATCH_WORK_TIME", False, True), ("isMultitask", "bool", "MULTITASK", False, False),
    ("siteId", "string", "SITE_ID", False, False), ("durationType", "string", "DURATION_TYPE", False, True),
    ("plannedDuration", "int", "DURATION_PLAN", False, False), ("crmItemIds", "array", "UF_CRM_TASK", False, True),
    ("auditorIds", "array", "AUDITORS", False, True), ("accompliceIds", "array", "ACCOMPLICES", False, True),
)  # fmt: skip
CLASSIC = {name: classic for name, _, classic, _, _ in FIELDS}
TYPES = {name: kind for name, kind, _, _, _ in FIELDS}
SORTABLE = {name for name, _, _, sortable, _ in FIELDS if sortable}
EDITABLE = {name for name, _, _, _, editable in FIELDS if editable}
FILTERABLE = {name: name == "id" for name in CLASSIC}
JSON_TYPES: dict[str, type | tuple[type, ...]] = {"int": int, "string": str, "bool": bool, "array": list, "DateTime": str}
#: In answers without `select` but kept nowhere.
FIXED: dict[str, Any] = {
    "fileIds": None, "checklist": [], "epicId": None, "storyPoints": None, "containsChecklist": False,
    "containsRelatedTasks": False, "containsGanttLinks": False, "containsPlacements": True, "containsResults": False,
    "numberOfReminders": 0, "actualDuration": 0, "exchangeId": None, "exchangeModified": None, "addInReport": None,
    "deadlineCount": None, "declineReason": None, "forumTopicId": None, "requireResult": False,
    "matchesSubTasksTime": False, "autocompleteSubTasks": False, "allowsChangeDatePlan": False,
    "maxDeadlineChangeDate": None, "maxDeadlineChanges": None, "requireDeadlineChangeReason": False, "inFavorite": [],
    "inPin": [], "inGroupPin": [], "inMute": [], "dependsOn": [], "scenarios": ["default"],
}  # fmt: skip
ONLY_WHEN_ASKED = {
    "creatorId", "responsibleId", "created", "groupId", "stageId", "flowId", "changedById", "statusChangedById",
    "closedById", "auditorIds", "accompliceIds",
}  # fmt: skip
PEOPLE = {"creator": "CREATED_BY", "responsible": "RESPONSIBLE_ID", "changedBy": "CHANGED_BY", "closedBy": "CLOSED_BY",
          "statusChangedBy": "STATUS_CHANGED_BY"}  # fmt: skip
USER_FIELDS = ("id", "name", "role", "image", "gender", "email", "externalAuthId", "rights")
GROUP_FIELDS = ("id", "name", "image", "type", "isVisible")
SCOPE = "tasks|task"


# -- showing


def _value(task: Task, name: str) -> Any:
    value, kind = task[CLASSIC[name]], TYPES[name]
    if name == "priority":
        return PRIORITIES.get(value, "average")
    if name == "status":
        return STATUSES[value]
    if name == "mark":
        return MARKS.get(value, "none")
    if kind == "bool":
        return value == "Y"
    if kind == "DateTime":
        return formats.iso(value)
    return list(value) if kind == "array" else value


def _related(portal: Portal, task: Task, name: str, field: str) -> Any:
    """One field of an object that a task points to."""
    if name in PEOPLE:
        _known(field, USER_FIELDS, "UserDto")
        user = portal.people.get(str(task[PEOPLE[name]]))
        values: Mapping[str, Any] = {"id": int(user.id), "name": user.full_name, "email": user.email} if user else {}
        return values.get(field)
    if name == "group":
        _known(field, GROUP_FIELDS, "GroupDto")
        group = portal.area(Groups).rows.get(task["GROUP_ID"] or 0)
        shown = {"id": group.id, "name": group.name, "isVisible": group.visible, "image": None} if group else {}
        return shown.get(field)
    _known(field, tuple(CLASSIC), "TaskDto")
    parent = portal.area(Tasks).rows.get(task["PARENT_ID"] or 0)
    return _value(parent, field) if parent else None


def _known(field: str, fields: tuple[str, ...], dto: str) -> None:
    if field not in fields:
        raise Problem(400, "UNKNOWNDTOPROPERTYEXCEPTION", f"Unknown field `{field}` for entity `{dto}`")


def _shown(call: Call3, task: Task, select: list[str] | None) -> dict[str, Any]:
    if select is None:
        row = {name: _value(task, name) for name in CLASSIC if name not in ONLY_WHEN_ASKED}
        row |= FIXED | {
            "containsSubTasks": any(other["PARENT_ID"] == task["ID"] for other in call.portal.area(Tasks).rows.values()),
            "chatId": task["ID"], "link": _link(call, task), "rights": _rights(call, task),
        }  # fmt: skip
        return row
    row = {"id": task["ID"]}
    for name in select:
        head, dot, rest = name.partition(".")
        if dot and head in (*PEOPLE, "group", "parent"):
            row.setdefault(head, {})[rest] = _related(call.portal, task, head, rest)
        elif name in CLASSIC:
            row[name] = _value(task, name)
        elif name in FIXED:
            row[name] = FIXED[name]
        elif name in ("link", "rights", "chatId"):
            row[name] = {"link": _link(call, task), "rights": _rights(call, task), "chatId": task["ID"]}[name]
    return row  # a field of the task itself that is unknown is left out, without an error


def _link(call: Call3, task: Task) -> str:
    return f"/company/personal/user/{call.client.user_id}/tasks/task/view/{task['ID']}/"


def _rights(call: Call3, task: Task) -> dict[str, bool]:
    edit = tasks_model.may_edit(call.portal, task, call.client.user_id, call.client.admin)
    write = ("edit", "remove", "complete", "delegate", "defer", "deadline", "changeResponsible", "changeStatus", "mark")
    return {"read": True, "watch": True, **dict.fromkeys(write, edit)}


def _select(query: Mapping[str, Any]) -> list[str] | None:
    chosen = query.get("select")
    if chosen is None:
        return None
    if not isinstance(chosen, list) or not all(isinstance(name, str) for name in chosen):
        raise Problem(400, "INVALIDSELECTEXCEPTION", "Unable to recognize the select parameter")
    return chosen


# -- which task


def _task(call: Call3, ident: int) -> Task | None:
    task = call.portal.area(Tasks).rows.get(ident)
    if task is None or not tasks_model.visible(call.portal, task, call.client.user_id, call.client.admin):
        return None
    return task


def _editable(call: Call3) -> Task:
    task = _task(call, required(call.query, "id", int, "int"))
    if task is None or not tasks_model.may_edit(call.portal, task, call.client.user_id, call.client.admin):
        raise Problem(403, "ACCESSDENIEDEXCEPTION", "Access denied")
    return task


# -- writing


def _read(portal: Portal, sent: Mapping[str, Any], *, new: bool) -> dict[str, Any]:
    """Written fields as they are kept. Raises Problem naming every field that is wrong."""
    wrong: list[tuple[str, str]] = []
    values: dict[str, Any] = {}
    for name, value in sent.items():
        if name not in CLASSIC:
            raise Problem(400, "UNKNOWNDTOPROPERTYEXCEPTION", f"Unknown field `{name}` for entity `TaskDto`")
        if name not in EDITABLE and not (new and name == "creatorId"):
            text = (
                f"In DTO `TaskDto`, the field `{name}` requires the presence of the `Editable` attribute for such a request"
            )
            wrong.append((name, text))
            continue
        try:
            values[CLASSIC[name]] = _read_one(portal, name, value)
        except ValueError:
            wrong.append((name, f"Field `{name}` requires data type `{TYPES[name]}` for this request"))
    if wrong:
        raise invalid(*wrong)
    return values


def _read_one(portal: Portal, name: str, value: Any) -> Any:
    if value is None:
        return None
    kind = TYPES[name]
    if not isinstance(value, JSON_TYPES[kind]) or (kind == "int" and isinstance(value, bool)):
        raise ValueError(name)
    for field, table in (("priority", PRIORITIES), ("status", STATUSES), ("mark", MARKS)):
        if name == field:
            return next(key for key, word in table.items() if word == value) if value in table.values() else _refuse(name)
    if kind == "DateTime":
        return formats.parse_time(value, portal.zone) or _refuse(name)
    if kind == "bool":
        return formats.yn(value)
    return value


def _refuse(name: str) -> Any:
    raise ValueError(name)


def _bad(bad: BadTask) -> Problem:
    name = next((own for own, classic in CLASSIC.items() if classic == bad.name), bad.name)
    return invalid((name, bad.text))


# -- methods


@method3("tasks.task.get", scope=SCOPE, help="a task")
def get(call: Call3) -> dict[str, Any]:
    ident = required(call.query, "id", int, "int")
    task = _task(call, ident)
    if task is None:
        raise Problem(400, "ENTITYNOTFOUNDEXCEPTION", f"Record with ID = `{ident}` not found")
    return {"item": _shown(call, task, _select(call.query))}


@method3("tasks.task.list", scope=SCOPE, help="tasks by conditions")
def listing(call: Call3) -> dict[str, Any]:
    tests = conditions(call.query.get("filter"), FILTERABLE, "TaskDto")
    rows = [
        task
        for task in tasks_model.seen_by(call.portal, call.client.user_id, call.client.admin)
        if passes(call.portal, tests, lambda name, task=task: task[CLASSIC[name]])  # type: ignore[misc]
    ]
    rows = ordered(rows, call.query.get("order"), SORTABLE, lambda task, name: task[CLASSIC[name]])
    select = _select(call.query) or ["id"]
    return {"items": [_shown(call, task, select) for task in paged(rows, call.query.get("pagination"))]}


@method3("tasks.task.add", scope=SCOPE, writes=True, help="a new task")
def add(call: Call3) -> dict[str, Any]:
    sent = required(call.query, "fields", Mapping, "array")
    missing = [name for name in ("title", "creatorId", "responsibleId") if sent.get(name) in (None, "")]
    if missing:
        raise invalid(*((name, f"Required field `{name}` is not specified") for name in missing))
    try:
        task = tasks_model.create(call.portal, _read(call.portal, sent, new=True), call.client.user_id)
    except BadTask as bad:
        raise _bad(bad) from bad
    return {"item": _shown(call, task, None)}


@method3("tasks.task.update", scope=SCOPE, writes=True, help="changes a task")
def update(call: Call3) -> dict[str, Any]:
    required(call.query, "id", int, "int")
    values = _read(call.portal, required(call.query, "fields", Mapping, "array"), new=False)
    try:
        tasks_model.change(call.portal, _editable(call), values, call.client.user_id)
    except BadTask as bad:
        raise _bad(bad) from bad
    return {"result": True}


@method3("tasks.task.delete", scope=SCOPE, writes=True, help="deletes a task")
def delete(call: Call3) -> dict[str, Any]:
    tasks_model.remove(call.portal, _editable(call), call.client.user_id)
    return {"result": True}


@method3("tasks.task.access.get", scope=SCOPE, help="what the caller may do with a task")
def access(call: Call3) -> dict[str, Any]:
    ident = required(call.query, "id", int, "int")
    task = _task(call, ident)
    if task is None:
        raise Problem(400, "ENTITYNOTFOUNDEXCEPTION", f"Record with ID = `{ident}` not found")
    return {"item": _rights(call, task)}


@method3("tasks.task.chat.message.send", scope=SCOPE, writes=True, help="a message into a task's chat")
def send(call: Call3) -> dict[str, Any]:
    sent = required(call.query, "fields", Mapping, "array")
    ident, text = required(sent, "taskId", int, "int"), required(sent, "text", str, "string")
    task = _task(call, ident)
    if task is None:
        raise Problem(403, "ACCESSDENIEDEXCEPTION", "Access denied")
    tasks_model.say(call.portal, task, int(call.client.user_id), text, call.client.user_id)
    return {"result": True}


def _described(name: str) -> dict[str, Any]:
    return {
        "name": name, "type": TYPES[name], "title": name, "description": None, "validationRules": None,
        "requiredGroups": ["add"] if name in ("title", "creatorId", "responsibleId") else None,
        "filterable": FILTERABLE[name], "sortable": name in SORTABLE, "editable": name in EDITABLE,
        "multiple": TYPES[name] == "array", "elementType": None,
    }  # fmt: skip


@method3("tasks.task.field.list", scope=SCOPE, help="the fields of a task")
def field_list(call: Call3) -> dict[str, Any]:
    select = _select(call.query)
    rows = [_described(name) for name in CLASSIC]
    return {"items": [{key: value for key, value in row.items() if not select or key in select} for row in rows]}


@method3("tasks.task.field.get", scope=SCOPE, help="one field of a task")
def field_get(call: Call3) -> dict[str, Any]:
    name = required(call.query, "name", str, "string")
    _known(name, tuple(CLASSIC), "TaskDto")
    return {"item": _described(name)}
