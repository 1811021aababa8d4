"""Messages that leave: written down with their outgoing call, and what becomes of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from kernel.clock import Clock, Ids
from kernel.conversations import timeline
from kernel.conversations.model import Outgoing
from kernel.conversations.timeline import KeptFile, Thread
from kernel.jobs.outgoing import Call
from kernel.storage import Tx
from kernel.storage.text import storable
from kernel.values import from_micros, to_micros

THREAD, MESSAGE, ANSWERS, CHANGES = "thread", "message", "answers", "changes"
"""In a call's payload: the thread, our message, the message that it answers, the message of ours that it changes."""
AFTER, KNOWN, LOST, AFRESH, ARRIVED = "after", "known", "lost", "afresh", "arrived"
"""What `EarlierTry` is made of. AFRESH: so many tries count no more. LOST: the try was at an address that the room no
longer has, so nobody can look there. ARRIVED: what the vendor calls it, where an answer to it told that it is there."""
KNOWN_MAX = 500


def written(
    tx: Tx,
    thread: Thread,
    message: Outgoing,
    *,
    call: str,
    record: str,
    author: str,
    author_name: str,
    clock: Clock,
    ids: Ids,
    message_id: str = "",
) -> str:
    """Keep a message that is about to leave by that outgoing call; its id."""
    new, at, text = message_id or ids.new(), to_micros(clock.now()), storable(message.text)
    timeline.insert_message(
        tx, new, thread.id, "out", sort="file" if message.files else "text", author=author, author_name=author_name,
        text=text, at=at, reply_to=message.reply_to, record=record, call=call,
    )  # fmt: skip
    timeline.keep_files(
        tx, new, [KeptFile(one.name, one.media_type, "", one.size_bytes, None, one.content) for one in message.files]
    )
    timeline.index_words(tx, new, at, f"{text} {author_name} {' '.join(one.name for one in message.files)}")
    tx.run(
        "UPDATE thread SET last_at = :at, waiting_since = NULL, changes = changes + 1 WHERE id = :id", at=at, id=thread.id
    )
    return new


def changed(tx: Tx, message: str, text: str, *, call: str, clock: Clock) -> None:
    """A message of ours says something else from now on; the call brings it there."""
    now, text = to_micros(clock.now()), storable(text)
    row = tx.lock("SELECT at, edited_at, text FROM message WHERE id = :id", id=message)
    assert row is not None
    timeline.keep_version(tx, message, row["edited_at"] or row["at"], row["text"])
    tx.run(
        "UPDATE message SET text = :t, edited_at = :at, edit_call = :c WHERE id = :id", t=text, at=now, c=call, id=message
    )
    timeline.index_words(tx, message, row["at"], text)
    timeline.touch_thread_of(tx, message)


def prepared(tx: Tx, call: Call) -> Call:
    """The call as it is to leave now: to the thread's present address, answering and changing what is known to have arrived,
    and with what is needed to find it if its answer gets lost."""
    thread = timeline.thread(tx, str(call.payload.get(THREAD, "")))
    if thread is None:
        return call
    tried_at = call.payload["address"] if AFTER in call.payload else thread.address
    body: dict[str, Any] = {**call.payload, "address": thread.address, "account": thread.account}
    for ours, theirs in ((ANSWERS, "reply_to"), (CHANGES, "edits")):
        if message := body.get(ours):
            body[theirs] = next(iter(timeline.names_of(tx, message)), "")
    if body.get(CHANGES) and not body["edits"] and _came_to_nothing(tx, body[CHANGES]):
        body.pop(CHANGES)  # there is nothing to change: it leaves as the message itself
    if AFTER not in body:
        body[AFTER] = _highest(tx, thread)
        tx.run("UPDATE outgoing SET payload = :p WHERE id = :id", p=_text(body), id=call.id)
    elif call.attempts > body.get(AFRESH, 0) and _named_meanwhile(tx, body):
        body[ARRIVED] = " ".join(timeline.names_of(tx, body[MESSAGE]))
    elif call.attempts > body.get(AFRESH, 0) and tried_at != thread.address:
        body[LOST] = True
    elif call.attempts > body.get(AFRESH, 0):
        body[KNOWN] = _known(tx, thread, body[AFTER], body.get(MESSAGE, ""))
    return replace(call, payload=body)


