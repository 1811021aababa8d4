"""Where the import keeps what it has read, so that memory does not grow with the file: a nameless database in a temporary
file, which is gone with the process whatever happens."""

from __future__ import annotations

import marshal
import sqlite3
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import lru_cache
from itertools import groupby
from typing import Any, NamedTuple

from kernel.errors import BadInput
from kernel.values import Currency, Pair
from plugins.exchange.history_rows import Bad, Line
from plugins.exchange.model import Operation

CACHE_KIB = 8192
LINES_AT_ONCE = 1000
#: Stands in a row read back for everything that was wrong with it, which has been told.
REPORTED = (Bad(0, "", "", BadInput("told")),)


class Waiting(NamedTuple):
    """A deal that changes, until it is booked."""

    subject: str
    facts: str
    known: bool  #: the books hold something of it


class Spill:
    """Rows of the file, by deal; then the deals that change, oldest first."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=OFF")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
        self._db.execute("CREATE TABLE line (deal TEXT, n INTEGER, data BLOB)")
        self._db.execute("CREATE TABLE deal (created_at INTEGER, number TEXT, subject TEXT, facts TEXT, known INTEGER)")
        self._waiting: list[tuple[str, int, bytes]] = []
        self._fresh: list[tuple[int, str, str, str, bool]] = []

    def add(self, line: Line) -> None:
        self._waiting.append((line.deal, line.number, marshal.dumps(_packed(line))))
        if len(self._waiting) >= LINES_AT_ONCE:
            self._flush()

    def groups(self) -> Iterator[tuple[str, list[Line]]]:
        """The rows of each deal, in the file's order; rows that name no deal are left out."""
        self._flush()
        rows = self._db.execute("SELECT deal, data FROM line WHERE deal <> '' ORDER BY deal, n")
        for deal, of_deal in groupby(rows, key=lambda row: row[0]):
            yield deal, [_unpacked(data) for _, data in of_deal]

    def lines(self) -> Iterator[Line]:
        """All rows in the file's order."""
        self._flush()
        for (data,) in self._db.execute("SELECT data FROM line ORDER BY n"):
            yield _unpacked(data)

    def add_deal(self, created_at: int, number: str, one: Waiting) -> None:
        self._fresh.append((created_at, number, *one))
        if len(self._fresh) >= LINES_AT_ONCE:
            self._flush()

    def forget_lines(self) -> None:
        self._flush()
        self._db.execute("DELETE FROM line")

    def forget_deals(self) -> None:
        self._flush()
        self._db.execute("DELETE FROM deal")

    @property
    def deals_count(self) -> int:
        self._flush()
        return int(self._db.execute("SELECT COUNT(*) FROM deal").fetchone()[0])

    def deals(self, at_once: int) -> Iterator[list[Waiting]]:
        """The deals that change, oldest first, so many at a time."""
        self._flush()
        found = self._db.execute("SELECT subject, facts, known FROM deal ORDER BY created_at, number")
        while rows := found.fetchmany(at_once):
            yield list(map(Waiting._make, rows))

    def _flush(self) -> None:
        if not (self._waiting or self._fresh):
            return
        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO line VALUES (?, ?, ?)", self._waiting)
        self._db.executemany("INSERT INTO deal VALUES (?, ?, ?, ?, ?)", self._fresh)
        self._db.execute("COMMIT")
        self._waiting, self._fresh = [], []


def _packed(line: Line) -> tuple[Any, ...]:
    op = line.operation
    until = line.until.isoformat() if line.until else ""
    about = (line.number, line.deal, line.op, line.client, line.partner, line.stage, until, bool(line.bad))
    if op is None:
        return (*about, None)
    pair = (op.pair.base.code, op.pair.base.scale, op.pair.quote.code, op.pair.quote.scale) if op.pair else None
    rates = [None if rate is None else str(rate) for rate in (op.client_rate, op.partner_rate)]
    where = (op.place, op.to_place, op.comment, op.at)
    return (*about, (op.number, op.kind, op.amount, op.amount_in.code, op.amount_in.scale, pair, *rates, *where))


def _unpacked(data: bytes) -> Line:
    number, deal, key, client, partner, stage, until, bad, packed = marshal.loads(data)  # noqa: S302 - our own file, which has no name
    op = None
    if packed is not None:
        name, kind, amount, code, scale, pair, client_rate, partner_rate, place, target, comment, at = packed
        op = Operation(
            key=name, number=name, kind=kind, amount=amount, amount_in=_currency(code, scale),
            pair=_pair(*pair) if pair else None,
            client_rate=None if client_rate is None else Decimal(client_rate),
            partner_rate=None if partner_rate is None else Decimal(partner_rate),
            place=place, to_place=target, comment=comment, at=at,
        )  # fmt: skip
    day = date.fromisoformat(until) if until else None
    return Line(number, deal, key, client, partner, stage, day, op, None, REPORTED if bad else ())


@lru_cache(maxsize=200)
def _currency(code: str, scale: int) -> Currency:
    return Currency(code, scale)


@lru_cache(maxsize=1000)
def _pair(base: str, base_scale: int, quote: str, quote_scale: int) -> Pair:
    return Pair(_currency(base, base_scale), _currency(quote, quote_scale))
