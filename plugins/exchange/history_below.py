"""Moments of a history at which money left a place that did not hold it. History is told as it was; they are counted.

All of it is added up by a database in the order of time, so that memory does not grow with the file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kernel.extension.portal import Portal
from kernel.ledger import Draft
from kernel.storage import Tx
from kernel.values import format_minor, from_micros
from plugins.exchange.accounts import LEGS, PLACE
from plugins.exchange.history_names import PORTAL, deal_of

SHOWN_MAX = 5
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
_COUNT = "SELECT COUNT(*) FROM ({below}) AS b"
_FIRST = f"{{below}} ORDER BY at, currency, place LIMIT {SHOWN_MAX}"
_STANDING = f"(SELECT at, currency, place, amount, subject, op FROM {LEGS} AS s WHERE account = 'place')"


@dataclass(frozen=True)
class Moments:
    """How many there are, and the first of them."""

    count: int = 0
    first: tuple[Row, ...] = ()


def moments(tx: Tx) -> Moments:
    """Of the books as they stand."""
    below = _BELOW.format(legs=_STANDING)
    first = tuple(tuple(row.values()) for row in tx.all(_FIRST.format(below=below)))
    return Moments(int(tx.value(_COUNT.format(below=below))), first)


def moments_with(tx: Tx, drafts: Iterable[Draft]) -> Moments:
    """Of the books as they would stand after these drafts: both go into a file of the machine that nobody else sees."""
    spool = sqlite3.connect("")
    try:
        spool.execute("CREATE TABLE leg (at, currency, place, amount, subject, op)")
        insert = "INSERT INTO leg VALUES (?, ?, ?, ?, ?, ?)"
        spool.executemany(insert, (tuple(row.values()) for row in tx.stream(f"SELECT * FROM {_STANDING} AS x")))
        spool.executemany(
            insert,
            (
                (draft.at, leg.currency, leg.place, leg.amount, draft.subject, draft.op)
                for draft in drafts
                for leg in draft.legs
                if leg.account == PLACE
            ),
        )
        below = _BELOW.format(legs="leg")
        [(count,)] = spool.execute(_COUNT.format(below=below))
        return Moments(count, tuple(spool.execute(_FIRST.format(below=below))))
    finally:
        spool.close()


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
