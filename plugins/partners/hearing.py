"""What was written in a chat: into the deal or the card it belongs to, once, in the order of the chat."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from kernel.conversations import FileRef, Incoming, Outgoing, reading, timeline
from kernel.conversations.timeline import Heard as HeardMessage
from kernel.conversations.timeline import Thread
from kernel.crm.gone import gone_since
from kernel.extension.portal import Unit
from kernel.telemetry import log
from kernel.texts import translate
from plugins.partners import binding, commenting, pressing, store
from plugins.partners.binding import language_of
from plugins.partners.rules import incoming_text
from plugins.partners.rules.buttons import offer_text, offered_rate
from plugins.partners.rules.folding import one_line
from plugins.partners.rules.incoming_text import Author, Event, HeardFile
from plugins.partners.rules.routing import Came, DealState, PartnerDeal, ReplyTo, Route, To, route
from plugins.partners.settings import ENTITY, NAME, settings_of
from plugins.partners.store import Partner
from plugins.partners.views import unpack

ALBUM_WAIT = timedelta(seconds=2)
UNKNOWN_A_DAY = 5
REACTION_QUOTE_MAX = 80  #: characters of the message it belongs to
EVENTS = {"joined": Event.JOINED, "left": Event.LEFT, "renamed": Event.RENAMED, "pinned": Event.PINNED}
STATES = {"announced": DealState.OPEN, "closed": DealState.CLOSED, "withdrawn": DealState.MOVED}


def fetches(unit: Unit, incoming: Incoming) -> int:
    """Files are fetched from the chats of partners alone, never from a stranger."""
    connection = unit.portal.connection(unit.connection)
    thread = timeline.thread_of(unit.tx, connection.full_name, incoming.account, incoming.address)
    known = thread is not None and (
        store.partner_of(unit.tx, thread.id) is not None
        or (incoming.details.get("room") == "private" and _private_partner(unit, incoming) is not None)
    )
    if not known or all(_refused(unit, file) for file in incoming.files):
        return 0
    return incoming_text.FILE_BYTES_MAX


def _refused(unit: Unit, file: FileRef) -> bool:
    """A kind of file that does not come into the CRM: it is not even fetched."""
    heard = HeardFile(file.name, file.size_bytes, file.media_type)
    return incoming_text.file_refused(heard, settings_of(unit.portal).files_refused)


def message_came(unit: Unit, incoming: Incoming) -> None:
    """A message, or whatever else, of the connection that this plugin was given."""
    heard = unit.heard
    assert heard is not None
    if incoming.kind == "moved":
        return  # the thread has its new address already; nothing else changes
    if incoming.kind == "membership":
        binding.membership(unit, incoming)
        return
    thread = heard.thread
    bound = store.partner_of(unit.tx, thread.id)
    if incoming.kind == "message" and binding.code_in(incoming.text) and thread.room != "private":
        if binding.bind_by_code(unit, thread, incoming) and heard.fresh:
            timeline.make_note(unit.tx, heard.message, translate(unit.portal.mapping.portal.language, "partners_bound"))
        return
    if bound is None:
        _stranger(unit, thread, incoming, heard)
        return
    flush_albums(unit, thread, but=incoming.group)
    if incoming.kind == "press":
        pressing.pressed(unit, bound, thread, incoming)
    elif incoming.kind == "reaction":
        _reaction(unit, bound, thread, incoming)
    elif incoming.kind == "note":
        _event(unit, bound, thread, incoming, heard)
    elif heard.changed:
        commenting.message_changed(unit, heard)
    elif heard.fresh:
        _fresh(unit, bound, thread, incoming, heard)


def _fresh(unit: Unit, bound: Partner, thread: Thread, incoming: Incoming, heard: HeardMessage) -> None:
    staff = binding.staff_member(unit, incoming.author)
    if not staff:
        binding.warn_of(unit, bound, thread, incoming.account, incoming.author, _author(incoming))
        store.note_person(unit.tx, incoming.account, incoming.author, bound.id, incoming.author_name)
    if incoming.text.strip().startswith("/stan") and pressing.balance_asked(unit, bound, thread, incoming):
        return
    if incoming.group:
        _album_member(unit, bound, thread, incoming, heard)
        return
    way = _route(unit, bound, thread, incoming)
    entity, record_id = _file_under(unit, bound, heard.message, way)
    if way.learn and incoming.reply_to:
        _learn(unit, bound, thread, incoming, way)
    commenting.write(unit, bound, [heard.message], entity, record_id, f"tg:{incoming.vendor_id}", staff, way)
    _offer(unit, bound, incoming, way, staff)


# --- where it lands ---------------------------------------------------------------------------------------------------


def _route(unit: Unit, bound: Partner, thread: Thread, incoming: Incoming) -> Route:
    deals = [
        PartnerDeal(told.subject, told.number, _state(unit, told))
        for told in store.announcements_to(unit.tx, bound.id)
        if told.state
    ]
    came = Came(
        incoming.text, _reply(unit, thread, incoming), own_chat=True, deals=deals,
        chats=timeline.addresses(unit.tx, thread),
    )  # fmt: skip
    return route(came, store.secret(unit.tx))


def _state(unit: Unit, told: store.Announcement) -> DealState:
    if gone_since(unit.tx, unit.portal.name, "deal", told.record_id) is not None:
        return DealState.GONE
    if told.state == "withdrawn" and told.stage == "cancelled":
        return DealState.CANCELLED
    return STATES.get(told.state, DealState.MOVED)


def _reply(unit: Unit, thread: Thread, incoming: Incoming) -> ReplyTo | None:
    if not incoming.reply_to:
        return None
    answered = timeline.named(unit.tx, thread.id, incoming.reply_to)
    record = timeline.record_of(unit.tx, answered) if answered else ""
    deal = ""
    if record.startswith("deal:"):
        deal = f"{unit.portal.name}/{record.partition(':')[2]}"
    return ReplyTo(incoming.reply_ours, answered is not None, deal, incoming.reply_text)


def _learn(unit: Unit, bound: Partner, thread: Thread, incoming: Incoming, way: Route) -> None:
    """The message that was answered is our deal's, by its code: its id is known from now on."""
    told = store.announcement(unit.tx, way.deal, bound.id)
    if told is not None and told.message:
        address, _, number = incoming.reply_to.rpartition(":")
        timeline.add_name(
            unit.tx, thread.id, incoming.reply_to, int(number) if number.isdecimal() else None, told.message,
            address=address,
        )  # fmt: skip


