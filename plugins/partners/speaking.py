"""What staff write to a partner: a marked comment of the CRM goes to the partner's chat, and nothing else does."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from kernel.conversations import Outgoing, OutgoingFile, timeline
from kernel.conversations.timeline import Thread
from kernel.crm import AttachedFile, Comment, Record, Ref
from kernel.crm.seen import last_seen
from kernel.errors import Fault, Refused
from kernel.extension import HeardComment
from kernel.extension.portal import Portal, Unit
from kernel.extension.reading import ReadOnlyPortal
from kernel.texts import translate
from kernel.values import to_decimal
from plugins.exchange.api import Deal, load_deal, partner_legs, partner_names, secrets_of
from plugins.partners import announcing, store
from plugins.partners.binding import language_of
from plugins.partners.cards import switched_on
from plugins.partners.rules.leaks import Leak, Secrets, find_leaks, held_text
from plugins.partners.rules.marks import Ask, Leaves, Named, Stays, addressed, with_author
from plugins.partners.rules.marks import Comment as Written
from plugins.partners.rules.telegram_text import caption_and_rest, split
from plugins.partners.settings import ENTITY, settings_of
from plugins.partners.store import Partner

FILE_BYTES_MAX = 50 * 1024 * 1024  #: what a bot may send
PHOTO_BYTES_MAX = 10 * 1024 * 1024
ALBUM_MAX = 10
PHOTOS = ("image/jpeg", "image/png")


@dataclass(frozen=True)
class Fetched:
    """The files of a comment: those that are here, and the names of those that are too large or did not come; and the
    client's card, where it is to be kept from the partner."""

    files: tuple[OutgoingFile, ...] = ()
    refused: tuple[str, ...] = ()
    client: Record | None = None


@dataclass(frozen=True)
class Origin:
    """What the messages come from: a comment of the CRM, or what somebody wrote on a page of ours."""

    key: str
    entity: str
    record_id: str
    author: str
    author_name: str


def fetch_files(portal: ReadOnlyPortal, comment: Comment) -> Fetched:
    """Only of a comment that addresses a partner: nothing else of the CRM is read."""
    settings = settings_of(portal)
    marked = not isinstance(addressed(Written(comment.text, len(comment.files)), [], marks=settings.partner_mark), Stays)
    if not switched_on(portal) or comment.ours or not marked:
        return Fetched()
    client = client_of(portal, comment.entity, comment.record_id)
    connection, comments = portal.connection(settings.chat), portal.crm.comments
    assert comments is not None
    files, refused = [], []
    for one in comment.files:
        if one.size > FILE_BYTES_MAX:
            refused.append(one.name)
            continue
        try:
            content, size = connection.files.fetch(
                lambda path, file=one.id: comments.download(file, path, bytes_max=FILE_BYTES_MAX)  # type: ignore[misc]
            )
        except Fault as exc:
            if exc.retry:
                raise
            refused.append(one.name)
            continue
        media_type = mimetypes.guess_type(one.name)[0] or "application/octet-stream"
        files.append(OutgoingFile(content, one.name, media_type, size))
    return Fetched(tuple(files), tuple(refused), client)


def client_of(portal: Portal | ReadOnlyPortal, entity: str, record_id: str) -> Record | None:
    """The card of a deal's client, for what it says of them, where the set checks for that. It asks the CRM."""
    if entity != "deal" or not settings_of(portal).leak_check:
        return None
    with portal.read() as unit:
        deal = load_deal(unit.tx, f"{portal.name}/{record_id}")
    if deal is None or deal.client is None:
        return None
    try:
        return portal.crm.get("contact", deal.client.key)
    except Fault as exc:
        if exc.retry:
            raise
        return None


def comment_heard(unit: Unit, heard: HeardComment) -> None:
    """Staff wrote a comment, or changed one: what is marked leaves, what is unclear is asked about."""
    comment, settings = heard.comment, settings_of(unit.portal)
    if not switched_on(unit.portal) or not comment.by_staff:
        return
    deal = load_deal(unit.tx, f"{unit.portal.name}/{comment.record_id}") if comment.entity == "deal" else None
    own = _partners(unit, comment, deal)
    others = [Named(one.id, one.name) for one in store.partners(unit.tx)]
    written = Written(comment.text, len(comment.files), by_annex=comment.ours)
    found = addressed(written, own, others=others, marks=settings.partner_mark)
    language = unit.portal.mapping.portal.language
    if isinstance(found, Ask):
        _ask(unit, comment, found.message(language), "ask")
        return
    if isinstance(found, Stays):
        return
    one = store.lock_partner(unit.tx, store.plain_id(found.partner.id))
    thread = thread_for(unit, one)
    if one is None or thread is None:
        _ask(unit, comment, translate(language, "partners_no_chat", partner=found.partner.name), "nochat")
        return
    origin = Origin(comment.id, comment.entity, comment.record_id, comment.author, comment.author_name)
    fetched = heard.prepared if isinstance(heard.prepared, Fetched) else Fetched()
    if not _passes(unit, comment, one, deal, found, fetched.client):
        return
    if fetched.refused:
        text = translate(language, "partners_file_too_large", files=", ".join(fetched.refused))
        _ask(unit, comment, text, "large")
    text = with_author(comment.author_name, found.text, settings.desk_name)
    if heard.edited:
        _changed(unit, one, thread, origin, comment.version, text, fetched)
    else:
        _leaves(unit, one, thread, origin, text, fetched.files)


