"""Which client a card stands for. All its SQL."""

from __future__ import annotations

from dataclasses import dataclass

from kernel.storage import Tx

ONE = "portal = :p AND entity = :e AND record = :r"


@dataclass(frozen=True)
class Card:
    """A card of the CRM as last read; `of` is the client's own one."""

    entity: str
    record: str
    of_entity: str  #: empty: there is no client
    of_record: str
    client_id: str  #: empty: not known in the back office
    read_at: int

    @property
    def own(self) -> tuple[str, str]:
        return self.of_entity, self.of_record


def card(tx: Tx, portal: str, entity: str, record: str) -> Card | None:
    row = tx.one(
        f"SELECT entity, record, of_entity, of_record, client_id, read_at FROM dossier_card WHERE {ONE}",
        p=portal, e=entity, r=record,
    )  # fmt: skip
    return Card(**row) if row else None


def keep_card(tx: Tx, portal: str, one: Card) -> None:
    tx.run(
        "INSERT INTO dossier_card VALUES (:p, :entity, :record, :of_entity, :of_record, :client_id, :read_at) "
        "ON CONFLICT (portal, entity, record) DO UPDATE SET of_entity = excluded.of_entity, of_record = excluded.of_record, "
        "client_id = excluded.client_id, read_at = excluded.read_at",
        p=portal, **vars(one),
    )  # fmt: skip


def cards_of(tx: Tx, portal: str, client_id: str) -> list[tuple[str, str]]:
    """The client's own cards that hold, or last held, that ClientID."""
    rows = tx.all(
        "SELECT DISTINCT of_entity, of_record FROM dossier_card WHERE portal = :p AND client_id = :c "
        "ORDER BY of_entity, of_record",
        p=portal, c=client_id,
    )  # fmt: skip
    return [(row["of_entity"], row["of_record"]) for row in rows]


def tidy(tx: Tx, portal: str, unread_since: int) -> None:
    tx.run("DELETE FROM dossier_card WHERE portal = :p AND read_at < :old", p=portal, old=unread_since)