def _file_under(unit: Unit, bound: Partner, message: str, way: Route) -> tuple[str, str]:
    entity, record_id = ENTITY, bound.id
    if way.to is To.DEAL:
        told = store.announcement(unit.tx, way.deal, bound.id)
        if told is not None:
            entity, record_id = "deal", told.record_id
    timeline.file_under(unit.tx, message, f"{entity}:{record_id}")
    return entity, record_id


# --- albums -----------------------------------------------------------------------------------------------------------


def _album_member(unit: Unit, bound: Partner, thread: Thread, incoming: Incoming, heard: HeardMessage) -> None:
    """Members of an album come one by one: they wait for each other a moment, and make one comment."""
    before = [one for one in timeline.album(unit.tx, thread.id, incoming.group) if one != heard.message]
    made = next((kept for one in before if (kept := store.comment_of(unit.tx, one)) is not None), None)
    if made is not None:
        timeline.file_under(unit.tx, heard.message, f"{made['entity']}:{made['record_id']}")
        commenting.join(unit, bound, made, [heard.message], binding.staff_member(unit, incoming.author))
        return
    if not before:
        way = _route(unit, bound, thread, incoming)
        _file_under(unit, bound, heard.message, way)
    else:
        timeline.file_under(unit.tx, heard.message, timeline.record_of(unit.tx, before[0]))
    body = {"thread": thread.id, "group": incoming.group, "author": incoming.author, "chat": incoming.address}
    unit.set_timer(NAME, f"album:{thread.id}:{incoming.group}", unit.now + ALBUM_WAIT, body)


def flush_albums(unit: Unit, thread: Thread, *, but: str = "") -> None:
    """Something else comes after an album: it is complete, and its comment stands before what follows."""
    for timer in unit.timers(NAME, f"album:{thread.id}:"):
        if timer.body["group"] != but:
            unit.cancel_timer(NAME, timer.key)
            album_due(unit, timer.body)


def album_due(unit: Unit, body: Mapping[str, str]) -> None:
    thread = timeline.thread(unit.tx, body["thread"])
    bound = store.partner_of(unit.tx, body["thread"])
    album = timeline.album(unit.tx, body["thread"], body["group"])
    kept = {one: store.comment_of(unit.tx, one) for one in album}
    members = [one for one in album if kept[one] is None]
    if thread is None or bound is None or not members:
        return
    staff = binding.staff_member(unit, body["author"])
    if (made := next(filter(None, kept.values()), None)) is not None:  # it was being written when these came
        commenting.join(unit, bound, made, members, staff)
        return
    record = timeline.record_of(unit.tx, members[0]) or bound.subject
    entity, _, record_id = record.partition(":")
    commenting.write(unit, bound, members, entity, record_id, f"tg:{body['chat']}:g{body['group']}", staff)


# --- events, reactions, strangers -------------------------------------------------------------------------------------


