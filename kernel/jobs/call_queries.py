"""What other rooms ask about outgoing calls: what became of them, whether any are open, what waits for a person."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kernel.storage import Row, Tx
from kernel.storage.text import storable


def lane_of(connection: str, entity: str, record_id: str) -> str:
    """The lane of a record's calls, as the table names it."""
    return f"out:{connection}:{entity}:{record_id}"


def result_of(tx: Tx, connection: str, key: str) -> str:
    """The other side's name of what the call with that key made; empty while it is not made."""
    # `<> ''` is what lets SQLite use the index, which holds no empty keys.
    made = tx.value(
        "SELECT result FROM outgoing WHERE connection = :c AND key = :k AND key <> '' AND state = 'done'",
        c=connection, k=storable(key),
    )  # fmt: skip
    return str(made or "")


# --- updates of a record ----------------------------------------------------------------------------------------------


def failed_updates(tx: Tx, connection: str) -> list[str]:
    """The ids of updates that failed for good."""
    rows = tx.all(
        "SELECT id FROM outgoing WHERE connection || '' = :c AND state = 'failed' AND verb = 'update'", c=connection
    )
    return [row["id"] for row in rows]


def update_failed(tx: Tx, connection: str, entity: str, record_id: str, since: int) -> bool:
    """Whether an update of the record, written down since that moment (microseconds), failed or was dropped."""
    found = tx.value(
        "SELECT id FROM outgoing WHERE connection = :c AND lane = :l AND verb = 'update' AND state IN ('failed', 'dropped') "
        "AND created_at >= :at LIMIT 1",
        c=connection, l=lane_of(connection, entity, record_id), at=since,
    )  # fmt: skip
    return found is not None


def update_failure(tx: Tx, connection: str, entity: str, record_id: str, since: int) -> str:
    """Why the newest update of the record, written down since that moment (microseconds), failed; empty if it did not."""
    row = tx.one(
        "SELECT state, reason FROM outgoing WHERE connection = :c AND lane = :l AND verb = 'update' AND created_at >= :at "
        "ORDER BY number DESC LIMIT 1",
        c=connection, l=lane_of(connection, entity, record_id), at=since,
    )  # fmt: skip
    return str(row["reason"]) if row and row["state"] == "failed" else ""


def lanes_in_update(tx: Tx, connection: str) -> frozenset[str]:
    """The lanes in which an update waits or is being sent."""
    # `|| ''` keeps SQLite from reading every call of the connection: by its state it finds the few open ones.
    rows = tx.all(
        "SELECT lane FROM outgoing WHERE connection || '' = :c AND verb = 'update' AND state IN ('waiting', 'sending')",
        c=connection,
    )  # fmt: skip
    return frozenset(row["lane"] for row in rows)


@dataclass(frozen=True)
class Update:
    """An update of a record that may have taken effect, or still may."""

    number: int
    payload: Mapping[str, Any]
    state: str
    attempts: int
    created_at: int
    done_at: int | None


def updates_of(tx: Tx, connection: str, entity: str, record_id: str, *, after: int, since: int) -> list[Update]:
    """The record's updates after that number, in the order they take effect.

    They are the open ones, and those that were sent and have ended since that moment (microseconds).
    """
    rows = tx.all(
        "SELECT number, payload, state, attempts, created_at, done_at FROM outgoing WHERE connection = :c AND lane = :l "
        "AND verb = 'update' AND number > :after AND (state IN ('waiting', 'sending') OR "
        "(state IN ('done', 'failed') AND attempts > 0 AND done_at >= :since)) ORDER BY number",
        c=connection, l=lane_of(connection, entity, record_id), after=after, since=since,
    )  # fmt: skip
    return [Update(**{**row, "payload": json.loads(row["payload"])}) for row in rows]


# --- creates ----------------------------------------------------------------------------------------------------------


def made_record(tx: Tx, connection: str, entity: str, record_id: str) -> bool:
    """Whether a create of ours made that record."""
    found = tx.value(
        "SELECT 1 FROM outgoing WHERE connection = :c AND verb = 'create' AND result = :r AND lane LIKE :l LIMIT 1",
        c=connection, r=record_id, l=lane_of(connection, entity, "new:%"),
    )  # fmt: skip
    return found is not None


def creating(tx: Tx, connection: str, entity: str) -> bool:
    """Whether a create of such a record was sent and has no answer yet."""
    found = tx.value(
        "SELECT 1 FROM outgoing WHERE connection = :c AND verb = 'create' AND state = 'sending' AND lane LIKE :l LIMIT 1",
        c=connection, l=lane_of(connection, entity, "new:%"),
    )  # fmt: skip
    return found is not None


# --- for people, commands and checks ----------------------------------------------------------------------------------


def undecided(tx: Tx) -> list[Row]:
    """What waits for a person: uncertain calls first, then failed ones, oldest first."""
    return tx.all("SELECT * FROM outgoing WHERE state IN ('uncertain', 'failed') ORDER BY state DESC, created_at")


def stored_row(tx: Tx, call_id: str) -> Row | None:
    """A call with every column, for people."""
    return tx.one("SELECT * FROM outgoing WHERE id = :i", i=call_id)


def open_count(tx: Tx) -> int:
    """How many calls wait or are being sent."""
    return int(tx.value("SELECT COUNT(*) FROM outgoing WHERE state IN ('waiting', 'sending')"))


def not_carried_out(tx: Tx) -> list[Row]:
    """Calls that were neither carried out nor made needless by a later one."""
    return tx.all("SELECT verb, lane, state, reason FROM outgoing WHERE state NOT IN ('done', 'superseded')")


def carried_out(tx: Tx) -> list[Row]:
    return tx.all("SELECT verb, target, result FROM outgoing WHERE state = 'done'")


def keyed(tx: Tx, connection: str, start: str) -> list[Row]:
    """Key, state and moment of the calls whose key begins so, oldest first."""
    return tx.all(
        "SELECT key, state, created_at FROM outgoing WHERE connection = :c AND key LIKE :k ORDER BY number",
        c=connection, k=f"{start}%",
    )  # fmt: skip


def failed(tx: Tx) -> list[Row]:
    return tx.all("SELECT verb, lane, reason FROM outgoing WHERE state = 'failed'")


def forget(tx: Tx, before: int) -> None:
    """Let go of ended calls that were written down before that moment (microseconds), and of decisions about them.

    Calls with a key or a target stay: they say what exists in the CRM already.
    """
    tx.run(
        "DELETE FROM outgoing WHERE state IN ('done', 'superseded', 'dropped') AND key = '' AND target = '' "
        "AND created_at < :old",
        old=before,
    )
    tx.run("DELETE FROM call_decision WHERE call_id NOT IN (SELECT id FROM outgoing)")


def is_open(tx: Tx, connection: str, lane: str) -> bool:
    """Whether a call of that lane (as it was enqueued) waits or is being sent."""
    found = tx.value(
        "SELECT id FROM outgoing WHERE connection = :c AND lane = :l AND state IN ('waiting', 'sending') LIMIT 1",
        c=connection, l=storable(f"out:{connection}:{lane}"),
    )  # fmt: skip
    return found is not None
