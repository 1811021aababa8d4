"""A partner's card: what it says of the partner, and what Annex writes into it of the chat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from kernel.conversations import timeline
from kernel.crm import Record, Ref, Value
from kernel.crm.gone import gone_since
from kernel.errors import AnnexError
from kernel.extension import Seen
from kernel.extension.portal import Portal, Unit
from kernel.extension.reading import ReadOnlyPortal
from kernel.telemetry import log
from kernel.texts import translate
from plugins.exchange.api import journal, owners
from plugins.partners import binding, store
from plugins.partners.rules.card import LANGUAGES, Card, KnownCard, clean_phone, duplicates
from plugins.partners.settings import ENTITY, NAME, settings_of
from plugins.partners.store import Partner
from plugins.partners.views import summary

ACTION, TICK = "chat_action", "automatic"  #: fields
LINK_DAYS = 7
USERNAME_AGAIN = timedelta(minutes=1)
OPEN_DEALS_MAX = 20


def switched_on(portal: Portal | ReadOnlyPortal) -> bool:
    """Whether the set has a bot: without one nothing of all this happens."""
    name = settings_of(portal).chat
    return bool(name) and not portal.connection(name).off


@dataclass(frozen=True)
class Asked:
    """What Telegram was asked for a card; nothing while it does not answer."""

    username: str = ""  #: the bot's, for links
    members: int = 0  #: of a group that waits for staff to confirm it
    leaders: tuple[str, ...] = ()


def asked_of_telegram(portal: ReadOnlyPortal, record: Record) -> Asked:
    settings = settings_of(portal)
    if not switched_on(portal):
        return Asked()
    with portal.read() as unit:
        one = store.partner(unit.tx, store.plain_id(record.id))
        thread = timeline.thread(unit.tx, one.thread) if one and one.state == store.CONFIRMING else None
    channel: Any = portal.connection(settings.chat).channel
    try:
        members, leaders = channel.members(thread.address) if thread else (0, ())
        return Asked(str(channel.username()), members, leaders)
    except AnnexError as exc:
        log.warning("partners.bot", reason=str(exc))
        return Asked()


def partner_seen(unit: Unit, seen: Seen) -> None:
    """A card of a partner was read: keep what it says, give it a chat, do what its buttons ask for."""
    record, settings = seen.record, settings_of(unit.portal)
    record = replace(record, id=store.plain_id(record.id))
    known = store.lock_partner(unit.tx, record.id)
    one = tick_given(unit, read(record, known), record, known)
    asked = {event.name.partition(".")[2] for event in seen.events}
    one, chosen = chosen_action(unit, one, record)
    asked |= chosen
    person = seen.author
    asked_telegram = seen.prepared if isinstance(seen.prepared, Asked) else Asked()
    store.keep_partner(unit.tx, one, unit.now)
    if known is None:
        _tell_of_doubles(unit, one)
    if switched_on(unit.portal):
        one = binding.asked_for(unit, one, asked, person)
        wanted = settings.partners == "all" or one.ticked
        if "new_chat" in asked or (one.state == store.NONE and wanted):
            one = give_link(unit, one, person, asked_telegram.username)
        one = _whose_group(unit, one, asked_telegram)
    show(unit, one)


def _whose_group(unit: Unit, one: Partner, asked: Asked) -> Partner:
    """Whoever is to confirm a group sees what is known of it."""
    thread = timeline.thread(unit.tx, one.thread) if one.thread else None
    room = store.room(unit.tx, one.thread) if one.thread else None
    if one.state != store.CONFIRMING or thread is None or room is None or not asked.members:
        return one
    reason = translate(
        unit.portal.mapping.portal.language, "partners_group_about", title=thread.title, count=asked.members,
        leaders=", ".join(asked.leaders) or "—", person=room.adder_name or room.adder,
    )  # fmt: skip
    one = replace(one, reason=reason)
    store.keep_partner(unit.tx, one, unit.now)
    return one


def tick_given(unit: Unit, one: Partner, record: Record, known: Partner | None) -> Partner:
    """«Автоматичні повідомлення» is on until somebody takes the tick away. Some CRMs show an untouched tick as none, so
    a card that staff have made gets it from us."""
    shown, ticked = dict(one.shown or {}), record.values.get(TICK)
    if known is None and ticked is False and not record.values.get("annex_key"):
        unit.update(ENTITY, one.id, {TICK: True})
        shown[TICK] = "given"
    elif ticked is not False:
        shown.pop(TICK, None)
    return replace(one, shown=shown, automatic=one.automatic or TICK in shown)


def chosen_action(unit: Unit, one: Partner, record: Record) -> tuple[Partner, set[str]]:
    """What staff chose in «Дія з чатом», where a CRM has no buttons on a card: done once, then the field is emptied."""
    chosen, shown = str(record.values.get(ACTION) or ""), dict(one.shown or {})
    if chosen == shown.get(ACTION, ""):
        return one, set()  # done already; the field is not empty yet
    shown[ACTION] = chosen
    if chosen:
        unit.update(ENTITY, one.id, {ACTION: None})
    return replace(one, shown=shown), {chosen} - {""}


def read(record: Record, known: Partner | None) -> Partner:
    """What the card says. What staff left empty is as it is by default."""
    values = record.values
    language = str(values.get("chat_language") or "").strip().lower()
    responsible = values.get("responsible")
    first = responsible[0] if isinstance(responsible, tuple) and responsible else responsible
    return replace(
        known or Partner(record.id),
        name=_text(values, "name") or record.name,
        phone=_text(values, "phone"),
        email=_text(values, "email"),
        telegram=_text(values, "telegram"),
        language=language if language in LANGUAGES else "",
        automatic=values.get("automatic") is not False,
        ticked=values.get("listed") is True,
        responsible=first.id if isinstance(first, Ref) else "",
    )


def _tell_of_doubles(unit: Unit, one: Partner) -> None:
    """A card with the phone, e-mail or Telegram of another partner: whoever made it should know."""
    settings, language = settings_of(unit.portal), unit.portal.mapping.portal.language
    card = Card(
        one.name, clean_phone(one.phone, settings.region) or "", email=one.email.lower(), telegram=one.telegram.lstrip("@")
    )
    known = [KnownCard(p.id, p.name, p.phone, email=p.email, telegram=p.telegram) for p in store.partners(unit.tx)]
    doubles = duplicates(card, [other for other in known if other.id != one.id], region=settings.region)
    if doubles:
        names = ", ".join(f"«{double.card.name}»" for double in doubles)
        text = translate(language, "partners_double", partners=names)
        to = (one.responsible,) if one.responsible else ()
        unit.write_comment(ENTITY, one.id, text, to=to, key=f"partners:double:{one.id}")


def _text(values: Mapping[str, Value], name: str) -> str:
    found = values.get(name)
    return found if isinstance(found, str) else ""


def give_link(unit: Unit, one: Partner, person: str, username: str | None) -> Partner:
    """A new link that makes a group; the older ones are worth nothing from now on."""
    if not username:
        unit.set_timer(NAME, f"card:{one.id}", unit.now + USERNAME_AGAIN, {}, keep=True)
        return one
    expires_at = unit.now + timedelta(days=LINK_DAYS)
    code = store.make_link(unit.tx, one.id, person, unit.now, expires_at)
    one = replace(one, shown={**(one.shown or {}), "link": f"https://t.me/{username}?startgroup={code}"})
    if not one.works:
        one = store.in_state(one, store.WAITING, unit.now)
    unit.set_timer(NAME, f"link:{one.id}", expires_at, {})
    store.keep_partner(unit.tx, one, unit.now)
    return one


def switch_on(unit: Unit, one: Partner) -> None:
    """The tick «Чат з партнером», where it is not set."""
    if not one.ticked:
        unit.update(ENTITY, one.id, {"listed": True})
        store.keep_partner(unit.tx, replace(store.partner(unit.tx, one.id) or one, ticked=True), unit.now)


def show(unit: Unit, one: Partner) -> None:
    """Write into the card what differs from what was last written there."""
    portal = unit.portal
    fields, shown = portal.mapping.entity(ENTITY).field, dict(one.shown or {})
    link = shown.get("link", "") if store.has_open_link(unit.tx, one.id, unit.now) else ""
    wanted = {
        "chat": chat_text(unit, one),
        "chat_link": link,
        "open_deals": open_deals_text(unit, one),
        "last_contact": last_contact_text(unit, one),
    }
    changed = {name: value for name, value in wanted.items() if name in fields and shown.get(f"card.{name}", "") != value}
    if changed:
        unit.update(ENTITY, one.id, {name: value or None for name, value in changed.items()})
        shown |= {f"card.{name}": value for name, value in changed.items()}
        store.keep_partner(unit.tx, replace(one, shown=shown), unit.now)


def chat_text(unit: Unit, one: Partner) -> str:
    """«працює», «не працює: чому, відколи» … in the portal's language."""
    language = unit.portal.mapping.portal.language
    if one.state == store.NONE:
        return ""
    if one.works and (refused := (one.shown or {}).get("refused")):
        return translate(language, "partners_chat_broken", reason=refused[0], since=refused[1])
    if one.works and (slow := (one.shown or {}).get("slow")):
        return translate(language, "partners_chat_slow", since=slow)
    since = (one.state_since or unit.now).astimezone(unit.portal.zone)
    return translate(language, f"partners_chat_{one.standing}", reason=one.reason or "—", since=f"{since:%d.%m.%Y %H:%M}")