def _event(unit: Unit, bound: Partner, thread: Thread, incoming: Incoming, heard: HeardMessage) -> None:
    """The room says something of itself: a line in the card. Of who joins, whoever leads the partner is told."""
    what, details = EVENTS.get(incoming.details.get("what", "")), incoming.details
    if what is None or not heard.fresh:
        return
    who = [one for one in details.get("who", "").split() if one != incoming.account]
    if details.get("who") and not who:
        return  # of our own bot the card says more than that
    moment, said = f"{unit.now:%Y-%m-%dT%H:%M}", details.get("text") or incoming.text
    subjects = who or [f"{incoming.author} {said}"]
    # An admin hears of a member twice: from the room, and as a change of the member.
    fresh = [one for one in subjects if store.counted(unit.tx, f"event {what}", f"{thread.id} {one}", moment) == 1]
    if not fresh:
        return
    names = [name if name != "-" else "" for name in details.get("usernames", "").split()]
    author = Author(said, names[0] if len(names) == 1 else "") if who else _author(incoming)
    text = incoming_text.event_text(what, author, unit.portal.mapping.portal.language, what=said)
    timeline.file_under(unit.tx, heard.message, bound.subject)
    strangers = [one for one in who if not binding.staff_member(unit, one)] if what is Event.JOINED else []
    to = (bound.responsible,) if strangers and bound.responsible else ()
    unit.write_comment(ENTITY, bound.id, text, to=to, key=f"tg:{incoming.vendor_id}")
    for one, username in zip(details.get("who", "").split(), names, strict=False):
        if one in strangers:
            binding.warn_of(unit, bound, thread, incoming.account, one, Author(said if len(who) == 1 else "", username))


def _author(incoming: Incoming) -> Author:
    return Author(incoming.author_name, incoming.details.get("username", ""))


def _reaction(unit: Unit, bound: Partner, thread: Thread, incoming: Incoming) -> None:
    """A line more in the comment of the message it belongs to. Of a message of ours there is none, so it gets one: «👍» is
    an answer, too."""
    message, language = timeline.named(unit.tx, thread.id, incoming.reply_to), unit.portal.mapping.portal.language
    if message is None:
        return
    line = incoming_text.reaction_text(_author(incoming), incoming.details.get("reaction", ""), language)
    kept, answered = store.comment_of(unit.tx, message), reading.one(unit.tx, reading.Scope(everything=True), message)
    if kept is not None:
        commenting.add_line(unit, kept, line)
    elif answered is not None and answered.direction == "out":
        staff = binding.staff_member(unit, incoming.author)
        entity, _, record_id = (answered.record or bound.subject).partition(":")
        words = one_line(answered.text, REACTION_QUOTE_MAX) or "—"
        unit.write_comment(
            entity, record_id, translate(language, "partners_reaction_to", line=line, text=words),
            key=f"tg:{incoming.vendor_id}", author=commenting.owner_of(unit, bound, staff),
            to=commenting.people_told(unit, bound, entity, record_id, staff),
        )  # fmt: skip


def _stranger(unit: Unit, thread: Thread, incoming: Incoming, heard: HeardMessage) -> None:
    """Private, or a group that is nobody's: rows 6 and 7."""
    if incoming.kind != "message" or not heard.fresh or thread.room != "private":
        return
    day = f"{unit.now.astimezone(unit.portal.zone):%Y-%m-%d}"
    one = _private_partner(unit, incoming)
    way = route(Came(incoming.text, private=True, author_known=one is not None), store.secret(unit.tx))
    if one is not None:
        timeline.file_under(unit.tx, heard.message, one.subject)
        commenting.write(unit, one, [heard.message], ENTITY, one.id, f"tg:{incoming.vendor_id}", "", way)
        if store.counted(unit.tx, "group", thread.id, day) == 1:
            _say(unit, thread, translate(language_of(unit.portal, one), "partners_write_in_group"), incoming)
    elif store.counted(unit.tx, "unknown", thread.id, day) <= UNKNOWN_A_DAY:
        _say(unit, thread, translate(unit.portal.mapping.portal.language, "partners_unknown"), incoming)


def _private_partner(unit: Unit, incoming: Incoming) -> Partner | None:
    """Whose person writes: seen in one partner's group, or named in one card by their Telegram name."""
    found = store.partners_of_person(unit.tx, incoming.account, incoming.author)
    if len(found) == 1:
        return store.partner(unit.tx, found[0])
    username = incoming.details.get("username", "").lower()
    named = [one for one in store.partners(unit.tx) if username and one.telegram.lstrip("@").lower() == username]
    return named[0] if len(named) == 1 and not found else None


def _say(unit: Unit, thread: Thread, text: str, incoming: Incoming) -> None:
    unit.write_to(thread, Outgoing(thread.address, text), key=f"partners:say:{incoming.vendor_id}")


def _offer(unit: Unit, bound: Partner, incoming: Incoming, way: Route, staff: str) -> None:
    """A number in answer to a deal without a rate is offered to the manager, never taken by itself."""
    if way.to is not To.DEAL or staff or not settings_of(unit.portal).buttons:
        return
    told = store.announcement(unit.tx, way.deal, bound.id)
    rate = offered_rate(incoming.text)
    if told is None or rate is None or not told.shown or not unpack(told.shown).without_rate:
        return
    text = offer_text(rate, unit.portal.mapping.portal.language)
    to = commenting.people_told(unit, bound, "deal", told.record_id, "")
    unit.write_comment("deal", told.record_id, text, to=to, key=f"partners:offer:{incoming.vendor_id}")
    log.info("partners.rate_offered", deal=told.subject)


__all__ = ["album_due", "fetches", "flush_albums", "message_came"]
