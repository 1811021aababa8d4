"""Buttons under a deal's message, and a partner's question for their own figures."""

from __future__ import annotations

from kernel.conversations import Incoming, Outgoing, timeline
from kernel.conversations.timeline import Thread
from kernel.crm import Ref
from kernel.crm.seen import last_seen
from kernel.extension.portal import Unit
from kernel.texts import translate
from plugins.exchange.api import partner_balances
from plugins.partners import binding, store
from plugins.partners.rules import buttons
from plugins.partners.rules.deal_message import content_hash
from plugins.partners.rules.numbers import Sum, amount_text
from plugins.partners.settings import settings_of
from plugins.partners.store import Announcement, Partner
from plugins.partners.views import unpack

ASKED_AN_HOUR = 6


def pressed(unit: Unit, bound: Partner, thread: Thread, incoming: Incoming) -> None:
    """«Беру», «Оплачено», «Питання»: only by somebody of that chat who is not staff, and while the terms still hold."""
    found = None
    for address in timeline.addresses(unit.tx, thread):
        found = found or buttons.read_data(store.secret(unit.tx), incoming.details.get("data", ""), address)
    language = bound.language or unit.portal.mapping.portal.language
    if found is None or binding.staff_member(unit, incoming.author):
        _reply(unit, thread, incoming, translate(language, "partners_press_not_yours"))
        return
    told = store.announcement(unit.tx, f"{unit.portal.name}/{found.deal}", bound.id)
    if told is None or told.state != "announced" or not found.current(content_hash(unpack(told.shown))):
        _reply(unit, thread, incoming, translate(language, "partners_press_changed"))
        return
    _take(unit, bound, told, found.action, incoming)
    _reply(unit, thread, incoming, translate(language, "partners_press_heard"))


def _take(unit: Unit, bound: Partner, told: Announcement, action: buttons.Action, incoming: Incoming) -> None:
    portal = unit.portal
    language = portal.mapping.portal.language
    if action is buttons.Action.TAKE and "partner_confirmed" in portal.mapping.entity("deal").field:
        at = (incoming.at or unit.now).astimezone(portal.zone)
        unit.update("deal", told.record_id, {"partner_confirmed": f"{bound.name}, {at:%d.%m.%Y %H:%M}"})
    moves = action is buttons.Action.PAID and settings_of(portal).partner_moves and told.stage == "client_paid"
    if moves:
        unit.update("deal", told.record_id, {}, stage="partner_paid")
    record = last_seen(unit.tx, portal.name, "deal", told.record_id)
    manager = record.values.get("manager") if record else None
    to = (manager.id,) if isinstance(manager, Ref) else ()
    became = "moved" if moves else action.name.lower()
    text = translate(language, f"partners_pressed_{became}", partner=bound.name, person=incoming.author_name)
    key = f"partners:press:{told.subject}:{bound.id}:{action.value}:{told.turn}:{told.revision}"
    unit.write_comment("deal", told.record_id, text, to=to, key=key, author=f"contact:{bound.id}")


def _reply(unit: Unit, thread: Thread, incoming: Incoming, text: str) -> None:
    connection = unit.portal.connected(thread.connection).name
    payload = {"press_id": incoming.details.get("press_id", ""), "text": text}
    unit.call(connection, "answer_press", payload, lane=f"press:{thread.id}", key=f"press:{incoming.vendor_id}")


def balance_asked(unit: Unit, bound: Partner, thread: Thread, incoming: Incoming) -> bool:
    """`/stan`: what lies with the partner, and their open deals; whether it was answered (or asked too often)."""
    settings = settings_of(unit.portal)
    if not settings.balance_command or incoming.text.strip().split("@")[0].split()[0] != "/stan":
        return False
    hour = f"{unit.now:%Y-%m-%dT%H}"
    if store.counted(unit.tx, "stan", bound.id, hour) > ASKED_AN_HOUR:
        return True
    language = bound.language or unit.portal.mapping.portal.language
    lines = [
        translate(
            language,
            "partners_with_you" if minor > 0 else "partners_owed_to_you",
            amount=amount_text(Sum(abs(minor), currency), language),
        )
        for currency, minor in partner_balances(unit, bound.id)
        if minor
    ] or [translate(language, "partners_balance_none")]
    deals = [f"№{told.number}" for told in store.announcements_to(unit.tx, bound.id) if told.state == "announced"]
    lines.append(translate(language, "partners_open_deals", deals=", ".join(deals) or "—"))
    message = Outgoing(thread.address, "\n".join(lines))
    assert unit.heard is not None
    unit.write_to(thread, message, key=f"partners:stan:{incoming.vendor_id}", answers=unit.heard.message)
    return True
