"""Telling a partner of a deal: once, with their figures alone; changes joined for half a minute; taken back when it is no
longer theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from kernel.conversations import Button, Outgoing, timeline
from kernel.conversations.timeline import Thread
from kernel.crm import Record, Ref
from kernel.extension import Seen
from kernel.extension.portal import Unit
from kernel.extension.reading import ReadOnlyPortal
from kernel.texts import translate
from plugins.exchange.api import Deal, load_deal, partner_legs
from plugins.partners import keeping, store
from plugins.partners.binding import language_of
from plugins.partners.cards import show, switched_on
from plugins.partners.rules import buttons
from plugins.partners.rules.codes import make_code
from plugins.partners.rules.deal_message import (
    Notice,
    PartnerView,
    change_text,
    content_hash,
    message_key,
    message_text,
    notice_text,
)
from plugins.partners.settings import ENTITY, NAME, settings_of
from plugins.partners.store import Announcement, Partner
from plugins.partners.views import pack, unpack, view_of

CHANGES_JOINED = timedelta(seconds=30)
SENT = "partners.sent"
STAGES = ("new", "client_paid", "partner_paid", "closed")
ANNOUNCED, WITHDRAWN, CLOSED = "announced", "withdrawn", "closed"


def cards_left(portal: ReadOnlyPortal, record: Record) -> frozenset[str]:
    """Whose card the CRM has no more, of those who were told of the deal and stand in it no more: a merged card's deals may
    come before word of the merge."""
    if not switched_on(portal):
        return frozenset()
    rows = record.rows.get("operation", ())
    named = {store.plain_id(value.id) for row in rows for value in row.values.values() if isinstance(value, Ref)}
    with portal.read() as unit:
        told = store.announcements_of(unit.tx, f"{portal.name}/{record.id}")
    left = {one.partner for one in told if one.state == ANNOUNCED} - named
    return frozenset(left - {store.plain_id(there) for there in portal.crm.existing(ENTITY, left)}) if left else frozenset()


def deal_seen(unit: Unit, seen: Seen) -> None:
    """The books have taken the deal in (the desk's own turn comes first): tell whom it concerns."""
    settings = settings_of(unit.portal)
    if not switched_on(unit.portal):
        return
    subject = f"{unit.portal.name}/{seen.record.id}"
    store.keep_deal_people(unit.tx, f"deal:{seen.record.id}", _people(seen.record))
    deal = load_deal(unit.tx, subject)
    if deal is None:
        return
    comments = {row.key: str(row.values.get("partner_comment") or "") for row in seen.record.rows.get("operation", ())}
    views = _views(deal, comments, settings.public_places, settings.notify_from)
    known = {told.partner: told for told in store.announcements_of(unit.tx, subject)}
    for partner_id in sorted(views.keys() | known.keys()):
        before = known.get(partner_id) or Announcement(subject, partner_id, seen.record.id, deal.number)
        told = replace(before, stage=deal.stage, number=deal.number)
        _bring(unit, deal, told, views.get(partner_id), card_left=partner_id in (seen.prepared or ()))


def _people(record: Record) -> dict[str, list[str]]:
    """By role: the ids of who works on the deal."""
    found = {}
    for role in ("manager", "executor"):
        value = record.values.get(role)
        found[role] = [one.id for one in (value if isinstance(value, tuple) else (value,)) if isinstance(one, Ref)]
    return found


def deal_gone(unit: Unit, record_id: str) -> None:
    """The deal was deleted in the CRM: whoever was told of it hears that it is withdrawn."""
    for told in store.announcements_of(unit.tx, f"{unit.portal.name}/{record_id}"):
        if told.state == ANNOUNCED:
            _withdraw(unit, told)


def _views(deal: Deal, comments: Mapping[str, str], places: Mapping[str, str], notify_from: str) -> dict[str, PartnerView]:
    """By partner: what they are to know of the deal now; nobody while it has not come so far, or is cancelled."""
    if deal.stage not in STAGES or STAGES.index(deal.stage) < STAGES.index(notify_from):
        return {}
    legs = partner_legs(deal)
    return {store.plain_id(partner): view_of(deal.number, theirs, comments, places) for partner, theirs in legs.items()}


def _bring(unit: Unit, deal: Deal, told: Announcement, view: PartnerView | None, *, card_left: bool) -> None:
    """Bring one partner's knowledge of the deal to what it should be. `card_left`: the CRM has their card no more."""
    one = store.lock_partner(unit.tx, told.partner)
    if one is None:
        return
    if view is None:
        awaits = deal.stage in STAGES and _awaits_a_click(unit, one, card_left)
        if told.state == ANNOUNCED and not awaits:
            _withdraw(unit, told)
        return
    if told.state == ANNOUNCED and deal.stage == "closed":
        _change(unit, told, view)
        told = store.announcement(unit.tx, told.subject, told.partner) or told
        _answer(unit, one, told, notice_of(told, Notice.CLOSED, language_of(unit.portal, one)), "closed")
        store.keep_announcement(unit.tx, replace(told, state=CLOSED, stage=deal.stage), unit.now)
    elif told.state == ANNOUNCED:
        wanted = pack(view)
        if wanted != told.shown:
            unit.set_timer(
                NAME, f"change:{told.subject}:{told.partner}", unit.now + CHANGES_JOINED,
                {"subject": told.subject, "partner": told.partner}, keep=True,
            )  # fmt: skip
        store.keep_announcement(unit.tx, replace(told, wanted=wanted), unit.now)
    elif told.state == CLOSED and deal.stage == "closed":
        if pack(view) != told.shown:
            _change(unit, told, view)
    elif deal.stage != "closed" or told.state == WITHDRAWN:
        _announce(unit, one, told, view)
    show(unit, store.partner(unit.tx, one.id) or one)


def _awaits_a_click(unit: Unit, one: Partner, card_left: bool) -> bool:
    """The deal left a card that the CRM has no more. Perhaps it was merged: then the chat follows the survivor after a
    person's click, and in the chat nothing has changed. Until then nothing is withdrawn there."""
    tx, name = unit.tx, unit.portal.name
    if not one.thread:
        return False
    if not keeping.is_gone(tx, name, one.id):
        if card_left:
            unit.resync(ENTITY, one.id)  # to be noted as gone, and told
        return card_left
    return one.state == store.PAUSED or not keeping.is_gone(tx, name, one.id, ENTITY)  # it is paused in a moment


def _announce(unit: Unit, one: Partner, told: Announcement, view: PartnerView) -> None:
    thread = timeline.thread(unit.tx, one.thread) if one.thread else None
    if not one.automatic or thread is None or one.state in (store.PAUSED, store.DETACHED, store.CONFIRMING):
        if one.automatic and thread is None and one.state != store.DETACHED:
            text = translate(unit.portal.mapping.portal.language, "partners_no_chat", partner=one.name)
            unit.write_comment("deal", told.record_id, text, key=f"partners:nochat:{told.subject}:{one.id}")
        return
    told = replace(told, turn=told.turn + 1 if told.state else 0, code=_code(unit, told, thread))
    message = _send(unit, one, thread, told, view)
    if message is not None:
        shown = pack(view)
        told = replace(told, state=ANNOUNCED, shown=shown, wanted=shown, message=message)
        store.keep_announcement(unit.tx, told, unit.now)


def _send(unit: Unit, one: Partner, thread: Thread, told: Announcement, view: PartnerView, mark: str = "") -> str | None:
    text = message_text(view, told.code, language_of(unit.portal, one))
    if mark:
        text = f"{translate(language_of(unit.portal, one), 'partners_again')}\n{text}"
    return unit.write_to(
        thread, Outgoing(thread.address, text, buttons=_buttons(unit, one, thread, told, view)),
        key=message_key(told.subject, told.partner, view, told.turn) + mark, record=f"deal:{told.record_id}",
        done=SENT, context={"kind": "deal", "subject": told.subject, "partner": told.partner, "again": bool(mark)},
    )  # fmt: skip


def send_again(unit: Unit, subject: str, partner_id: str) -> None:
    """Nobody can tell whether the deal's message arrived: it goes once more, and says that it may be there twice."""
    told, one = store.announcement(unit.tx, subject, partner_id), store.partner(unit.tx, partner_id)
    if told is None and one is not None and one.followed_by:  # it was in flight when the chat followed another card
        told, one = store.announcement(unit.tx, subject, one.followed_by), store.partner(unit.tx, one.followed_by)
        partner_id = one.id if one else partner_id
    thread = timeline.thread(unit.tx, one.thread) if one and one.thread else None
    if told is not None and one is not None and thread is not None and told.state == ANNOUNCED:
        message = _send(unit, one, thread, told, unpack(told.shown), ":again")
        if message is not None:
            store.keep_announcement(unit.tx, replace(told, message=message), unit.now)


def change_due(unit: Unit, subject: str, partner_id: str) -> None:
    """Half a minute after the first change: all of them at once."""
    told = store.announcement(unit.tx, subject, partner_id)
    if told is not None and told.state == ANNOUNCED and told.wanted != told.shown:
        _change(unit, told, unpack(told.wanted))


def _change(unit: Unit, told: Announcement, view: PartnerView) -> None:
    """The message itself is edited and, since an edit rings nobody, answered."""
    one = store.lock_partner(unit.tx, told.partner)
    thread = timeline.thread(unit.tx, one.thread) if one and one.thread else None
    shown = pack(view)
    if one is None or thread is None or shown == told.shown:
        return
    language, before = language_of(unit.portal, one), unpack(told.shown)
    told = replace(told, revision=told.revision + 1)
    said = change_text(before, view, told.code, language)
    if said:
        message = Outgoing(
            thread.address, message_text(view, told.code, language), buttons=_buttons(unit, one, thread, told, view)
        )  # fmt: skip
        unit.rewrite(thread, told.message, message, key=f"partners:edit:{told.subject}:{one.id}:{told.turn}:{told.revision}")
        _answer(unit, one, told, said, "change")
    store.keep_announcement(unit.tx, replace(told, shown=shown, wanted=shown), unit.now)


def _withdraw(unit: Unit, told: Announcement) -> None:
    one = store.lock_partner(unit.tx, told.partner)
    if one is not None:
        _answer(unit, one, told, notice_of(told, Notice.WITHDRAWN, language_of(unit.portal, one)), "withdrawn")
    store.keep_announcement(unit.tx, replace(told, state=WITHDRAWN, revision=told.revision + 1), unit.now)
    if one is not None:
        show(unit, one)


def notice_of(told: Announcement, notice: Notice, language: str) -> str:
    return notice_text(notice, told.number, told.code, language)


def _answer(unit: Unit, one: Partner, told: Announcement, text: str, kind: str) -> None:
    thread = timeline.thread(unit.tx, one.thread) if one.thread else None
    if thread is not None and one.state not in (store.DETACHED, store.CONFIRMING):
        unit.write_to(
            thread, Outgoing(thread.address, text), record=f"deal:{told.record_id}", answers=told.message,
            key=f"partners:{kind}:{told.subject}:{one.id}:{told.turn}:{told.revision}",
            done=SENT, context={"kind": kind, "subject": told.subject, "partner": one.id, "record": told.record_id},
        )  # fmt: skip


def _code(unit: Unit, told: Announcement, thread: Thread) -> str:
    return make_code(store.secret(unit.tx), told.subject, thread.address)


def _buttons(unit: Unit, one: Partner, thread: Thread, told: Announcement, view: PartnerView) -> tuple[Button, ...]:
    if not settings_of(unit.portal).buttons:
        return ()
    secret, language, content = store.secret(unit.tx), language_of(unit.portal, one), content_hash(view)
    return tuple(
        Button(buttons.label(action, language), buttons.make_data(secret, told.record_id, action, content, thread.address))
        for action in buttons.Action
    )