def thread_for(unit: Unit, one: Partner | None) -> Thread | None:
    """Where this partner is written to; nowhere without a group, or while staff have not confirmed it."""
    bound = one is not None and one.thread and one.state != store.CONFIRMING
    return timeline.thread(unit.tx, one.thread) if one is not None and bound else None


def write_to_partner(
    unit: Unit, one: Partner, entity: str, record_id: str, author: str, author_name: str, text: str,
    files: Sequence[OutgoingFile] = (), *, key: str, forced: bool = False, client: Record | None = None,
) -> tuple[Leak, ...]:  # fmt: skip
    """What somebody writes to a partner on a page of ours, once per `key`: into the chat, and as a marked comment in their
    name into the CRM. What holds it back, where it says what the partner must not know; nothing left then."""
    settings, thread = settings_of(unit.portal), thread_for(unit, one)
    if thread is None:
        raise Refused.of("partners_no_chat", partner=one.name)
    deal = load_deal(unit.tx, f"{unit.portal.name}/{record_id}") if entity == "deal" else None
    leaks = leaks_in(unit, one, deal, text, files, client)
    origin = Origin(f"page:{key}:{one.id}", entity, record_id, author, author_name)
    if leaks:
        store.keep_held(unit.tx, origin.key, "", one.id, entity, record_id, author_name, _words(leaks), forced, unit.now)
        if not forced:
            return leaks
    mark = settings.partner_mark[0] + ("!" if leaks else "")
    comment = f"{mark} {one.name}: {text}" if entity == "deal" else f"{mark} {text}"
    unit.write_comment(entity, record_id, comment, author=author, files=files, key=f"partners:{origin.key}")
    _leaves(unit, one, thread, origin, with_author(author_name, text, settings.desk_name), files)
    return ()


def leaks_in(
    unit: Unit, one: Partner, deal: Deal | None, text: str, files: Sequence[OutgoingFile | AttachedFile] = (),
    client: Record | None = None,
) -> tuple[Leak, ...]:  # fmt: skip
    """What of that text this partner must not know; nothing where the set does not check."""
    if not settings_of(unit.portal).leak_check:
        return ()
    return tuple(find_leaks(text, _secrets(unit, one, deal, client), [file.name for file in files]))


def _words(leaks: Sequence[Leak]) -> str:
    """What was found, each word once."""
    return ", ".join(dict.fromkeys(leak.word for leak in leaks))


def _partners(unit: Unit, comment: Comment, deal: Deal | None) -> list[Named]:
    if comment.entity == ENTITY:
        one = store.partner(unit.tx, store.plain_id(comment.record_id))
        return [Named(one.id, one.name)] if one else []
    if deal is None:
        return []
    names = partner_names(deal)
    return [Named(store.plain_id(key), names[key]) for key in names]


def _leaves(
    unit: Unit, one: Partner, thread: Thread, origin: Origin, text: str, files: Sequence[OutgoingFile], mark: str = ""
) -> None:
    """One message, or several: files go in albums of ten, a text that is too long in parts."""
    record = f"{origin.entity}:{store.plain_id(origin.record_id)}"
    answers = _announced(unit, one, origin)
    for part, message in enumerate(_messages(thread, text, files)):
        sent = unit.write_to(
            thread, message, key=f"cm:{origin.key}:{part}:{mark}", record=record, author=origin.author,
            author_name=origin.author_name, answers=answers, done=announcing.SENT, context=_context(origin),
        )  # fmt: skip
        if sent is not None:
            later = 1000 * len(store.sent_from(unit.tx, origin.key)) if mark else 0
            store.keep_sent(unit.tx, origin.key, part + later, sent, one.id)


def _context(origin: Origin) -> dict[str, str]:
    """Whom to tell, and where, if it does not arrive."""
    return {"kind": "comment", "entity": origin.entity, "record": origin.record_id, "author": origin.author}


def _announced(unit: Unit, one: Partner, origin: Origin) -> str:
    """In a deal it answers the deal's message, so that everybody in the chat sees which deal is meant."""
    if origin.entity != "deal":
        return ""
    told = store.announcement(unit.tx, f"{unit.portal.name}/{origin.record_id}", one.id)
    return told.message if told else ""


