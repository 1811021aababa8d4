"""The plugin's table: all its SQL."""

from __future__ import annotations

from dataclasses import dataclass

from kernel.storage import Tx

ONE = "portal = :p AND entity = :e AND record = :r"


@dataclass(frozen=True)
class Finding:
    """What the back office said of a client."""

    entity: str
    record: str
    client_id: str
    state: str
    since: int


def keep(tx: Tx, portal: str, one: Finding) -> None:
    """What it says already changes nothing; another state, or another client in the card, is to be compared."""
    tx.run(
        "INSERT INTO client_status VALUES (:p, :e, :r, :c, :s, :at, 1) ON CONFLICT (portal, entity, record) DO UPDATE SET "
        "client_id = excluded.client_id, state = excluded.state, since = excluded.since, pending = 1 "
        "WHERE client_status.state <> excluded.state OR client_status.client_id <> excluded.client_id",
        p=portal, e=one.entity, r=one.record, c=one.client_id, s=one.state, at=one.since,
    )  # fmt: skip


def pending(tx: Tx, portal: str, most: int) -> list[Finding]:
    rows = tx.all(
        "SELECT entity, record, client_id, state, since FROM client_status WHERE portal = :p AND pending = 1 "
        "ORDER BY since, entity, record LIMIT :most",
        p=portal, most=most,
    )  # fmt: skip
    return [Finding(**row) for row in rows]


def compared(tx: Tx, portal: str, one: Finding) -> bool:
    """It is done with; False where somebody else was quicker, or something else was said meanwhile."""
    return bool(
        tx.run(
            f"UPDATE client_status SET pending = 0 WHERE {ONE} AND pending = 1 AND state = :s AND since = :at",
            p=portal, e=one.entity, r=one.record, s=one.state, at=one.since,
        )
    )  # fmt: skip


def forget(tx: Tx, portal: str, client_id: str, entity: str = "", record: str = "") -> None:
    where = " AND entity = :e AND record = :r" if record else ""
    card = {"e": entity, "r": record} if record else {}
    tx.run(f"DELETE FROM client_status WHERE portal = :p AND client_id = :c{where}", p=portal, c=client_id, **card)
