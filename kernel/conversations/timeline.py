"""Threads and their messages in both directions: what came is kept once, what leaves is known by its outgoing call."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from kernel.clock import Clock, Ids
from kernel.conversations import viewers
from kernel.conversations.model import Incoming
from kernel.conversations.words import words
from kernel.storage import Tx
from kernel.storage.text import storable
from kernel.values import from_micros, to_micros

SHARED_ROOMS = ("private", "group")  #: rooms of a vendor that numbers the messages of all of them in one row
OLD_ADDRESS = 2**62
"""Taken off the vendor's numbers of an address that the room no longer has: the new one counts anew, so they must say
nothing of which message came before which there, and yet keep their order among themselves."""
ASKED_AT_ONCE = 500
EXTRA = ("username", "forwarded_from", "quote", "data")  #: details that are kept with a message


@dataclass(frozen=True)
class Thread:
    """One address of one connection."""

    id: str
    connection: str  #: full name
    account: str
    address: str
    room: str = ""
    title: str = ""
    subject: str = ""  #: the record it belongs to, "contact:118", or nothing
    waiting_since: datetime | None = None  #: the oldest message that nobody has answered
    closed_at: datetime | None = None  #: since when nothing can leave; what is to be sent waits
    closed_reason: str = ""


@dataclass(frozen=True)
class KeptFile:
    """A file of a message. Without `content` it is not here; `reason` says why."""

    name: str
    media_type: str = ""
    kind: str = ""
    size_bytes: int | None = None
    seconds: int | None = None
    content: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Heard:
    """What became of a message that came in."""

    thread: Thread
    message: str  #: its id in the timeline; empty for what is no message (a press, a reaction of somebody)
    fresh: bool = True  #: it was not known before; a change of a known one is not fresh either
    changed: bool = False  #: it is a change of an earlier one that says something else now
    before: tuple[tuple[datetime, str], ...] = ()  #: what it said before, oldest first
    record: str = ""  #: where its first version went
    files: tuple[KeptFile, ...] = ()


def thread_of(tx: Tx, connection: str, account: str, address: str) -> Thread | None:
    """By its address, or by one that it had before."""
    account, address = storable(account), storable(address)
    row = tx.one(
        "SELECT * FROM thread WHERE connection = :c AND account = :a AND address = :x", c=connection, a=account, x=address
    ) or tx.one(
        "SELECT thread.* FROM thread_alias JOIN thread ON thread.id = thread_alias.thread WHERE "
        "thread_alias.connection = :c AND thread_alias.account = :a AND thread_alias.address = :x",
        c=connection, a=account, x=address,
    )  # fmt: skip
    return thread_from(row) if row else None


def thread(tx: Tx, thread_id: str) -> Thread | None:
    row = tx.one("SELECT * FROM thread WHERE id = :id", id=thread_id)
    return thread_from(row) if row else None


def threads_of(tx: Tx, subject: str) -> list[Thread]:
    """Those that belong to a record, oldest first."""
    return [thread_from(row) for row in tx.all("SELECT * FROM thread WHERE subject = :s ORDER BY created_at, id", s=subject)]


def open_thread(
    tx: Tx, connection: str, account: str, address: str, *, clock: Clock, ids: Ids, room: str = "", title: str = ""
) -> Thread:
    """The thread of that address, made if there is none; held until the end of the unit of work."""
    known = thread_of(tx, connection, account, address)
    if known is None:
        now = to_micros(clock.now())
        tx.run(
            "INSERT INTO thread (id, connection, account, address, room, title, subject, shared_numbers, created_at, "
            "last_at, waiting_since, closed_at, closed_reason) "
            "VALUES (:id, :c, :a, :x, :room, :t, '', :shared, :at, :at, NULL, NULL, '') "
            "ON CONFLICT DO NOTHING",
            id=ids.new(), c=connection, a=storable(account), x=storable(address), room=room, t=storable(title),
            shared=int(room in SHARED_ROOMS), at=now,
        )  # fmt: skip
        known = thread_of(tx, connection, account, address)
        assert known is not None
    tx.lock("SELECT id FROM thread WHERE id = :id", id=known.id)
    here = known.address == storable(address)  # what comes late from an older address says what the room was then
    if here and ((room and room != known.room) or (title and storable(title) != known.title)):
        known = replace(known, room=room or known.room, title=storable(title) or known.title)
        tx.run(
            "UPDATE thread SET room = :r, title = :t, shared_numbers = :s WHERE id = :id",
            r=known.room, t=known.title, s=int(known.room in SHARED_ROOMS), id=known.id,
        )  # fmt: skip
    return known


def last_at(tx: Tx, thread_id: str) -> datetime | None:
    """When the newest message of either side was written."""
    found = tx.value("SELECT MAX(at) FROM message WHERE thread = :t AND direction <> 'note'", t=thread_id)
    return None if found is None else from_micros(found)


def addresses(tx: Tx, thread: Thread) -> list[str]:
    """Its address and those it had before."""
    rows = tx.all("SELECT address FROM thread_alias WHERE thread = :t ORDER BY address", t=thread.id)
    return [thread.address, *(row["address"] for row in rows)]


def bind(tx: Tx, thread_id: str, subject: str) -> None:
    """From now on the thread belongs to that record; an empty subject takes it away again."""
    tx.run("UPDATE thread SET subject = :s, changes = changes + 1 WHERE id = :id", s=subject, id=thread_id)


def close(tx: Tx, thread_id: str, reason: str, clock: Clock) -> bool:
    """Nothing can leave from now on; what is to be sent waits. Whether it was open."""
    return bool(
        tx.run(
            "UPDATE thread SET closed_at = :at, closed_reason = :why, changes = changes + 1 "
            "WHERE id = :id AND closed_at IS NULL",
            at=to_micros(clock.now()), why=storable(reason)[:300], id=thread_id,
        )
    )  # fmt: skip


def reopen(tx: Tx, thread_id: str) -> bool:
    """It can be written to again. Whether it was closed. See `Unit.reopen`, which also lets leave what waits."""
    return bool(
        tx.run(
            "UPDATE thread SET closed_at = NULL, closed_reason = '', changes = changes + 1 "
            "WHERE id = :id AND closed_at IS NOT NULL",
            id=thread_id,
        )
    )


def move(tx: Tx, connection: str, account: str, old: str, new: str, *, clock: Clock, ids: Ids) -> Thread:
    """The address became another: the thread gets the new one, and the old one stays known as an alias of it."""
    found = open_thread(tx, connection, account, old, clock=clock, ids=ids)
    if found.address == storable(new):
        return found
    already = tx.one(
        "SELECT * FROM thread WHERE connection = :c AND account = :a AND address = :x",
        c=connection, a=storable(account), x=storable(new),
    )  # fmt: skip
    tx.run("UPDATE message_name SET number = number - :old WHERE thread = :t AND number > 0", old=OLD_ADDRESS, t=found.id)
    if already is not None:
        _merge(tx, found, thread_from(already))
    tx.run(
        "INSERT INTO thread_alias (connection, account, address, thread) VALUES (:c, :a, :x, :t) ON CONFLICT DO NOTHING",
        c=connection, a=storable(account), x=found.address, t=found.id,
    )  # fmt: skip
    tx.run(
        "UPDATE thread SET address = :x, shared_numbers = 0, room = 'supergroup' WHERE id = :id",
        x=storable(new),
        id=found.id,
    )
    return replace(found, address=storable(new), room="supergroup")


def _merge(tx: Tx, into: Thread, other: Thread) -> None:
    """Something came from the new address before we knew that it is the same room: it joins the older thread."""
    came = [row["id"] for row in tx.all("SELECT id FROM message WHERE thread = :other ORDER BY id", other=other.id)]
    with viewers.filed_anew(tx, came):
        for table in ("message", "message_name", "thread_alias"):
            tx.run(f"UPDATE {table} SET thread = :into WHERE thread = :other", into=into.id, other=other.id)
    tx.run(
        "UPDATE thread SET changes = changes + 1 + (SELECT o.changes FROM thread AS o WHERE o.id = :other) WHERE id = :into",
        into=into.id, other=other.id,
    )  # fmt: skip
    tx.run("DELETE FROM thread_read WHERE thread = :other", other=other.id)
    tx.run("DELETE FROM thread WHERE id = :other", other=other.id)


def receive(tx: Tx, connection: str, incoming: Incoming, *, files: Sequence[KeptFile] = (), clock: Clock, ids: Ids) -> Heard:
    """Keep a message that came in, once; an edit becomes a further version of the message that it changes."""
    room, title = incoming.details.get("room", ""), incoming.details.get("room_title", "")
    if incoming.kind == "moved":
        old, new = incoming.details.get("from") or incoming.address, incoming.details["to"]
        return Heard(move(tx, connection, incoming.account, old, new, clock=clock, ids=ids), "")
    found = open_thread(tx, connection, incoming.account, incoming.address, clock=clock, ids=ids, room=room, title=title)
    if incoming.kind not in ("message", "note"):
        return Heard(found, "")
    name = incoming.edits or incoming.vendor_id
    known = named(tx, found.id, name)
    if known is not None:
        return _again(tx, found, known, incoming)
    at = to_micros(incoming.at or clock.now())
    message = ids.new()
    text = storable(incoming.text)
    _insert(tx, message, found.id, "in" if incoming.kind == "message" else "note", incoming, text, at)
    add_name(tx, found.id, name, incoming.number, message, address=incoming.address)
    keep_files(tx, message, files)
    index_words(tx, message, at, f"{text} {incoming.author_name} {' '.join(one.name for one in files)}")
    waits = incoming.kind == "message"
    tx.run(
        "UPDATE thread SET last_at = CASE WHEN last_at < :at THEN :at ELSE last_at END, waiting_since = "
        "CASE WHEN :waits = 1 AND waiting_since IS NULL THEN :at ELSE waiting_since END, changes = changes + 1 "
        "WHERE id = :id",
        at=at, waits=int(waits), id=found.id,
    )  # fmt: skip
    return Heard(found, message, files=tuple(files))


def _insert(tx: Tx, message: str, thread_id: str, direction: str, incoming: Incoming, text: str, at: int) -> None:
    details = incoming.details
    edited = details.get("edited_at")
    insert_message(
        tx, message, thread_id, direction, sort=details.get("sort") or details.get("what", ""), author=incoming.author,
        author_name=incoming.author_name, text=text, at=at, reply_to=incoming.reply_to, link=details.get("link", ""),
        grouped=incoming.group, edited_at=to_micros(datetime.fromisoformat(edited)) if edited else None,
        extra=json.dumps({name: details[name] for name in EXTRA if details.get(name)}, ensure_ascii=False),
    )  # fmt: skip


def insert_message(
    tx: Tx, message: str, thread_id: str, direction: str, *, sort: str, author: str, author_name: str, text: str, at: int,
    reply_to: str, record: str = "", link: str = "", extra: str = "", grouped: str = "", edited_at: int | None = None,
    call: str = "",
) -> None:  # fmt: skip
    """The row of one message. `direction`: in, out or note; moments in microseconds; `call`: by which it leaves."""
    tx.run(
        "INSERT INTO message (id, thread, direction, sort, author, author_name, text, link, extra, reply_to, record, "
        "grouped, at, edited_at, emptied_at, call, edit_call, sent_at) VALUES (:id, :thread, :d, :sort, :author, :name, "
        ":text, :link, :extra, :reply, :record, :grouped, :at, :edited, NULL, :call, '', NULL)",
        id=message, thread=thread_id, d=direction, sort=sort, author=storable(author), name=storable(author_name),
        text=storable(text), link=storable(link), extra=storable(extra), reply=storable(reply_to), record=record,
        grouped=storable(grouped), at=at, edited=edited_at, call=call,
    )  # fmt: skip
    if record:
        viewers.filed(tx, message)


def _again(tx: Tx, found: Thread, message: str, incoming: Incoming) -> Heard:
    """A message that is known already: delivered twice, or changed; an older version may come after a newer one."""
    row = tx.lock("SELECT * FROM message WHERE id = :id", id=message)
    assert row is not None
    edited = incoming.details.get("edited_at")
    moment = to_micros(datetime.fromisoformat(edited)) if edited else to_micros(incoming.at or from_micros(row["at"]))
    current = row["edited_at"] or row["at"]
    text = storable(incoming.text)
    if text == row["text"] or row["direction"] == "out" or moment < current:
        if text != row["text"] and moment < current and row["direction"] != "out":
            keep_version(tx, message, moment, text)
            touch(tx, found.id)
        return Heard(found, message, fresh=False, record=row["record"])
    # A vendor counts in seconds: several changes within one keep their order.
    last = tx.value("SELECT MAX(at) FROM message_version WHERE message = :m", m=message)
    keep_version(tx, message, current if last is None else max(current, last + 1), row["text"])
    tx.run("UPDATE message SET text = :t, edited_at = :at WHERE id = :id", t=text, at=moment, id=message)
    index_words(tx, message, row["at"], text)
    touch(tx, found.id)
    return Heard(found, message, fresh=False, changed=True, before=tuple(versions(tx, message)), record=row["record"])


def touch(tx: Tx, thread_id: str) -> None:
    """Something that a page shows of the thread changed: open pages are to notice."""
    tx.run("UPDATE thread SET changes = changes + 1 WHERE id = :id", id=thread_id)


def touch_thread_of(tx: Tx, message: str) -> None:
    tx.run("UPDATE thread SET changes = changes + 1 WHERE id = (SELECT thread FROM message WHERE id = :id)", id=message)


def changes(tx: Tx) -> int:
    """Rises with whatever a page shows of any thread."""
    return int(tx.value("SELECT COALESCE(SUM(changes), 0) FROM thread"))


def named(tx: Tx, thread_id: str, vendor_id: str) -> str | None:
    """The id of the message that the vendor calls so."""
    found = tx.value(
        "SELECT message FROM message_name WHERE thread = :t AND vendor_id = :v", t=thread_id, v=storable(vendor_id)
    )
    return None if found is None else str(found)


def add_name(tx: Tx, thread_id: str, vendor_id: str, number: int | None, message: str, *, address: str) -> None:
    """What the vendor calls the message, with its running number at that address."""
    if number and tx.value("SELECT address FROM thread WHERE id = :t", t=thread_id) != storable(address):
        number -= OLD_ADDRESS
    tx.run(
        "INSERT INTO message_name (thread, vendor_id, number, message) VALUES (:t, :v, :n, :m) ON CONFLICT DO NOTHING",
        t=thread_id, v=storable(vendor_id), n=number or 0, m=message,
    )  # fmt: skip


def names_of(tx: Tx, message: str) -> list[str]:
    """What the vendor calls it, in order of the vendor's numbers; nothing while it is not known to have arrived."""
    rows = tx.all("SELECT vendor_id FROM message_name WHERE message = :m ORDER BY number, vendor_id", m=message)
    return [row["vendor_id"] for row in rows]


