"""Outgoing calls: written down in the transaction that wants them, sent in the order of their record's changes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from kernel.clock import Clock, Ids
from kernel.jobs.queue import Job, Queue, next_number
from kernel.storage import Tx
from kernel.storage.text import storable
from kernel.telemetry import mask
from kernel.values import to_micros


@dataclass(frozen=True)
class Call:
    """One call that waits, runs, or has ended."""

    id: str
    connection: str  #: its full name: "planfix/main"
    lane: str
    number: int
    verb: str
    key: str
    target: str
    payload: Mapping[str, Any]
    state: str
    attempts: int
    reason: str
    result: str
    trace: str
    created_at: int
    row_made: str = ""  #: where it is about a child row: the CRM's key of it, if an earlier call made it
    row_tried: bool = False  #: and whether an earlier call tried to


@dataclass(frozen=True)
class Receipt:
    """The other side says what became of a call of ours, known by the key that we gave it."""

    key: str
    arrived: bool = True
    result: str = ""  #: what it calls the thing made
    reason: str = ""


PARKED = "#call"  #: the owner of timers that give a call of a channel its next job
STAGE = "#stage"
RESYNC = "look"  #: the key of a stored call whose record is to be synced after it; 0.1.0 wrote it, so it stays
OPEN_STATES = "('waiting', 'sending')"
COUNTED = ("waiting", "sending", "uncertain", "failed")
UNENDED_STATES = "('waiting', 'sending', 'uncertain', 'failed')"


def enqueue(
    tx: Tx,
    connection: str,
    verb: str,
    payload: Mapping[str, Any],
    *,
    lane: str,
    key: str = "",
    target: str = "",
    trace: str,
    clock: Clock,
    ids: Ids,
    queue: Queue,
) -> str | None:
    """Write a call down and enqueue its job; None if a call with that key exists already."""
    new_id = ids.new()
    full_lane = storable(f"out:{connection}:{lane}")
    number = next_number(tx, full_lane)
    added = tx.run(
        "INSERT INTO outgoing VALUES (:id, :c, :lane, :n, :verb, :key, :target, :payload, 'waiting', 0, '', '', :trace, "
        ":at, NULL) ON CONFLICT DO NOTHING",
        id=new_id, c=connection, lane=full_lane, n=number, verb=verb, key=storable(key), target=target,
        payload=_text(payload), trace=trace, at=to_micros(clock.now()),
    )  # fmt: skip
    if not added:
        return None
    queue.enqueue(tx, _job(new_id, full_lane, number, trace, ""))
    return new_id


def _text(payload: Mapping[str, Any]) -> str:
    return storable(json.dumps(payload, ensure_ascii=False, sort_keys=True))


def again(tx: Tx, call: Call, *, queue: Queue, clock: Clock) -> None:
    """A person asks for a failed or uncertain call to be tried once more."""
    tx.run("UPDATE outgoing SET state = 'waiting', reason = '' WHERE id = :id", id=call.id)
    revive(tx, call, queue=queue, mark=f"again{to_micros(clock.now())}")


def overdue(tx: Tx, before: int) -> list[Call]:
    """Calls written down before that moment (microseconds) that wait or are being sent. Never uncertain ones: those wait for
    a decision, not for a job."""
    rows = tx.all(f"SELECT * FROM outgoing WHERE state IN {OPEN_STATES} AND created_at < :b ORDER BY created_at", b=before)
    return [_call(row) for row in rows]


def revive(tx: Tx, call: Call, *, queue: Queue, mark: str) -> None:
    """A further job for a call whose own job may have been given up; two jobs for one call do no harm."""
    queue.enqueue(tx, _job(call.id, call.lane, next_number(tx, call.lane), call.trace, f":{mark}", parked=True))


def first_open(tx: Tx, call: Call) -> str:
    """The call of its lane whose turn it is: the oldest one that is neither done nor given up."""
    found = first_in(tx, call.connection, call.lane)
    return found.id if found else ""


def first_in(tx: Tx, connection: str, lane: str) -> Call | None:
    """The oldest call of a lane that is neither done nor given up."""
    row = tx.one(
        f"SELECT * FROM outgoing WHERE connection = :c AND lane = :l AND state IN {OPEN_STATES} ORDER BY number LIMIT 1",
        c=connection, l=lane,
    )  # fmt: skip
    return _call(row) if row else None


def _job(call_id: str, lane: str, number: int, trace: str, mark: str, *, parked: bool = False) -> Job:
    args = {"id": call_id, "trace": trace, **({"parked": True} if parked else {})}
    return Job("call", f"call:{call_id}{mark}", lane, number, args)


def load(tx: Tx, call_id: str) -> Call | None:
    row = tx.one("SELECT * FROM outgoing WHERE id = :id", id=call_id)
    return _call(row) if row else None


def locked(tx: Tx, call_id: str) -> Call | None:
    """The call, held until the end of the unit of work."""
    tx.lock("SELECT id FROM outgoing WHERE id = :id", id=call_id)
    return load(tx, call_id)


def by_key(tx: Tx, connection: str, key: str) -> Call | None:
    row = tx.one("SELECT * FROM outgoing WHERE connection = :c AND key = :k AND key <> ''", c=connection, k=storable(key))
    return _call(row) if row else None


def earlier_rows(tx: Tx, call: Call) -> tuple[str, bool]:
    """Of the child row this call is about: the CRM's key of it if an earlier call made it, and whether one tried."""
    rows = tx.all(
        "SELECT result, attempts FROM outgoing WHERE connection = :c AND target = :t AND target <> '' AND number < :n "
        "ORDER BY number",
        c=call.connection, t=call.target, n=call.number,
    )  # fmt: skip
    return next((row["result"] for row in rows if row["result"]), ""), any(row["attempts"] for row in rows)


