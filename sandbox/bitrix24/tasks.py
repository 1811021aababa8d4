"""Tasks in the previous version of REST: tasks.task.*, the older task.item.*, and comments task.commentitem.*."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.bitrix24 import filters, formats, tasks_model, work_groups
from sandbox.bitrix24.paging import PAGE, start
from sandbox.bitrix24.registry import Call, Listed, RestError, method
from sandbox.bitrix24.state import Portal
from sandbox.bitrix24.tasks_model import BadTask, Comment, Task, Tasks, camel

NOT_BY_DEFAULT = frozenset({"UF_CRM_TASK", "UF_TASK_WEBDAV_FILES", "UF_MAIL_MESSAGE", "TAGS"})
TITLES = {
    "ID": "ID", "PARENT_ID": "Parent task ID", "TITLE": "Title", "DESCRIPTION": "Description", "MARK": "Score",
    "PRIORITY": "Priority", "STATUS": "Status", "GROUP_ID": "Project", "STAGE_ID": "Stage", "CREATED_BY": "Creator",
    "RESPONSIBLE_ID": "Assignee", "CHANGED_BY": "Modified by", "CHANGED_DATE": "Modified on", "CLOSED_BY": "Completed by",
    "CLOSED_DATE": "Completed on", "DATE_START": "Started on", "DEADLINE": "Deadline", "START_DATE_PLAN": "Planned start",
    "END_DATE_PLAN": "Planned end", "TIME_ESTIMATE": "Estimated time", "UF_CRM_TASK": "CRM items",
    "UF_TASK_WEBDAV_FILES": "Files",
}  # fmt: skip
VALUES: dict[str, dict[str, str]] = {
    "MARK": {"N": "Negative", "P": "Positive"},
    "PRIORITY": {"2": "High", "1": "Medium", "0": "Low"},
    "STATUS": {"2": "Pending", "3": "In progress", "4": "Supposedly completed", "5": "Completed", "6": "Deferred"},
}
TYPES = {"flag": "enum", "people": "array", "texts": "array"}
#: method, status it leads to, statuses from which it may be called
MOVES = (
    ("start", "3", ("2", "4", "5", "6")), ("pause", "2", ("3",)), ("complete", "5", ("2", "3", "6")),
    ("defer", "6", ("2", "3")), ("renew", "2", ("4", "5", "6")), ("approve", "5", ("4",)), ("disapprove", "2", ("4",)),
)  # fmt: skip


def shown(portal: Portal, task: Task, names: set[str] | None = None) -> dict[str, Any]:
    """As answers have it; `names` in the classic dialect, None for the usual ones."""
    wanted = [name for name in tasks_model.KINDS if (name in names if names else name not in NOT_BY_DEFAULT)]
    if "ID" not in wanted:
        wanted.insert(0, "ID")
    row = {camel(name): _value(task, name) for name in wanted}
    row["group"] = work_groups.brief(portal, task["GROUP_ID"]) or []
    if not names or "CREATED_BY" in names:
        row["creator"] = _person(portal, task["CREATED_BY"])
    if not names or "RESPONSIBLE_ID" in names:
        row["responsible"] = _person(portal, task["RESPONSIBLE_ID"])
    for name, key in (("ACCOMPLICES", "accomplicesData"), ("AUDITORS", "auditorsData")):
        if not names or name in names:
            row[key] = {str(number): _person(portal, number) for number in task[name]} or []
    if not names or "STATUS" in names:
        row["subStatus"] = "-1" if tasks_model.is_overdue(portal, task) else task["STATUS"]
    return row


def _value(task: Task, name: str) -> Any:
    value = task[name]
    if tasks_model.KINDS[name] == "people":
        return [str(number) for number in value]
    return value if tasks_model.KINDS[name] == "texts" else formats.text(value)


def _person(portal: Portal, number: Any) -> dict[str, Any] | list[Any]:
    user = portal.people.get(str(number))
    if user is None:
        return []
    return {
        "id": user.id, "name": user.full_name, "link": f"/company/personal/user/{user.id}/",
        "icon": "/bitrix/images/tasks/default_avatar.png", "workPosition": user.position,
    }  # fmt: skip


def _actions(portal: Portal, task: Task, call: Call) -> dict[str, bool]:
    edit = tasks_model.may_edit(portal, task, call.client.user_id, call.client.admin)
    moves = {name: edit and task["STATUS"] in before for name, _, before in MOVES}
    rest = dict.fromkeys(("edit", "remove", "delegate", "changeDeadline", "rate", "checklistAddItems"), edit)
    return {"accept": False, "decline": False, **moves, **rest, "create": True}


def _full(call: Call, task: Task, names: set[str] | None = None) -> dict[str, Any]:
    return {"task": {**shown(call.portal, task, names), "action": _actions(call.portal, task, call)}}


# -- which task


def _number(call: Call, name: str = "taskId") -> int:
    value = call.get(name)
    if value is None:
        raise RestError(400, "100", "CTaskItem All parameters in the constructor must have real class type (internal error)")
    number = formats.integer(value)
    if number is None or number <= 0:
        raise RestError(400, "0", "wrong task id (internal error)")
    return number


def _seen(call: Call, name: str = "taskId") -> Task | None:
    task = call.portal.area(Tasks).rows.get(_number(call, name))
    if task is None or not tasks_model.visible(call.portal, task, call.client.user_id, call.client.admin):
        return None
    return task


def _mine(call: Call) -> Task:
    """A task that the caller may change."""
    task = _seen(call)
    if task is None or not tasks_model.may_edit(call.portal, task, call.client.user_id, call.client.admin):
        raise RestError(400, "0", "Action on the task is not allowed (internal error)")
    return task


def _fields(call: Call) -> Mapping[str, Any]:
    sent = call.get("fields")
    if not isinstance(sent, Mapping) or not sent:
        raise RestError(400, "100", "Could not find value for parameter {fields} (internal error)")
    return sent


def _core(bad: BadTask) -> RestError:
    return RestError(400, "ERROR_CORE", f"{bad.text}<br>")


# -- methods


@method("tasks.task.getfields", scope="task")
def get_fields(call: Call) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, kind, first in tasks_model.TABLE:
        values = VALUES.get(name) or ({"Y": "Yes", "N": "No"} if kind == "flag" else None)
        found[name] = {"title": TITLES.get(name), "type": "enum" if values else TYPES.get(kind, kind)}
        if values:
            found[name]["values"] = values
        if name in ("TITLE", "CREATED_BY", "RESPONSIBLE_ID"):
            found[name]["required"] = True
        elif name == "ID":
            found[name]["primary"] = True
        elif not isinstance(first, tuple):
            found[name]["default"] = first
    return {"fields": found}


@method("tasks.task.add", scope="task")
def add(call: Call) -> dict[str, Any]:
    values = tasks_model.read(call.portal, _fields(call))
    try:
        return _full(call, tasks_model.create(call.portal, values, call.client.user_id))
    except BadTask as bad:
        raise _core(bad) from bad


@method("tasks.task.get", scope="task")
def get(call: Call) -> Any:
    """An empty list where there is no such task, or none that the caller may see."""
    names, task = _select(call), _seen(call)
    return [] if task is None else _full(call, task, names)


def _select(call: Call) -> set[str] | None:
    chosen = call.get("select")
    if isinstance(chosen, Mapping) and not chosen:
        text = "Invalid value {} to match with parameter {select}. Should be value of type array. (internal error)"
        raise RestError(400, "100", text)
    names = {str(item).upper() for item in formats.items(chosen)}
    return set(tasks_model.KINDS) if "*" in names else {name for name in names if name in tasks_model.KINDS} or None


@method("tasks.task.list", scope="task")
def listing(call: Call) -> Listed:
    portal = call.portal
    conditions = {key.upper(): value for key, value in formats.mapping(call.get("filter"), "filter").items()}
    order = {key.upper(): value for key, value in formats.mapping(call.get("order"), "order").items()}
    rows = list(tasks_model.seen_by(portal, call.client.user_id, call.client.admin))
    test = filters.compile_filter(conditions, _getter(portal), portal.zone) if conditions else lambda _task: True
    rows = filters.order([task for task in rows if test(task)], order or {"ID": "DESC"}, _getter(portal))
    names, begin = _select(call), max(start(call), 0)
    after = begin + PAGE
    page = [shown(portal, task, names) for task in rows[begin:after]]
    return Listed({"tasks": page}, len(rows), after if after < len(rows) else None)


ALIASES = {"REAL_STATUS": "STATUS", "ACCOMPLICE": "ACCOMPLICES", "AUDITOR": "AUDITORS", "TAG": "TAGS"}


def _getter(portal: Portal) -> Callable[[Any, str], Any]:
    def get_one(task: Task, name: str) -> Any:
        if name == "STATUS" and tasks_model.is_overdue(portal, task):
            return ["-1", task["STATUS"]]
        if name == "MEMBER":
            return [task["CREATED_BY"], task["RESPONSIBLE_ID"], *task["AUDITORS"], *task["ACCOMPLICES"]]
        return task.get(ALIASES.get(name, name))

    return get_one


@method("tasks.task.update", scope="task")
def update(call: Call) -> dict[str, Any]:
    _number(call)
    sent, task = _fields(call), _mine(call)
    _change(call, task, tasks_model.read(call.portal, sent))
    return _full(call, task)


def _change(call: Call, task: Task, values: Mapping[str, Any]) -> None:
    try:
        tasks_model.change(call.portal, task, values, call.client.user_id)
    except BadTask as bad:
        raise _core(bad) from bad


@method("tasks.task.delete", scope="task")
def delete(call: Call) -> dict[str, Any]:
    _number(call)
    task = _seen(call)
    if task is None or not tasks_model.may_edit(call.portal, task, call.client.user_id, call.client.admin):
        raise RestError(400, "1048582", "No access to delete the task")
    tasks_model.remove(call.portal, task, call.client.user_id)
    return {"task": True}


@method("tasks.task.delegate", scope="task")
def delegate(call: Call) -> dict[str, Any]:
    _number(call)
    if call.get("userId") is None:
        raise RestError(400, "100", "Could not find value for parameter {userId} (internal error)")
    task = _mine(call)
    before = task["RESPONSIBLE_ID"]
    _change(call, task, {"RESPONSIBLE_ID": formats.integer(call.get("userId")), "STATUS": tasks_model.PENDING})
    task["AUDITORS"] = list(dict.fromkeys([*task["AUDITORS"], before]))
    return _full(call, task)


def _moves() -> None:
    for name, status, before in MOVES:

        def run(call: Call, to: str = status, allowed: tuple[str, ...] = before) -> dict[str, Any]:
            task = _mine(call)
            if task["STATUS"] not in allowed:
                raise RestError(400, "0", "Action on the task is not allowed (internal error)")
            asked = to == tasks_model.COMPLETED and task["TASK_CONTROL"] == "Y"
            if asked and call.client.user_id != str(task["CREATED_BY"]):
                to = tasks_model.CONTROL  # whoever gave the task has to accept it first
            _change(call, task, {"STATUS": to})
            return _full(call, task)

        method(f"tasks.task.{name}", scope="task")(run)


_moves()


# -- comments


def _wrong(text: str) -> RestError:
    return RestError(400, "ERROR_CORE", f"{text}.<br>")


def _comment_shown(portal: Portal, comment: Comment) -> dict[str, Any]:
    author = portal.people.get(str(comment.author))
    return {
        "POST_MESSAGE_HTML": None, "ID": str(comment.id), "AUTHOR_ID": str(comment.author),
        "AUTHOR_NAME": author.full_name if author else "", "AUTHOR_EMAIL": "", "POST_DATE": formats.iso(comment.at),
        "POST_MESSAGE": comment.text,
    }  # fmt: skip


def _ordered(call: Call, names: tuple[str, ...]) -> Call:
    """These methods take their parameters in their order too: `[3711, {…}]` as a list is `TASKID`, `FIELDS`."""
    numbered = {str(number): name for number, name in enumerate(names)}
    if not set(call.params) & set(numbered):
        return call
    params = {numbered.get(key, key): value for key, value in call.params.items()}
    return Call(call.portal, call.client, params, call.method, call.source_ip)


def _task_of(call: Call) -> Task | None:
    number = formats.integer(call.get("TASKID"))
    if number is None:
        short = call.method.rpartition(".")[2]
        text = (
            f'Param #0 (taskId) for method ctaskcommentitem::{short}() expected to be of type "integer", but given something'
        )
        raise _wrong(f"TASKS_ERROR_EXCEPTION_#256; {text} else.; 256/TE/WRONG_ARGUMENTS")
    task = call.portal.area(Tasks).rows.get(number)
    if task is None or not tasks_model.visible(call.portal, task, call.client.user_id, call.client.admin):
        return None
    return task


def _item(call: Call, refusal: str) -> Comment:
    task = _task_of(call)
    number = formats.integer(call.get("ITEMID"))
    if call.get("ITEMID") is None:
        short = call.method.rpartition(".")[2]
        text = f"Param #1 (itemId) expected by method ctaskcommentitem::{short}(), but not given."
        raise _wrong(f"TASKS_ERROR_EXCEPTION_#256; {text}; 256/TE/WRONG_ARGUMENTS")
    comment = call.portal.area(Tasks).comments.get(number or 0)
    if task is None or comment is None or comment.task != task["ID"]:
        raise _wrong(refusal)
    return comment


NOT_FOUND = "TASKS_ERROR_EXCEPTION_#512; Check listitem not found or not accessible; 512/TE/ITEM_NOT_FOUND_OR_NOT_ACCESSIBLE"
NOT_ALLOWED = "TASKS_ERROR_EXCEPTION_#4; Action is not allowed; 4/TE/ACTION_NOT_ALLOWED"


def _text(call: Call) -> str:
    sent = call.get("FIELDS")
    text = str(sent.get("POST_MESSAGE") or "") if isinstance(sent, Mapping) else ""
    if not text.strip():
        raise _wrong("Comment text is not specified")
    return text


@method("task.commentitem.add", scope="task")
def comment_add(call: Call) -> int:
    call = _ordered(call, ("TASKID", "FIELDS"))
    task, text = _task_of(call), _text(call)
    if task is None:
        raise _wrong("Insufficient permissions to add a comment")
    author = formats.integer(call.get("FIELDS").get("AUTHOR_ID")) or int(call.client.user_id)
    return tasks_model.say(call.portal, task, author, text, call.client.user_id).id


@method("task.commentitem.get", scope="task")
def comment_get(call: Call) -> dict[str, Any]:
    return _comment_shown(call.portal, _item(_ordered(call, ("TASKID", "ITEMID")), NOT_FOUND))


@method("task.commentitem.getlist", scope="task")
def comment_list(call: Call) -> list[dict[str, Any]]:
    call = _ordered(call, ("TASKID", "ORDER", "FILTER"))
    task = _task_of(call)
    if task is None:
        raise _wrong(NOT_FOUND)
    found = [one for one in call.portal.area(Tasks).comments.values() if one.task == task["ID"]]
    rows = [{**_comment_shown(call.portal, one), "ID": one.id, "POST_DATE": one.at} for one in found]
    conditions = {key.upper(): value for key, value in formats.mapping(call.get("FILTER"), "FILTER").items()}
    order = {key.upper(): value for key, value in formats.mapping(call.get("ORDER"), "ORDER").items()}
    kept = filters.order(filters.select(rows, conditions, call.portal.zone), order or {"ID": "DESC"})
    return [{**row, "ID": str(row["ID"]), "POST_DATE": formats.iso(row["POST_DATE"])} for row in kept]


@method("task.commentitem.update", scope="task")
def comment_update(call: Call) -> bool:
    call = _ordered(call, ("TASKID", "ITEMID", "FIELDS"))
    text, comment = _text(call), _item(call, NOT_ALLOWED)
    _own(call, comment)
    comment.text = text
    tasks_model.comment_event(call.portal, "UPDATE", comment, call.client.user_id)
    return True


@method("task.commentitem.delete", scope="task")
def comment_delete(call: Call) -> bool:
    call = _ordered(call, ("TASKID", "ITEMID"))
    comment = _item(call, NOT_ALLOWED)
    _own(call, comment)
    del call.portal.area(Tasks).comments[comment.id]
    tasks_model.comment_event(call.portal, "DELETE", comment, call.client.user_id)
    return True


def _own(call: Call, comment: Comment) -> None:
    if not call.client.admin and str(comment.author) != call.client.user_id:
        raise _wrong(NOT_ALLOWED)
