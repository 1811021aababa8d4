"""The plugin's tables: all their SQL."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any, cast

from kernel.jobs import call_queries, next_number
from kernel.storage import Row, Tx
from plugins.stage_lock.model import Case, Known, Objection, Outcome
from plugins.stage_lock.rules import Own

REVERSALS_KEPT_MICROS = 24 * 3600 * 1_000_000
GONE_KEPT_MICROS = 31 * 24 * 3600 * 1_000_000  #: so long a deleted record may be restored


def switched_on(tx: Tx, portal: str, now: int) -> int:
    """Since when the lock is on; it is on from the first sync that asks."""
    tx.run("INSERT INTO stage_lock_portal VALUES (:p, :now, :now) ON CONFLICT (portal) DO NOTHING", p=portal, now=now)
    return int(tx.value("SELECT since FROM stage_lock_portal WHERE portal = :p", p=portal))


def others_closed(tx: Tx, portal: str, now: int) -> int:
    """Since when pipelines that the set does not name are watched: a lock that is older learns it from its regular work."""
    tx.run("UPDATE stage_lock_portal SET others_since = :now WHERE portal = :p AND others_since IS NULL", p=portal, now=now)
    return int(tx.value("SELECT others_since FROM stage_lock_portal WHERE portal = :p", p=portal))


# --- records ----------------------------------------------------------------------------------------------------------


def load(tx: Tx, portal: str, entity: str, record_id: str) -> Known | None:
    row = tx.one(
        "SELECT * FROM stage_lock_record WHERE portal = :p AND entity = :e AND record_id = :r",
        p=portal, e=entity, r=record_id,
    )  # fmt: skip
    if row is None:
        return None
    names = ("label", "line", "judged_at", "written", "ahead", "lagging", "gave_up", "name")
    return Known(
        row["stage"] or None, unsure=bool(row["unsure"]), elsewhere=bool(row["elsewhere"]),
        gone=row["gone_at"] is not None, **{name: row[name] for name in names},
    )  # fmt: skip


def keep(tx: Tx, portal: str, entity: str, record_id: str, known: Known) -> None:
    values = {
        **asdict(known), "stage": known.stage or "", "unsure": int(known.unsure), "elsewhere": int(known.elsewhere),
    }  # fmt: skip
    del values["gone"]  # it is there
    tx.run(
        "INSERT INTO stage_lock_record (portal, entity, record_id, stage, label, line, judged_at, written, ahead, lagging, "
        "unsure, gave_up, elsewhere, name) VALUES (:p, :e, :r, :stage, :label, :line, :judged_at, :written, :ahead, "
        ":lagging, :unsure, :gave_up, :elsewhere, :name) ON CONFLICT (portal, entity, record_id) DO UPDATE SET "
        "stage = excluded.stage, label = excluded.label, "
        "line = excluded.line, judged_at = excluded.judged_at, written = excluded.written, ahead = excluded.ahead, "
        "lagging = excluded.lagging, unsure = excluded.unsure, gave_up = excluded.gave_up, "
        "elsewhere = excluded.elsewhere, name = excluded.name, gone_at = NULL",
        p=portal, e=entity, r=record_id, **values,
    )  # fmt: skip


def mark_gone(tx: Tx, portal: str, entity: str, record_id: str, now: int) -> None:
    """The record is gone from the CRM; its cases stay, and none of them is open any more. It may come back."""
    tx.run(
        "UPDATE stage_lock_record SET gone_at = :now, unsure = 0 WHERE portal = :p AND entity = :e AND record_id = :r",
        now=now, p=portal, e=entity, r=record_id,
    )  # fmt: skip
    tx.run("DELETE FROM stage_lock_record WHERE portal = :p AND gone_at < :old", p=portal, old=now - GONE_KEPT_MICROS)
    settle(tx, portal, entity, record_id, now)


def deleted_at(tx: Tx, portal: str, entity: str, name: str) -> frozenset[str]:
    """Where records of that name stood when they were deleted: a portal may restore one under a new number."""
    rows = tx.all(
        "SELECT stage FROM stage_lock_record WHERE portal = :p AND entity = :e AND name = :name AND name <> '' "
        "AND stage <> '' AND elsewhere = 0 AND gone_at IS NOT NULL",
        p=portal, e=entity, name=name,
    )  # fmt: skip
    return frozenset(row["stage"] for row in rows)


def forget_one_deleted(tx: Tx, portal: str, entity: str, name: str, stage: str) -> None:
    """It was restored: no second record may take its place."""
    tx.run(
        "DELETE FROM stage_lock_record WHERE portal = :p AND entity = :e AND record_id = (SELECT MIN(record_id) FROM "
        "stage_lock_record WHERE portal = :p AND entity = :e AND name = :name AND stage = :s AND gone_at IS NOT NULL)",
        p=portal, e=entity, name=name, s=stage,
    )  # fmt: skip


def unsure(tx: Tx, portal: str) -> list[tuple[str, str]]:
    """Records to be synced once more, none of whose stage writes is in flight."""
    rows = tx.all(
        "SELECT entity, record_id FROM stage_lock_record WHERE portal = :p AND unsure = 1 ORDER BY entity, record_id",
        p=portal,
    )  # fmt: skip
    busy = call_queries.lanes_in_update(tx, portal) if rows else frozenset()
    known = [(row["entity"], row["record_id"]) for row in rows]
    return [one for one in known if call_queries.lane_of(portal, *one) not in busy]


# --- our own writes ---------------------------------------------------------------------------------------------------


def own_writes(tx: Tx, portal: str, entity: str, record_id: str, *, after: int, since: int) -> list[Own]:
    """The stages we ourselves wrote to the record: those not accounted for, in the order they take effect."""
    found = []
    for one in call_queries.updates_of(tx, portal, entity, record_id, after=after, since=since):
        if stage := one.payload.get("stage"):
            pending, sent = one.state in ("waiting", "sending"), one.attempts > 0
            found.append(Own(one.number, stage, pending, sent, one.created_at, one.done_at or 0))
    return found


@dataclass(frozen=True)
class Made:
    """Whether we made the record ourselves; `unclear` while a create of ours has no answer yet."""

    ours: bool
    unclear: bool


def made_by_us(tx: Tx, portal: str, entity: str, record_id: str) -> Made:
    ours = call_queries.made_record(tx, portal, entity, record_id)
    return Made(ours, not ours and call_queries.creating(tx, portal, entity))


# --- cases ------------------------------------------------------------------------------------------------------------


def new_case(tx: Tx, case: Case) -> int:
    """Keep a case under the portal's next number."""
    number = next_number(tx, f"stage_lock:{case.portal}")
    values = {**asdict(case), "number": number, "why": packed(case.why)}
    names = list(values)
    tx.run(f"INSERT INTO stage_lock_case ({', '.join(names)}) VALUES ({', '.join(':' + name for name in names)})", **values)
    return number


