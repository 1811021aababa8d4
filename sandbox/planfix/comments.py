"""Comments, which also carry rows and the log of status changes (contract 3.2)."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, Response

from sandbox.planfix import changes, conditions, errors, fields, web
from sandbox.planfix.changes import Hand
from sandbox.planfix.model import Comment, User
from sandbox.planfix.state import Change, Portal
from sandbox.planfix.tasks import files_out, rows_out

BYTES_MAX = 64 * 1024
ROLES = ("assignee", "participant", "auditor", "assigner")


def clean(text: str) -> str:
    """HTML is kept, HTML comments are stripped, a line end becomes a blank (contract 3.2)."""
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    return re.sub(r"\r\n|\r|\n", " ", text)


def comment_out(portal: Portal, comment: Comment, names: web.Wanted, viewer: User) -> dict[str, Any]:
    """One comment with the asked fields."""
    status = {"newStatusId": comment.new_status, "oldStatusId": comment.old_status} if comment.new_status else None
    return web.pick({
        "id": comment.id,
        "dateTime": web.moment_out(portal, comment.at, viewer),
        "type": comment.type,
        "fromType": comment.from_type,
        "description": comment.description,
        "task": {"id": comment.task} if comment.task else None,
        "contact": web.person_out(portal, f"contact:{comment.contact}") if comment.contact else None,
        "owner": web.person_out(portal, comment.owner),
        "isDeleted": comment.deleted,
        "isPinned": comment.pinned,
        "isHidden": comment.hidden,
        "isNotRead": False,
        "recipients": web.people_out(portal, comment.recipients),
        "dataTags": rows_out(portal, comment.rows),
        "files": files_out(portal, comment.files),
        "changeStatus": status,
        "sourceObjectId": comment.source_object_id or None,
        "sourceDataVersion": comment.source_data_version or None,
    }, names)  # fmt: skip


def may_read(portal: Portal, comment: Comment, viewer: User) -> bool:
    """A hidden comment is seen by who wrote it, by whom it names, and by administrators (contract 3.2)."""
    if not comment.hidden or viewer.role in ("Admin", "Robot") or comment.owner == viewer.id:
        return True
    named = comment.recipients
    if viewer.id in named.users or set(viewer.groups) & set(named.groups):
        return True
    task = portal.tasks.get(comment.task)
    by_role = {
        "assignee": task.assignees.users, "participant": task.participants.users, "auditor": task.auditors.users,
        "assigner": [task.assigner],
    } if task else {}  # fmt: skip
    return any(viewer.id in by_role.get(role, ()) for role in comment.roles)


def write(portal: Portal, comment: Comment, data: dict[str, Any], author: User) -> None:
    """What a create or update sends."""
    if isinstance(data.get("description"), str):
        if len(data["description"].encode()) > BYTES_MAX:
            raise errors.Refusal(400, 5001 if not comment.id else 5002, "Comment is too long")
        comment.description = clean(data["description"])
    for key, name in (("isHidden", "hidden"), ("isPinned", "pinned")):
        if isinstance(data.get(key), bool) and (key != "isHidden" or portal.faults.on("hidden_comments")):
            setattr(comment, name, data[key])
    told = data.get("recipients")
    if isinstance(told, dict):
        comment.recipients, roles = web.people_in(told, author), told.get("roles")
        comment.roles = [role for role in ROLES if isinstance(roles, list) and role in roles]
    if isinstance(data.get("files"), list):
        does = portal.faults.word("comment_files") if comment.id else "replace"
        sent = [n for n in map(web.ref, data["files"]) if n in portal.files]
        if does != "ignore":
            comment.files = list(dict.fromkeys([*(comment.files if does == "add" else []), *sent]))
    for key, name in (("sourceObjectId", "source_object_id"), ("sourceDataVersion", "source_data_version")):
        if key in data:
            setattr(comment, name, str(data[key] or ""))


def create(portal: Portal, data: dict[str, Any], hand: Hand, task: int = 0, contact: int = 0) -> Comment:
    """A new comment; its owner may be a contact, and nobody is notified without recipients."""
    if not portal.faults.on("comments_allowed"):
        raise errors.Refusal(400, 6, "New comments not allowed in this process")
    owner = fields.person_ident(data.get("owner"), "user") or hand.user.id
    comment = Comment(
        0, owner if portal.person_exists(owner) else hand.user.id, portal.clock.now(), task=task, contact=contact
    )
    comment.from_type = portal.faults.word("comment_from_type")
    stamp = web.moment_in(portal, data["dateTime"], hand.user) if "dateTime" in data else None
    comment.at = stamp.at if stamp else comment.at
    write(portal, comment, data, hand.user)
    comment.id = portal.next_id("comment")
    changes.add_comment(portal, comment)
    change = Change("comment", task, hand.user.id, chain=hand.chain, comment=comment.id, contact=0 if task else contact)
    changes.tell(portal, hand, change)
    return comment


def listed(portal: Portal, comments: list[Comment], data: dict[str, Any], viewer: User) -> Response:
    """typeList and resultOrder, whose key is `filed` in the schema and `field` in its example: both are taken."""
    kind = data.get("typeList", "Comments")
    if kind == "Deleted":
        comments = [c for c in comments if c.deleted]
    else:
        comments = [c for c in comments if not c.deleted]
        if kind == "Comments":  # rows, status and date changes only under All
            comments = [c for c in comments if c.type == "Comment" and (c.description or not c.rows)]
    comments = [c for c in comments if may_read(portal, c, viewer)]
    order = (web.dicts(data.get("resultOrder")) or [{}])[0]
    by = order.get("field") or order.get("filed") or "id"
    comments.sort(key=lambda c: (c.at, c.id) if by == "dateTime" else (c.id,), reverse=order.get("direction") == "Desc")
    names = web.wanted(data)
    return web.answer({"comments": [comment_out(portal, c, names, viewer) for c in web.page(portal, comments, data)]})


def routes(rest: Blueprint, portal: Portal) -> None:
    """Register comments of tasks and contacts, and /comment…"""

    @rest.post("/task/<ident:number>/comments/")
    def task_comment_add(number: int) -> Response:
        task = portal.task(number, web.viewer())
        return web.answer({"id": create(portal, web.body(), Hand(web.viewer(), web.silent()), task=task.id).id}, 201)

    @rest.post("/contact/<ident:number>/comments/")
    def contact_comment_add(number: int) -> Response:
        if number not in portal.contacts:
            raise errors.Refusal(400, 2001, f"Contact not found by id {number}")
        return web.answer({"id": create(portal, web.body(), Hand(web.viewer()), contact=number).id}, 201)

    @rest.post("/task/<ident:number>/comments/list")
    def task_comments(number: int) -> Response:
        if number not in portal.tasks:
            raise errors.Refusal(500, 1000, f"Task not found by id {number}")
        task = portal.task(number, web.viewer())
        found = [portal.comments[n] for n in portal.task_comments.get(task.id, [])]
        return listed(portal, found, web.body(), web.viewer())

    @rest.post("/contact/<ident:number>/comments/list")
    def contact_comments(number: int) -> Response:
        found = [portal.comments[n] for n in portal.contact_comments.get(portal.contact(number).id, [])]
        return listed(portal, found, web.body(), web.viewer())

    def update(comment: Comment | None) -> Response:
        if comment is None or comment.deleted:
            raise errors.Refusal(400, 5000, "Comment not found")
        write(portal, comment, web.body(), web.viewer())
        return web.updated(portal, field="description")

    @rest.post("/task/<ident:number>/comments/<int:comment>")
    def task_comment_update(number: int, comment: int) -> Response:
        portal.task(number, web.viewer())
        found = portal.comments.get(comment)
        return update(found if found and found.task == number else None)

    @rest.post("/contact/<ident:number>/comments/<int:comment>")
    def contact_comment_update(number: int, comment: int) -> Response:
        found = portal.comments.get(comment)
        return update(found if found and found.contact == number else None)

    def visible(number: int) -> Comment:
        comment = portal.comments.get(number)
        if comment is None or not may_read(portal, comment, web.viewer()):
            raise errors.Refusal(400, 5000, f"Comment not found by id {number}")
        if comment.task:
            portal.task(comment.task, web.viewer())
        return comment

    @rest.get("/comment/<int:number>")
    def comment_get(number: int) -> Response:
        return web.answer({"comment": comment_out(portal, visible(number), web.wanted(), web.viewer())})

    @rest.delete("/comment/<int:number>")
    def comment_delete(number: int) -> Response:
        comment = visible(number)
        if comment.first:  # the description itself
            raise errors.Refusal(400, 0, "Rest API error")
        comment.deleted = True
        return web.answer({})

    @rest.post("/comment/list")
    def comment_list() -> Response:
        data, user = web.body(), web.viewer()
        if not data.get("filters"):  # live, though the specification shows such a call
            raise errors.Refusal(400, 0, "Rest API error")

        def make(condition: dict[str, Any]) -> conditions.Test:
            if condition["type"] == 3000:
                return conditions.date_is(portal, user, condition, lambda c: c.at)
            if condition["type"] == 3001:
                return conditions.among(condition, lambda c: c.owner, conditions.person_of("user"))
            raise conditions.unsupported(condition["type"])

        test = conditions.combine(data["filters"], make)
        seen = [c for c in portal.comments.values() if not c.task or portal.may_see(user, portal.tasks[c.task])]
        return listed(portal, [c for c in seen if test(c)], data, user)
