"""Timers: what is to be done at a moment, once, however many workers there are and whatever restarts in between."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kernel.storage import Tx
from kernel.storage.text import storable
from kernel.values import from_micros, to_micros

AT_ONCE = 200


@dataclass(frozen=True)
class Timer:
    owner: str  #: who is asked when it is due: a plugin's name, or a room of the kernel
    key: str
    due_at: datetime
    body: Mapping[str, Any]
    tries: int = 0


def set_timer(tx: Tx, owner: str, key: str, due_at: datetime, body: Mapping[str, Any], *, keep: bool = False) -> None:
    """Have `owner` asked then. One that is set already is moved and gets the new body; with `keep` it stays as it is."""
    on_conflict = "NOTHING" if keep else "UPDATE SET due_at = excluded.due_at, body = excluded.body, tries = 0"
    tx.run(
        "INSERT INTO timer (owner, key, due_at, body, tries) VALUES (:o, :k, :at, :b, 0) "
        f"ON CONFLICT (owner, key) DO {on_conflict}",
        o=owner, k=storable(key), at=to_micros(due_at), b=storable(json.dumps(body, ensure_ascii=False)),
    )  # fmt: skip


def cancel(tx: Tx, owner: str, key: str) -> None:
    tx.run("DELETE FROM timer WHERE owner = :o AND key = :k", o=owner, k=storable(key))


def pending(tx: Tx, owner: str, key: str) -> Timer | None:
    row = tx.one("SELECT * FROM timer WHERE owner = :o AND key = :k", o=owner, k=storable(key))
    return _timer(row) if row else None


def beginning_with(tx: Tx, owner: str, start: str) -> list[Timer]:
    """Those of that owner whose key begins so, in order of their moment."""
    rows = tx.all(
        "SELECT * FROM timer WHERE owner = :o AND key >= :k AND key < :end ORDER BY due_at, key",
        o=owner, k=storable(start), end=storable(start) + "\U0010ffff",
    )  # fmt: skip
    return [_timer(row) for row in rows]


def due(tx: Tx, now: datetime, most: int = AT_ONCE) -> list[Timer]:
    """Those whose moment has come, oldest first; asked each second, so it is one question to an index."""
    rows = tx.all("SELECT * FROM timer WHERE due_at <= :now ORDER BY due_at LIMIT :most", now=to_micros(now), most=most)
    return [_timer(row) for row in rows]


def next_due(tx: Tx) -> datetime | None:
    """The moment of the next one; None where none is set."""
    found = tx.value("SELECT MIN(due_at) FROM timer")
    return None if found is None else from_micros(found)


def take(tx: Tx, timer: Timer, now: datetime) -> Timer | None:
    """The timer, gone with the commit of `tx`; None if somebody else has it or it was moved."""
    row = tx.lock("SELECT * FROM timer WHERE owner = :o AND key = :k", o=timer.owner, k=timer.key)
    if row is None or row["due_at"] > to_micros(now):
        return None
    tx.run("DELETE FROM timer WHERE owner = :o AND key = :k", o=timer.owner, k=timer.key)
    return _timer(row)


def put_off(tx: Tx, timer: Timer, until: datetime) -> None:
    """Doing it failed: try again then, unless it was set anew meanwhile."""
    tx.run(
        "UPDATE timer SET due_at = :at, tries = tries + 1 WHERE owner = :o AND key = :k AND due_at = :was",
        at=to_micros(until), o=timer.owner, k=timer.key, was=to_micros(timer.due_at),
    )  # fmt: skip


def _timer(row: Mapping[str, Any]) -> Timer:
    return Timer(row["owner"], row["key"], from_micros(row["due_at"]), json.loads(row["body"]), row["tries"])
