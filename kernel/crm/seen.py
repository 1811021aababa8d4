"""What we last saw of a record."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from kernel.crm.codec import pack_record, unpack_record
from kernel.crm.model import Record
from kernel.storage import Tx


def last_seen(tx: Tx, portal: str, entity: str, record_id: str) -> Record | None:
    row = tx.one("SELECT body FROM crm_seen WHERE portal = :p AND entity = :e AND id = :i", p=portal, e=entity, i=record_id)
    return unpack_record(row["body"]) if row else None


def keep_seen(tx: Tx, portal: str, record: Record, now_micros: int) -> None:
    body = pack_record(record)
    tx.run(
        "INSERT INTO crm_seen VALUES (:p, :e, :i, :body, :digest, :at) ON CONFLICT (portal, entity, id) DO UPDATE "
        "SET body = excluded.body, digest = excluded.digest, read_at = excluded.read_at",
        p=portal, e=record.entity, i=record.id, body=body, digest=_digest(portal, body), at=now_micros,
    )  # fmt: skip

    for table, rows in record.rows.items():
        tx.run_many(
            "INSERT INTO crm_row VALUES (:p, :e, :r, :o) ON CONFLICT (portal, entity, row_id) DO UPDATE "
            "SET owner = excluded.owner WHERE crm_row.owner <> excluded.owner",
            [{"p": portal, "e": f"{record.entity}/{table}", "r": row.key, "o": record.id} for row in rows],
        )


def elsewhere_name(entity: str) -> str:
    """Under what a record is kept while it stands outside of the set: what we saw of it inside stays beside that."""
    return f"{entity}@elsewhere"


def owner_seen(tx: Tx, portal: str, entity: str, row_id: str) -> str | None:
    """The record to which a child row ("deal/operation") belonged when it was last seen."""
    found: str | None = tx.value(
        "SELECT owner FROM crm_row WHERE portal = :p AND entity = :e AND row_id = :r", p=portal, e=entity, r=row_id
    )
    return found


@dataclass(frozen=True)
class Known:
    record: Record
    read_at: int  #: microseconds, by our clock


def known_of(tx: Tx, portal: str, entity: str, record_id: str) -> Known | None:
    """What we last saw of a record, and when."""
    row = tx.one(
        "SELECT body, read_at FROM crm_seen WHERE portal = :p AND entity = :e AND id = :i", p=portal, e=entity, i=record_id
    )
    return Known(unpack_record(row["body"]), row["read_at"]) if row else None


def seen_after(tx: Tx, portal: str, entity: str, after: str, most: int) -> list[Known]:
    """What we last saw of the next records after that id, in rising order of ids as texts; at most so many. Those that
    stand elsewhere by now are among them, as they were inside."""
    rows = tx.all(
        "SELECT body, read_at FROM crm_seen WHERE portal = :p AND entity = :e AND id > :a ORDER BY id LIMIT :n",
        p=portal, e=entity, a=after, n=most,
    )  # fmt: skip
    return [Known(unpack_record(row["body"]), row["read_at"]) for row in rows]


def faults(tx: Tx) -> Iterator[str]:
    """Copies that were changed by hand."""
    for row in tx.stream("SELECT portal, entity, id, body, digest FROM crm_seen ORDER BY portal, entity, id"):
        named = unpack_record(row["body"]) if _digest(row["portal"], row["body"]) == row["digest"] else None
        if named is None or (named.entity, named.id) != (row["entity"], row["id"]):
            yield f"crm_seen {row['portal']} {row['entity']} {row['id']}: the copy of the CRM's record was changed by hand"


def _digest(portal: str, body: str) -> str:
    return hashlib.sha256(f"{portal}\n{body}".encode()).hexdigest()
