"""Automations and buttons: which of them a change sets off (contract 5, checklist 27 and 28)."""

from __future__ import annotations

from typing import Any

from sandbox.planfix import showing
from sandbox.planfix.delivery import Delivery
from sandbox.planfix.model import Contact, Script, Task, User
from sandbox.planfix.run import Run
from sandbox.planfix.state import Change, Portal

TRIGGERS = {"created": ("task-created", "contact-created"), "comment": ("comment-added",), "row": ("row-added",)}
BUTTON_PAUSE_SECONDS = 60.0


class Scripts:
    """Looks at every change and queues the runs it causes."""

    def __init__(self, portal: Portal, delivery: Delivery) -> None:
        self._portal = portal
        self._delivery = delivery
        self._pressed: dict[tuple[int, int, str], float] = {}
        delivery.press = self.press
        portal.fire = self.on_change

    def on_change(self, change: Change) -> None:
        """Called under the portal's lock, by whoever changed the task or contact."""
        card = self._portal.contacts[change.contact] if change.contact else self._portal.tasks[change.task]
        for script in self._portal.scripts:
            if _is_of(script, card) and self._enabled(script) and self._fires(script, card, change):
                run = Run(script, change.task, change.author, change.chain, change.comment, change.row, change.contact)
                self._delivery.put(run)

    def _enabled(self, script: Script) -> bool:
        return script.enabled and (not script.enabled_by or self._portal.faults.on(script.enabled_by))

    def _fires(self, script: Script, task: Task | Contact, change: Change) -> bool:
        if any(script.trigger in names for names in TRIGGERS.values()):
            wanted = script.trigger in TRIGGERS.get(change.kind, ())
            return wanted and script.name not in change.chain and self._matches(script, task, change)
        if script.trigger == "still-matches":
            if change.kind != "changed" or script.name in change.chain:
                return False
            pure_status = change.what == {"status"}
            # The product cannot tell a status change from others here; the switch keeps deliveries apart.
            if pure_status and not self._portal.faults.on("status_fires_changed"):
                return False
            return self._matches(script, task, change)
        if script.trigger == "now-matches" and change.kind in ("created", "changed"):
            # Remembers the previous check per task and script. All conditions count, the author too, so what the
            # robot changed can still fire at the next change by hand: the product does the same.
            before, now = task.matched.get(script.name, False), self._matches(script, task, change)
            task.matched[script.name] = now
            return now and not before and change.kind == "changed" and script.name not in change.chain
        return False

    def _matches(self, script: Script, task: Task | Contact, change: Change) -> bool:
        return all(self._condition(condition, task, change) for condition in script.conditions)

    def _condition(self, condition: dict[str, Any], task: Task | Contact, change: Change) -> bool:
        wanted = condition.get("is", condition.get("is_not"))
        return (wanted in self._facts(condition["what"], task, change)) == ("is" in condition)

    def _facts(self, what: str, task: Task | Contact, change: Change) -> list[Any]:
        """All names a condition may call the present value by."""
        portal = self._portal
        if what == "author":
            user = portal.users.get(change.author)
            return [change.author, portal.person_name(change.author), "robot" if user and user.is_robot else "person"]
        if what == "by-script":
            return [bool(change.chain)]
        if isinstance(task, Contact):
            return self._field("contact", task.template, task.values, what)
        if what == "status":
            return [task.status, portal.statuses[task.status].name]
        if what == "counterparty":
            return [task.counterparty, portal.person_name(task.counterparty)]
        if what == "assignee":
            return [name for ident in task.assignees.users for name in (ident, portal.person_name(ident))]
        return self._field("task", task.object, task.values, what)

    def _field(self, kind: str, owner: int, values: dict[int, Any], label: str) -> list[Any]:
        portal = self._portal
        number = portal.field_by_label(kind, owner, label)
        stored = values.get(number)
        shown = showing.emit(portal, portal.fields[kind][number], stored, portal.robot())[1] if stored is not None else ""
        return [stored, shown]

    # -- buttons

    def press(
        self, task_number: int, name: str, user: User, chain: frozenset[str] = frozenset(), by_script: bool = False,
        contact: int = 0,
    ) -> dict[str, Any]:  # fmt: skip
        """Press a button as the card would; the returned dict says what happened, `run` is there if it was queued."""
        portal = self._portal
        with portal.lock:
            card = portal.contacts.get(contact) if contact else portal.tasks.get(task_number)
            buttons = (s for s in portal.scripts if s.trigger == "button" and s.name == name)
            script = next((s for s in buttons if card is not None and _is_of(s, card)), None)
            if card is None or script is None:
                return {"pressed": False, "why": "no such task, contact or button"}
            if portal.faults.word("plan") == "start":
                return {"pressed": False, "why": "buttons need the Business plan"}
            if not self._enabled(script) or (script.users and user.id not in script.users):
                return {"pressed": False, "why": "the button is not there for this user"}
            now, last = portal.clock.ticks(), self._pressed.get((task_number, contact, name))
            if last is not None and now - last < BUTTON_PAUSE_SECONDS:
                return {"pressed": False, "why": "the same button in the same task: once a minute"}
            change = Change("button", task_number, user.id, chain=chain, contact=contact)
            # A script presses without the button's conditions (contract 5).
            if not by_script and not self._matches(script, card, change):
                return {"pressed": False, "why": "conditions of the button are not met"}
            self._pressed[task_number, contact, name] = now
            portal.counters.buttons += 1
            run = Run(script, task_number, user.id, chain, contact=contact)
        self._delivery.put(run)
        return {"pressed": True, "run": run}


def _is_of(script: Script, card: Task | Contact) -> bool:
    """Whether the script belongs to the object of that task, or to the template of that contact."""
    if isinstance(card, Contact):
        return bool(script.template) and script.template == card.template
    return not script.template and script.object == card.object
