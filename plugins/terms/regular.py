"""Open tasks are looked at each minute; who lets the question wait is reminded, then their head is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kernel.crm import Process
from kernel.errors import Fault
from kernel.extension.portal import Portal, Unit
from kernel.telemetry import log
from kernel.values import to_micros
from plugins.terms import store
from plugins.terms.asking import ask_by_form, current, keep, tell, tell_heads
from plugins.terms.model import Question
from plugins.terms.plan import DEAL

LOOKS_WITHOUT_PROCESS_MAX = 3  #: what it wrote may be in flight; then it has ended without all answers


def look_around(portal: Portal) -> None:
    """Regular."""
    _look_at_tasks(portal)
    _tell_heads(portal)


def _look_at_tasks(portal: Portal) -> None:
    """A task that was answered has the deal read, whether or not anybody reported it; a process that somebody
    started beside ours is ended."""
    with portal.read() as unit:
        waiting = store.waiting_for_tasks(unit.tx, portal.name)
    if not waiting or portal.crm.processes is None:
        return
    try:
        running = {one: portal.crm.processes.running(DEAL, one) for one in {question.template for question in waiting}}
    except Fault as exc:
        log.warning("terms.unread", reason=str(exc))
        return
    for question in waiting:
        found = running[question.template].get(question.deal, ())
        if not found or len(found) > 1 or question.missed or not question.url:
            with portal.unit() as unit:
                if now := current(unit, {"deal": question.deal, "round": question.round}):
                    _judge(unit, now, found)


def _judge(unit: Unit, question: Question, found: tuple[Process, ...]) -> None:
    if question.way != "task" or not question.begun:
        return
    if not found:
        question = replace(question, missed=question.missed + 1)
        if question.missed >= LOOKS_WITHOUT_PROCESS_MAX:
            ask_by_form(unit, question)
            return
        unit.resync(DEAL, question.deal)
        keep(unit, question)
        return
    first, *others = found
    for one in others:
        unit.end_process(DEAL, question.deal, question.template, but=first.id, key=f"terms:{unit.portal.name}:{one.id}:end")
    url = next((one.url for one in first.questions if one.url), "")
    question = replace(question, missed=0)
    keep(unit, tell(unit, replace(question, url=url)) if url and not question.url else question)


def _tell_heads(portal: Portal) -> None:
    with portal.read() as unit:
        due = store.due_for_heads(unit.tx, portal.name, to_micros(portal.clock.now()))
    if not due:
        return
    try:
        people = portal.people()
    except Fault as exc:
        log.warning("terms.unread", reason=str(exc))
        return
    for question in due:
        with portal.unit() as unit:
            now = current(unit, {"deal": question.deal, "round": question.round})
            if now and now.owner == question.owner and now.head_due:
                tell_heads(unit, now, people)


def timer_due(unit: Unit, _key: str, body: Mapping[str, Any]) -> None:
    if question := current(unit, body):
        keep(unit, tell(unit, question, "terms_remind"))