def unseen_writes(tx: Tx, connection: str, lane: str, since: int) -> list[Call]:
    """Writes to a record that a reading begun at `since` (microseconds) may not show yet, in the order they take effect."""
    rows = tx.all(
        "SELECT * FROM outgoing WHERE connection = :c AND lane = :l AND verb IN ('update', 'update_row') AND "
        "(state IN ('waiting', 'sending') OR (state = 'done' AND done_at >= :since)) ORDER BY number",
        c=connection, l=f"out:{connection}:{lane}", since=since,
    )  # fmt: skip
    return [_call(row) for row in rows]


def already_sent(tx: Tx, connection: str, lane: str, payload: Mapping[str, Any], since: int) -> bool:
    """Whether the very same call was already carried out since then."""
    text = _text(payload)
    found = tx.value(
        "SELECT id FROM outgoing WHERE connection = :c AND lane = :l AND payload = :text AND state = 'done' "
        "AND done_at >= :since LIMIT 1",
        c=connection, l=f"out:{connection}:{lane}", text=text, since=since,
    )  # fmt: skip
    return found is not None


def newest_values(tx: Tx, connection: str, target: str) -> Mapping[str, Any] | None:
    """What the newest call about that child row sets."""
    payload = tx.value(
        "SELECT payload FROM outgoing WHERE connection = :c AND target = :t AND target <> '' AND state <> 'dropped' "
        "ORDER BY number DESC LIMIT 1",
        c=connection, t=target,
    )  # fmt: skip
    return json.loads(payload)["values"] if payload else None


def mark(tx: Tx, call_id: str, state: str, clock: Clock, *, reason: str = "", result: str = "") -> None:
    ended = state not in ("waiting", "sending")
    tx.run(
        "UPDATE outgoing SET state = :s, reason = :why, result = CASE WHEN :r = '' THEN result ELSE :r END, "
        "done_at = :at WHERE id = :id",
        s=state, why=mask(reason)[:500], r=result, at=to_micros(clock.now()) if ended else None, id=call_id,
    )  # fmt: skip


def starting(tx: Tx, call_id: str) -> int:
    """Before the request leaves: should we die now, the next try knows that it may have been carried out.

    Returns the number of this try, by which we know later on whether the call is still ours.
    """
    return int(
        tx.value(
            "UPDATE outgoing SET state = 'sending', attempts = attempts + 1 WHERE id = :id RETURNING attempts", id=call_id
        )
    )


def still_ours(tx: Tx, call_id: str, attempt: int) -> bool:
    """Whether nobody has begun another try since: a worker may stand still for so long that its place was taken."""
    row = tx.lock("SELECT state, attempts FROM outgoing WHERE id = :id", id=call_id)
    return row is not None and (row["state"], row["attempts"]) == ("sending", attempt)