def open_deals_text(unit: Unit, one: Partner) -> str:
    """Their open deals: number and what each comes to for them; at most twenty."""
    portal, language = unit.portal, unit.portal.mapping.portal.language
    found = [told for told in store.announcements_to(unit.tx, one.id) if told.state == "announced"]
    labels = {name: stage.label for name, stage in portal.mapping.entity("deal").stage.items()}
    lines = [
        f"№{told.number} · {summary(told.shown, language)} · {labels.get(told.stage, '')}" for told in found[:OPEN_DEALS_MAX]
    ]
    if len(found) > OPEN_DEALS_MAX:
        lines.append(translate(language, "partners_more", count=len(found) - OPEN_DEALS_MAX))
    return "\n".join(lines)


def last_contact_text(unit: Unit, one: Partner) -> str:
    threads = timeline.threads_of(unit.tx, one.subject)
    latest = max((moment for thread in threads if (moment := timeline.last_at(unit.tx, thread.id))), default=None)
    return f"{latest.astimezone(unit.portal.zone):%d.%m.%Y}" if latest else ""


def link_due(unit: Unit, partner_id: str) -> None:
    """The newest link has expired: the card no longer shows it, and says what to press."""
    one = store.lock_partner(unit.tx, partner_id)
    if one is None or store.has_open_link(unit.tx, one.id, unit.now):
        return
    if one.state == store.WAITING:
        one = store.in_state(one, store.WAITING, unit.now, store.EXPIRED)
        store.keep_partner(unit.tx, one, unit.now)
    show(unit, one)


