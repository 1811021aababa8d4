"""After an account is open: the client's card, the next department's deal, the old deal won, a responsible, the last word.

Each step has its line and is looked up before it is repeated; none is undone. The card is filled when the client is looked
at, the rest when the deal is; what a lost answer or a death leaves behind is found by the next sync, at most a minute later.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kernel.crm import Record, Ref, Unreadable, Value
from kernel.datasets import Accepted
from kernel.errors import BadInput
from kernel.extension import Seen
from kernel.extension.portal import Portal, Unit
from kernel.jobs import inbox, outgoing
from kernel.jobs.call_queries import update_failure
from kernel.values import to_micros
from plugins.assignment import api as assignment
from plugins.opening import store
from plugins.opening.settings import NAME, push_of, settings_of
from plugins.opening.store import ACCEPTED, DONE, LEFT, WAITING, Deal, Step
from plugins.opening.telling import changed, in_words, tell, tell_in

NEXT_MADE, ACTIVITIES_MOVED = "next_made", "activities_moved"
ACTIVITIES_TOLD_MAX = 10
PAUSE_SECONDS_MIN, PAUSE_SECONDS_MAX = 30, 1800


def begin(unit: Unit, one: Deal) -> None:
    """The answer is kept: the client's card is next."""
    unit.resync(one.client_entity, one.client_record)


def look_on(portal: Portal) -> None:
    """Regular: what is not over is looked at again."""
    push = push_of(portal)
    if push is None:
        return
    with portal.unit() as unit:
        for one in store.unfinished(unit.tx, portal.name, (ACCEPTED, WAITING)):
            if one.state == WAITING and one.gone:
                continue  # nothing was begun with it
            if one.state == ACCEPTED and store.steps(unit.tx, portal.name, one.deal)["card"].state != "done":
                unit.resync(one.client_entity, one.client_record)
            elif one.gone:
                _end_without_deal(unit, one)
            else:
                unit.resync(push.entity, one.deal)


def opened_of(unit: Unit, one: Deal) -> Accepted:
    request = store.newest(unit.tx, one.portal, one.deal)
    assert request is not None and isinstance(request.answer, Accepted), f"deal {one.deal} is accepted without an answer"
    return request.answer


# --- 1: the card ------------------------------------------------------------------------------------------------------


def fill_card(unit: Unit, one: Deal, seen: Seen) -> None:
    """The client was read: what the back office answered stands in the card, or is written."""
    step = store.steps(unit.tx, one.portal, one.deal)["card"]
    if step.state == "done":
        return
    opened, record = opened_of(unit, one), seen.record
    has = record.values.get(settings_of(unit.portal).client_id)
    if has and str(has) != opened.client_id:
        _stop(unit, one, step, "opn_other_client_id", there=str(has), client=opened.client_id)
        return
    wanted = card_values(unit.portal, record.entity, opened)
    missing = {name: value for name, value in wanted.items() if record.values.get(name) != value}
    if not missing:
        _step(unit, one, step, state="done", record=record.id, reason="")
        if one.gone:
            _end_without_deal(unit, one)
        elif (push := push_of(unit.portal)) is not None:
            unit.resync(push.entity, one.deal)
        return
    if all(seen.expected.values.get(name) == value for name, value in missing.items()):
        return  # our write is in flight
    if _may_try(unit, step, seen):
        failed = update_failure(unit.tx, one.portal, record.entity, record.id, step.at) if step.tries else ""
        unit.update(record.entity, record.id, missing, resync=True)
        _step(unit, one, step, state="doing", tries=step.tries + 1, reason=failed)


def card_values(portal: Portal, entity: str, opened: Accepted) -> dict[str, Value]:
    """What the card says once the account is open."""
    push, settings, fields = push_of(portal), settings_of(portal), portal.mapping.entity(entity).field
    told: dict[str, Value] = {
        "ClientID": opened.client_id, "ContractNumber": opened.contract_number or None, "AccountOpenDate": opened.opened_on,
    }  # fmt: skip
    found = {field: told[name] for name, field in (push.card_fields() if push else {}).items()}
    found[settings.client_id] = opened.client_id
    found[settings.status] = settings.active
    return {name: value for name, value in found.items() if name in fields and value is not None}


# --- 2 to 6: the deals ------------------------------------------------------------------------------------------------


def go_on(unit: Unit, one: Deal, seen: Seen) -> Deal:
    """The deal was read: the first step that is not done. Returns the deal as it is then; the caller keeps it."""
    steps = store.steps(unit.tx, one.portal, one.deal)
    if one.finished_at is not None:
        return one
    if not steps["card"].over:
        unit.resync(one.client_entity, one.client_record)
        return one
    if not steps["next"].over:
        _make_next(unit, one, steps["next"], seen)
        return one
    further = {"activities": _moved, "close": _closed, "responsible": _given}
    for name, do in further.items():
        if not steps[name].over and not do(unit, one, steps[name], steps["next"].record, seen):
            return one
    if _told(unit, one, steps["told"], seen):
        return replace(one, finished_at=to_micros(unit.now), number=one.number + 1)
    return one


