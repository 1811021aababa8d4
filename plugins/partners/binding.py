"""Which group is whose: links, codes, who brought the bot, what it may do there; pausing, breaking, repairing a chat."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

from kernel.conversations import Incoming, Outgoing, timeline
from kernel.conversations.timeline import Thread
from kernel.extension.portal import Portal, Unit
from kernel.telemetry import log
from kernel.texts import translate
from plugins.partners import keeping, store
from plugins.partners.rules.incoming_text import Author, author_text
from plugins.partners.settings import ENTITY, NAME, settings_of
from plugins.partners.store import GroupStanding, Partner

UNBOUND_MINUTES = 10
PLANFIX_BOT = "planfix_bot"  #: it writes what it hears into Planfix by itself
_CODE = re.compile(r"^/(?:start|bind)(?:@\w+)?\s+([A-Za-z0-9_-]{8,64})\s*$")


def membership(unit: Unit, incoming: Incoming) -> None:
    """What the bot may do in a room changed: it was brought in, promoted, thrown out."""
    assert unit.heard is not None
    thread, details = unit.heard.thread, incoming.details
    before = store.room(unit.tx, thread.id)
    room = GroupStanding(
        thread.id, details.get("state", "left"), details.get("hears_all") == "yes", details.get("public") == "yes",
        before.adder if before and before.inside else incoming.author,
        before.adder_name if before and before.inside else incoming.author_name,
    )  # fmt: skip
    store.keep_room(unit.tx, room, unit.now)
    bound = store.partner_of(unit.tx, thread.id)
    if bound is not None:
        _standing(unit, bound, thread, room, before)
    elif room.inside and thread.room != "private":
        _unbound(unit, thread, room)


def standing(unit: Unit, thread: Thread, state: str, *, hears_all: bool, public: bool) -> None:
    """What was found out by asking, rather than by an update. A refusal that came later than the news that the bot is back
    leaves a chat closed in which it may write: that is found here, too."""
    before = store.room(unit.tx, thread.id) or GroupStanding(thread.id, "left")
    room = replace(before, state=state, hears_all=hears_all, public=public)
    bound = store.partner_of(unit.tx, thread.id)
    if bound is not None and (room != before or (room.inside and bound.state == store.BROKEN)):
        store.keep_room(unit.tx, room, unit.now)
        _standing(unit, bound, thread, room, before)


def code_in(text: str) -> str:
    """The code of `/start@bot CODE` or `/bind CODE`; empty where there is none."""
    found = _CODE.match(text.strip())
    return found[1] if found else ""


def bind_by_code(unit: Unit, thread: Thread, incoming: Incoming) -> bool:
    """Give the group to the partner whose link brought it; whether it is bound by now."""
    link = store.link_of(unit.tx, code_in(incoming.text))
    bound = store.partner_of(unit.tx, thread.id)
    if link is None or link.used or link.expires_at <= unit.now:
        if bound is None:
            language = unit.portal.mapping.portal.language
            _say(unit, thread, translate(language, "partners_link_dead"), f"dead:{incoming.vendor_id}")
        return bound is not None
    one = store.lock_partner(unit.tx, link.partner)
    if one is None:
        return False
    if bound is not None and bound.id != one.id:
        _tell(unit, one, translate(_language(unit), "partners_group_taken", title=thread.title), f"taken:{thread.id}")
        return True
    _bind(unit, one, thread, incoming.author, incoming.author_name)
    return True


def _unbound(unit: Unit, thread: Thread, room: GroupStanding) -> None:
    """A group without a code: perhaps the newest link of who brought the bot; else it leaves after ten minutes."""
    person = staff_member(unit, room.adder)
    partner_id = store.newest_open_link(unit.tx, person, unit.now) if person else None
    one = store.lock_partner(unit.tx, partner_id) if partner_id else None
    if one is not None:
        # The code usually follows at once: it decides, where both come.
        unit.set_timer(NAME, f"guess:{thread.id}", unit.now + timedelta(seconds=20), {"partner": one.id})
    unit.set_timer(NAME, f"unbound:{thread.id}", unit.now + timedelta(minutes=UNBOUND_MINUTES), {})


def guess(unit: Unit, thread_id: str, partner_id: str) -> None:
    """No code came with the group: it belongs to the newest link of the member of staff who brought the bot."""
    thread, room = timeline.thread(unit.tx, thread_id), store.room(unit.tx, thread_id)
    one = store.lock_partner(unit.tx, partner_id)
    if thread and room and one and room.inside and store.partner_of(unit.tx, thread_id) is None:
        _bind(unit, one, thread, room.adder, room.adder_name)


def leave_unbound(unit: Unit, thread_id: str) -> None:
    thread, room = timeline.thread(unit.tx, thread_id), store.room(unit.tx, thread_id)
    if thread and room and room.inside and store.partner_of(unit.tx, thread_id) is None:
        _leave(unit, thread)


def _bind(unit: Unit, one: Partner, thread: Thread, author: str, author_name: str) -> None:
    if one.thread and one.thread != thread.id and (old := timeline.thread(unit.tx, one.thread)):
        timeline.bind(unit.tx, old.id, "")
        _leave(unit, old)
    room = store.room(unit.tx, thread.id) or GroupStanding(thread.id, "member", adder=author, adder_name=author_name)
    store.keep_room(unit.tx, room, unit.now)
    timeline.bind(unit.tx, thread.id, one.subject)
    store.use_links(unit.tx, one.id, unit.now)
    one = replace(one, thread=thread.id)
    settings = settings_of(unit.portal)
    if settings.confirm_unknown and not staff_member(unit, author):
        one = store.in_state(one, store.CONFIRMING, unit.now, f"«{thread.title}», {author_name or author}")
        text = translate(_language(unit), "partners_confirm", title=thread.title, person=author_name or author)
        _tell(unit, one, text, f"confirm:{thread.id}:{one.id}")
    else:
        one = _open(unit, one, thread, room)
    _warn_of_public(unit, one, thread, room, None)
    store.keep_partner(unit.tx, one, unit.now)
    unit.resync(ENTITY, one.id)
    log.info("partners.bound", partner=one.id, state=one.state)


def _open(unit: Unit, one: Partner, thread: Thread, room: GroupStanding) -> Partner:
    """The chat works, as far as the bot's rights go; what waited leaves."""
    state = store.LIVE if room.hears_all or room.state == "admin" else store.DEAF
    unit.reopen(thread)
    return store.in_state(one, state, unit.now)