def _named_meanwhile(tx: Tx, body: Mapping[str, Any]) -> bool:
    """Whether the earlier try arrived, as an answer to it has told. Of an album that names one part only."""
    alone = bool(body.get(MESSAGE)) and not body.get(CHANGES) and len(body.get("files", ())) < 2
    return alone and bool(timeline.names_of(tx, body[MESSAGE]))


def _came_to_nothing(tx: Tx, message: str) -> bool:
    """Whether a message of ours certainly is not in the chat: its call failed, or a person gave it up."""
    state = tx.value(
        "SELECT outgoing.state FROM message JOIN outgoing ON outgoing.id = message.call WHERE message.id = :m", m=message
    )
    return state in ("failed", "dropped")


def forget_try(tx: Tx, call: Call) -> None:
    """What was noted before the first try counts no more: it did not arrive, or a person has it sent again."""
    body = {name: value for name, value in call.payload.items() if name not in (AFTER, KNOWN)} | {AFRESH: call.attempts}
    tx.run("UPDATE outgoing SET payload = :p WHERE id = :id", p=_text(body), id=call.id)


def arrived(tx: Tx, payload: Mapping[str, Any], result: str, clock: Clock) -> None:
    """The call came through: what the vendor calls the message is known from now on."""
    message, thread = str(payload.get(MESSAGE, "")), str(payload.get(THREAD, ""))
    if message:
        timeline.touch(tx, thread)
    if not message or payload.get(CHANGES):
        return
    for vendor_id in result.split():
        timeline.add_name(tx, thread, vendor_id, _number(vendor_id), message, address=str(payload.get("address", "")))
    tx.run("UPDATE message SET sent_at = :at WHERE id = :id AND sent_at IS NULL", at=to_micros(clock.now()), id=message)


def waiting_since(tx: Tx, before: datetime) -> dict[str, datetime]:
    """By thread: since when its oldest message has been waiting, where that is before the moment."""
    found: dict[str, datetime] = {}
    for row in tx.all(
        "SELECT payload, created_at FROM outgoing WHERE state IN ('waiting', 'sending') AND created_at < :b "
        "AND verb = 'send' ORDER BY created_at",
        b=to_micros(before),
    ):  # fmt: skip
        if thread := json.loads(row["payload"]).get(THREAD):
            found.setdefault(thread, from_micros(row["created_at"]))
    return found


def _number(vendor_id: str) -> int:
    """The vendor's running number, where its ids end with one."""
    digits = vendor_id.rpartition(":")[2]
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 19 else 0


def _highest(tx: Tx, thread: Thread) -> int:
    """The vendor's highest number that is known in this thread; in rooms that share their numbers, in all of those."""
    if _shares(tx, thread):
        found = tx.value(
            "SELECT MAX(message_name.number) FROM message_name JOIN thread ON thread.id = message_name.thread "
            "WHERE thread.connection = :c AND thread.account = :a AND thread.shared_numbers = 1",
            c=thread.connection, a=thread.account,
        )  # fmt: skip
    else:
        found = tx.value("SELECT MAX(number) FROM message_name WHERE thread = :t", t=thread.id)
    return max(int(found or 0), 0)


def _known(tx: Tx, thread: Thread, after: int, sought: str) -> list[int]:
    """The numbers above that one that are other messages than the one sought."""
    if _shares(tx, thread):
        rows = tx.all(
            "SELECT message_name.number AS number FROM message_name JOIN thread ON thread.id = message_name.thread WHERE "
            "thread.connection = :c AND thread.account = :a AND thread.shared_numbers = 1 AND message_name.number > :n "
            "AND message_name.message <> :m ORDER BY message_name.number LIMIT :most",
            c=thread.connection, a=thread.account, n=after, m=sought, most=KNOWN_MAX,
        )  # fmt: skip
    else:
        rows = tx.all(
            "SELECT number FROM message_name WHERE thread = :t AND number > :n AND message <> :m "
            "ORDER BY number LIMIT :most",
            t=thread.id, n=after, m=sought, most=KNOWN_MAX,
        )  # fmt: skip
    return [int(row["number"]) for row in rows]


def _shares(tx: Tx, thread: Thread) -> bool:
    return bool(tx.value("SELECT shared_numbers FROM thread WHERE id = :id", id=thread.id))


def _text(body: Mapping[str, Any]) -> str:
    return storable(json.dumps(body, ensure_ascii=False, sort_keys=True))