def once_more(tx: Tx, portal: str, number: int, now: int, *, outcome: Outcome, open_again: bool) -> None:
    """The same move once more: the case counts on."""
    tx.run(
        "UPDATE stage_lock_case SET times = times + 1, last_at = :now, outcome = :o, "
        "settled_at = CASE WHEN :again = 1 THEN NULL ELSE settled_at END WHERE portal = :p AND number = :n",
        now=now, o=outcome, again=int(open_again), p=portal, n=number,
    )  # fmt: skip


def newest(tx: Tx, portal: str, entity: str, record_id: str) -> Case | None:
    row = tx.one(
        "SELECT * FROM stage_lock_case WHERE portal = :p AND entity = :e AND record_id = :r AND outcome IN "
        "('put_back', 'gave_up') ORDER BY number DESC LIMIT 1",
        p=portal, e=entity, r=record_id,
    )  # fmt: skip
    return case_of(row) if row else None


def mark_given_up(tx: Tx, portal: str, number: int) -> None:
    tx.run(
        "UPDATE stage_lock_case SET outcome = 'gave_up', settled_at = NULL WHERE portal = :p AND number = :n",
        p=portal, n=number,
    )  # fmt: skip


def settle(tx: Tx, portal: str, entity: str, record_id: str, now: int) -> int:
    """The record stands where it may: none of its cases is open any more."""
    return tx.run(
        "UPDATE stage_lock_case SET settled_at = :now WHERE portal = :p AND entity = :e AND record_id = :r "
        "AND settled_at IS NULL",
        now=now, p=portal, e=entity, r=record_id,
    )  # fmt: skip


def one_case(tx: Tx, portal: str, number: int) -> Case | None:
    row = tx.one("SELECT * FROM stage_lock_case WHERE portal = :p AND number = :n", p=portal, n=number)
    return case_of(row) if row else None


