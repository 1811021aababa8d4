"""Which client a card stands for, and to whom the CRM has shown it. All its SQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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


def permit(tx: Tx, portal: str, person: str, cards: Iterable[tuple[str, str]], until: int) -> None:
    tx.run_many(
        "INSERT INTO dossier_permission VALUES (:p, :who, :e, :r, :until) "
        "ON CONFLICT (portal, person, entity, record) DO UPDATE SET until = excluded.until",
        [{"p": portal, "who": person, "e": entity, "r": record, "until": until} for entity, record in cards],
    )


def permitted(tx: Tx, portal: str, person: str, cards: Sequence[tuple[str, str]], now: int) -> bool:
    """Whether that person may see all of these now."""
    for entity, record in cards:
        found = tx.value(
            f"SELECT until FROM dossier_permission WHERE {ONE} AND person = :who", p=portal, e=entity, r=record, who=person
        )
        if found is None or found <= now:
            return False
    return bool(cards)


def withdraw(tx: Tx, portal: str, person: str, cards: Iterable[tuple[str, str]]) -> None:
    tx.run_many(
        f"DELETE FROM dossier_permission WHERE {ONE} AND person = :who",
        [{"p": portal, "who": person, "e": entity, "r": record} for entity, record in cards],
    )


def tidy(tx: Tx, portal: str, now: int, unread_since: int) -> None:
    tx.run("DELETE FROM dossier_permission WHERE portal = :p AND until <= :now", p=portal, now=now)
    tx.run("DELETE FROM dossier_card WHERE portal = :p AND read_at < :old", p=portal, old=unread_since)
