"""Making one client known to the back office: judged, written down, sent by the kernel's calls, answered.

A request's bytes are committed before anything leaves. From then on it goes out only as these bytes under this RequestID,
until a definite answer; what an answer that got lost leads to is the verb's (connectors: `request_id` sends the same again,
`lookup` asks first, `none` waits for a person).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from kernel.crm import Record
from kernel.datasets import Accepted, Opened, unpack_opened
from kernel.errors import BadInput, Refused
from kernel.extension.portal import Portal, Unit
from kernel.jobs import outgoing
from kernel.jobs.outgoing import Call
from kernel.mapping import PushMap
from kernel.storage import Tx
from kernel.telemetry import log
from kernel.values import to_micros
from plugins.opening import asking, handover, store
from plugins.opening.rules import DUPLICATE, FORMAT, REQUIRED, Composed, Finding, compose, corrected, located
from plugins.opening.settings import NAME, naming_client, push_of, settings_of
from plugins.opening.store import ACCEPTED, ASKING, CHECKED_BAD, KNOWN, OPEN, REFUSED, REJECTED, WAITING, Deal, Request
from plugins.opening.telling import administrators, changed, findings_text, in_words, tell

VERBS = {"request_id": "open_account", "lookup": "open_account_lookup", "none": "open_account_once"}
DONE = "answered"
DOUBT = "doubt:"
CLIENT_ID_CHARACTERS_MAX = 40


def set_push(portal: Portal) -> PushMap:
    found = push_of(portal)
    assert found is not None, "nothing is handed over in this set"
    return found


def call_of(tx: Tx, portal: Portal, request: Request) -> Call | None:
    """The call that sends it."""
    to = portal.connection(settings_of(portal).source).full_name
    return outgoing.by_key(tx, to, request.request_id)


def phase(tx: Tx, portal: Portal, one: Deal) -> str:
    """The state by the words of the specification: an open request is ready, sending or uncertain."""
    request = store.newest(tx, portal.name, one.deal) if one.state == OPEN else None
    if request is None:
        return one.state
    call = call_of(tx, portal, request)
    if call is None or (call.state == "waiting" and call.attempts == 0):
        return "ready"
    return "sending" if call.state == "sending" and not call.reason else "uncertain"


def needs_person(tx: Tx, portal: Portal, one: Deal) -> bool:
    """Whether only a person can say what became of the request: nothing goes out by itself any more."""
    if one.state == ASKING:
        asks = asking.call_of(tx, portal, one)
        return asks is not None and asks.state in ("failed", "uncertain")
    request = store.newest(tx, portal.name, one.deal)
    call = call_of(tx, portal, request) if request and request.state == "open" else None
    return call is not None and call.state not in ("waiting", "sending")


# --- before anything leaves -------------------------------------------------------------------------------------------


def consider(unit: Unit, one: Deal, record: Record, client: Record | None, *, entered: bool) -> Deal:
    """The deal stands where clients are handed over, and nothing is in transit: hand over, or say why not."""
    push, portal = set_push(unit.portal), unit.portal
    if client is None:
        return _no_client(unit, one, push, entered=entered)
    plans = portal.mapping.entities
    composed = compose(push, {push.entity: record, client.entity: client}, plans, unit.now.astimezone(portal.zone).date())
    has = client.values.get(settings_of(portal).client_id)
    key, content = f"{client.entity}:{client.id}", _hash([composed.content(), str(has or "")])
    again = entered or one.wanted
    if not again and (one.client, one.content) == (key, content) and one.state != WAITING:
        return one
    if one.state == REJECTED and one.client == key and not again:
        sent = store.newest(unit.tx, portal.name, one.deal)
        if sent is not None and not corrected(one.findings, sent.origins, composed.origins):
            return one
    now = replace(one, client=key, content=content, wanted=False)
    live = store.live(unit.tx, portal.name, key)
    if live is not None and live.state == "accepted" and isinstance(live.answer, Accepted):
        return _known(unit, one, now, live.answer.client_id)
    if live is not None:
        return _waits(unit, one, now, live)
    if has:
        return _known(unit, one, now, str(has))
    if composed.findings:
        return _bad(unit, push, now, composed.findings)
    if asking.is_due(unit, one, record):
        match asking.way(push):
            case "ask":
                asking.ask(unit, now, push, now.answers + 1, looked_up_by(push, composed))
                return _now(unit, now, ASKING)
            case "person":
                return _doubted(unit, _write_down(unit, push, replace(now, asked_at=to_micros(unit.now)), composed))
    return _write_down(unit, push, now, composed)


def _no_client(unit: Unit, one: Deal, push: PushMap, *, entered: bool) -> Deal:
    if one.state == CHECKED_BAD and not one.client and not (entered or one.wanted):
        return one
    fields = unit.portal.mapping.entity(push.entity).field
    named = [name for _kind, name in naming_client(unit.portal, push)]
    label = " / ".join(fields[name].name for name in named)
    return _bad(unit, push, replace(one, client="", content="", wanted=False), (
        Finding(REQUIRED, entity=push.entity, field=named[-1] if named else "", label=label),
    ))  # fmt: skip


def _known(unit: Unit, before: Deal, now: Deal, client_id: str) -> Deal:
    if (before.state, before.reason) == (KNOWN, client_id):
        return replace(now, state=KNOWN)
    return tell(unit, _now(unit, now, KNOWN, reason=client_id), "opn_known", heads=True, client=client_id)


def _waits(unit: Unit, before: Deal, now: Deal, live: Request) -> Deal:
    if (before.state, before.reason) == (WAITING, live.deal):
        return now
    link = unit.portal.crm.link(set_push(unit.portal).entity, live.deal)
    return tell(unit, _now(unit, now, WAITING, reason=live.deal), "opn_waits", deal=live.deal, link=link)


def _bad(unit: Unit, push: PushMap, now: Deal, findings: tuple[Finding, ...]) -> Deal:
    now = _now(unit, now, CHECKED_BAD, findings=findings)
    errors = findings_text(unit.portal, push, now)
    return tell(unit, now, "opn_checked_bad", n=len(findings), errors=errors)


def _write_down(unit: Unit, push: PushMap, now: Deal, composed: Composed) -> Deal:
    portal, settings, number = unit.portal, settings_of(unit.portal), now.answers + 1
    request_id = f"{asking.stem(portal, now.deal)}{number}"
    accounts = portal.connection(settings.source).source.accounts
    assert accounts is not None
    try:
        body = accounts.compose(push.name, request_id, composed.elements).decode()
    except BadInput as exc:
        return _bad(unit, push, now, (located(FORMAT, exc.field, "", composed.origins),))
    request = Request(
        portal.name, now.deal, number, request_id, now.client, body, hashlib.sha256(body.encode()).hexdigest(),
        composed.origins, to_micros(unit.now),
    )  # fmt: skip
    if not store.write_down(unit.tx, request):  # another deal of the client was quicker: this one is not judged yet
        unit.resync(push.entity, now.deal)
        return replace(now, wanted=True)
    unit.call(
        settings.source, VERBS[push.once], {
            "push": push.name, "request": body, "request_id": request_id, **looked_up_by(push, composed),
            "record": f"{push.entity}:{now.deal}", "person": now.owner,
        },
        lane=f"client:{now.client}", key=request_id, done=DONE, context={"deal": now.deal, "request_id": request_id},
    )  # fmt: skip
    _watch(unit, now.deal, request_id)
    return _now(unit, now, OPEN)


def _watch(unit: Unit, deal: str, request_id: str) -> None:
    """Without an answer for a while the deal is told."""
    after = timedelta(seconds=settings_of(unit.portal).slow_seconds)
    unit.set_timer(NAME, _slow(request_id), unit.now + after, {"deal": deal})


def _doubted(unit: Unit, one: Deal) -> Deal:
    """The client may have been registered since the copy was made, and the back office cannot be asked: a person looks
    before anything leaves."""
    request = store.newest(unit.tx, one.portal, one.deal) if one.state == OPEN else None
    call = call_of(unit.tx, unit.portal, request) if request else None
    if call is None:
        return one
    outgoing.mark(unit.tx, call.id, "uncertain", unit.portal.clock, reason=in_words(unit.portal, "opn_restored"))
    unit.cancel_timer(NAME, _slow(call.key))
    return _told_of_doubt(unit, one)


def doubt(unit: Unit, one: Deal, request: Request) -> None:
    """Nobody knows whether that request was sent, and it must not be sent twice: told when work goes on."""
    unit.cancel_timer(NAME, _slow(request.request_id))
    unit.set_timer(NAME, f"{DOUBT}{request.request_id}", unit.now, {"deal": one.deal})


def _told_of_doubt(unit: Unit, one: Deal) -> Deal:
    reason = in_words(unit.portal, "opn_restored")
    return tell(unit, replace(one, reason=reason), "opn_uncertain", heads=True, text=reason)


def ask_first(unit: Unit, push: PushMap, one: Deal, request: Request, call: Call) -> None:
    """It is not sent before it was asked whether it, or one after it, has been sent."""
    outgoing.mark(unit.tx, call.id, "dropped", unit.portal.clock, reason=in_words(unit.portal, "opn_restored"))
    asking.ask(unit, one, push, request.number, {name: str(call.payload.get(name) or "") for name in ("inn", "phone")})
    changed(unit, _now(unit, one, ASKING))


def send_again(unit: Unit, one: Deal, request: Request, call: Call) -> None:
    """The very same bytes, by the call that has them."""
    outgoing.again(unit.tx, call, queue=unit.portal.queue, clock=unit.portal.clock)
    _watch(unit, one.deal, request.request_id)
    changed(unit, _now(unit, one, OPEN))


def begin_anew(unit: Unit, one: Deal) -> None:
    """Nothing is in transit: the deal is looked at again, whatever was judged last."""
    changed(unit, replace(_now(unit, one, CHECKED_BAD), wanted=True))
    unit.resync(set_push(unit.portal).entity, one.deal)


def found_out(unit: Unit, one: Deal, number: int, request_id: str) -> Request:
    """What stands for a request that this database never had."""
    request = Request(one.portal, one.deal, number, request_id, one.client, "", "", (), to_micros(unit.now))
    if not store.write_down(unit.tx, request):  # another deal of the client is not decided, or brought them in
        request = replace(request, state="linked")
        store.write_down(unit.tx, request)
    return request


def looked_up_by(push: PushMap, composed: Composed) -> dict[str, str]:
    """By what the client is found where requests cannot be looked up by RequestID: the ИНН, else the phone."""
    texts = dict(composed.elements)
    found = {"inn": "", "phone": ""}
    for part in push.part:
        for one in part.fields:
            text = texts.get(part.path(one), "")
            if one.check in ("inn10", "inn12") and not found["inn"]:
                found["inn"] = text
            if "e164" in (one.as_, one.check) and not found["phone"]:
                found["phone"] = text
    return {"inn": found["inn"]} if found["inn"] else {"phone": found["phone"]}


def _slow(request_id: str) -> str:
    return f"slow:{request_id}"


def _now(unit: Unit, one: Deal, state: str, *, findings: tuple[Finding, ...] = (), reason: str = "") -> Deal:
    return replace(one, state=state, since=to_micros(unit.now), findings=findings, reason=reason)


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


# --- answers ----------------------------------------------------------------------------------------------------------


def answered(unit: Unit, payload: Mapping[str, Any], result: str) -> None:
    """The call brought a definite answer."""
    found = _held(unit, payload)
    if found is None:
        return
    one, request = found
    if not result:  # a person said so on the page of calls; by what number, only they know
        changed(unit, tell(unit, one, "opn_which_number", heads=True))
        return
    settle(unit, one, request, unpack_opened(result))


def came_to_nothing(unit: Unit, payload: Mapping[str, Any], state: str, reason: str) -> None:
    """Nothing more goes out by itself: it is uncertain, or refused by a fault that no repeat helps."""
    found = _held(unit, payload)
    if found is None:
        return
    one, _request = found
    unit.cancel_timer(NAME, _slow(str(payload["context"]["request_id"])))
    if state == "uncertain":
        changed(unit, tell(unit, replace(one, reason=reason), "opn_uncertain", heads=True, text=reason))
        return
    told = tell(unit, _now(unit, one, REFUSED, reason=reason), "opn_refused", heads=True, text=reason)
    people, push = administrators(unit), set_push(unit.portal)
    if people and not one.gone:
        text = f"{push.name}: {reason}"
        unit.comment(push.entity, one.deal, text, to=people, key=f"opening:{one.deal}:{told.number}:owner")
    changed(unit, told)


def _held(unit: Unit, payload: Mapping[str, Any]) -> tuple[Deal, Request] | None:
    """The deal and its request, while it is open; the deal first, always."""
    context = payload["context"]
    one = store.locked(unit.tx, unit.portal.name, str(context["deal"]))
    request = store.by_id(unit.tx, str(context["request_id"]))
    if one is None or request is None or request.state != "open":
        log.warning("opening.late", deal=context["deal"], request=context["request_id"])
        return None
    return one, request


def settle(unit: Unit, one: Deal, request: Request, opened: Opened, *, by: str = "") -> None:
    """A definite answer, the back office's or a person's."""
    push, now = set_push(unit.portal), to_micros(unit.now)
    unit.cancel_timer(NAME, _slow(request.request_id))
    counted = replace(one, answers=max(one.answers, request.number))
    if isinstance(opened, Accepted):
        state = "linked" if request.state == "linked" else "accepted"
        store.decide(unit.tx, request, state, now, answer=opened, by=by)
        one = _now(unit, counted, ACCEPTED)
        one = tell(unit, one, "opn_accepted", heads=one.gone, **words_of(opened))
        changed(unit, one)
        handover.begin(unit, one)
    else:
        store.decide(unit.tx, request, "rejected", now, answer=opened, by=by)
        findings = tuple(
            located(error.code, error.field, error.message, request.origins, error.client_id) for error in opened.errors
        )
        one = _now(unit, counted, REJECTED, findings=findings)
        changed(unit, tell(unit, one, "opn_rejected", n=len(findings), errors=findings_text(unit.portal, push, one)))
        if not one.gone:
            unit.resync(push.entity, one.deal)  # the cards may have been corrected before this answer came
    wake_others(unit, one)
    log.info("opening.answered", deal=one.deal, state=one.state, number=request.number)


def words_of(opened: Accepted) -> dict[str, str]:
    day = f"{opened.opened_on:%d.%m.%Y}" if opened.opened_on else "—"
    return {"client": opened.client_id, "contract": opened.contract_number or "—", "day": day}


def wake_others(unit: Unit, one: Deal) -> None:
    """Other deals of the client that waited for this one are looked at again."""
    for other in store.of_client(unit.tx, unit.portal.name, one.client):
        if other.state == WAITING and other.deal != one.deal:
            unit.resync(set_push(unit.portal).entity, other.deal)


def timer_due(unit: Unit, key: str, body: Mapping[str, Any]) -> None:
    """No answer for a while, or none that anybody could know: told once. When it is over, the answer itself is told."""
    one = store.locked(unit.tx, unit.portal.name, str(body["deal"]))
    request = store.by_id(unit.tx, key.removeprefix(DOUBT).removeprefix(_slow("")))
    if one is not None and request is not None and request.state == "open" and one.state == OPEN:
        changed(unit, _told_of_doubt(unit, one) if key.startswith(DOUBT) else tell(unit, one, "opn_slow"))


# --- people -----------------------------------------------------------------------------------------------------------


def try_again(unit: Unit, deal: str) -> None:
    """«Отправить ещё раз». Raises Refused where nothing is to be sent."""
    one, push = _one(unit, deal), set_push(unit.portal)
    if one.state == ASKING:
        asks = asking.call_of(unit.tx, unit.portal, one)
        if asks is None or asks.state not in ("failed", "uncertain"):
            raise Refused.of("opn_not_now")
        outgoing.again(unit.tx, asks, queue=unit.portal.queue, clock=unit.portal.clock)
        changed(unit, _now(unit, one, ASKING))
        return
    if one.state == REFUSED:
        request = store.newest(unit.tx, unit.portal.name, deal)
        call = call_of(unit.tx, unit.portal, request) if request and request.state == "open" else None
        if call is None or call.state not in ("failed", "uncertain", "dropped"):
            raise Refused.of("opn_not_now")
        if request is not None and asking.is_due(unit, one) and asking.way(push) == "ask":
            ask_first(unit, push, one, request, call)
            return
        # The very same call with its tries: whoever sends it knows that an earlier one may have arrived.
        outgoing.again(unit.tx, call, queue=unit.portal.queue, clock=unit.portal.clock)
        changed(unit, _now(unit, one, OPEN))
        return
    if one.state not in (CHECKED_BAD, REJECTED, WAITING, KNOWN):
        raise Refused.of("opn_not_now")
    changed(unit, replace(one, wanted=True))
    unit.resync(push.entity, deal)


def may_confirm(tx: Tx, portal: Portal, one: Deal) -> bool:
    """Whether a person may say under which number the client is there."""
    if one.state in (ASKING, OPEN, REFUSED):
        return needs_person(tx, portal, one)
    return one.state == KNOWN or (one.state == REJECTED and any(error.code == DUPLICATE for error in one.findings))


def may_deny(tx: Tx, portal: Portal, one: Deal) -> bool:
    """Whether a person may say that no client came of it."""
    return one.state in (ASKING, OPEN, REFUSED) and needs_person(tx, portal, one)


def confirm(unit: Unit, deal: str, client_id: str, contract: str, day: date | None, *, by: str) -> None:
    """«Клиент заведён»: a person has looked. Raises BadInput naming the field, Refused where it is decided already."""
    client_id, contract = client_id.strip(), contract.strip()
    if not client_id or len(client_id) > CLIENT_ID_CHARACTERS_MAX or not client_id.isprintable():
        raise BadInput.of("opn_bad_client_id", field="client_id")
    if len(contract) > CLIENT_ID_CHARACTERS_MAX or not (contract.isprintable() or not contract):
        raise BadInput.of("opn_bad_contract", field="contract")
    one = _one(unit, deal)
    if not may_confirm(unit.tx, unit.portal, one):
        raise Refused.of("opn_not_now")
    opened = Accepted(client_id, contract, day)
    request = store.newest(unit.tx, unit.portal.name, deal)
    if request is None or request.state != "open":
        request = _linked(unit, one, client_id)
    _drop_calls(unit, one, request, by, "arrived")
    settle(unit, replace(one, asked_at=to_micros(unit.now)), request, opened, by=by)


def deny(unit: Unit, deal: str, *, by: str) -> None:
    """«Не заведён, отправить ещё раз»: a person's word is a definite answer, so the next one gets a number of its own."""
    one = _one(unit, deal)
    if not may_deny(unit.tx, unit.portal, one):
        raise Refused.of("opn_not_now")
    request = store.newest(unit.tx, unit.portal.name, deal)
    request = request if request and request.state == "open" else None
    _drop_calls(unit, one, request, by, "drop")
    number = one.answers
    if request is not None:
        store.decide(unit.tx, request, "denied", to_micros(unit.now), answer=None, by=by)
        number = max(number, request.number)
    begin_anew(unit, replace(one, answers=number, asked_at=to_micros(unit.now)))


