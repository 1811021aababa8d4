"""Data tags («Аналітика»): definitions and rows (contract 3.3, checklist 16)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from sandbox.planfix import changes, errors, fields, filters, showing, web
from sandbox.planfix.changes import Hand
from sandbox.planfix.meta import field_out
from sandbox.planfix.model import Comment, DataTag, Row, User
from sandbox.planfix.state import Change, Portal


def tag_out(portal: Portal, tag: DataTag, names: web.Wanted) -> dict[str, Any]:
    """A definition; not creatable by REST."""
    columns = [field_out(portal.fields["datatag"][n]) for n in portal.attached("datatag", tag.id)]
    group = {"id": 1, "name": tag.group} if tag.group else None
    return web.pick({"id": tag.id, "name": tag.name, "group": group, "fields": columns}, names)


def row_out(portal: Portal, row: Row, names: web.Wanted, viewer: User) -> dict[str, Any]:
    """One row with the asked fields."""
    tag = portal.tags.get(row.tag)
    shown = web.pick({
        "key": row.key,
        "commentId": row.comment,
        "dataTag": {"id": row.tag, "name": tag.name if tag else ""},
        "task": {"id": row.task} if row.task else None,
        "contact": {"id": row.contact} if row.contact else None,
    }, names)  # fmt: skip
    if "id" in names.names and "key" not in shown and not names.numbers and len(names.names) == 1:
        shown["key"] = row.key  # rows have no id: without `fields` the key is the little that comes
    return shown | showing.custom(portal, row.values, names.numbers, "datatag", row.tag, viewer)


def taken_rows(portal: Portal, data: dict[str, Any], hand: Hand) -> tuple[int, list[dict[int, Any]]]:
    """The data tag and the values of each item of a body, or a refusal before anything is made."""
    tag, items = web.ref(data.get("dataTag")), data.get("items")
    if tag not in portal.tags:
        raise errors.Refusal(400, 6001, f"Data tag not found by id {tag}")
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        raise errors.Refusal(400, 6001, "Entry not created")
    return tag, [fields.take(portal, item.get("customFieldData"), "datatag", tag, hand.user) for item in items]


def add_rows(portal: Portal, tag: int, items: list[dict[int, Any]], hand: Hand, comment: Comment) -> list[int]:
    """Append rows to a comment; keys in the order of the items. Totals move at once."""
    keys = []
    for values in items:
        row = Row(portal.next_id("row"), tag, comment.id, comment.task, comment.contact)
        fields.store(row.values, values)
        portal.rows[row.key] = row
        index, owner = (portal.task_rows, row.task) if row.task else (portal.contact_rows, row.contact)
        index.setdefault(owner, []).append(row.key)
        keys.append(row.key)
        comment.rows.append(row.key)
    if comment.task:
        for key in keys:
            changes.tell(portal, hand, Change("row", comment.task, hand.user.id, chain=hand.chain, row=key))
    return keys


def new_comment(portal: Portal, hand: Hand, task: int = 0, contact: int = 0) -> Comment:
    """Rows always hang on a comment; a new one is made for them."""
    comment = Comment(portal.next_id("comment"), hand.user.id, portal.clock.now(), task=task, contact=contact)
    return changes.add_comment(portal, comment)


def edited(portal: Portal, row: Row, hand: Hand) -> None:
    """Edits and deletions move the task's totals, so the row script may fire too (a switch)."""
    if row.task and portal.faults.on("row_edit_fires"):
        changes.tell(portal, hand, Change("row", row.task, hand.user.id, chain=hand.chain, row=row.key, added=False))


