"""Texts leave one after another in their order: one sender for the account, whoever wrote them.

The account's row is held by whoever sends the next, so it does not matter how many workers there are. What cannot leave
waits there, and says why. Each try is an outgoing call that is never repeated by itself: a lost answer makes the text
uncertain, for a person to decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from kernel.errors import Refused
from kernel.extension.portal import Portal, Unit
from kernel.extension.text_verbs import SEND_TEXT
from kernel.jobs import outgoing
from kernel.jobs.outgoing import Call
from kernel.storage import Tx
from kernel.texting import Refusal, Sent, unpack_outcome
from kernel.values import to_micros, zone_named
from plugins.sms import rules, statuses, store
from plugins.sms.settings import NAME, settings_of
from plugins.sms.store import (
    DAY,
    FAILED,
    LATER,
    OPEN,
    PAUSED,
    QUEUED,
    SENDING,
    SENT,
    STOPPED,
    UNCERTAIN,
    WAITING,
    Account,
    OptOut,
    Sms,
)
from plugins.sms.telling import in_words, report, tell, tell_heads

DONE = "sms_sent"
LANE = "sms"
ACCOUNT = "account"  #: the timer at whose moment the account is tried again
TELLS_HEADS = {STOPPED: "sms_told_stopped", PAUSED: "sms_told_paused", DAY: "sms_told_day"}


def ready(unit: Unit, one: Sms) -> None:
    """It may leave when its turn comes."""
    store.keep(unit.tx, replace(one, state=WAITING, reason="", ready_at=to_micros(unit.now)))
    store.touch(unit.tx, one.portal)
    pump(unit)


def pump(unit: Unit) -> None:
    """Send the next, if none is in flight and the account lets any leave."""
    portal = unit.portal.name
    account, now = store.account_locked(unit.tx, portal), to_micros(unit.now)
    if account.sending or (account.state != OPEN and (account.until is None or account.until > now)):
        return
    one = store.next_waiting(unit.tx, portal)
    if one is None:
        return
    one = replace(one, state=SENDING, tries=one.tries + 1, test=settings_of(unit.portal).test, reason="")
    store.keep(unit.tx, one)
    store.keep_account(unit.tx, replace(account, sending=one.id))
    payload = {"to": one.number, "text": one.text, "test": one.test}
    unit.call(
        settings_of(unit.portal).provider, SEND_TEXT, payload, lane=LANE, key=key_of(one), done=DONE,
        context={"sms": one.id, "try": one.tries},
    )  # fmt: skip


def key_of(one: Sms) -> str:
    return f"sms:{one.id}:{one.tries}"


def call_of(tx: Tx, portal: Portal, one: Sms) -> Call | None:
    """The newest try."""
    return outgoing.by_key(tx, portal.connection(settings_of(portal).provider).full_name, key_of(one))


# --- what came of it ----------------------------------------------------------------------------------------------------


def sent(unit: Unit, payload: Mapping[str, Any], result: str) -> None:
    """The provider answered; without a result a person said that it has arrived."""
    one = store.locked(unit.tx, unit.portal.name, payload["context"]["sms"])
    if one is None or one.state not in (SENDING, UNCERTAIN):
        return
    if not result:
        taken_for_sent(unit, one)
    elif isinstance(outcome := unpack_outcome(result), Sent):
        _accepted(unit, one, outcome)
    else:
        _refused(unit, one, outcome)
    pump(unit)


def came_to_nothing(unit: Unit, payload: Mapping[str, Any], state: str, reason: str) -> None:
    """Nobody knows whether it left; or it could not even be tried."""
    one = store.locked(unit.tx, unit.portal.name, payload["context"]["sms"])
    if one is None or one.state not in (SENDING, UNCERTAIN):
        return
    _free(unit, one)
    if state == UNCERTAIN:
        doubt(unit, one, reason)
    else:
        fail(unit, one, "", reason)
    pump(unit)


def doubt(unit: Unit, one: Sms, reason: str) -> None:
    one = report(unit, replace(one, state=UNCERTAIN, reason=reason), QUEUED)
    store.keep(unit.tx, tell(unit, one, "sms_told_uncertain"))


def fail(unit: Unit, one: Sms, code: str, reason: str, *, told: str = "sms_told_failed") -> None:
    """It was surely not sent."""
    one = report(unit, replace(one, state=FAILED, code=code, reason=reason, check_at=None), FAILED)
    why = f"{code} — {reason}" if code else reason
    store.keep(unit.tx, tell(unit, one, told, why=why))
    store.touch(unit.tx, one.portal)


def taken_for_sent(unit: Unit, one: Sms) -> None:
    """A person says so. Its number is not known, so nobody can ask how it stands."""
    _free(unit, one)
    one = replace(one, state=SENT, reason=in_words(unit.portal, "sms_taken_for_sent"), sent_at=to_micros(unit.now))
    store.keep(unit.tx, report(unit, one, SENT))
    store.touch(unit.tx, one.portal)


def _accepted(unit: Unit, one: Sms, outcome: Sent) -> None:
    account, now = _free(unit, one), unit.now
    due = rules.next_check(now, now)
    one = replace(
        one, state=QUEUED, code="100", reason="", vendor_id=outcome.vendor_id, sent_at=to_micros(now),
        cost=None if outcome.cost is None else rules.to_scaled(outcome.cost), check_at=to_micros(due) if due else None,
    )  # fmt: skip
    if one.test and outcome.cost is not None:
        one = replace(one, cost=0)  # it says what it would cost; nothing is taken
    used = account.used_today if account.used_today is None or one.test else account.used_today + 1
    account = replace(account, state=OPEN, reason="", until=None, tries=0, used_today=used)
    store.keep_account(unit.tx, with_balance(account, outcome.balance, now_micros=to_micros(now)))
    one = report(unit, one, QUEUED)
    store.keep(unit.tx, one)
    statuses.catch_early(unit, one)


def _refused(unit: Unit, one: Sms, outcome: Refusal) -> None:
    account = _free(unit, one)
    reason = in_words_of(unit.portal, outcome.code) or outcome.message
    account = with_balance(account, outcome.balance, now_micros=to_micros(unit.now))
    if outcome.kind in ("message", "opted_out"):
        store.keep_account(unit.tx, account)
        if outcome.kind == "opted_out":
            found = OptOut(one.number, to_micros(unit.now), "code", "", reason)
            store.note_opt_out(unit.tx, one.portal, found, out=True)
        fail(unit, one, outcome.code, reason)
        return
    store.keep(unit.tx, replace(one, state=WAITING, code=outcome.code, reason=reason))
    _hold_back(unit, account, outcome.kind, f"{outcome.code} — {reason}" if outcome.code else reason)


def _hold_back(unit: Unit, account: Account, kind: str, reason: str) -> None:
    """Nothing leaves for now."""
    now, fresh = unit.now, account.state != kind
    tries = account.tries + 1 if kind == LATER else 0
    until = None
    if kind == LATER:
        until = now + rules.pause(tries)
        _give_up_old(unit, reason)
    elif kind == DAY:
        until = rules.next_midnight(now.astimezone(zone_named(settings_of(unit.portal).account_zone)))
    since = to_micros(now) if fresh else account.since
    store.keep_account(
        unit.tx,
        replace(account, state=kind, reason=reason, since=since, tries=tries, until=to_micros(until) if until else None),
    )
    if until is not None:
        unit.set_timer(NAME, ACCOUNT, until, {})
    if fresh and kind in TELLS_HEADS:
        tell_heads(unit, TELLS_HEADS[kind], why=reason)


def _give_up_old(unit: Unit, reason: str) -> None:
    """A text that could not leave for a day is old news."""
    before = to_micros(unit.now - rules.GIVEN_UP_AFTER)
    for one in store.too_old(unit.tx, unit.portal.name, before):
        fail(unit, one, one.code, in_words(unit.portal, "sms_given_up", why=reason))


def _free(unit: Unit, one: Sms) -> Account:
    """The next may leave."""
    account = store.account_locked(unit.tx, one.portal)
    if account.sending == one.id:
        account = replace(account, sending="")
        store.keep_account(unit.tx, account)
    return account


def in_words_of(portal: Portal, code: str) -> str:
    """What the provider's code means, in the set's language."""
    return portal.connection(settings_of(portal).provider).texting.message(code) if code else ""


def with_balance(account: Account, balance: Decimal | None, *, now_micros: int) -> Account:
    if balance is None:
        return account
    return replace(account, balance=rules.to_scaled(balance), funds_at=now_micros)


# --- what people decide -------------------------------------------------------------------------------------------------


def again(unit: Unit, one: Sms) -> None:
    """It is sent once more, behind those that wait. Raises Refused where it stands otherwise by now."""
    if one.state != UNCERTAIN:
        raise Refused.of("sms_not_now")
    _free(unit, one)
    ready(unit, replace(one, turn=store.next_turn(unit.tx, one.portal)))


def send_held(unit: Unit, one: Sms) -> None:
    """Now, whatever held it."""
    if one.state != store.HELD:
        raise Refused.of("sms_not_now")
    unit.cancel_timer(NAME, f"release:{one.id}")
    ready(unit, one)


def cancel(unit: Unit, one: Sms, by: str) -> None:
    """Nobody gets it: one that is held, or waits."""
    if one.state not in (store.HELD, WAITING):
        raise Refused.of("sms_not_now")
    unit.cancel_timer(NAME, f"release:{one.id}")
    one = replace(one, state=store.CANCELLED, reason=in_words(unit.portal, "sms_cancelled_by", who=by))
    store.keep(unit.tx, report(unit, one, FAILED))
    store.touch(unit.tx, one.portal)


def go_on(unit: Unit) -> None:
    """A person has put the account right, or its moment has come: the next text tries it."""
    account = store.account_locked(unit.tx, unit.portal.name)
    store.keep_account(unit.tx, replace(account, until=to_micros(unit.now)))
    pump(unit)


def timer_due(unit: Unit, key: str, _body: Mapping[str, Any]) -> None:
    if key == ACCOUNT:
        pump(unit)
        return
    one = store.locked(unit.tx, unit.portal.name, key.removeprefix("release:"))
    if one is not None and one.state == store.HELD:
        ready(unit, one)


def release_at(unit: Unit, one: Sms, moment: datetime) -> None:
    unit.set_timer(NAME, f"release:{one.id}", moment, {})


__all__ = [
    "DONE", "again", "call_of", "came_to_nothing", "cancel", "doubt", "fail", "go_on", "pump", "ready", "release_at",
    "send_held", "sent", "taken_for_sent", "timer_due",
]  # fmt: skip
