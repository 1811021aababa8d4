"""Records that the CRM no longer has (deleted, or merged into others), and how far it was asked for them."""

from __future__ import annotations

from collections.abc import Iterable

from kernel.storage import Tx


def note_gone(tx: Tx, portal: str, entity: str, record_id: str, now_micros: int) -> bool:
    """Whether that is news."""
    return bool(
        tx.run(
            "INSERT INTO crm_gone VALUES (:p, :e, :i, :at) ON CONFLICT DO NOTHING",
            p=portal, e=entity, i=record_id, at=now_micros,
        )
    )  # fmt: skip


def note_back(tx: Tx, portal: str, entity: str, record_id: str) -> bool:
    """Whether it was gone."""
    return bool(
        tx.run("DELETE FROM crm_gone WHERE portal = :p AND entity = :e AND id = :i", p=portal, e=entity, i=record_id)
    )


def gone_since(tx: Tx, portal: str, entity: str, record_id: str) -> int | None:
    """Since when we know that the CRM has no such record (microseconds); None where it has, as far as we know."""
    found: int | None = tx.value(
        "SELECT since FROM crm_gone WHERE portal = :p AND entity = :e AND id = :i", p=portal, e=entity, i=record_id
    )
    return found


def gone_ids(tx: Tx, portal: str, entity: str) -> dict[str, int]:
    """All that are gone of that kind, with the moment since when we know it."""
    rows = tx.all("SELECT id, since FROM crm_gone WHERE portal = :p AND entity = :e ORDER BY since, id", p=portal, e=entity)
    return {row["id"]: row["since"] for row in rows}


def asked_after(tx: Tx, portal: str, entity: str) -> str:
    """Up to which id the CRM was last asked; empty where the next round begins."""
    return str(tx.value("SELECT after FROM crm_asked WHERE portal = :p AND entity = :e", p=portal, e=entity) or "")


def keep_asked(tx: Tx, portal: str, entity: str, ids: Iterable[str], *, most: int) -> None:
    """These were asked for; fewer than the most there could be were the last of their round."""
    asked = list(ids)
    tx.run(
        "INSERT INTO crm_asked VALUES (:p, :e, :a) ON CONFLICT (portal, entity) DO UPDATE SET after = excluded.after",
        p=portal, e=entity, a=asked[-1] if len(asked) >= most else "",
    )  # fmt: skip
