"""Putting a question to a deal's owner, by a task of the CRM or by our form; passing it on; and taking it back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, time
from typing import Any

from kernel.crm import Person, Record
from kernel.extension.portal import Portal, Unit
from kernel.telemetry import log
from kernel.texts import translate
from kernel.values import to_micros
from plugins.terms import store
from plugins.terms.model import Question, State, Way
from plugins.terms.plan import DEAL, NAME, settings_of
from plugins.terms.rules import after_working_minutes

STARTED = "terms.started"  #: of `Plugin.done`
PAGE = "/terms/deal/"
HEAD = "HEAD"  #: what the head is told stands beside what the owner is told


def ask(unit: Unit, record: Record, owner: str, template: str, before: Question | None) -> None:
    """Put the question, once for each coming to the stage."""
    way: Way = "task" if template else "form"
    question = Question(
        record.id, before.round + 1 if before else 1, record.name, record.url, owner, "open", way, template,
        asked_at=to_micros(unit.now),
        notices=before.notices if before else 0,
    )  # fmt: skip
    if way == "task":
        key = _key(unit, question, "start")
        unit.start_process(DEAL, record.id, template, key=key, done=STARTED, context=_context(question))
    else:
        question = tell(unit, question)
    keep(unit, _with_reminders(unit, question))
    log.info("terms.asked", deal=record.id, way=way)


def pass_on(unit: Unit, question: Question, owner: str) -> None:
    """The deal has another owner: nobody else is to be bothered with it any more."""
    question = _taken_back(unit, replace(question, owner=owner, url=""))
    if question.way == "task" and owner:
        unit.hand_over_process(
            DEAL, question.deal, question.template, owner, key=_key(unit, question, f"to:{question.notices}"), done=STARTED,
            context=_context(question),
        )  # fmt: skip
    else:
        question = tell(unit, question)
    keep(unit, _with_reminders(unit, question))


def close(unit: Unit, question: Question, state: State) -> None:
    """It is answered, or asks nothing any more."""
    if question.template:
        unit.end_process(DEAL, question.deal, question.template, key=_key(unit, question, "end"))
    unit.cancel_timer(NAME, _timer_key(unit, question.deal))
    keep(unit, _taken_back(unit, replace(question, state=state)))
    log.info("terms.closed", deal=question.deal, state=state)


def ask_by_form(unit: Unit, question: Question) -> None:
    """The process cannot be had, or has ended without all answers. What may run of it is ended with the question."""
    template = question.template if question.begun else ""
    keep(unit, tell(unit, replace(question, way="form", template=template, url="")))


def started(unit: Unit, payload: Mapping[str, Any], url: str) -> None:
    """The process runs, or has been passed on: now the owner can be told where to answer."""
    if question := current(unit, payload["context"]):
        if question.owner == payload["context"]["owner"]:
            question = tell(unit, replace(question, url=url, begun=True, missed=0))
        keep(unit, replace(question, begun=True))


def start_failed(unit: Unit, payload: Mapping[str, Any], state: str, reason: str) -> None:
    if question := current(unit, payload["context"]):
        log.warning("terms.no_process", deal=question.deal, state=state, reason=reason)
        ask_by_form(unit, question)


def tell(unit: Unit, question: Question, code: str = "terms_ask") -> Question:
    """Have the owner told, in place of what they were told before; the question as it is then."""
    if not question.owner:
        return question
    question = replace(question, notices=question.notices + 1)
    unit.notify(
        tag_of(question.deal), [question.owner], _text(unit.portal, question, code), key=_key(unit, question, "told")
    )  # fmt: skip
    return question


def tell_heads(unit: Unit, question: Question, people: list[Person]) -> None:
    """Once for each owner; who has no head is reminded all the same."""
    heads = [one.id for one in heads_of(people, question.owner)]
    if heads:
        text = _text(unit.portal, question, "terms_head", people)
        unit.notify(tag_of(question.deal, HEAD), heads, text, key=_key(unit, question, f"heads:{question.owner}"))
    keep(unit, replace(question, head_due=0))


def heads_of(people: list[Person], person: str) -> list[Person]:
    groups = {group for one in people if one.id == person for group in one.groups}
    return [one for one in people if one.active and one.id != person and groups & set(one.heads)]


def tag_of(deal: str, kind: str = "") -> str:
    return f"TERMS|{deal}|{kind}" if kind else f"TERMS|{deal}"


def form_address(portal: Portal, deal: str) -> str:
    return f"{portal.public_url}{PAGE}{deal}"


def keep(unit: Unit, question: Question) -> None:
    store.keep(unit.tx, unit.portal.name, question)
    unit.tx.after_commit(unit.portal.changed)


def _taken_back(unit: Unit, question: Question) -> Question:
    question = replace(question, notices=question.notices + 1)
    for kind in ("", HEAD):
        unit.withdraw_notice(tag_of(question.deal, kind), key=_key(unit, question, f"back:{kind}"))
    return question


def _text(portal: Portal, question: Question, code: str, people: list[Person] | None = None) -> str:
    language = portal.mapping.portal.language
    owner = next((one.name for one in people or () if one.id == question.owner), question.owner)
    lines = [
        translate(language, code, name=question.name or question.deal, owner=owner),
        translate(language, "terms_deal", url=question.card),
    ]
    if question.way == "task" and question.url:
        lines.append(translate(language, "terms_task", url=question.url))
    else:
        lines.append(translate(language, "terms_form", url=form_address(portal, question.deal)))
    return "\n".join(lines)


def _with_reminders(unit: Unit, question: Question) -> Question:
    settings, zone = settings_of(unit.portal), unit.portal.zone
    begins, ends = time.fromisoformat(settings.day_begins), time.fromisoformat(settings.day_ends)

    def due(minutes: int) -> datetime:
        now = unit.now.astimezone(zone)
        return after_working_minutes(now, minutes, begins=begins, ends=ends, weekdays=settings.weekdays)

    body = {"deal": question.deal, "round": question.round}
    unit.set_timer(NAME, _timer_key(unit, question.deal), due(settings.remind_minutes), body)
    return replace(question, head_due=to_micros(due(settings.head_minutes)))


def _timer_key(unit: Unit, deal: str) -> str:
    return f"{unit.portal.name}:{deal}"


def current(unit: Unit, context: Mapping[str, Any]) -> Question | None:
    """The question that a call or timer speaks of, if it still waits."""
    known = store.load(unit.tx, unit.portal.name, context["deal"])
    return known if known and known.state == "open" and known.round == context["round"] else None


def _context(question: Question) -> dict[str, Any]:
    return {"deal": question.deal, "round": question.round, "owner": question.owner}


def _key(unit: Unit, question: Question, what: str) -> str:
    return f"terms:{unit.portal.name}:{question.deal}:{question.round}:{what}:{question.notices}"
