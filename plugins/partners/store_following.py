"""The SQL of what goes over from one card to another with a chat."""

from __future__ import annotations

from kernel.storage import Tx
from plugins.partners.settings import ENTITY


def hand_over(tx: Tx, old: str, new: str) -> None:
    """What a chat has brought with it: what was told there of deals, its people, its comments. What the new one was told
    of the same deals elsewhere gives way, since the messages that are changed from now on are those of this chat."""
    tx.run(
        "DELETE FROM partner_deal WHERE partner = :new AND subject IN "
        "(SELECT subject FROM partner_deal WHERE partner = :old)",
        new=new, old=old,
    )  # fmt: skip
    tx.run("UPDATE partner_deal SET partner = :new WHERE partner = :old", new=new, old=old)
    tx.run(
        "INSERT INTO partner_person (account, author, partner, name) SELECT account, author, :new, name "
        "FROM partner_person WHERE partner = :old ON CONFLICT DO NOTHING",
        new=new, old=old,
    )  # fmt: skip
    tx.run("DELETE FROM partner_person WHERE partner = :old", old=old)
    tx.run("UPDATE partner_sent SET partner = :new WHERE partner = :old", new=new, old=old)
    tx.run("UPDATE partner_comment SET record_id = :new WHERE entity = :e AND record_id = :old", new=new, old=old, e=ENTITY)


def unwritten(tx: Tx, entity: str, record_id: str, most: int = 500) -> list[str]:
    """The keys of the comments of that record that the CRM has not, the oldest first."""
    rows = tx.all(
        "SELECT key, MIN(message.at) AS at FROM partner_comment JOIN message ON message.id = partner_comment.message "
        "WHERE entity = :e AND record_id = :r AND comment = '' GROUP BY key ORDER BY 2, key LIMIT :most",
        e=entity, r=record_id, most=most,
    )  # fmt: skip
    return [row["key"] for row in rows]