def opened(unit: Unit, one: Partner, thread: Thread, room: GroupStanding) -> Partner:
    """The same for a chat that stood still, if the bot is still in the group."""
    return _open(unit, one, thread, room) if room.inside else store.in_state(one, store.BROKEN, unit.now, one.reason)


def _warn_of_public(
    unit: Unit, one: Partner, thread: Thread, room: GroupStanding, before: GroupStanding | None
) -> None:  # fmt: skip
    if room.public and not (before and before.public):
        text = translate(_language(unit), "partners_public", title=thread.title)
        _tell(unit, one, text, f"public:{thread.id}:{int(unit.now.timestamp())}")


def warn_of(unit: Unit, one: Partner, thread: Thread, account: str, author: str, person: Author) -> None:
    """Somebody is in the group who should not be: a person of another partner's, or Planfix' own bot. Told once of each."""
    other, name = _known_elsewhere(unit, one, account, author, person.username), author_text(person, _language(unit))
    if other is not None:
        text = translate(_language(unit), "partners_alien", title=thread.title, person=name, partner=other.name)
        _tell(unit, one, text, f"alien:{one.id}:{other.id}:{author}")
    if person.username.lower() == PLANFIX_BOT:
        _tell(unit, one, translate(_language(unit), "partners_planfix_bot", title=thread.title), f"bot:{thread.id}")


def _known_elsewhere(unit: Unit, one: Partner, account: str, author: str, username: str) -> Partner | None:
    """The other partner whose person that is: seen in their group, or named in their card."""
    seen = store.partners_of_person(unit.tx, account, author)
    if one.id in seen:
        return None
    wanted = username.lower()
    for other in store.partners(unit.tx) if seen or wanted else ():
        if other.id != one.id and (other.id in seen or (wanted and other.telegram.lstrip("@").lower() == wanted)):
            return other
    return None


def _standing(
    unit: Unit, one: Partner, thread: Thread, room: GroupStanding, before: GroupStanding | None
) -> None:  # fmt: skip
    """A bound group: the bot was thrown out, came back, got more or fewer rights."""
    if one.state in (store.PAUSED, store.DETACHED):
        return
    if not room.inside:
        broken(unit, one, thread, translate(_language(unit), f"partners_room_{room.state}"))
        return
    if one.state != store.CONFIRMING:
        one = _open(unit, one, thread, room)
    _warn_of_public(unit, one, thread, room, before)
    store.keep_partner(unit.tx, one, unit.now)
    unit.resync(ENTITY, one.id)


