"""Somebody wants a text sent: what is checked before its turn comes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from kernel.conversations import Incoming
from kernel.crm import Record
from kernel.crm.seen import last_seen
from kernel.extension import Seen
from kernel.extension.portal import Portal, Unit
from kernel.values import from_micros, to_micros
from plugins.sms import rules, store
from plugins.sms.sending import fail, ready, release_at
from plugins.sms.settings import settings_of
from plugins.sms.store import CHECKING, HELD, Sms
from plugins.sms.telling import in_words, tell

NUMBER_KEPT_MAX = 40
CARD_WAITED_FOR = timedelta(minutes=10)


def requested(unit: Unit, message: Incoming) -> None:
    """The CRM's own form, or its automation. The same message again, however much later, changes nothing."""
    details = message.details
    records = [one for one in json.loads(details.get("records") or "[]") if isinstance(one, str)]
    take(
        unit, message.address, message.text, message=details["message"], provider=details["provider"],
        author=message.author, origin="robot" if details.get("by") == "robot" else "person", records=records,
    )  # fmt: skip


def take(
    unit: Unit, to: str, text: str, *, message: str, author: str, origin: str, provider: str = "",
    records: Sequence[str] = (),
) -> Sms | None:  # fmt: skip
    """Keep it and begin; None where that message is known."""
    portal, settings = unit.portal, settings_of(unit.portal)
    store.account_locked(unit.tx, portal.name)  # texts get their turns one by one
    if store.known(unit.tx, portal.name, message):
        return None
    number = rules.e164(to)
    one = Sms(
        portal.ids.new(), portal.name, number or to[:NUMBER_KEPT_MAX], text, to_micros(unit.now),
        store.next_turn(unit.tx, portal.name), provider, message, author, origin, tuple(records),
        segments=rules.segments(text), test=settings.test,
    )  # fmt: skip
    store.keep(unit.tx, one)
    if not number:
        fail(unit, one, "", in_words(portal, "sms_bad_number", number=one.number))
    elif not text.strip():
        fail(unit, one, "", in_words(portal, "sms_no_text"))
    elif one.segments > settings.segments_max:
        words = in_words(portal, "sms_too_long", parts=one.segments, most=settings.segments_max)
        fail(unit, one, "", words)
    elif asked_of := card_of(portal, one.records):
        store.keep(unit.tx, replace(one, asked_of=asked_of))
        entity, _, record = asked_of.partition(":")
        unit.resync(entity, record)  # what stands in the card now says whether they want any
    else:
        judge(unit, one, None)
    return one


def card_of(portal: Portal, records: Sequence[str]) -> str:
    """Whose card says whether they want texts; empty where none can."""
    field = settings_of(portal).opt_out_field
    for one in records:
        entity = portal.mapping.entities.get(one.partition(":")[0])
        if entity is not None and field in entity.field:
            return one
    return ""


def client_seen(unit: Unit, seen: Seen) -> None:
    _judge_all(unit, f"{seen.record.entity}:{seen.record.id}", seen.record)


def judge_gone(entity: str, unit: Unit, record_id: str) -> None:
    """The card is there no more: nobody can say that they want none."""
    _judge_all(unit, f"{entity}:{record_id}", None)


def _judge_all(unit: Unit, record: str, card: Record | None) -> None:
    waiting = store.waiting_for_card(unit.tx, unit.portal.name, record)
    for one in waiting:
        if (held := store.locked(unit.tx, one.portal, one.id)) is not None and held.state == CHECKING:
            judge(unit, held, card)


def card_does_not_come(portal: Portal) -> None:
    """The CRM has not shown the card for a while: what was last seen of it must do."""
    before = to_micros(portal.clock.now() - CARD_WAITED_FOR)
    with portal.database.read() as tx:
        waiting = [one for one in store.in_state(tx, portal.name, CHECKING) if one.at < before]
    for one in waiting:
        with portal.unit() as unit:
            held = store.locked(unit.tx, one.portal, one.id)
            if held is not None and held.state == CHECKING:
                entity, _, record = held.asked_of.partition(":")
                judge(unit, held, last_seen(unit.tx, portal.name, entity, record))


def judge(unit: Unit, one: Sms, card: Record | None) -> None:
    """May it leave, and when."""
    portal, settings, now = unit.portal, settings_of(unit.portal), unit.now
    if card is not None and card.values.get(settings.opt_out_field) is True:
        fail(unit, one, "", in_words(portal, "sms_card_says_no"))
        return
    if (out := store.opted_out(unit.tx, portal.name, one.number)) is not None:
        day = from_micros(out.at, portal.zone)
        fail(unit, one, "", in_words(portal, "sms_opted_out", day=f"{day:%d.%m.%Y}"))
        return
    since = to_micros(now - timedelta(seconds=settings.repeat_seconds))
    if one.origin == "robot" and settings.repeat_seconds and store.same_since(unit.tx, one, since):
        one = replace(one, state=HELD, reason=in_words(portal, "sms_repeat", seconds=settings.repeat_seconds))
        store.keep(unit.tx, tell(unit, one, "sms_told_held", why=one.reason))
        store.touch(unit.tx, portal.name)
        return
    until = rules.quiet_until(settings.quiet, now.astimezone(portal.zone)) if one.origin in settings.quiet_for else None
    if until is not None:
        one = replace(one, state=HELD, reason=in_words(portal, "sms_quiet", until=f"{until:%d.%m.%Y %H:%M}"))
        store.keep(unit.tx, one)
        store.touch(unit.tx, portal.name)
        release_at(unit, one, until)
        return
    ready(unit, one)
