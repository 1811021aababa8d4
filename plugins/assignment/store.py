"""The plugin's tables of queues, shares, waiting records and decisions: all their SQL. Times are microseconds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from kernel.jobs.call_queries import update_failed
from kernel.storage import Row, Tx
from plugins.assignment.rules import Member, Reason, Share


@dataclass(frozen=True)
class Eligibility:
    """Who of a queue was fit, when last asked. `problem`: why that could not be found out."""

    read_at: int
    members: tuple[Member, ...] = ()
    heads: tuple[str, ...] = ()  #: ids of those who are told when nobody fits
    problem: str = ""


@dataclass(frozen=True)
class Waiting:
    """A record nobody could take yet."""

    entity: str
    record_id: str
    queue: str
    created_at: int
    number: int
    since: int
    read_at: int
    name: str
    owner: str
    owner_name: str
    asked_by: str


@dataclass(frozen=True)
class Decision:
    """What became of a record, and why."""

    entity: str
    record_id: str
    number: int
    queue: str
    outcome: str
    at: int
    since: int
    name: str
    person: str = ""
    person_name: str = ""
    body: Mapping[str, Any] | None = None
    changed_at: int | None = None
    changed_to: str = ""
    ended_at: int | None = None


# --- queues -----------------------------------------------------------------------------------------------------------


def open_queue(tx: Tx, portal: str, queue: str, now: int) -> Row:
    """Hold the queue's row until the end of the unit of work; make it if it is new."""
    tx.run(
        "INSERT INTO assignment_queue (portal, queue, since) VALUES (:p, :q, :now) ON CONFLICT (portal, queue) DO NOTHING",
        p=portal, q=queue, now=now,
    )  # fmt: skip
    row = tx.lock("SELECT * FROM assignment_queue WHERE portal = :p AND queue = :q", p=portal, q=queue)
    assert row is not None
    return row


def queue_row(tx: Tx, portal: str, queue: str) -> Row | None:
    return tx.one("SELECT * FROM assignment_queue WHERE portal = :p AND queue = :q", p=portal, q=queue)


def touch(tx: Tx, portal: str, queue: str) -> None:
    """The pages have something new to show."""
    tx.run("UPDATE assignment_queue SET version = version + 1 WHERE portal = :p AND queue = :q", p=portal, q=queue)


def version(tx: Tx) -> str:
    return str(tx.value("SELECT COALESCE(SUM(version), 0) FROM assignment_queue"))


def keep_turn(tx: Tx, portal: str, queue: str, turn: int) -> None:
    tx.run("UPDATE assignment_queue SET turn = :t WHERE portal = :p AND queue = :q", t=turn, p=portal, q=queue)


def keep_notice(tx: Tx, portal: str, queue: str, *, at: int) -> None:
    tx.run(
        "UPDATE assignment_queue SET told_at = :at, told_spell = 1 WHERE portal = :p AND queue = :q",
        at=at, p=portal, q=queue,
    )  # fmt: skip


def end_spell(tx: Tx, portal: str, queue: str) -> None:
    tx.run("UPDATE assignment_queue SET told_spell = 0 WHERE portal = :p AND queue = :q", p=portal, q=queue)


# --- shares -----------------------------------------------------------------------------------------------------------


def shares(tx: Tx, portal: str, queue: str) -> dict[str, Share]:
    rows = tx.all("SELECT * FROM assignment_share WHERE portal = :p AND queue = :q", p=portal, q=queue)
    return {row["person"]: Share(Fraction(row["due"]), row["given"], row["last"]) for row in rows}


def keep_shares(tx: Tx, portal: str, queue: str, changed: Mapping[str, Share]) -> None:
    tx.run_many(
        "INSERT INTO assignment_share VALUES (:p, :q, :who, :due, :given, :last) ON CONFLICT (portal, queue, person) "
        "DO UPDATE SET due = excluded.due, given = excluded.given, last = excluded.last",
        [
            {"p": portal, "q": queue, "who": who, "due": str(share.due), "given": share.given, "last": share.last}
            for who, share in changed.items()
        ],
    )


# --- who is fit -------------------------------------------------------------------------------------------------------


def eligibility(tx: Tx, portal: str, queue: str) -> Eligibility | None:
    row = tx.one("SELECT * FROM assignment_fit WHERE portal = :p AND queue = :q", p=portal, q=queue)
    if row is None:
        return None
    body = json.loads(row["body"])
    members = tuple(member_of(one) for one in body["members"])
    return Eligibility(row["read_at"], members, tuple(body["heads"]), body["problem"])