def broken(unit: Unit, one: Partner, thread: Thread, reason: str) -> None:
    """Nothing can leave any more: the card says why and since when, and who leads the partner is told once."""
    timeline.close(unit.tx, thread.id, reason, unit.portal.clock)
    if one.state != store.BROKEN:
        text = translate(_language(unit), "partners_broken", partner=one.name, reason=reason)
        _tell(unit, one, text, f"broken:{thread.id}:{int(unit.now.timestamp())}")
        one = store.in_state(one, store.BROKEN, unit.now, reason)
        store.keep_partner(unit.tx, one, unit.now)
    unit.resync(ENTITY, one.id)


def refused(unit: Unit, one: Partner, reason: str) -> None:
    if reason:
        text = translate(_language(unit), "partners_broken_all", partner=one.name, reason=reason)
        _tell(unit, one, text, f"refused:{one.id}:{int(unit.now.timestamp())}")


def closed(unit: Unit, thread_id: str, reason: str) -> None:
    """A message was refused since we may not write there (kernel: `on_closed`)."""
    thread, one = timeline.thread(unit.tx, thread_id), store.partner_of(unit.tx, thread_id)
    if thread is not None and one is not None and one.state not in (store.PAUSED, store.DETACHED):
        broken(unit, one, thread, reason)


def asked_for(unit: Unit, one: Partner, asked: Collection[str], person: str) -> Partner:
    """What the buttons of the card ask for: confirming, pausing, going on, taking the group away."""
    thread = timeline.thread(unit.tx, one.thread) if one.thread else None
    if thread is None:
        return one
    room = store.room(unit.tx, thread.id) or GroupStanding(thread.id, "member")
    if "confirm_chat" in asked and one.state == store.CONFIRMING:
        one = _open(unit, one, thread, room)
    elif "pause" in asked and one.works:
        pause(unit, one, person)
        one = store.partner(unit.tx, one.id) or one
    elif "resume" in asked and one.state == store.PAUSED:
        one = opened(unit, one, thread, room)
        for told in store.announcements_to(unit.tx, one.id):  # what a card that is gone kept back (announcing)
            if told.state == "announced" and keeping.is_gone(unit.tx, unit.portal.name, one.id):
                unit.resync("deal", told.record_id)
    elif "detach" in asked:
        timeline.bind(unit.tx, thread.id, "")
        _say(unit, thread, translate(language_of(unit.portal, one), "partners_goodbye"), f"bye:{thread.id}")
        _leave(unit, thread)
        shown = {name: value for name, value in (one.shown or {}).items() if name != "followed_by"}
        one = store.in_state(replace(one, thread="", shown=shown), store.DETACHED, unit.now, person)
    store.keep_partner(unit.tx, one, unit.now)
    return one


def pause(unit: Unit, one: Partner, reason: str) -> None:
    if one.thread:
        timeline.close(unit.tx, one.thread, reason or "paused", unit.portal.clock)
    store.keep_partner(unit.tx, store.in_state(one, store.PAUSED, unit.now, reason), unit.now)


def staff_member(unit: Unit, author: str) -> str:
    """The member of staff who has that Telegram account, or nobody."""
    if not author:
        return ""
    return next((person.id for person in unit.portal.staff.known() if person.telegram == author and person.active), "")


def _leave(unit: Unit, thread: Thread) -> None:
    connection = unit.portal.connected(thread.connection).name
    payload = {"address": thread.address, "account": thread.account}
    unit.call(connection, "leave", payload, lane=f"thread:{thread.id}", key=f"leave:{thread.id}:{int(unit.now.timestamp())}")


def _say(unit: Unit, thread: Thread, text: str, key: str) -> None:
    unit.write_to(thread, Outgoing(thread.address, text), key=f"partners:{key}")


def _tell(unit: Unit, one: Partner, text: str, key: str) -> None:
    to = (one.responsible,) if one.responsible else ()
    unit.write_comment(ENTITY, one.id, text, to=to, key=f"partners:{key}")


def language_of(portal: Portal, one: Partner) -> str:
    """In which language the partner is written to."""
    return one.language or portal.mapping.portal.language


def _language(unit: Unit) -> str:
    return unit.portal.mapping.portal.language