def _linked(unit: Unit, one: Deal, client_id: str) -> Request:
    """What stands for a request where none of ours made the client: their number was found out by a person. Raises Refused
    where another deal of the client is in transit, or has brought them in."""
    number = one.answers + 1
    request = Request(
        one.portal, one.deal, number, f"linked:{one.portal}:{one.deal}:{number}", one.client, "", "", (), to_micros(unit.now)
    )
    if store.write_down(unit.tx, request):
        return request
    live = store.live(unit.tx, one.portal, one.client)
    if live is None or not isinstance(live.answer, Accepted) or live.answer.client_id != client_id:
        raise Refused.of("opn_other_deal")
    request = replace(request, state="linked")
    store.write_down(unit.tx, request)
    return request


def _drop_calls(unit: Unit, one: Deal, request: Request | None, by: str, decision: str) -> None:
    """Nothing more is sent or asked: a person has decided."""
    calls = [call_of(unit.tx, unit.portal, request)] if request else []
    if one.state == ASKING:
        calls.append(asking.call_of(unit.tx, unit.portal, one))
    for call in calls:
        if call is not None and call.state in ("failed", "uncertain"):
            outgoing.keep_decision(unit.tx, call.id, by, decision, call.reason, unit.portal.clock)
            outgoing.mark(unit.tx, call.id, "dropped", unit.portal.clock, reason=f"decided by {by}")


def _one(unit: Unit, deal: str) -> Deal:
    one = store.locked(unit.tx, unit.portal.name, deal)
    if one is None:
        raise BadInput.of("opn_no_deal", field="deal")
    return one