def card_gone(unit: Unit, partner_id: str) -> None:
    """The card was deleted in the CRM or merged into another: the chat pauses, and who leads the partner and the owners
    are told once, where there is a place for it: a card that is gone takes no comment."""
    if (one := store.lock_partner(unit.tx, store.plain_id(partner_id))) is None:
        return
    language, portal = unit.portal.mapping.portal.language, unit.portal
    binding.pause(unit, one, translate(language, "partners_card_gone"))
    link = f"{portal.public_url}/partners/{one.id}" if portal.public_url else ""
    text = translate(language, "partners_card_gone_told", partner=one.name, link=link).strip()
    to = tuple(dict.fromkeys((*((one.responsible,) if one.responsible else ()), *owners(portal))))
    known = store.announcements_to(unit.tx, one.id)
    for told in known:  # if it was merged, they name the card that the chat may follow
        if told.state == "announced":
            unit.resync("deal", told.record_id)
    deals = (("deal", told.record_id) for told in known)
    there = (place for place in (*deals, *journal(unit)) if gone_since(unit.tx, portal.name, *place) is None)
    if place := next(there, None):
        unit.write_comment(*place, text, to=to, key=f"partners:gone:{one.id}:{int(unit.now.timestamp())}")


def card_back(unit: Unit, partner_id: str) -> None:
    unit.resync(ENTITY, partner_id)