def _messages(thread: Thread, text: str, files: Sequence[OutgoingFile]) -> list[Outgoing]:
    if not files:
        return [Outgoing(thread.address, part) for part in split(text)]
    caption, rest = caption_and_rest(text)
    photos = [one for one in files if one.media_type in PHOTOS and one.size_bytes <= PHOTO_BYTES_MAX]
    documents = [one for one in files if one not in photos]
    made: list[Outgoing] = []
    for kind in (photos, documents):
        for start in range(0, len(kind), ALBUM_MAX):
            chunk = tuple(kind[start : start + ALBUM_MAX])
            made.append(Outgoing(thread.address, "" if made else caption, files=chunk))
    return [*made, *(Outgoing(thread.address, part) for part in rest)]


def _changed(
    unit: Unit, one: Partner, thread: Thread, origin: Origin, version: str, text: str, fetched: Fetched
) -> None:  # fmt: skip
    """An edited comment edits its messages where their number stays; else what it says now follows as a new one."""
    sent = [row for row in store.sent_from(unit.tx, origin.key) if row["partner"] == one.id]
    messages = _messages(thread, text, fetched.files)
    if not sent:
        _leaves(unit, one, thread, origin, text, fetched.files)
    elif len(sent) == len(messages):
        for row, message in zip(sent, messages, strict=True):
            unit.rewrite(
                thread, str(row["message"]), message, key=f"cm:{origin.key}:{row['part']}:{version}", done=announcing.SENT,
                context=_context(origin),
            )  # fmt: skip
    else:
        changed = translate(language_of(unit.portal, one), "partners_changed", changes=text)
        _leaves(unit, one, thread, origin, changed, fetched.files, version)


def _passes(unit: Unit, comment: Comment, one: Partner, deal: Deal | None, found: Leaves, client: Record | None) -> bool:
    """Whether it says nothing that this partner must not know, or is sent all the same."""
    leaks = leaks_in(unit, one, deal, found.text, comment.files, client)
    if not leaks:
        return True
    fresh = store.keep_held(
        unit.tx, comment.id, comment.version, one.id, comment.entity, comment.record_id, comment.author_name, _words(leaks),
        found.forced, unit.now,
    )  # fmt: skip
    if not found.forced and fresh:
        _ask(unit, comment, held_text(leaks, unit.portal.mapping.portal.language), f"held:{comment.version}")
    return found.forced


def _secrets(unit: Unit, one: Partner, deal: Deal | None, card: Record | None) -> Secrets:
    others = tuple(other.name for other in store.partners(unit.tx) if other.id != one.id)
    if deal is None:
        return Secrets(other_partners=others, own_name=one.name)
    record = last_seen(unit.tx, unit.portal.name, "deal", deal.record_id)
    values: Mapping[str, Any] = record.values if record else {}
    client = values.get("client")
    names = [
        deal.client.name if deal.client else "",
        client.name if isinstance(client, Ref) else "",
        _said(values, "client_name"),
    ]
    known_of = card.values if card else {}

    def _both(name: str) -> tuple[str, ...]:
        return _one(values, f"client_{name}") + _one(known_of, name)

    rates, profits = secrets_of(deal)
    own: list[Decimal] = []
    for key, legs in partner_legs(deal).items():
        if store.plain_id(key) == one.id:
            own += [leg.rate for leg in legs if leg.rate is not None]
            own += [to_decimal(m.minor, m.currency) for leg in legs for m in (leg.receives, leg.gives) if m is not None]
    return Secrets(
        tuple(name for name in names if name), _both("phone"), _both("email"), _both("telegram"), rates, profits, others,
        one.name, tuple(own),
    )  # fmt: skip


def _said(values: Mapping[str, Any], name: str) -> str:
    found = values.get(name)
    return found if isinstance(found, str) else ""


def _one(values: Mapping[str, Any], name: str) -> tuple[str, ...]:
    return (_said(values, name),) if _said(values, name) else ()


def _ask(unit: Unit, comment: Comment, text: str, kind: str) -> None:
    to = (comment.author,) if comment.author else ()
    unit.write_comment(comment.entity, comment.record_id, text, to=to, key=f"partners:{kind}:{comment.id}:{comment.version}")


def sent(unit: Unit, payload: Mapping[str, Any], result: str) -> None:
    """It arrived; the timeline knows by now what Telegram calls it."""


def not_sent(unit: Unit, payload: Mapping[str, Any], state: str, reason: str) -> None:
    """It failed, or nobody knows whether it arrived: a deal's message goes once more, of anything else a person decides."""
    context = payload["context"]
    if state == "uncertain" and context["kind"] == "deal" and not context.get("again"):
        announcing.send_again(unit, context["subject"], context["partner"])
        return
    entity = context.get("entity", "deal")
    record_id = context.get("record") or context.get("subject", "").rpartition("/")[2]
    language = unit.portal.mapping.portal.language
    text = translate(
        language, f"partners_message_{state}", text=str(payload.get("text", ""))[:200], reason=reason,
        link=f"{unit.portal.public_url}/partners/talks",
    )  # fmt: skip
    to = (context["author"],) if context.get("author") else ()
    unit.write_comment(entity, record_id, text, to=to, key=f"partners:{state}:{payload['message']}:{payload['key']}")