def file_under(tx: Tx, message: str, record: str) -> None:
    """The record the message belongs to: where an answer landed, which deal was announced."""
    with viewers.filed_anew(tx, [message]):
        tx.run("UPDATE message SET record = :r WHERE id = :id", r=record, id=message)
    touch_thread_of(tx, message)


def refile(tx: Tx, old: str, new: str) -> None:
    """All that is filed under one record belongs to another from now on: their cards were merged."""
    tx.run("UPDATE message SET record = :new WHERE record = :old", new=new, old=old)


def make_note(tx: Tx, message: str, text: str) -> None:
    """It was no message to anybody (a command that binds the room, say): it stands as a note, and nobody owes an answer."""
    thread_id = str(tx.value("SELECT thread FROM message WHERE id = :id", id=message))
    with viewers.filed_anew(tx, [message]):
        tx.run("UPDATE message SET direction = 'note', text = :t WHERE id = :id", t=storable(text), id=message)
    tx.run("DELETE FROM message_word WHERE message = :id", id=message)
    tx.run(
        "UPDATE thread SET changes = changes + 1, waiting_since = (SELECT MIN(i.at) FROM message AS i WHERE i.thread = :t "
        "AND i.direction = 'in' AND i.at > COALESCE((SELECT MAX(o.at) FROM message AS o WHERE o.thread = :t "
        "AND o.direction = 'out'), 0)) WHERE id = :t",
        t=thread_id,
    )  # fmt: skip


