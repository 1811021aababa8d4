"""What an outgoing call may do in a CRM: the verbs that every connector of a CRM declares."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import TypeVar

from kernel.crm import CommentFile, Process, Start
from kernel.crm.codec import unpack_change, unpack_values
from kernel.errors import Misconfigured
from kernel.extension import lists
from kernel.extension.connector import Connection, Verb
from kernel.jobs.outgoing import Call

Part = TypeVar("Part")


def _offered(part: Part | None, what: str) -> Part:
    """A part of the CRM's protocol that not every CRM has. Raises Misconfigured."""
    if part is None:
        raise Misconfigured(f"this CRM has no {what} that we could reach")
    return part


def _update(connection: Connection, call: Call, _maybe_done: bool) -> str:
    body = call.payload
    connection.crm.update(body["entity"], body["id"], unpack_values(body["values"]), stage=body.get("stage"))
    return ""


def _comment(connection: Connection, call: Call, maybe_done: bool) -> str:
    body = call.payload
    return connection.crm.comment(
        body["entity"], body["id"], body["text"], to=body["to"], key=call.key, maybe_done=maybe_done
    )


def _update_row(connection: Connection, call: Call, _maybe_done: bool) -> str:
    body = call.payload
    connection.crm.update_row(body["entity"], body["id"], body["table"], body["row_key"], unpack_values(body["values"]))
    return ""


def _put_row(connection: Connection, call: Call, maybe_done: bool) -> str:
    """Add the row the first time; afterwards change the one that the first time made."""
    body, values = call.payload, unpack_values(call.payload["values"])
    if call.row_made:
        connection.crm.update_row(body["entity"], body["id"], body["table"], call.row_made, values)
        return call.row_made
    return connection.crm.add_row(
        body["entity"], body["id"], body["table"], values, key=call.target, maybe_done=maybe_done or call.row_tried
    )


def _create(connection: Connection, call: Call, maybe_done: bool) -> str:
    body = call.payload
    return connection.crm.create(
        body["entity"], unpack_values(body["values"]), key=call.key, stage=body.get("stage"),
        maybe_done=maybe_done or bool(body.get("find_first")),
    )  # fmt: skip


def _restore(connection: Connection, call: Call, _maybe_done: bool) -> str:
    _offered(connection.crm.bin, "recycle bin").restore(call.payload["entity"], call.payload["id"])
    return ""


def _write_comment(connection: Connection, call: Call, maybe_done: bool) -> str:
    body = call.payload
    with ExitStack() as stack:
        files = _files(connection, body["files"], stack)
        return _offered(connection.crm.comments, "comments").write(
            body["entity"], body["id"], body["text"], key=call.key, author=body["author"], to=body["to"], files=files,
            hidden=body["hidden"], at=datetime.fromisoformat(body["at"]) if body["at"] else None, maybe_done=maybe_done,
        )  # fmt: skip


def _edit_comment(connection: Connection, call: Call, _maybe_done: bool) -> str:
    body = call.payload
    with ExitStack() as stack:
        told = body.get("files")  # calls of an earlier release say nothing of files
        files = None if told is None else _files(connection, told, stack)
        _offered(connection.crm.comments, "comments").edit(
            body["entity"], body["id"], body["comment"], body["text"], files=files
        )
    return str(body["comment"])


def _files(connection: Connection, told: Sequence[Mapping[str, str]], stack: ExitStack) -> list[CommentFile]:
    return [
        CommentFile(stack.enter_context(connection.files.as_file(one["content"])), one["name"], one["media_type"])
        for one in told
    ]


def _write_lists(connection: Connection, call: Call, _maybe_done: bool) -> str:
    return lists.pack(_offered(connection.crm.lists, "lists").write([unpack_change(one) for one in call.payload["changes"]]))


def _list_codes(connection: Connection, call: Call, _maybe_done: bool) -> str:
    found = _offered(connection.crm.lists, "lists").codes([Start(*one) for one in call.payload["starts"]])
    return json.dumps([sorted(codes) for codes in found])


