"""Moments of a history at which money left a place that did not hold it. History is told as it was; they are counted.

All of it is added up by a database in the order of time, so that memory does not grow with the file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from kernel.extension.portal import Portal
from kernel.ledger.model import Leg
from kernel.storage import Tx
from kernel.values import format_minor, from_micros
from plugins.exchange.accounts import LEGS, PLACE
from plugins.exchange.history_names import PORTAL, deal_of

SHOWN_MAX = 5
#: Subject, op, at, and legs in the order of `Leg`: what a posting or reversal moves.
Move = tuple[str, str, int, Sequence[Leg]]
Row = tuple[str, str, str, str, int, int]  #: subject, op, currency, place, at, held

#: What each place holds after each of its moments; of those below zero by money that left, the ones of imported deals.
_BELOW = f"""
SELECT subject, op, currency, place, at, held FROM (
    SELECT at, currency, place, delta, subject, op, SUM(delta) OVER (PARTITION BY currency, place ORDER BY at) AS held FROM (
        SELECT at, currency, place, SUM(amount) AS delta, MIN(CASE WHEN amount < 0 THEN subject END) AS subject,
            MIN(CASE WHEN amount < 0 THEN op END) AS op
        FROM {{legs}} AS l GROUP BY at, currency, place) AS m) AS h
WHERE held < 0 AND delta < 0 AND subject LIKE '{PORTAL}/%'
"""
_FIRST = f"SELECT b.*, COUNT(*) OVER () AS moments FROM ({{below}}) AS b ORDER BY at, currency, place LIMIT {SHOWN_MAX}"
_STANDING = f"(SELECT at, currency, place, amount, subject, op FROM {LEGS} AS s WHERE account = 'place')"


@dataclass(frozen=True)
class Moments:
    """How many there are, and the first of them."""

    count: int = 0
    first: tuple[Row, ...] = ()


def moments(tx: Tx) -> Moments:
    """Of the books as they stand."""
    return _moments(tuple(row.values()) for row in tx.all(_FIRST.format(below=_BELOW.format(legs=_STANDING))))


def moments_with(tx: Tx, moves: Iterable[Move]) -> Moments:
    """Of the books as they would stand after these moves: both go into a file of the machine that nobody else sees."""
    spool = sqlite3.connect("")
    try:
        spool.execute("CREATE TABLE leg (at, currency, place, amount, subject, op)")
        insert = "INSERT INTO leg VALUES (?, ?, ?, ?, ?, ?)"
        spool.executemany(insert, (tuple(row.values()) for row in tx.stream(f"SELECT * FROM {_STANDING} AS x")))
        spool.executemany(
            insert,
            (
                (at, currency, place, amount, subject, op)
                for subject, op, at, legs in moves
                for account, currency, amount, place, _, _ in legs
                if account == PLACE
            ),
        )
        return _moments(spool.execute(_FIRST.format(below=_BELOW.format(legs="leg"))))
    finally:
        spool.close()


def _moments(found: Iterable[tuple[Any, ...]]) -> Moments:
    """From the first rows, each of which also says how many there are."""
    rows = list(found)
    return Moments(int(rows[0][-1]) if rows else 0, tuple(row[:-1] for row in rows))


def as_data(found: Moments, portal: Portal) -> dict[str, Any]:
    """The shape of the interfaces."""
    return {
        "moments": found.count,
        "first": [
            {
                "deal": deal_of(subject), "op": op, "at": from_micros(at, portal.zone).isoformat(), "place": place,
                "currency": code, "held": format_minor(int(held), portal.currencies.get(code)),
            }
            for subject, op, code, place, at, held in found.first
        ],
    }  # fmt: skip