def record_of(tx: Tx, message: str) -> str:
    return str(tx.value("SELECT record FROM message WHERE id = :id", id=message) or "")


def extra_of(tx: Tx, message: str) -> dict[str, str]:
    """What else the vendor said of it: see EXTRA."""
    found: dict[str, str] = json.loads(tx.value("SELECT extra FROM message WHERE id = :id", id=message) or "{}")
    return found


def album(tx: Tx, thread_id: str, group: str) -> list[str]:
    """The members of an album that have come so far, in order."""
    rows = tx.all(
        "SELECT message.id AS id FROM message JOIN message_name ON message_name.message = message.id "
        "WHERE message.thread = :t AND message.grouped = :g ORDER BY message_name.number, message.id",
        t=thread_id, g=storable(group),
    )  # fmt: skip
    return list(dict.fromkeys(row["id"] for row in rows))


def versions(tx: Tx, message: str) -> list[tuple[datetime, str]]:
    """What it said before, oldest first, each with the moment since when it said so."""
    return versions_of_all(tx, [message]).get(message, [])


def versions_of_all(tx: Tx, messages: Sequence[str]) -> dict[str, list[tuple[datetime, str]]]:
    found: dict[str, list[tuple[datetime, str]]] = {}
    for row in _of_all(tx, "SELECT message, at, text FROM message_version", messages, "message, at, text"):
        found.setdefault(row["message"], []).append((from_micros(row["at"]), row["text"]))
    return found


