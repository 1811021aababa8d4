"""The comment for what was heard in a chat: written once, changed when its messages change, joined by what came late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kernel.conversations import OutgoingFile, reading, timeline
from kernel.conversations.timeline import Heard as HeardMessage
from kernel.crm import Ref
from kernel.crm.seen import last_seen
from kernel.extension.portal import Unit
from kernel.telemetry import log
from kernel.texts import translate
from plugins.partners import binding, keeping, store, store_comments, store_following
from plugins.partners.rules import incoming_text
from plugins.partners.rules.incoming_text import Author, Earlier, HeardFile, Kind
from plugins.partners.rules.routing import Route
from plugins.partners.settings import ENTITY, settings_of
from plugins.partners.store import Partner

COMMENT_MADE = "partners.comment"
JOINED = "partners.joined"


def write(
    unit: Unit, bound: Partner, messages: Sequence[str], entity: str, record_id: str, key: str, staff: str,
    way: Route | None = None, codes: Sequence[str] = (),
) -> None:  # fmt: skip
    """`codes`: further notes below it."""
    notes = [translate(unit.portal.mapping.portal.language, code) for code in [*(way.notes if way else ()), *codes]]
    text = "\n".join([_text(unit, messages), *notes])
    store.keep_comment(unit.tx, messages, key, entity, record_id, text, notes)
    first = reading.one(unit.tx, reading.Scope(everything=True), messages[0])
    unit.write_comment(
        entity, record_id, text, key=key, author=owner_of(unit, bound, staff),
        to=people_told(unit, bound, entity, record_id, staff), files=_files(unit, messages), at=first.at if first else None,
        done=COMMENT_MADE, context={"key": key, "messages": list(messages)},
    )  # fmt: skip
    for other in way.also if way else ():
        _also(unit, other, bound, key)


def write_missed(unit: Unit, bound: Partner) -> None:
    """What a card that is gone could not take stands in the one that the chat follows."""
    for key in store_following.unwritten(unit.tx, ENTITY, bound.id):
        kept, messages = store.comment_by_key(unit.tx, key), store_comments.messages_of_comment(unit.tx, key)
        first = reading.one(unit.tx, reading.Scope(everything=True), messages[0]) if messages else None
        if kept is None or first is None:
            continue
        staff = binding.staff_member(unit, first.author)
        unit.write_comment(
            ENTITY, bound.id, kept["text"], key=f"{key}:{bound.id}", author=owner_of(unit, bound, staff),
            to=people_told(unit, bound, ENTITY, bound.id, staff), files=_files(unit, messages), at=first.at,
            done=COMMENT_MADE, context={"key": key, "messages": messages},
        )  # fmt: skip


def _files(unit: Unit, messages: Sequence[str]) -> list[OutgoingFile]:
    return [
        OutgoingFile(file.content, file.name or file.kind or "file", file.media_type, file.size_bytes or 0)
        for message in messages
        for file in timeline.files_of(unit.tx, message)
        if file.content
    ]


def owner_of(unit: Unit, bound: Partner, staff: str) -> str:
    """In whose name the comment stands: the partner's card, as long as the CRM has it, or the member of staff."""
    return staff or ("" if keeping.is_gone(unit.tx, unit.portal.name, bound.id) else f"contact:{bound.id}")


def _also(unit: Unit, subject: str, bound: Partner, key: str) -> None:
    """The message answered one deal and named another: the first one gets a line that says so."""
    record_id = subject.rpartition("/")[2]
    text = translate(unit.portal.mapping.portal.language, "partners_also", partner=bound.name)
    unit.write_comment("deal", record_id, text, key=f"{key}:also:{record_id}", author=owner_of(unit, bound, ""))


def people_told(unit: Unit, bound: Partner, entity: str, record_id: str, staff: str) -> tuple[str, ...]:
    """Whom the CRM tells. A message that would tell nobody tells who leads the partner."""
    wanted: list[str] = []
    if entity == "deal":
        record = last_seen(unit.tx, unit.portal.name, "deal", record_id)
        manager = record.values.get("manager") if record else None
        if isinstance(manager, Ref) and store.view_of(unit.tx, manager.id) != "tasks":
            wanted.append(manager.id)
    elif bound.responsible and store.view_of(unit.tx, bound.responsible) in ("", "all"):
        wanted.append(bound.responsible)
    if not wanted and bound.responsible:
        wanted.append(bound.responsible)
    return tuple(one for one in dict.fromkeys(wanted) if one != staff)


