"""What pages show of conversations: threads with their last message, a thread's messages, what was searched for."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kernel.conversations.timeline import KeptFile, Thread, files_of, files_of_all, thread_from, versions_of_all
from kernel.conversations.timeline import thread as thread_by_id
from kernel.conversations.words import words
from kernel.storage import Tx
from kernel.values import from_micros, to_micros

PAGE = 50
UNREAD_MAX = 50  #: more than that are not counted
WORDS_SEARCHED_MAX = 8
COMMON_FROM = 2_000  #: words that stand so often are found from the newest message on, rarer ones all at once
RARITY_LOOKED_AT = 300  #: which of two indexes is the rarer is judged by so many of their newest messages
THREADS_APART_MAX = 8  #: so many threads are read one by one, more of them all at once
SPELLINGS_MAX = 50  #: of a word that was only begun
OUR_STATES = {"waiting": "queued", "sending": "sending", "uncertain": "uncertain", "failed": "failed", "dropped": "dropped"}


@dataclass(frozen=True)
class Scope:
    """What somebody may see: everything, or the threads of these records and the messages that `viewer` sees for the record
    they are filed under (kernel.conversations.viewers)."""

    everything: bool = False
    subjects: frozenset[str] = frozenset()
    viewer: str = ""  #: a person; empty: nobody's

    def whole(self, subject: str) -> bool:
        """Whether they may see all of a thread that belongs to that record, not only some messages of it."""
        return self.everything or subject in self.subjects


@dataclass(frozen=True)
class Filter:
    """What somebody wants to see of it. Empty: all."""

    connection: str = ""
    threads: tuple[str, ...] = ()
    record: str = ""
    direction: str = ""  #: in, out, note
    person: str = ""  #: who wrote it
    since: datetime | None = None
    until: datetime | None = None
    with_files: bool = False
    text: str = ""
    records_only: bool = False  #: only what is filed under a deal


@dataclass(frozen=True)
class Line:
    """One message as a page shows it."""

    id: str
    thread: str
    direction: str
    sort: str
    author: str
    author_name: str
    text: str
    link: str
    record: str
    at: datetime
    edited_at: datetime | None
    emptied: bool
    state: str
    """Of one that we sent: queued, sending, uncertain, sent, failed, dropped; of any other: received."""
    reason: str
    call: str
    open_call: str = ""  #: the outgoing call that `state` tells of, while it is not done
    before: Sequence[tuple[datetime, str]] = ()
    files: Sequence[KeptFile] = ()


@dataclass(frozen=True)
class Talk:
    """A thread with what stands in its line of the list, as far as the reader may see it."""

    thread: Thread
    last: Line | None
    unread: int
    waiting_since: datetime | None = None  #: the oldest message that nobody has answered


def talks(
    tx: Tx,
    scope: Scope,
    *,
    person: str,
    connection: str = "",
    waiting_before: datetime | None = None,
    subjects: Collection[str] | None = None,
    most: int = PAGE,
    older_than: str = "",
) -> list[Talk]:
    """Threads, the one with the newest message first. `waiting_before`: only those without an answer since then.
    only those to which nothing can leave. `older_than`: go on after that thread."""
    wheres, values = ["1 = 1"], dict[str, Any](most=most)
    if connection:
        wheres.append("connection = :connection")
        values["connection"] = connection
    if waiting_before is not None:
        wheres.append("waiting_since <= :waiting")
        values["waiting"] = to_micros(waiting_before)
    if older_than:
        last = "(SELECT o.last_at FROM thread AS o WHERE o.id = :older)"
        wheres.append(f"(last_at < {last} OR (last_at = {last} AND id > :older))")
        values["older"] = older_than
    if subjects is not None:
        wheres.append(f"subject IN ({_listed('subject', subjects, values)})")
    if not scope.everything:
        wheres.append(_visible_threads(scope, values))
    rows = tx.all(
        f"SELECT id, subject, last_at FROM thread WHERE {' AND '.join(wheres)} ORDER BY last_at DESC, id LIMIT :most",
        **values,
    )
    found = _talks(tx, [(row["id"], row["subject"]) for row in rows], scope, person)
    if waiting_before is None:
        return found
    return [one for one in found if one.waiting_since is not None and one.waiting_since <= waiting_before]


def talk(tx: Tx, thread_id: str, scope: Scope, person: str) -> Talk:
    """One thread as its line of the list has it."""
    found = thread_by_id(tx, thread_id)
    assert found is not None
    return _talks(tx, [(thread_id, found.subject)], scope, person)[0]


# Of a thread whose messages somebody may see all: the newest, and how many are new to them.
_WHOLE = (
    "(SELECT m.id FROM message AS m WHERE m.thread = t.id ORDER BY m.at DESC, m.id DESC LIMIT 1) AS last_message, "
    "(SELECT COUNT(*) FROM (SELECT 1 FROM message AS m WHERE m.thread = t.id AND m.at > COALESCE(r.at, 0) "
    "AND m.direction = 'in' ORDER BY m.at LIMIT :unread_max) AS n) AS unread, t.waiting_since AS waits"
)
# The same by the messages that the viewer may see, and since when one of those waits.
_PART = (
    "(SELECT v.message FROM message_viewer AS v WHERE v.person = :viewer AND v.thread = t.id "
    "ORDER BY v.at DESC, v.message DESC LIMIT 1) AS last_message, "
    "(SELECT COUNT(*) FROM (SELECT 1 FROM message_viewer AS v WHERE v.person = :viewer AND v.thread = t.id "
    "AND v.direction = 'in' AND v.at > COALESCE(r.at, 0) ORDER BY v.at LIMIT :unread_max) AS n) AS unread, "
    "(SELECT MIN(v.at) FROM message_viewer AS v WHERE v.person = :viewer AND v.thread = t.id AND v.direction = 'in' "
    "AND v.at > COALESCE((SELECT MAX(o.at) FROM message_viewer AS o WHERE o.person = :viewer AND o.thread = t.id "
    "AND o.direction = 'out'), 0)) AS waits"
)


def _talks(tx: Tx, threads: Sequence[tuple[str, str]], scope: Scope, person: str) -> list[Talk]:
    """The lines of these threads, given by id and subject."""
    rows: dict[str, Mapping[str, Any]] = {}
    whole = [thread_id for thread_id, subject in threads if scope.whole(subject)]
    part = [thread_id for thread_id, subject in threads if not scope.whole(subject)]
    for ids, columns, more in ((whole, _WHOLE, {}), (part, _PART, {"viewer": scope.viewer})):
        values = dict[str, Any](person=person, unread_max=UNREAD_MAX, **more)
        listed = _listed("thread", ids, values)
        for row in tx.all(
            f"SELECT t.*, {columns} FROM thread AS t LEFT JOIN thread_read AS r ON r.thread = t.id AND r.person = :person "
            f"WHERE t.id IN ({listed})",
            **values,
        ) if ids else ():  # fmt: skip
            rows[row["id"]] = row
    values = dict[str, Any]()
    listed = _listed("last", {row["last_message"] for row in rows.values() if row["last_message"]}, values)
    lines = {
        one.id: one for one in _lines(tx, tx.all(f"SELECT * FROM message WHERE id IN ({listed})", **values), plain=True)
    }
    return [_talk(rows[thread_id], lines) for thread_id, _ in threads]


def _talk(row: Mapping[str, Any], lines: Mapping[str, Line]) -> Talk:
    waits = None if row["waits"] is None else from_micros(row["waits"])
    return Talk(thread_from(row), lines.get(row["last_message"]), int(row["unread"]), waits)


def sees_thread(tx: Tx, scope: Scope, thread_id: str) -> bool:
    """Whether anything of that thread may be seen."""
    if scope.everything:
        return thread_by_id(tx, thread_id) is not None
    values = dict[str, Any](id=thread_id)
    return tx.one(f"SELECT id FROM thread WHERE id = :id AND {_visible_threads(scope, values)}", **values) is not None


def messages(
    tx: Tx,
    scope: Scope,
    wanted: Filter,
    *,
    most: int = PAGE,
    older_than: tuple[datetime, str] | None = None,
    plain: bool = False,
) -> list[Line]:
    """Messages, newest first; with `wanted.text` those that have all its words, the last one perhaps only begun.

    `older_than`: go on after that one. `plain`: without versions and files.
    """
    searched = words(wanted.text)[:WORDS_SEARCHED_MAX]
    if wanted.text.strip() and not searched:
        return []
    found: dict[str, Mapping[str, Any]] = {}
    for arm in _arms(tx, scope, wanted):
        wheres, values = ["1 = 1"], dict[str, Any](most=most)
        _wanted(wanted, wheres, values)
        if older_than is not None:
            values |= {"older_at": to_micros(older_than[0]), "older_id": older_than[1]}
        for row in tx.all(_selection(tx, arm, wanted, searched, wheres, values, older_than is not None), **values):
            found[row["id"]] = row
    newest = sorted(found.values(), key=lambda row: (row["at"], row["id"]), reverse=True)[:most]
    return _lines(tx, newest, plain)


def one(tx: Tx, scope: Scope, message_id: str) -> Line | None:
    """That message, if it may be seen."""
    wheres, values = ["m.id = :id"], dict[str, Any](id=message_id)
    if not scope.everything:
        _visible_messages(scope, wheres, values)
    row = tx.one(f"SELECT m.* FROM message AS m WHERE {' AND '.join(wheres)}", **values)
    return next(iter(_lines(tx, [row] if row else [], plain=False)), None)


def mark_read(tx: Tx, thread_id: str, person: str, until: datetime) -> None:
    tx.run(
        "INSERT INTO thread_read (thread, person, at) VALUES (:t, :p, :at) ON CONFLICT (thread, person) DO UPDATE SET "
        "at = CASE WHEN excluded.at > thread_read.at THEN excluded.at ELSE thread_read.at END",
        t=thread_id, p=person, at=to_micros(until),
    )  # fmt: skip


def empty_old(tx: Tx, before: datetime, now: datetime, most: int = 500) -> list[str]:
    """Take texts, versions, words and files from old messages; who and when stays. The contents that nobody has any more."""
    rows = tx.all(
        "SELECT id FROM message WHERE at < :b AND emptied_at IS NULL ORDER BY at LIMIT :most", b=to_micros(before), most=most
    )
    contents: set[str] = set()
    for row in rows:
        contents |= {file.content for file in files_of(tx, row["id"]) if file.content}
        tx.run("UPDATE message SET text = '', emptied_at = :now WHERE id = :id", now=to_micros(now), id=row["id"])
        tx.run("UPDATE message_file SET content = '', reason = 'emptied' WHERE message = :id", id=row["id"])
        for table in ("message_version", "message_word"):
            tx.run(f"DELETE FROM {table} WHERE message = :id", id=row["id"])
    return [
        content
        for content in sorted(contents)
        if tx.value("SELECT message FROM message_file WHERE content = :c LIMIT 1", c=content) is None
    ]


@dataclass(frozen=True)
class _Arm:
    """A part of what may be seen that is read by itself: of one thread, of the threads of some records, of one viewer, or of
    all there is."""

    thread: str = ""
    subjects: frozenset[str] | None = None
    viewer: str = ""


def _arms(tx: Tx, scope: Scope, wanted: Filter) -> list[_Arm]:
    if scope.everything:
        return [_Arm(thread=wanted.threads[0])] if len(wanted.threads) == 1 else [_Arm()]
    arms = [_Arm(viewer=scope.viewer)] if scope.viewer else []
    values = dict[str, Any](most=THREADS_APART_MAX + 1)
    listed = _listed("mine", scope.subjects, values)
    where = f" AND id IN ({_listed('thread', wanted.threads, values)})" if wanted.threads else ""
    whole = tx.all(f"SELECT id FROM thread WHERE subject IN ({listed}){where} ORDER BY id LIMIT :most", **values)
    if len(whole) > THREADS_APART_MAX:
        return [*arms, _Arm(subjects=scope.subjects)]
    if wanted.threads and {row["id"] for row in whole} == set(wanted.threads):
        arms = []
    return arms + [_Arm(thread=row["id"]) for row in whole]


@dataclass(frozen=True)
class _Leaf:
    """An index that names messages, the newest first: of a word, of a thread, of what somebody may see."""

    table: str
    alias: str
    where: str
    key: str = "message"


def _selection(
    tx: Tx, arm: _Arm, wanted: Filter, searched: Sequence[str], wheres: list[str], values: dict[str, Any], older: bool
) -> str:  # fmt: skip
    """A page of an arm. The rarest index leads, the others are only asked whether they name the same message: SQLite keeps
    to the order of a CROSS JOIN, PostgreSQL finds its own."""
    leaves = _leaves(tx, arm, wanted, searched, wheres, values)
    if arm.subjects is not None:
        wheres.append(_of_subjects(arm.subjects, values))
    if len(leaves) > 1 and not wanted.record:
        leaves = sorted(leaves, key=lambda one: _reaches(tx, one, values))
    first, key = ("m", "m.id") if wanted.record or not leaves else (leaves[0].alias, f"{leaves[0].alias}.{leaves[0].key}")
    sources = [f"{one.table} AS {one.alias}" for one in leaves]
    sources.insert(0 if first == "m" else len(sources), "message AS m")
    wheres += [one.where for one in leaves]
    for one in leaves:
        if one.alias != first:
            wheres.append(f"{one.alias}.at = {first}.at AND {one.alias}.{one.key} = {key}")
    if first != "m":
        wheres.append(f"m.id = {key}")
    if older:
        wheres.append(f"({first}.at < :older_at OR ({first}.at = :older_at AND {key} < :older_id))")
    return (
        f"SELECT m.* FROM {' CROSS JOIN '.join(sources)} WHERE {' AND '.join(wheres)} "
        f"ORDER BY {first}.at DESC, {key} DESC LIMIT :most"
    )


def _leaves(
    tx: Tx, arm: _Arm, wanted: Filter, searched: Sequence[str], wheres: list[str], values: dict[str, Any]
) -> list[_Leaf]:
    found = []
    if arm.viewer:
        values["viewer"] = arm.viewer
        threads = f" AND v.thread IN ({_listed('thread', wanted.threads, values)})" if wanted.threads else ""
        found.append(_Leaf("message_viewer", "v", f"v.person = :viewer{threads}"))
    if arm.thread:
        values["in_thread"] = arm.thread
        found.append(_Leaf("message", "mt", "mt.thread = :in_thread", "id"))
    for number, word in enumerate(searched[:-1]):
        values[f"word{number}"] = word
        found.append(_Leaf("message_word", f"w{number}", f"w{number}.word = :word{number}"))
    if searched:
        last = _spellings(tx, searched[-1])
        chosen = _listed("spelling", last, values)
        if len(last) == 1:
            found.append(_Leaf("message_word", "wl", f"wl.word = {chosen}"))
        elif _are_common(tx, last):  # then a page of them is found among the newest messages soon
            probe = f"SELECT 1 FROM message_word AS wl WHERE wl.message = m.id AND wl.at = m.at AND wl.word IN ({chosen})"
            wheres.append(f"EXISTS ({probe})")
        else:
            table = f"(SELECT DISTINCT at, message FROM message_word WHERE word IN ({chosen}))"
            found.append(_Leaf(table, "wl", "1 = 1"))
    return found


def _reaches(tx: Tx, one: _Leaf, values: Mapping[str, Any]) -> int:
    """How far back the newest messages that it names go: the farther, the rarer they are."""
    found = tx.value(
        f"SELECT {one.alias}.at FROM {one.table} AS {one.alias} WHERE {one.where} "
        f"ORDER BY {one.alias}.at DESC, {one.alias}.{one.key} DESC LIMIT 1 OFFSET {RARITY_LOOKED_AT}",
        **values,
    )
    return int(found or 0)


def _spellings(tx: Tx, begun: str) -> list[str]:
    """The words that begin so; itself if there is none."""
    rows = tx.all(
        "SELECT DISTINCT word FROM message_word WHERE word >= :w AND word < :end ORDER BY word LIMIT :most",
        w=begun, end=begun + "\U0010ffff", most=SPELLINGS_MAX,
    )  # fmt: skip
    return [row["word"] for row in rows] or [begun]


def _are_common(tx: Tx, searched: Sequence[str]) -> bool:
    values = dict[str, Any](most=COMMON_FROM)
    listed = _listed("common", searched, values)
    found = tx.value(
        f"SELECT COUNT(*) FROM (SELECT message FROM message_word WHERE word IN ({listed}) LIMIT :most) AS n", **values
    )
    return int(found) >= COMMON_FROM


def _wanted(wanted: Filter, wheres: list[str], values: dict[str, Any]) -> None:
    if wanted.threads:
        wheres.append(f"m.thread IN ({_listed('thread', wanted.threads, values)})")
    if wanted.connection:
        wheres.append("EXISTS (SELECT 1 FROM thread AS tc WHERE tc.id = m.thread AND tc.connection = :connection)")
        values["connection"] = wanted.connection
    for name, value in (("record", wanted.record), ("direction", wanted.direction), ("author", wanted.person)):
        if value:
            wheres.append(f"m.{name} = :{name}")
            values[name] = value
    if wanted.records_only:
        wheres.append("m.record LIKE 'deal:%'")
    if wanted.since is not None:
        wheres.append("m.at >= :since")
        values["since"] = to_micros(wanted.since)
    if wanted.until is not None:
        wheres.append("m.at < :until")
        values["until"] = to_micros(wanted.until)
    if wanted.with_files:
        wheres.append("EXISTS (SELECT 1 FROM message_file AS f WHERE f.message = m.id)")


def _visible_threads(scope: Scope, values: dict[str, Any]) -> str:
    subjects = _listed("mine", scope.subjects, values)
    values["viewer"] = scope.viewer
    # A value rather than EXISTS: then either database asks the index once for each thread.
    seen = "SELECT 1 FROM message_viewer AS v WHERE v.person = :viewer AND v.thread = thread.id LIMIT 1"
    return f"(subject IN ({subjects}) OR ({seen}) = 1)"


def _visible_messages(scope: Scope, wheres: list[str], values: dict[str, Any]) -> None:
    values["viewer"] = scope.viewer
    seen = "SELECT 1 FROM message_viewer AS v WHERE v.person = :viewer AND v.at = m.at AND v.message = m.id"
    wheres.append(f"(EXISTS ({seen}) OR {_of_subjects(scope.subjects, values)})")


def _of_subjects(subjects: Collection[str], values: dict[str, Any]) -> str:
    listed = _listed("mine", subjects, values)
    return f"EXISTS (SELECT 1 FROM thread AS tv WHERE tv.id = m.thread AND tv.subject IN ({listed}))"


def _listed(prefix: str, members: Collection[str], values: dict[str, Any]) -> str:
    """Parameters for an IN; an empty list fits nothing."""
    names = []
    for number, member in enumerate(sorted(members)):
        values[f"{prefix}{number}"] = member
        names.append(f":{prefix}{number}")
    return ", ".join(names) or "NULL"


def _lines(tx: Tx, rows: Sequence[Mapping[str, Any]], plain: bool) -> list[Line]:
    ids = [row["id"] for row in rows]
    before = {} if plain else versions_of_all(tx, ids)
    files = {} if plain else files_of_all(tx, ids)
    calls = _open_calls(tx, rows)
    return [_line(row, calls, before.get(row["id"], ()), files.get(row["id"], ())) for row in rows]


def _line(
    row: Mapping[str, Any], calls: Mapping[str, Mapping[str, Any]], before: Sequence[tuple[datetime, str]],
    files: Sequence[KeptFile],
) -> Line:  # fmt: skip
    state, reason, call = ("received", "", "") if row["direction"] != "out" else _sent_state(row, calls)
    return Line(
        row["id"], row["thread"], row["direction"], row["sort"], row["author"], row["author_name"], row["text"], row["link"],
        row["record"], from_micros(row["at"]), from_micros(row["edited_at"]) if row["edited_at"] else None,
        row["emptied_at"] is not None, state, reason, row["call"], call, before, files,
    )  # fmt: skip


def _calls_of(row: Mapping[str, Any]) -> list[str]:
    """The calls that may tell what became of a message of ours: its last change, itself while it is not known as sent."""
    if row["direction"] != "out":
        return []
    return [
        call for call in (row["edit_call"], row["call"]) if call and (call == row["edit_call"] or row["sent_at"] is None)
    ]


def _open_calls(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    values = dict[str, Any]()
    listed = _listed("call", {call for row in rows for call in _calls_of(row)}, values)
    if not values:
        return {}
    return {row["id"]: row for row in tx.all(f"SELECT id, state, reason FROM outgoing WHERE id IN ({listed})", **values)}


def _sent_state(row: Mapping[str, Any], calls: Mapping[str, Mapping[str, Any]]) -> tuple[str, str, str]:
    """What became of it: of its last change, where that has not arrived yet, else of itself."""
    for call in _calls_of(row):
        found = calls.get(call)
        if found is not None and found["state"] in OUR_STATES:
            return OUR_STATES[found["state"]], found["reason"], call
    return "sent", "", ""
