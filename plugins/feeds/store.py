"""Entries of the feeds, their numbers, and how far each feed is filled: all SQL of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from kernel.clock import Ids
from kernel.storage import Database, Tx
from plugins.feeds.rules import Body

NUMBERED_AT_ONCE = 5000
ORDER = "at, LENGTH(id), id"  #: lines of one history, written at one moment: the ninth before the tenth
FREE = {"sqlite": "", "postgresql": "FOR UPDATE SKIP LOCKED"}
"""An entry that somebody is changing just now gets a number with its newer state: nobody waits for them."""


@dataclass(frozen=True)
class Head:
    feed: str
    begun: str
    head: int
    gone_upto: int


@dataclass(frozen=True)
class Entry:
    id: str
    seq: int
    at: int
    body: str  #: JSON; empty: it is not in the feed any more


def prepare(tx: Tx, ids: Ids, feeds: Iterable[str]) -> None:
    """The rows of these feeds stand."""
    for feed in sorted(feeds):
        tx.run(
            "INSERT INTO feeds_head (feed, begun, head, gone_upto) VALUES (:f, :b, 0, 0) ON CONFLICT (feed) DO NOTHING",
            f=feed, b=ids.new(),
        )  # fmt: skip
        tx.run("INSERT INTO feeds_fill VALUES (:f, '', '', '', '') ON CONFLICT (feed) DO NOTHING", f=feed)


def share(tx: Tx, ids: Ids, feeds: Iterable[str]) -> None:
    """Before entries are written: nobody fills these feeds from what was seen until the end of this unit of work."""
    for feed in sorted(feeds):
        if tx.share("SELECT feed FROM feeds_fill WHERE feed = :f", f=feed) is None:
            prepare(tx, ids, [feed])
            tx.share("SELECT feed FROM feeds_fill WHERE feed = :f", f=feed)


# --- writing ----------------------------------------------------------------------------------------------------------


def put(tx: Tx, feed: str, entry: str, entity: str, record_id: str, body: Body, now: int) -> None:
    """The entry holds this. One that holds it already keeps its number."""
    text = json.dumps(body, ensure_ascii=False, sort_keys=True)
    tx.run(
        "INSERT INTO feeds_entry (feed, id, entity, record_id, at, body) VALUES (:f, :i, :e, :r, :now, :body) "
        "ON CONFLICT (feed, id) DO UPDATE SET seq = NULL, at = excluded.at, body = excluded.body "
        "WHERE feeds_entry.body <> excluded.body",
        f=feed, i=entry, e=entity, r=record_id, now=now, body=text,
    )  # fmt: skip


def take_out(tx: Tx, feed: str, entry: str, now: int) -> None:
    """The entry, if there is one, stays as a deletion, without what it held."""
    tx.run(
        "UPDATE feeds_entry SET seq = NULL, at = :now, body = '' WHERE feed = :f AND id = :i AND body <> ''",
        now=now, f=feed, i=entry,
    )  # fmt: skip


def take_out_record(tx: Tx, feed: str, entity: str, record_id: str, now: int) -> None:
    """All entries of that record."""
    tx.run(
        "UPDATE feeds_entry SET seq = NULL, at = :now, body = '' WHERE feed = :f AND entity = :e AND record_id = :r "
        "AND body <> ''",
        now=now, f=feed, e=entity, r=record_id,
    )  # fmt: skip


def take_out_entity(tx: Tx, feed: str, entities: Sequence[str], now: int) -> None:
    """All entries of kinds of record other than these."""
    named = {f"e{n}": name for n, name in enumerate(entities)}
    among = ", ".join(f":{name}" for name in named)
    tx.run(
        "UPDATE feeds_entry SET seq = NULL, at = :now, body = '' WHERE feed = :f AND body <> '' "
        f"AND entity NOT IN ({among})",
        now=now, f=feed, **named,
    )  # fmt: skip


def body_of_entry(tx: Tx, feed: str, entry: str) -> Body | None:
    """What the feed holds of it; None where it is not in the feed."""
    text = tx.value("SELECT body FROM feeds_entry WHERE feed = :f AND id = :i", f=feed, i=entry)
    found: Body | None = json.loads(text) if text else None
    return found


def last_move(tx: Tx, entity: str, record_id: str) -> str | None:
    found: str | None = tx.value("SELECT last FROM feeds_move WHERE entity = :e AND record_id = :r", e=entity, r=record_id)
    return found


def keep_move(tx: Tx, entity: str, record_id: str, last: str) -> None:
    tx.run(
        "INSERT INTO feeds_move VALUES (:e, :r, :l) ON CONFLICT (entity, record_id) DO UPDATE SET last = excluded.last",
        e=entity, r=record_id, l=last,
    )  # fmt: skip


def forget_moves(tx: Tx, entity: str, record_id: str) -> None:
    tx.run("DELETE FROM feeds_move WHERE entity = :e AND record_id = :r", e=entity, r=record_id)


def records_after(tx: Tx, entity: str, after: str, most: int) -> list[str]:
    """The next records of that kind with something in any feed, in rising order."""
    rows = tx.all(
        "SELECT DISTINCT record_id FROM feeds_entry WHERE entity = :e AND record_id > :a AND body <> '' "
        "ORDER BY record_id LIMIT :n",
        e=entity, a=after, n=most,
    )  # fmt: skip
    return [row["record_id"] for row in rows]


# --- numbers ----------------------------------------------------------------------------------------------------------


def number(database: Database, feed: str) -> None:
    """Give what is committed its number. Whoever numbers holds the feed's head until the commit, so that a number that can
    be read has all lower ones below it, for ever."""
    while _number_some(database, feed) == NUMBERED_AT_ONCE:
        pass


def _number_some(database: Database, feed: str) -> int:
    with database.read() as tx:
        if not tx.value("SELECT 1 FROM feeds_entry WHERE feed = :f AND seq IS NULL LIMIT 1", f=feed):
            return 0
    with database.write() as tx:
        head = tx.lock("SELECT head FROM feeds_head WHERE feed = :f", f=feed)
        if head is None:
            return 0
        given = tx.run(
            "UPDATE feeds_entry SET seq = :head + numbered.place FROM (SELECT feed, id, "
            f"ROW_NUMBER() OVER (ORDER BY {ORDER}) AS place FROM "
            "(SELECT feed, id, at FROM feeds_entry WHERE feed = :f AND seq IS NULL "
            f"ORDER BY {ORDER} LIMIT :n {FREE[tx.dialect]}) AS free) AS numbered "
            "WHERE feeds_entry.feed = numbered.feed AND feeds_entry.id = numbered.id",
            f=feed, n=NUMBERED_AT_ONCE, head=head["head"],
        )  # fmt: skip
        tx.run("UPDATE feeds_head SET head = head + :n WHERE feed = :f", n=given, f=feed)
    return given


def head_of(tx: Tx, feed: str) -> Head | None:
    row = tx.one("SELECT feed, begun, head, gone_upto FROM feeds_head WHERE feed = :f", f=feed)
    return Head(**row) if row else None


def entries(tx: Tx, feed: str, after: int, upto: int, most: int, *, alive: bool) -> list[Entry]:
    """In the order of their numbers. `alive`: without deletions. PostgreSQL would take two bounds for a narrow range, and
    sort all that is in it for each batch."""
    rows = tx.all(
        "SELECT id, seq, at, body FROM (SELECT id, seq, at, body FROM feeds_entry WHERE feed = :f AND seq > :a "
        f"{'AND body <> :none ' if alive else ''}ORDER BY seq LIMIT :n) AS following WHERE seq <= :u ORDER BY seq",
        f=feed, a=after, u=upto, n=most, **({"none": ""} if alive else {}),
    )  # fmt: skip
    return [Entry(row["id"], row["seq"], row["at"], row["body"]) for row in rows]


def forget_deletions(tx: Tx, feed: str, before: int) -> int:
    """Deletions from before that moment are kept no more; cursors from before the last of them begin anew."""
    if tx.lock("SELECT head FROM feeds_head WHERE feed = :f", f=feed) is None:
        return 0
    old = "feed = :f AND body = '' AND seq IS NOT NULL AND at < :b"
    last = tx.value(f"SELECT MAX(seq) FROM feeds_entry WHERE {old}", f=feed, b=before)
    if last is None:
        return 0
    tx.run(
        "UPDATE feeds_head SET gone_upto = :l WHERE feed = :f AND gone_upto < :l",
        l=last, f=feed,
    )  # fmt: skip
    return tx.run(f"DELETE FROM feeds_entry WHERE {old}", f=feed, b=before)


def begin_anew(tx: Tx, ids: Ids, feed: str) -> None:
    """No cursor given so far is good any more."""
    tx.run("UPDATE feeds_head SET begun = :b WHERE feed = :f", b=ids.new(), f=feed)


# --- filling ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Filling:
    feed: str
    declared: str
    filling: str
    entity: str
    after: str


def filling_of(tx: Tx, feed: str, *, hold: bool) -> Filling | None:
    ask: Any = tx.lock if hold else tx.one
    row = ask("SELECT feed, declared, filling, entity, after FROM feeds_fill WHERE feed = :f", f=feed)
    return Filling(**row) if row else None


def keep_filling(tx: Tx, one: Filling) -> None:
    tx.run(
        "UPDATE feeds_fill SET declared = :d, filling = :now, entity = :e, after = :a WHERE feed = :f",
        d=one.declared, now=one.filling, e=one.entity, a=one.after, f=one.feed,
    )  # fmt: skip


def counted(tx: Tx, feed: str) -> tuple[int, int]:
    """(records in the feed, deletions kept)"""
    row = tx.one(
        "SELECT COUNT(*) AS n, COALESCE(SUM(CASE WHEN body = '' THEN 1 ELSE 0 END), 0) AS gone FROM feeds_entry "
        "WHERE feed = :f",
        f=feed,
    )  # fmt: skip
    assert row is not None
    return int(row["n"] - row["gone"]), int(row["gone"])