def files_of(tx: Tx, message: str) -> list[KeptFile]:
    return files_of_all(tx, [message]).get(message, [])


def files_of_all(tx: Tx, messages: Sequence[str]) -> dict[str, list[KeptFile]]:
    found: dict[str, list[KeptFile]] = {}
    for row in _of_all(tx, "SELECT * FROM message_file", messages, "message, number"):
        found.setdefault(row["message"], []).append(
            KeptFile(row["name"], row["media_type"], row["kind"], row["size"], row["seconds"], row["content"], row["reason"])
        )
    return found


def _of_all(tx: Tx, select: str, messages: Sequence[str], order: str) -> list[Mapping[str, Any]]:
    """Rows of a table of many messages."""
    found: list[Mapping[str, Any]] = []
    for start in range(0, len(messages), ASKED_AT_ONCE):
        values = {f"m{number}": one for number, one in enumerate(messages[start : start + ASKED_AT_ONCE])}
        listed = ", ".join(f":{name}" for name in values)
        found += tx.all(f"{select} WHERE message IN ({listed}) ORDER BY {order}", **values)
    return found


def index_words(tx: Tx, message: str, at: int, text: str) -> None:
    """It can be found by these words, too."""
    for word in words(text):
        tx.run(
            "INSERT INTO message_word (word, at, message) VALUES (:w, :at, :m) ON CONFLICT DO NOTHING",
            w=word, at=at, m=message,
        )  # fmt: skip


def keep_files(tx: Tx, message: str, files: Sequence[KeptFile]) -> None:
    for number, one in enumerate(files):
        tx.run(
            "INSERT INTO message_file (message, number, name, media_type, kind, size, seconds, content, reason) VALUES "
            "(:m, :n, :name, :type, :kind, :size, :seconds, :content, :reason)",
            m=message, n=number, name=storable(one.name), type=storable(one.media_type), kind=one.kind, size=one.size_bytes,
            seconds=one.seconds, content=one.content, reason=one.reason,
        )  # fmt: skip


def keep_version(tx: Tx, message: str, at: int, text: str) -> None:
    """That it said so since that moment (microseconds), before it said something else."""
    tx.run(
        "INSERT INTO message_version (message, at, text) VALUES (:m, :at, :t) ON CONFLICT DO NOTHING",
        m=message, at=at, t=text,
    )  # fmt: skip


def thread_from(row: Mapping[str, Any]) -> Thread:
    return Thread(
        row["id"], row["connection"], row["account"], row["address"], row["room"], row["title"], row["subject"],
        _moment(row["waiting_since"]), _moment(row["closed_at"]), row["closed_reason"],
    )  # fmt: skip


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)