def routes(rest: Blueprint, portal: Portal) -> None:
    """Register /datatag… and …/datatags/."""

    @rest.post("/datatag/list")
    def datatag_list() -> Response:
        data = web.body()
        names, found = web.wanted(data), web.page(portal, list(portal.tags.values()), data)
        return web.answer({"dataTags": [tag_out(portal, tag, names) for tag in found]})

    @rest.get("/datatag/<int:number>")
    def datatag_get(number: int) -> Response:
        if number not in portal.tags:
            raise errors.Refusal(404, 6000, f"Data tag not found by id {number}")
        return web.answer({"dataTag": tag_out(portal, portal.tags[number], web.wanted())})

    @rest.post("/task/<ident:number>/datatags/")
    def task_rows_add(number: int) -> Response:
        hand = Hand(web.viewer(), web.silent())
        task = portal.task(number, hand.user)
        tag, items = taken_rows(portal, web.body(), hand)
        comment = new_comment(portal, hand, task=task.id)
        return web.answer({"keys": add_rows(portal, tag, items, hand, comment), "commentId": comment.id}, 201)

    @rest.post("/contact/<ident:number>/datatags/")
    def contact_rows_add(number: int) -> Response:
        hand = Hand(web.viewer(), web.silent())
        contact = portal.contact(number)
        tag, items = taken_rows(portal, web.body(), hand)
        comment = new_comment(portal, hand, contact=contact.id)
        return web.answer({"keys": add_rows(portal, tag, items, hand, comment), "commentId": comment.id}, 201)

    def append(comment: Comment | None) -> Response:
        hand = Hand(web.viewer(), web.silent())
        if comment is None or comment.deleted:
            raise errors.Refusal(400, 6001, "Comment not found")
        tag, items = taken_rows(portal, web.body(), hand)
        return web.answer({"keys": add_rows(portal, tag, items, hand, comment)}, 201)  # no commentId in this answer

    @rest.post("/task/<ident:number>/datatags/<int:comment>")
    def task_rows_append(number: int, comment: int) -> Response:
        portal.task(number, web.viewer())
        found = portal.comments.get(comment)
        return append(found if found and found.task == number else None)

    @rest.post("/contact/<ident:number>/datatags/<int:comment>")
    def contact_rows_append(number: int, comment: int) -> Response:
        found = portal.comments.get(comment)
        return append(found if found and found.contact == number else None)

    def row_of(key: int, code: int = 0) -> Row:
        row = portal.rows.get(key)
        if row is None:
            code = code or int(portal.faults.word("row_missing_code"))
            raise errors.Refusal(400, code, f"Entry not found by key - {key}")
        if row.task:
            portal.task(row.task, web.viewer())
        return row

    @rest.get("/datatag/entry/<int:key>")
    def row_get(key: int) -> Response:
        shown = row_out(portal, row_of(key), web.wanted(), web.viewer())
        return web.answer({"entry": shown} if portal.faults.on("entry_wrapper") else shown)

    @rest.post("/datatag/entry/<int:key>")
    def row_update(key: int) -> Response:
        row, hand, data = row_of(key, 6002), Hand(web.viewer(), web.silent()), web.body()
        if fields.store(row.values, fields.take(portal, data.get("customFieldData"), "datatag", row.tag, hand.user)):
            edited(portal, row, hand)
        return web.answer({} if portal.faults.word("row_write_body") == "result" else None)

    @rest.delete("/datatag/entry/<int:key>")
    def row_delete(key: int) -> Response:
        row, hand = row_of(key, 6013), Hand(web.viewer(), web.silent())
        del portal.rows[key]
        (portal.task_rows[row.task] if row.task else portal.contact_rows[row.contact]).remove(key)
        portal.comments[row.comment].rows.remove(key)
        edited(portal, row, hand)
        return web.answer({} if portal.faults.word("row_write_body") == "result" else None)

    @rest.post("/datatag/<int:number>/entry/list")
    def row_list(number: int) -> Response:
        data, user = web.body(), web.viewer()
        if number not in portal.tags:
            raise errors.Refusal(400, 0, "Rest API error")
        test = filters.for_rows(portal, data.get("filters"), user)
        task, contact = web.ref(data.get("taskId")), web.ref(data.get("contactId"))
        rows = portal.rows_of(task, contact) if task or contact else portal.rows.values()

        def visible(row: Row) -> bool:
            return row.task not in portal.tasks or portal.may_see(user, portal.tasks[row.task])

        found = [row for row in rows if row.tag == number and test(row) and visible(row)]
        names = web.wanted(data)
        shown = [row_out(portal, row, names, user) for row in web.page(portal, found, data)]
        return web.answer({"dataTagEntries": shown})