def cases(
    tx: Tx, portal: str, *, person: str = "", only_open: bool = False, limit: int = 200, skip: int = 0,
    of: Collection[str] | None = None,
) -> list[Case]:  # fmt: skip
    """Newest first; `of`: of these people only."""
    own = {f"of{n}": one for n, one in enumerate(of or ())}
    among = "" if of is None else f"AND person IN ({', '.join(f':{name}' for name in own) or 'NULL'}) "
    rows = tx.all(
        "SELECT * FROM stage_lock_case WHERE portal = :p AND (:person = '' OR person = :person) "
        f"{among}{'AND settled_at IS NULL ' if only_open else ''}ORDER BY number DESC LIMIT :n OFFSET :skip",
        p=portal, person=person, n=limit, skip=skip, **own,
    )  # fmt: skip
    return [case_of(row) for row in rows]


def movers(tx: Tx, portal: str) -> list[tuple[str, str]]:
    """(id, name) of everybody who has a case."""
    rows = tx.all("SELECT person, MAX(person_name) AS name FROM stage_lock_case WHERE portal = :p GROUP BY person", p=portal)
    return sorted(((row["person"], row["name"]) for row in rows), key=lambda pair: pair[1].casefold())


def packed(why: Objection) -> str:
    values = {name: str(value) for name, value in why.values.items()}
    return json.dumps({"code": why.code, "values": values, "no_override": why.no_override}, ensure_ascii=False)


def case_of(row: Row) -> Case:
    values: dict[str, Any] = {name: row[name] for name in Case.__dataclass_fields__}
    kept = json.loads(row["why"])
    why = Objection(kept["code"], kept["values"], kept.get("no_override", False))
    return Case(**{**values, "why": why, "outcome": cast("Outcome", row["outcome"])})


# --- reversals --------------------------------------------------------------------------------------------------------


def put_back(tx: Tx, portal: str, entity: str, record_id: str, now: int) -> None:
    tx.run("DELETE FROM stage_lock_reversal WHERE portal = :p AND at < :old", p=portal, old=now - REVERSALS_KEPT_MICROS)
    tx.run("INSERT INTO stage_lock_reversal VALUES (:p, :e, :r, :now)", p=portal, e=entity, r=record_id, now=now)


def reversals(tx: Tx, portal: str, entity: str, record_id: str, since: int) -> int:
    return int(
        tx.value(
            "SELECT COUNT(*) FROM stage_lock_reversal WHERE portal = :p AND entity = :e AND record_id = :r AND at > :since",
            p=portal, e=entity, r=record_id, since=since,
        )
    )  # fmt: skip


# --- one-time permissions ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Grant:
    number: int
    entity: str
    record_id: str
    stage: str
    person: str
    note: str
    granted_at: int


def new_grant(tx: Tx, portal: str, entity: str, record_id: str, stage: str, *, person: str, note: str, now: int) -> None:
    number = next_number(tx, f"stage_lock_grant:{portal}")
    tx.run(
        "INSERT INTO stage_lock_grant VALUES (:p, :n, :e, :r, :s, :who, :note, :now, NULL)",
        p=portal, n=number, e=entity, r=record_id, s=stage, who=person, note=note, now=now,
    )  # fmt: skip


def grants(tx: Tx, portal: str, *, entity: str = "", record_id: str = "") -> list[Grant]:
    """Permissions not yet used."""
    rows = tx.all(
        "SELECT * FROM stage_lock_grant WHERE portal = :p AND used_at IS NULL AND (:r = '' OR (entity = :e AND "
        "record_id = :r)) ORDER BY number",
        p=portal, e=entity, r=record_id,
    )  # fmt: skip
    return [Grant(**{name: row[name] for name in Grant.__dataclass_fields__}) for row in rows]


def use_grants(tx: Tx, portal: str, entity: str, record_id: str, stages: Collection[str], now: int) -> None:
    for stage in stages:
        tx.run(
            "UPDATE stage_lock_grant SET used_at = :now WHERE portal = :p AND entity = :e AND record_id = :r "
            "AND stage = :s AND used_at IS NULL",
            now=now, p=portal, e=entity, r=record_id, s=stage,
        )  # fmt: skip


def version(tx: Tx) -> str:
    """Changes whenever a case or a permission does."""
    row = tx.one("SELECT COUNT(*) AS n, SUM(times) AS t, COUNT(settled_at) AS s FROM stage_lock_case")
    used = tx.one("SELECT COUNT(*) AS n, COUNT(used_at) AS u FROM stage_lock_grant")
    assert row is not None and used is not None
    return f"{row['n']}-{row['t']}-{row['s']}-{used['n']}-{used['u']}"
