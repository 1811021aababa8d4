"""The board «Табло» as its page shows it: a block for each currency, the last delivery, deals with a problem."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from kernel.extension.portal import Unit
from kernel.jobs import inbox
from kernel.values import from_micros
from plugins.exchange.board import Board, Line

PROBLEMS_MAX = 50


@dataclass(frozen=True)
class Block:
    """One currency on the board: its total, and a line for each place where there is more than one."""

    total: Line
    rows: Sequence[Line]

    @property
    def only_place(self) -> str:
        return self.rows[0].place if len(self.rows) == 1 else ""


def blocks(board: Board) -> list[Block]:
    by_code: dict[str, list[Line]] = defaultdict(list)
    for row in board.rows:
        by_code[row.currency.code].append(row)
    return [Block(total, by_code[total.currency.code]) for total in board.totals]


def last_delivery(unit: Unit) -> datetime | None:
    """When a CRM last sent us anything."""
    at = inbox.newest_at(unit.tx)
    return None if at is None else from_micros(at, unit.portal.zone)


def problems(unit: Unit) -> list[dict[str, str]]:
    """Deals that stand in the CRM but could not be booked as they stand, with what their people were told."""
    portal = unit.portal
    rows = unit.tx.all(
        "SELECT t.subject, t.problem, d.number, d.url FROM exchange_told t LEFT JOIN exchange_deal d "
        "ON d.subject = t.subject WHERE t.problem <> '' ORDER BY t.subject LIMIT :most",
        most=PROBLEMS_MAX,
    )
    found = []
    for row in rows:
        head, _, record_id = row["subject"].rpartition("/")
        url = row["url"] or (portal.crm.link("deal", record_id) if head == portal.name else "")
        found.append({
            "subject": row["subject"] if row["number"] else "", "number": row["number"] or record_id,
            "text": row["problem"], "url": url,
        })  # fmt: skip
    return found