def keep_eligibility(tx: Tx, portal: str, queue: str, found: Eligibility) -> bool:
    """Keeps it, and says whether it is another than before. An older reading never takes the place of a newer one."""
    data = {
        "members": [member_data(one) for one in found.members], "heads": list(found.heads), "problem": found.problem,
    }  # fmt: skip
    body = json.dumps(data, ensure_ascii=False, sort_keys=True)
    was = tx.lock("SELECT read_at, body FROM assignment_fit WHERE portal = :p AND queue = :q", p=portal, q=queue)
    if was is not None and was["read_at"] > found.read_at:
        return False
    tx.run(
        "INSERT INTO assignment_fit VALUES (:p, :q, :at, :body) ON CONFLICT (portal, queue) "
        "DO UPDATE SET read_at = excluded.read_at, body = excluded.body",
        p=portal, q=queue, at=found.read_at, body=body,
    )  # fmt: skip
    return was is None or was["body"] != body


def forget_eligibility(tx: Tx, portal: str, queue: str) -> None:
    """Whoever needs it next asks anew; pages go on showing what was known."""
    tx.run("UPDATE assignment_fit SET read_at = 0 WHERE portal = :p AND queue = :q", p=portal, q=queue)


def member_data(member: Member) -> dict[str, Any]:
    return {
        "id": member.id, "name": member.name, "weight": member.weight, "overdue": member.overdue,
        "groups": list(member.groups), "reasons": [reason_data(one) for one in member.reasons],
    }  # fmt: skip


def member_of(data: Mapping[str, Any]) -> Member:
    return Member(
        data["id"], data["name"], data["weight"], data["overdue"], tuple(data["groups"]),
        tuple(Reason(one["code"], one["values"]) for one in data["reasons"]),
    )  # fmt: skip


def reason_data(reason: Reason) -> dict[str, Any]:
    return {"code": reason.code, "values": {name: str(value) for name, value in reason.values.items()}}


# --- waiting ----------------------------------------------------------------------------------------------------------


def waiting(tx: Tx, portal: str, entity: str, record_id: str) -> Waiting | None:
    row = tx.one(
        "SELECT * FROM assignment_waiting WHERE portal = :p AND entity = :e AND record_id = :r",
        p=portal, e=entity, r=record_id,
    )  # fmt: skip
    return _waiting(row) if row else None


def front(tx: Tx, portal: str, queue: str, *, skip: int = 0, most: int = 50) -> list[Waiting]:
    """The queue from its front."""
    rows = tx.all(
        "SELECT * FROM assignment_waiting WHERE portal = :p AND queue = :q "
        "ORDER BY created_at, number, record_id LIMIT :most OFFSET :skip",
        p=portal, q=queue, most=most, skip=skip,
    )  # fmt: skip
    return [_waiting(row) for row in rows]


def count_waiting(tx: Tx, portal: str, queue: str) -> int:
    return int(tx.value("SELECT COUNT(*) FROM assignment_waiting WHERE portal = :p AND queue = :q", p=portal, q=queue))


def join(tx: Tx, portal: str, one: Waiting) -> None:
    tx.run(
        "INSERT INTO assignment_waiting VALUES (:p, :e, :r, :q, :created, :number, :since, :read, :name, :owner, "
        ":owner_name, :by) ON CONFLICT (portal, entity, record_id) DO UPDATE SET name = excluded.name, "
        "owner = excluded.owner, owner_name = excluded.owner_name, read_at = excluded.read_at",
        p=portal, e=one.entity, r=one.record_id, q=one.queue, created=one.created_at, number=one.number, since=one.since,
        read=one.read_at, name=one.name, owner=one.owner, owner_name=one.owner_name, by=one.asked_by,
    )  # fmt: skip


def leave(tx: Tx, portal: str, one: Waiting) -> None:
    tx.run(
        "DELETE FROM assignment_waiting WHERE portal = :p AND entity = :e AND record_id = :r",
        p=portal, e=one.entity, r=one.record_id,
    )  # fmt: skip


def _waiting(row: Row) -> Waiting:
    return Waiting(**{name: row[name] for name in Waiting.__dataclass_fields__})


# --- decisions --------------------------------------------------------------------------------------------------------