def _text(unit: Unit, messages: Sequence[str]) -> str:
    portal = unit.portal
    language, refused = portal.mapping.portal.language, settings_of(portal).files_refused
    heard = [_as_heard(unit, message) for message in messages]
    if len(heard) > 1:
        return incoming_text.album_text(heard, language, refused)
    return incoming_text.comment_text(heard[0], language, refused)


def _as_heard(unit: Unit, message: str) -> incoming_text.Heard:
    line = reading.one(unit.tx, reading.Scope(everything=True), message)
    assert line is not None
    extra = timeline.extra_of(unit.tx, message)
    file = line.files[0] if line.files else None
    sort = (
        "die"
        if line.sort == "dice"
        else line.sort
        if line.sort in {kind.value for kind in Kind}
        else ("document" if file else "text")
    )
    zone = unit.portal.zone
    return incoming_text.Heard(
        Author(line.author_name, extra.get("username", "")),
        Kind(sort),
        line.text,
        HeardFile(file.name, file.size_bytes, file.media_type, file.seconds) if file else HeardFile(),
        emoji=extra.get("data", "") if sort in ("sticker", "die") else "",
        data=tuple(extra.get("data", "").split("\n")) if sort in ("location", "contact", "poll") else (),
        forwarded_from=extra.get("forwarded_from"),
        quote=extra.get("quote", ""),
        earlier=tuple(Earlier(f"{at.astimezone(zone):%H:%M}", text) for at, text in reversed(line.before)),
        link=line.link,
    )


def comment_made(unit: Unit, payload: Mapping[str, Any], comment: str) -> None:
    """The comment stands in the CRM; what the message says by now may be something else already."""
    key, written = payload["context"]["key"], payload["context"].get("messages")
    wanted = store.comment_made(unit.tx, key, comment)
    late = [one for one in store_comments.messages_of_comment(unit.tx, key) if one not in written] if written else []
    if late and (kept := store.comment_by_key(unit.tx, key)) is not None:
        _edit_joined(unit, kept, late)
    elif wanted and wanted != payload["text"]:
        _edit(unit, payload["entity"], payload["id"], comment, wanted)


def message_changed(unit: Unit, heard: HeardMessage) -> None:
    """An edit stays where the first version went: the comment says the new text, and what stood there before."""
    kept = store.comment_of(unit.tx, heard.message)
    if kept is None:
        return
    siblings = store_comments.messages_of_comment(unit.tx, kept["key"])
    _reword(unit, kept, "\n".join([_text(unit, siblings), *store.lines_below(kept)]))


def _reword(unit: Unit, kept: Mapping[str, Any], text: str) -> None:
    """The comment is to say that: at once where it stands already, else as soon as it does (`comment_made`)."""
    store.comment_text_is(unit.tx, kept["key"], text)
    if kept["comment"]:
        _edit(unit, kept["entity"], kept["record_id"], kept["comment"], text)


def add_line(unit: Unit, kept: Mapping[str, Any], line: str) -> None:
    store.add_line(unit.tx, kept, line)
    _reword(unit, kept, f"{kept['text']}\n{line}")


def comment_failed(unit: Unit, payload: Mapping[str, Any], state: str, reason: str) -> None:
    """The CRM did not take a comment with its files (too large for it, no room left): what was said comes without them."""
    key = payload["context"]["key"]
    kept = store.comment_by_key(unit.tx, key)
    if state != "failed" or not payload.get("files") or kept is None:
        return
    messages = store_comments.messages_of_comment(unit.tx, key)
    first = reading.one(unit.tx, reading.Scope(everything=True), messages[0])
    where = (first.link if first else "") or f"{unit.portal.public_url}/partners/talks"
    files = ", ".join(file.name for file in _files(unit, messages))
    line = translate(unit.portal.mapping.portal.language, "partners_files_left", files=files, reason=reason, link=where)
    store.add_line(unit.tx, kept, line)
    text = f"{kept['text']}\n{line}"
    store.comment_text_is(unit.tx, key, text)
    unit.write_comment(
        payload["entity"], payload["id"], text, key=f"{key}:nofiles", author=payload["author"], to=payload["to"],
        at=first.at if first else None, done=COMMENT_MADE, context={"key": key, "messages": messages},
    )  # fmt: skip