def _put_notice(connection: Connection, call: Call, _maybe_done: bool) -> str:
    body = call.payload
    _offered(connection.crm.notices, "notices").put(body["tag"], body["to"], body["text"])
    return ""


def _remove_notice(connection: Connection, call: Call, _maybe_done: bool) -> str:
    _offered(connection.crm.notices, "notices").remove(call.payload["tag"])
    return ""


def _start_process(connection: Connection, call: Call, _maybe_done: bool) -> str:
    """Where to answer what it asks."""
    body = call.payload
    return _where(_offered(connection.crm.processes, "processes").start(body["entity"], body["id"], body["template"]))


def _hand_over_process(connection: Connection, call: Call, _maybe_done: bool) -> str:
    body = call.payload
    return _where(
        _offered(connection.crm.processes, "processes").hand_over(body["entity"], body["id"], body["template"], body["to"])
    )


def _where(process: Process) -> str:
    return next((one.url for one in process.questions if one.url), "")


def _end_process(connection: Connection, call: Call, _maybe_done: bool) -> str:
    body = call.payload
    _offered(connection.crm.processes, "processes").end(
        body["entity"], body["id"], body["template"], but=body.get("but", "")
    )
    return ""


def _move_activities(connection: Connection, call: Call, _maybe_done: bool) -> str:
    """Those that stayed where they were, as JSON: subject and the CRM's words."""
    body = call.payload
    left = _offered(connection.crm.activities, "activities").move(body["entity"], body["id"], body["to"])
    return json.dumps([[one.activity.subject, one.reason] for one in left], ensure_ascii=False)


def _report_text(connection: Connection, call: Call, _maybe_done: bool) -> str:
    body = call.payload
    _offered(connection.crm.texts, "texts").report(body["provider"], body["message"], body["status"])
    return ""


def _add_activity(connection: Connection, call: Call, maybe_done: bool) -> str:
    body = call.payload
    return _offered(connection.crm.activities, "activities").add(
        body["entity"], body["id"], body["subject"], body["text"], responsible=body["responsible"],
        due_at=datetime.fromisoformat(body["due"]), key=call.key, maybe_done=maybe_done,
    )  # fmt: skip


RESTORE = "restore"
REPORT_TEXT = "report_text"
ADD_ACTIVITY, MOVE_ACTIVITIES = "add_activity", "move_activities"
WRITE_LISTS, LIST_CODES = "write_lists", "list_codes"
WRITE_COMMENT, EDIT_COMMENT = "write_comment", "edit_comment"
PUT_NOTICE, REMOVE_NOTICE = "put_notice", "remove_notice"
START_PROCESS, HAND_OVER_PROCESS, END_PROCESS = "start_process", "hand_over_process", "end_process"
CRM_VERBS: Mapping[str, Verb] = {
    "update": Verb(_update, "safe"),
    "comment": Verb(_comment, "lookup"),
    "update_row": Verb(_update_row, "safe"),
    "put_row": Verb(_put_row, "lookup"),
    "create": Verb(_create, "lookup"),
    RESTORE: Verb(_restore, "safe"),
    WRITE_COMMENT: Verb(_write_comment, "lookup"),
    EDIT_COMMENT: Verb(_edit_comment, "safe"),
    WRITE_LISTS: Verb(_write_lists, "safe"),
    LIST_CODES: Verb(_list_codes, "safe"),
    PUT_NOTICE: Verb(_put_notice, "safe"),
    REMOVE_NOTICE: Verb(_remove_notice, "safe"),
    START_PROCESS: Verb(_start_process, "lookup"),
    HAND_OVER_PROCESS: Verb(_hand_over_process, "lookup"),
    END_PROCESS: Verb(_end_process, "safe"),
    ADD_ACTIVITY: Verb(_add_activity, "lookup"),
    MOVE_ACTIVITIES: Verb(_move_activities, "safe"),
    REPORT_TEXT: Verb(_report_text, "safe"),
}
