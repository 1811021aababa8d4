"""Operations of a script besides the request: set fields, comment, add rows, make and change tasks (contract 5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.planfix import changes, comments, contacts, filters, rows, templates
from sandbox.planfix.changes import Hand
from sandbox.planfix.run import Run
from sandbox.planfix.state import Portal
from sandbox.planfix.templates import Scope, render

MASS_TASKS_MAX = 150  # "which ones is undefined": here the oldest
MASS_CONTACTS_MAX = 20


def perform(
    portal: Portal, run: Run, step: dict[str, Any], scope: Scope, press: Callable[..., dict[str, Any]]
) -> dict[str, Any]:
    """Do one operation as the script's user; a script does not fire itself through it. Says what was done."""
    user = portal.users.get(run.script.run_as) or portal.robot()
    hand = Hand(user, silent=bool(step.get("silent")), chain=run.chain | {run.script.name})
    kind = step["do"]
    if kind == "press":
        pressed = press(run.task, step["button"], user, hand.chain, by_script=True, contact=run.contact)
        return {"do": kind, "pressed": pressed["pressed"]}
    if kind == "change-contacts":
        return _mass_contacts(portal, step, scope, hand)
    if kind == "change-tasks":
        return _mass_tasks(portal, step, scope, hand)
    if kind == "create-task":
        data: dict[str, Any] = {
            "name": render(step["name"], scope),
            "object": {"id": step["object"]},
            "parent": {"id": run.task},
        }
        data["customFieldData"] = _values(portal, "task", step["object"], step.get("fields", {}), scope)
        return {"do": kind, "task": changes.create_task(portal, data, hand).id}
    if run.contact:
        return _on_contact(portal, run, step, scope, hand)
    task = portal.tasks.get(run.task)
    data = {}
    if task is None:
        return {"do": kind, "done": False}
    if kind == "set-field":
        data = {"customFieldData": _values(portal, "task", task.object, {step["field"]: step["value"]}, scope)}
        changes.update_task(portal, task, data, hand)
        return {"do": kind, "field": step["field"], "done": bool(data["customFieldData"])}
    if kind == "set-status":
        number = next((n for n in portal.objects[task.object].statuses if portal.statuses[n].name == step["status"]), 0)
        failures = changes.update_task(portal, task, {"status": {"id": number}}, hand) if number else [{}]
        return {"do": kind, "done": not failures}
    if kind == "comment":
        data = {"description": render(step["text"], scope), "isHidden": bool(step.get("hidden"))}
        return {"do": kind, "comment": comments.create(portal, data, hand, task=task.id).id}
    if kind == "row":
        return {"do": kind, "keys": _add_rows(portal, task.id, step, scope, hand)}
    raise ValueError(f"unknown operation {kind!r}")


def _on_contact(portal: Portal, run: Run, step: dict[str, Any], scope: Scope, hand: Hand) -> dict[str, Any]:
    """What a script of contacts does to its contact."""
    kind, contact = step["do"], portal.contacts.get(run.contact)
    if contact is None or kind not in ("set-field", "comment"):
        return {"do": kind, "done": False}
    if kind == "comment":
        data = {"description": render(step["text"], scope), "isHidden": bool(step.get("hidden"))}
        return {"do": kind, "comment": comments.create(portal, data, hand, contact=contact.id).id}
    data = {"customFieldData": _values(portal, "contact", contact.template, {step["field"]: step["value"]}, scope)}
    contacts.update_contact(portal, contact, data, hand)
    return {"do": kind, "field": step["field"], "done": bool(data["customFieldData"])}


def _values(portal: Portal, kind: str, owner: int, by_label: dict[str, str], scope: Scope) -> list[dict[str, Any]]:
    """`customFieldData` from labels and texts; a label the portal no longer has is left out silently."""
    data = []
    for label, text in by_label.items():
        number = portal.field_by_label(kind, owner, label)
        if number:
            value: Any = render(str(text), scope)
            if portal.fields[kind][number].type == 1:
                try:
                    value = float(value.replace(",", ".").replace(" ", ""))
                except ValueError:
                    continue
            data.append({"field": {"id": number}, "value": value})
    return data


def _add_rows(portal: Portal, task: int, step: dict[str, Any], scope: Scope, hand: Hand) -> list[int]:
    """As many rows as there are values in the blocks used."""
    tag = next((t.id for t in portal.tags.values() if t.name == step["tag"]), 0)
    found = {label: scope.blocks.get(str(text)[len("{{Инфоблок.") : -2]) for label, text in step["fields"].items()}
    lists = {label: value for label, value in found.items() if isinstance(value, list)}
    items = []
    for at in range(max([len(value) for value in lists.values()], default=1)):
        texts = dict(step["fields"])
        for label, values in lists.items():
            texts[label] = templates.format_value(values[at]) if at < len(values) else ""
        items.append({"customFieldData": _values(portal, "datatag", tag, texts, scope)})
    if not tag or not items:
        return []
    comment = rows.new_comment(portal, hand, task=task)
    tag, taken = rows.taken_rows(portal, {"dataTag": {"id": tag}, "items": items}, hand)
    return rows.add_rows(portal, tag, taken, hand, comment)


def _mass_tasks(portal: Portal, step: dict[str, Any], scope: Scope, hand: Hand) -> dict[str, Any]:
    test = filters.for_tasks(portal, step.get("filters", []), hand.user)
    found = [task for task in portal.tasks.values() if test(task)][:MASS_TASKS_MAX]
    for task in found:
        data = {"customFieldData": _values(portal, "task", task.object, step.get("fields", {}), scope)}
        changes.update_task(portal, task, data, hand)
    return {"do": "change-tasks", "changed": len(found)}


def _mass_contacts(portal: Portal, step: dict[str, Any], scope: Scope, hand: Hand) -> dict[str, Any]:
    test = filters.for_contacts(portal, step.get("filters", []), hand.user)
    found = [contact for contact in portal.contacts.values() if test(contact)][:MASS_CONTACTS_MAX]
    for contact in found:
        data = {"customFieldData": _values(portal, "contact", contact.template, step.get("fields", {}), scope)}
        contacts.update_contact(portal, contact, data, hand)
    return {"do": "change-contacts", "changed": len(found)}