def _edit(unit: Unit, entity: str, record_id: str, comment: str, text: str) -> None:
    unit.edit_comment(entity, record_id, comment, text, key=_edit_key(unit, comment))


def _edit_key(unit: Unit, comment: str) -> str:
    return f"partners:edit:{comment}:{unit.portal.ids.new()}"


# --- members of an album that come late -------------------------------------------------------------------------------


def join(unit: Unit, bound: Partner, kept: Mapping[str, Any], late: Sequence[str], staff: str) -> None:
    """Members that come when their album's comment is written already become part of it, with all files in order."""
    key = kept["key"]
    there = store_comments.messages_of_comment(unit.tx, key)
    lines = [reading.one(unit.tx, reading.Scope(everything=True), one) for one in there]
    if any(line is not None and line.emptied for line in lines):
        _apart(unit, bound, kept, late, staff)  # we no longer have what stands there, so it cannot be sent once more
        return
    store.keep_comment(
        unit.tx, late, key, kept["entity"], kept["record_id"], kept["text"], store.lines_below(kept), kept["comment"]
    )
    siblings = store_comments.messages_of_comment(unit.tx, key)
    store.comment_text_is(unit.tx, key, "\n".join([_text(unit, siblings), *store.lines_below(kept)]))
    if kept["comment"] and (joined := store.comment_by_key(unit.tx, key)) is not None:
        _edit_joined(unit, joined, late)  # else as soon as it stands there (`comment_made`)


def _edit_joined(unit: Unit, kept: Mapping[str, Any], late: Sequence[str]) -> None:
    files = _files(unit, store_comments.messages_of_comment(unit.tx, kept["key"]))
    unit.edit_comment(
        kept["entity"], kept["record_id"], kept["comment"], kept["text"], files=files or None,
        key=_edit_key(unit, kept["comment"]), done=JOINED, context={"key": kept["key"], "late": list(late)},
    )  # fmt: skip


def joined(unit: Unit, payload: Mapping[str, Any], comment: str) -> None:
    """The album's comment has its late members: nothing is left to do."""
    log.info("partners.album_joined", comment=comment, late=len(payload["context"]["late"]))


def not_joined(unit: Unit, payload: Mapping[str, Any], state: str, reason: str) -> None:
    """The CRM did not let the album's comment have more files, or it was deleted: what came late stands by itself below."""
    key = payload["context"]["key"]
    late = store_comments.leave_comment(unit.tx, key, payload["context"]["late"]) if state == "failed" else []
    kept = store.comment_by_key(unit.tx, key)
    line = reading.one(unit.tx, reading.Scope(everything=True), late[0]) if late else None
    bound = store.partner_of(unit.tx, line.thread) if line else None
    if kept is None or bound is None or line is None:
        return
    log.warning("partners.album_not_joined", comment=payload["comment"], reason=reason)
    _reword(unit, kept, "\n".join([_text(unit, store_comments.messages_of_comment(unit.tx, key)), *store.lines_below(kept)]))
    _apart(unit, bound, kept, late, binding.staff_member(unit, line.author))


def _apart(unit: Unit, bound: Partner, kept: Mapping[str, Any], late: Sequence[str], staff: str) -> None:
    key = f"{kept['key']}:late:{late[0]}"
    write(unit, bound, late, kept["entity"], kept["record_id"], key, staff, codes=["partners_album_late"])


__all__ = [
    "COMMENT_MADE", "JOINED", "add_line", "comment_failed", "comment_made", "join", "joined", "message_changed",
    "not_joined", "owner_of", "people_told", "write", "write_missed",
]  # fmt: skip