def decide(tx: Tx, portal: str, one: Decision) -> None:
    """A second decision under the same number breaks the unit of work: nothing is decided twice."""
    tx.run(
        "INSERT INTO assignment_decision (portal, entity, record_id, number, queue, outcome, at, since, name, person, "
        "person_name, body, ended_at) VALUES (:p, :e, :r, :n, :q, :o, :at, :since, :name, :who, :who_name, :body, :end)",
        p=portal, e=one.entity, r=one.record_id, n=one.number, q=one.queue, o=one.outcome, at=one.at, since=one.since,
        name=one.name, who=one.person, who_name=one.person_name, body=json.dumps(one.body or {}, ensure_ascii=False),
        end=one.ended_at,
    )  # fmt: skip


def decisions_of(tx: Tx, portal: str, entity: str, record_id: str) -> list[Decision]:
    """All of one record, newest first."""
    rows = tx.all(
        "SELECT * FROM assignment_decision WHERE portal = :p AND entity = :e AND record_id = :r ORDER BY number DESC",
        p=portal, e=entity, r=record_id,
    )  # fmt: skip
    return [_decision(row) for row in rows]


def newest(tx: Tx, portal: str, entity: str, record_id: str) -> Decision | None:
    return next(iter(decisions_of(tx, portal, entity, record_id)), None)


def last_decisions(tx: Tx, portal: str, queues: Iterable[str], most: int) -> list[Decision]:
    names = {f"q{n}": queue for n, queue in enumerate(queues)}
    if not names:
        return []
    marks = ", ".join(f":{name}" for name in names)
    rows = tx.all(
        f"SELECT * FROM assignment_decision WHERE portal = :p AND queue IN ({marks}) "
        "ORDER BY at DESC, record_id DESC, number DESC LIMIT :most",
        p=portal, most=most, **names,
    )  # fmt: skip
    return [_decision(row) for row in rows]


def mark(tx: Tx, portal: str, one: Decision, **values: Any) -> None:
    """Set some of: outcome, changed_at, changed_to, ended_at."""
    sets = ", ".join(f"{name} = :{name}" for name in values)
    tx.run(
        f"UPDATE assignment_decision SET {sets} WHERE portal = :p AND entity = :e AND record_id = :r AND number = :n",
        p=portal, e=one.entity, r=one.record_id, n=one.number, **values,
    )  # fmt: skip


def loads(tx: Tx, portal: str, queue: str, since: int) -> dict[str, tuple[int, int]]:
    """By person: how many of the records given to them are still open in their hands, and how many were given since then."""
    rows = tx.all(
        "SELECT person, SUM(CASE WHEN ended_at IS NULL THEN 1 ELSE 0 END) AS in_hand, "
        "SUM(CASE WHEN at >= :since THEN 1 ELSE 0 END) AS fresh FROM assignment_decision "
        "WHERE portal = :p AND queue = :q AND outcome = 'given' AND (ended_at IS NULL OR at >= :since) GROUP BY person",
        p=portal, q=queue, since=since,
    )  # fmt: skip
    return {row["person"]: (int(row["in_hand"]), int(row["fresh"])) for row in rows}


def held(tx: Tx, portal: str) -> dict[str, list[Decision]]:
    """By person: what was given to them and is still theirs, oldest first."""
    rows = tx.all(
        "SELECT * FROM assignment_decision WHERE portal = :p AND outcome = 'given' AND ended_at IS NULL "
        "ORDER BY at, record_id",
        p=portal,
    )  # fmt: skip
    found: dict[str, list[Decision]] = {}
    for row in rows:
        found.setdefault(row["person"], []).append(_decision(row))
    return found


def given(tx: Tx, portal: str) -> Iterator[Decision]:
    """Everything that counts towards the shares, for the check."""
    for row in tx.stream("SELECT * FROM assignment_decision WHERE portal = :p AND outcome = 'given'", p=portal):
        yield _decision(row)


def all_shares(tx: Tx, portal: str) -> Iterator[tuple[str, str, Share]]:
    for row in tx.stream("SELECT * FROM assignment_share WHERE portal = :p ORDER BY queue, person", p=portal):
        yield row["queue"], row["person"], Share(Fraction(row["due"]), row["given"], row["last"])


def _decision(row: Row) -> Decision:
    body = json.loads(row["body"])
    return Decision(**{**{name: row[name] for name in Decision.__dataclass_fields__}, "body": body})


def write_failed(tx: Tx, portal: str, one: Decision) -> bool:
    """Whether the call that names the person in the CRM ended badly, so that the CRM's word is no person's deed."""
    return update_failed(tx, portal, one.entity, one.record_id, one.at)