def not_sent(tx: Tx, call_id: str, reason: str) -> None:
    """The request certainly was not carried out: the try does not count."""
    tx.run(
        "UPDATE outgoing SET state = 'waiting', attempts = attempts - 1, reason = :why WHERE id = :id",
        id=call_id, why=mask(reason)[:500],
    )  # fmt: skip


def answered_late(tx: Tx, call_id: str, attempt: int) -> bool:
    """Whether the call was given up as uncertain during that very try: its answer, late as it is, decides."""
    row = tx.lock("SELECT state, attempts FROM outgoing WHERE id = :id", id=call_id)
    return row is not None and (row["state"], row["attempts"]) == ("uncertain", attempt)


def keep_decision(tx: Tx, call_id: str, who: str, decision: str, reason: str, clock: Clock) -> None:
    """Who decided what about it, for ever."""
    tx.run(
        "INSERT INTO call_decision VALUES (:id, :at, :who, :d, :why)",
        id=call_id, at=to_micros(clock.now()), who=who[:200], d=decision, why=mask(reason)[:500],
    )  # fmt: skip


def decisions(tx: Tx, call_id: str) -> list[Mapping[str, Any]]:
    """What was decided about it, oldest first."""
    return tx.all("SELECT at, who, decision, reason FROM call_decision WHERE call_id = :id ORDER BY at", id=call_id)


def counts(tx: Tx, connection: str | None = None) -> dict[str, int]:
    """How many calls wait, are being sent, are uncertain, have failed; of one connection, or of all."""
    rows = tx.all(
        f"SELECT state, COUNT(*) AS n FROM outgoing WHERE state IN {UNENDED_STATES} "
        f"{'' if connection is None else 'AND connection = :c '}GROUP BY state",
        **({} if connection is None else {"c": connection}),
    )
    found = {row["state"]: int(row["n"]) for row in rows}
    return {state: found.get(state, 0) for state in COUNTED}


def _sets(payload: Mapping[str, Any]) -> set[str]:
    """What a call sets: fields, and the stage under a name that no field has."""
    return set(payload["values"]) | ({STAGE} if payload.get("stage") else set())


def superseded(tx: Tx, call: Call) -> bool:
    """Whether a later waiting update of the same record sets every field that this one would set."""
    if call.verb != "update":
        return False
    mine = _sets(call.payload)
    for row in tx.all(
        "SELECT payload FROM outgoing WHERE connection = :c AND lane = :l AND number > :n AND verb = 'update' "
        "AND state = 'waiting'",
        c=call.connection, l=call.lane, n=call.number,
    ):  # fmt: skip
        later = json.loads(row["payload"])
        if call.payload.get(RESYNC) and not later.get(RESYNC):
            continue
        if mine <= _sets(later):
            return True
    return False


def not_overtaken(tx: Tx, call: Call) -> Call | None:
    """The call without what a later one about the same has said and done already; None if nothing of it is left.

    Only a call that a person has tried again, or that lost its job, comes so late: what it says is old by then.
    """
    if call.verb not in ("update", "update_row", "put_row"):
        return call
    about = call.payload.get("row_key"), call.target
    covered: set[str] = set()
    for row in tx.all(
        "SELECT payload, target FROM outgoing WHERE connection = :c AND lane = :l AND number > :n AND verb = :v "
        "AND state = 'done'",
        c=call.connection, l=call.lane, n=call.number, v=call.verb,
    ):  # fmt: skip
        later = json.loads(row["payload"])
        if (later.get("row_key"), row["target"]) == about:
            covered |= _sets(later)
    if not covered:
        return call
    payload = {**call.payload, "values": {k: v for k, v in call.payload["values"].items() if k not in covered}}
    if STAGE in covered:
        payload["stage"] = None
    return replace(call, payload=payload) if payload["values"] or payload.get("stage") else None


def _call(row: Mapping[str, Any]) -> Call:
    names = (
        "id",
        "connection",
        "lane",
        "number",
        "verb",
        "key",
        "target",
        "state",
        "attempts",
        "reason",
        "result",
        "trace",
    )
    return Call(payload=json.loads(row["payload"]), created_at=row["created_at"], **{n: row[n] for n in names})
