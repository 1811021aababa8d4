"""The plugin's three tables: all their SQL."""

from __future__ import annotations

from collections.abc import Collection, Iterable

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


def hold_clients(tx: Tx, portal: str) -> None:
    """Until the end of the unit of work nobody else gives out a request: two of one client follow each other."""
    next_number(tx, f"reception client:{portal}")


def managers_of(tx: Tx, portal: str, deal: str, clients: Iterable[str]) -> list[str]:
    """Who has other open requests of that client; the oldest request's first."""
    rows = [
        row
        for one in clients
        for row in tx.all(
            "SELECT deal, manager FROM reception_client WHERE portal = :p AND client = :c AND is_open = 1 "
            "AND manager <> '' AND deal <> :d",
            p=portal, c=one, d=deal,
        )
    ]  # fmt: skip
    rows.sort(key=lambda row: (len(row["deal"]), row["deal"]))
    return list(dict.fromkeys(row["manager"] for row in rows))


def note_client(tx: Tx, portal: str, deal: str, clients: Collection[str], manager: str, *, is_open: bool) -> None:
    wanted = {(one, manager, int(is_open)) for one in clients}
    known = tx.all("SELECT * FROM reception_client WHERE portal = :p AND deal = :d", p=portal, d=deal)
    if {(row["client"], row["manager"], row["is_open"]) for row in known} == wanted:
        return
    tx.run("DELETE FROM reception_client WHERE portal = :p AND deal = :d", p=portal, d=deal)
    for client, whose, opened in sorted(wanted):
        tx.run(
            "INSERT INTO reception_client VALUES (:p, :d, :c, :m, :o) ON CONFLICT (portal, deal, client) "
            "DO UPDATE SET manager = excluded.manager, is_open = excluded.is_open",
            p=portal, d=deal, c=client, m=whose, o=opened,
        )  # fmt: skip


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
