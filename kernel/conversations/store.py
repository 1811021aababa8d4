"""Messages that came in: stored whole, each once, with the job that hands it to whoever waits for it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kernel.clock import Clock, Ids
from kernel.conversations.model import Incoming, pack_incoming, unpack_incoming
from kernel.jobs.queue import Job, Queue, enqueue_all, next_number, next_numbers
from kernel.storage import Tx
from kernel.storage.text import storable
from kernel.telemetry import mask
from kernel.values import to_micros

JOB = "message"
PARKED = "#message"  #: the owner of timers that give a message its next job
UNLIMITED = 2**31 - 1
NAME_CHARACTERS_MAX = 200  #: of an address in a lane's name


@dataclass(frozen=True)
class StoredMessage:
    """A message as it stands in the table; its id is the trace that goes with it to its last effect."""

    id: str
    connection: str
    message: Incoming
    state: str
    received_at: int  #: microseconds


def receive_many(
    tx: Tx, connection: str, messages: Sequence[Incoming], *, clock: Clock, ids: Ids, queue: Queue
) -> list[str]:
    """Keep each message once and enqueue its job; the trace of each, the first one's where it came before."""
    at = to_micros(clock.now())
    # A microsecond apart, so that those that came together keep their order.
    rows = [_row(ids.new(), connection, one, at + number) for number, one in enumerate(messages)]
    # In the order of their names: two who store the same ones at once do not wait for each other.
    fresh = {
        found
        for (found,) in tx.insert_returning(
            "incoming_message (id, connection, account, vendor_id, address, body, received_at, state, reason)",
            sorted(rows, key=lambda row: (row[2], row[3], row[0])), "ON CONFLICT DO NOTHING RETURNING id",
        )
    }  # fmt: skip
    new = [row for row in rows if row[0] in fresh]
    lanes = [_lane(connection, row[2], row[4]) for row in new]
    jobs = [_job(row[0], lane, number, "") for row, lane, number in zip(new, lanes, next_numbers(tx, lanes), strict=True)]
    enqueue_all(queue, tx, jobs)
    return [row[0] if row[0] in fresh else _known(tx, row) for row in rows]


def _row(message_id: str, connection: str, one: Incoming, at: int) -> tuple[str, str, str, str, str, str, int, str, str]:
    names = storable(one.account), storable(one.vendor_id), storable(one.address)
    return (message_id, connection, *names, pack_incoming(one), at, "new", "")


def load(tx: Tx, message_id: str) -> StoredMessage | None:
    row = tx.one("SELECT * FROM incoming_message WHERE id = :id", id=message_id)
    return _stored(row) if row else None


def stored_row(tx: Tx, message_id: str) -> Mapping[str, Any] | None:
    """A message with every column, for people."""
    return tx.one("SELECT * FROM incoming_message WHERE id = :id", id=message_id)


def count(tx: Tx, state: str) -> int:
    return int(tx.value("SELECT COUNT(*) FROM incoming_message WHERE state = :s", s=state))


def still_new(tx: Tx, message_id: str) -> bool:
    """Whether nobody has handled it; holds it until the end, so that the answer stays true."""
    row = tx.lock("SELECT state FROM incoming_message WHERE id = :id", id=message_id)
    return row is not None and row["state"] == "new"


def first_new(tx: Tx, stored: StoredMessage) -> str:
    """The oldest message of its writer that nobody has handled."""
    found = tx.value(
        "SELECT id FROM incoming_message WHERE connection = :c AND account = :a AND address = :x AND state = 'new' "
        "ORDER BY received_at, id LIMIT 1",
        c=stored.connection, a=storable(stored.message.account), x=storable(stored.message.address),
    )  # fmt: skip
    return str(found or "")


def settle(tx: Tx, message_id: str, state: str, reason: str, clock: Clock) -> None:
    """Mark a message as `done`, `failed` or `dropped`; `new` again gives it back."""
    tx.run(
        "UPDATE incoming_message SET state = :s, reason = :why, done_at = :at WHERE id = :id",
        s=state, why=mask(reason)[:500], at=None if state == "new" else to_micros(clock.now()), id=message_id,
    )  # fmt: skip


def again(tx: Tx, message_id: str, *, queue: Queue, mark: str, clock: Clock) -> bool:
    """A person asks for a failed message to be handled once more; whether there was such a one."""
    stored = _failed(tx, message_id)
    if stored is None:
        return False
    settle(tx, message_id, "new", "", clock)
    revive(tx, stored, queue=queue, mark=mark)
    return True


def drop(tx: Tx, message_id: str, reason: str, clock: Clock) -> bool:
    """A person gives a failed message up; whether there was such a one."""
    if _failed(tx, message_id) is None:
        return False
    settle(tx, message_id, "dropped", reason, clock)
    return True


def _failed(tx: Tx, message_id: str) -> StoredMessage | None:
    row = tx.lock("SELECT * FROM incoming_message WHERE id = :id AND state = 'failed'", id=message_id)
    return _stored(row) if row else None


def failed(tx: Tx, most: int = UNLIMITED) -> list[Mapping[str, Any]]:
    """Those that a person has to look at, oldest first."""
    return tx.all("SELECT * FROM incoming_message WHERE state = 'failed' ORDER BY received_at LIMIT :most", most=most)


def overdue(tx: Tx, before: int) -> list[StoredMessage]:
    """Messages taken in before that moment (microseconds) that nobody has handled."""
    rows = tx.all(
        "SELECT * FROM incoming_message WHERE state = 'new' AND received_at < :b ORDER BY received_at, id", b=before
    )
    return [_stored(row) for row in rows]


def revive(tx: Tx, stored: StoredMessage, *, queue: Queue, mark: str) -> None:
    """A further job for a message whose own job may have been given up; two jobs for one do no harm."""
    lane = _lane(stored.connection, storable(stored.message.account), storable(stored.message.address))
    queue.enqueue(tx, _job(stored.id, lane, next_number(tx, lane), f":{mark}", parked=True))


def _stored(row: Mapping[str, Any]) -> StoredMessage:
    return StoredMessage(row["id"], row["connection"], unpack_incoming(row["body"]), row["state"], row["received_at"])


def _known(tx: Tx, row: tuple[Any, ...]) -> str:
    """Under which id that message came in first."""
    found = tx.value(
        "SELECT id FROM incoming_message WHERE connection = :c AND account = :a AND vendor_id = :v",
        c=row[1], a=row[2], v=row[3],
    )  # fmt: skip
    return str(found or row[0])


def _job(message_id: str, lane: str, number: int, mark: str, *, parked: bool = False) -> Job:
    args = {"id": message_id, "trace": message_id, **({"parked": True} if parked else {})}
    return Job(JOB, f"{JOB}:{message_id}{mark}", lane, number, args)


def _lane(connection: str, account: str, address: str) -> str:
    """What one person writes is handled in order."""
    name = f"{account}:{address}"
    if len(name) > NAME_CHARACTERS_MAX:
        name = hashlib.sha256(name.encode()).hexdigest()
    return f"message:{connection}:{name}"