def _make_next(unit: Unit, one: Deal, step: Step, seen: Seen) -> None:
    """Looked up by its key before it is made again: that is how the kernel's calls make a record."""
    call = outgoing.by_key(unit.tx, one.portal, next_key(one))
    if call is None:
        settings = settings_of(unit.portal)
        unit.create(
            seen.record.entity, next_values(unit.portal, seen.record), key=next_key(one), done=NEXT_MADE,
            context={"deal": one.deal}, stage=settings.next_stage, find_first=store.restored_at(unit.tx, one.portal) > 0,
        )  # fmt: skip
        _step(unit, one, step, state="doing", tries=1)
    elif call.state in ("failed", "uncertain") and _may_try(unit, step, seen):
        outgoing.again(unit.tx, call, queue=unit.portal.queue, clock=unit.portal.clock)
        _step(unit, one, step, state="doing", tries=step.tries + 1)


def next_key(one: Deal) -> str:
    return f"handover:{one.portal.partition('/')[2]}:{one.deal}"


def next_values(portal: Portal, record: Record) -> dict[str, Value]:
    """All that both deals have fields for; they are records of one kind."""
    plan, settings = portal.mapping.entity(record.entity), settings_of(portal)
    left = {plan.key, settings.next_deal, settings.base_deal, *settings.not_copied}
    found: dict[str, Value] = {
        name: value
        for name, value in record.values.items()
        if name not in left and value not in (None, ()) and not isinstance(value, Unreadable)
    }
    if settings.base_deal in plan.field:
        found[settings.base_deal] = _pointer(portal, record.entity, settings.base_deal, record.id, record.name)
    return found


def _pointer(portal: Portal, entity: str, field: str, record_id: str, name: str = "") -> Value:
    """A link where the field takes one, else the number."""
    return Ref(record_id, name) if portal.mapping.entity(entity).field[field].type == "deal" else record_id


def next_made(unit: Unit, payload: Mapping[str, Any], result: str) -> None:
    one = store.locked(unit.tx, unit.portal.name, str(payload["context"]["deal"]))
    if one is None:
        return
    step = store.steps(unit.tx, one.portal, one.deal)["next"]
    _step(unit, one, step, state="done", record=result, reason="")
    unit.resync(str(payload["entity"]), one.deal)


def next_not_made(unit: Unit, payload: Mapping[str, Any], _state: str, reason: str) -> None:
    one = store.locked(unit.tx, unit.portal.name, str(payload["context"]["deal"]))
    if one is not None:
        step = store.steps(unit.tx, one.portal, one.deal)["next"]
        _stop(unit, one, step, "opn_step_failed", step=in_words(unit.portal, "opn_step_next"), text=reason)


def _moved(unit: Unit, one: Deal, step: Step, next_deal: str, seen: Seen) -> bool:
    """Before the deal is won: a CRM may take what is planned for a closed deal as done."""
    if settings_of(unit.portal).activities == "leave" or unit.portal.crm.activities is None:
        _step(unit, one, step, state=LEFT, reason="")
        return True
    call = outgoing.by_key(unit.tx, one.portal, activities_key(one))
    if call is None:
        unit.move_activities(
            seen.record.entity, one.deal, next_deal, key=activities_key(one), done=ACTIVITIES_MOVED,
            context={"deal": one.deal},
        )  # fmt: skip
        _step(unit, one, step, state="doing", tries=1, reason="")
    elif call.state == "dropped":
        _step(unit, one, step, state=LEFT, reason=call.reason)
        return True
    return False


def activities_key(one: Deal) -> str:
    return f"opening:{one.deal}:activities"


def activities_moved(unit: Unit, payload: Mapping[str, Any], result: str) -> None:
    left = [f"«{subject}»: {reason}" for subject, reason in json.loads(result or "[]")]
    _activities_over(unit, payload, "\n".join(left[:ACTIVITIES_TOLD_MAX]), some=bool(left))


def activities_not_moved(unit: Unit, payload: Mapping[str, Any], _state: str, reason: str) -> None:
    _activities_over(unit, payload, reason, some=True)


def _activities_over(unit: Unit, payload: Mapping[str, Any], reason: str, *, some: bool) -> None:
    """What could not be moved stays, which holds nothing up; who led the deal is told."""
    one = store.locked(unit.tx, unit.portal.name, str(payload["context"]["deal"]))
    if one is None:
        return
    step = store.steps(unit.tx, one.portal, one.deal)["activities"]
    _step(unit, one, step, state=LEFT if some else DONE, reason=reason)
    if some:
        changed(unit, tell(unit, one, "opn_activities_left", text=reason))
    unit.resync(str(payload["entity"]), one.deal)


