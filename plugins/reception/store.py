"""The plugin's two tables: all their SQL."""

from __future__ import annotations

from kernel.jobs import next_number
from kernel.jobs.call_queries import result_of
from kernel.storage import Tx


def turn_of(tx: Tx, portal: str, deal: str) -> int:
    """The request's place in the round, drawn once."""
    known = tx.value("SELECT turn FROM reception_turn WHERE portal = :p AND deal = :d", p=portal, d=deal)
    if known is None:
        known = next_number(tx, f"reception:{portal}") - 1  # its row is held, so two requests at once take two turns
        tx.run("INSERT INTO reception_turn VALUES (:p, :d, :t)", p=portal, d=deal, t=known)
    return int(known)


def wait_for_card(tx: Tx, card: str, deal: str) -> None:
    tx.run("INSERT INTO reception_waiting VALUES (:c, :d) ON CONFLICT (card, deal) DO NOTHING", c=card, d=deal)


def take_waiting(tx: Tx, card: str) -> list[str]:
    """The requests that waited for the card; they wait no longer."""
    deals = [row["deal"] for row in tx.all("SELECT deal FROM reception_waiting WHERE card = :c ORDER BY deal", c=card)]
    tx.run("DELETE FROM reception_waiting WHERE card = :c", c=card)
    return deals


def card_made(tx: Tx, portal: str, key: str) -> str:
    """The CRM's id of the card made under that key; empty while it is not made."""
    return result_of(tx, portal, key)