def _closed(unit: Unit, one: Deal, step: Step, next_deal: str, seen: Seen) -> bool:
    settings, record = settings_of(unit.portal), seen.record
    values = {}
    if settings.next_deal in unit.portal.mapping.entity(record.entity).field:
        values[settings.next_deal] = _pointer(unit.portal, record.entity, settings.next_deal, next_deal)
    if record.stage == settings.won and all(_same(record.values.get(name), value) for name, value in values.items()):
        _step(unit, one, step, state="done", record=record.id, reason="")
        return True
    names = all(_same(seen.expected.values.get(name), value) for name, value in values.items())
    in_flight = seen.expected.stage == settings.won and names
    if not in_flight and _may_try(unit, step, seen):
        failed = update_failure(unit.tx, one.portal, record.entity, record.id, step.at) if step.tries else ""
        unit.update(record.entity, record.id, values, stage=settings.won, resync=True)
        step = _step(unit, one, step, state="doing", tries=step.tries + 1, reason=failed)
        if failed and step.tries == 2:
            _stop(unit, one, step, "opn_step_failed", step=in_words(unit.portal, "opn_step_close"), text=failed)
    return False


def _same(there: Value, wanted: Value) -> bool:
    return there.id == wanted.id if isinstance(there, Ref) and isinstance(wanted, Ref) else there == wanted


def _given(unit: Unit, one: Deal, step: Step, next_deal: str, _seen: Seen) -> bool:
    """The assignment plugin decides, when somebody fits; until then the next deal waits in its queue."""
    push = push_of(unit.portal)
    assert push is not None
    decision = assignment.decision(unit, push.entity, next_deal)
    if decision is not None:
        _step(unit, one, step, state="done", record=decision.person, reason=decision.person_name)
        return True
    if step.state != "doing":
        try:
            assignment.give_out(unit, settings_of(unit.portal).queue, push.entity, next_deal, by=NAME)
        except BadInput as exc:
            _stop(unit, one, step, "opn_step_failed", step=in_words(unit.portal, "opn_step_responsible"), text=str(exc))
            return False
        _step(unit, one, step, state="doing", tries=step.tries + 1, reason="")
    return False


def _told(unit: Unit, one: Deal, step: Step, seen: Seen) -> bool:
    """The last word to who led the deal; whether it stands in the CRM."""
    key = f"opening:{one.deal}:told"
    call = outgoing.by_key(unit.tx, one.portal, key)
    if call is not None and call.state == "done":
        _step(unit, one, step, state="done", reason="")
        return True
    if call is None:
        steps = store.steps(unit.tx, one.portal, one.deal)
        opened, next_deal = opened_of(unit, one), steps["next"].record
        text = in_words(
            unit.portal, "opn_told", client=opened.client_id, contract=opened.contract_number or "—",
            link=unit.portal.crm.link(seen.record.entity, next_deal), person=steps["responsible"].reason or "—",
        )  # fmt: skip
        tell_in(unit, seen.record.entity, one.deal, text, (one.owner,) if one.owner else (), deal=one.deal, key=key)
        _step(unit, one, step, state="doing", tries=1)
        unit.resync(seen.record.entity, one.deal)
    elif call.state in ("failed", "uncertain") and _may_try(unit, step, seen):
        outgoing.again(unit.tx, call, queue=unit.portal.queue, clock=unit.portal.clock)
        _step(unit, one, step, state="doing", tries=step.tries + 1)
    return False


def _end_without_deal(unit: Unit, one: Deal) -> None:
    """The deal was deleted meanwhile: the card is filled, there is no next deal, and the heads know."""
    for step in store.steps(unit.tx, one.portal, one.deal).values():
        if not step.over:
            _step(unit, one, step, state="skipped", reason="")
    told = tell(unit, one, "opn_gone", heads=True, client=opened_of(unit, one).client_id)
    changed(unit, replace(told, finished_at=to_micros(unit.now)))


# --- inside -----------------------------------------------------------------------------------------------------------


def _step(unit: Unit, one: Deal, step: Step, **values: Any) -> Step:
    unit.tx.after_commit(unit.portal.changed)
    return store.keep_step(unit.tx, one.portal, one.deal, step, at=to_micros(unit.now), **values)


def _stop(unit: Unit, one: Deal, known: Step, code: str, **values: Any) -> None:
    """It cannot go on by itself: told once, and tried again when something changes."""
    reason = in_words(unit.portal, code, **values)
    if (known.state, known.reason) == ("stopped", reason[:500]):
        return
    told = known.reason == reason[:500]  # the same once more, after another try
    _step(unit, one, known, state="stopped", reason=reason)
    if told:
        return
    changed(unit, tell(unit, one, "opn_stopped", heads=True, text=reason))


def _may_try(unit: Unit, step: Step, seen: Seen) -> bool:
    """The first time, and whenever a person changed something; else after a pause that grows."""
    if step.tries == 0 or any(event.name not in (inbox.ASKED, inbox.SWEPT) for event in seen.events):
        return True
    pause: int = min(PAUSE_SECONDS_MIN * 2 ** min(step.tries - 1, 10), PAUSE_SECONDS_MAX)
    return to_micros(unit.now) - step.at >= pause * 1_000_000
