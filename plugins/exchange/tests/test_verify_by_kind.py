"""Whatever is changed, added or removed by hand in any table that follows from the journal, `verify` names a fault, or the
database refuses. The cases come from the schema: a new column or table is among them by itself."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from app.cli.verify import faults
from kernel.extension.portal import Unit
from kernel.ledger import Account, Books, Chart, Leg, Posting, checkpoints
from kernel.storage import Tx
from kernel.storage.dump import tables
from plugins.exchange.rate_list import keep_rates
from plugins.exchange.rates import Rate
from plugins.exchange.tests.desk import Desk, buy, own, sell
from plugins.exchange.tests.test_verify import without_triggers
from tests.harness.databases import migration_sets

FOLLOW = ("ledger_", "exchange_", "crm_seen")  #: tables of these names follow from the journal, or carry a digest
NOT_ALL = {
    "exchange_told": "what was told to people; no figure follows from it",
    "crm_seen.read_at": "when the copy was read: no figure follows from it, and it is read again",
}
CASH = Chart("cash", (Account("place", "asset"), Account("difference", "clearing")))
ROWS_TRIED = 2


class Undone(Exception):
    """Ends a unit of work without keeping what was done in it."""


@pytest.fixture
def desk(both: Desk) -> Desk:
    """Deals in every stage and of every kind over some days, rates, checkpoints, heads of two days, and a second book."""
    both.cash("500000", "UAH")
    both.deal(own("move", "1000", "UAH", place="Каса", to_place="Банк"), stage="closed", client=None)
    both.run_through(buy(), to="client_paid")
    both.clock.advance(days=2)
    both.work("exchange.head")
    both.run_through(buy("100"), sell("4000", "EUR/UAH", "45", "44.9"), to="partner_paid", custody=True)
    edited = both.run_through(buy("500", commission_percent="1", network_fee="5"))
    both.edit(edited, 1, client_rate="41.1")
    both.deal(buy("70"))
    keep_rates(both.portal, [Rate("USD", "UAH", date(2026, 11, 23), Decimal("41.5"), "NBU")])
    both.clock.advance(days=2)
    both.work("exchange.head")
    books = Books(both.clock, [CASH])
    with both.database.write() as tx:
        legs = (Leg("place", "USD", 7, "safe", flow="in"), Leg("difference", "USD", -7, "safe"))
        books.book("cash").settle(tx, "count", [Posting("in", 5, legs)], author="a", trace="t")
    assert checkpoints.keep(both.database, both.clock, legs_between=3) >= 2
    assert notice(both) == []
    return both


def notice(desk: Desk, tx: Tx | None = None) -> list[str]:
    if tx is not None:
        return list(faults(desk.annex, Unit(desk.portal, tx, author="", trace="")))
    with desk.unit() as unit:
        return list(faults(desk.annex, unit))


def meddled(desk: Desk, sql: str, values: Mapping[str, Any]) -> str:
    """What was said, or that the database refused; then all is as it was."""
    finding = ""
    try:
        with desk.database.write() as tx:
            without_triggers(tx)
            if tx.run(sql, **values) != 1:
                raise AssertionError(f"nothing was changed by {sql}")
            finding = next(iter(notice(desk, tx)), "")
            raise Undone
    except sa.exc.DBAPIError:
        return "refused"
    except Undone:
        return finding


def another(value: Any) -> list[Any]:
    """Values that stand for «changed by hand»: a little, and much."""
    if isinstance(value, str):
        return [value + "x", value[1:] + "0"]
    return [1 if value is None else value + 1, -(10**14)]


def changes(desk: Desk, table: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Name of the case, SQL and values: each column of some rows changed, rows added with another key, rows removed."""
    with desk.database.read() as tx:
        found = tx.all(f"SELECT * FROM {table}")
        sync = sa.inspect(tx.connection)
        columns = [column["name"] for column in sync.get_columns(table)]
        key = sync.get_pk_constraint(table)["constrained_columns"]
    assert found, f"{table} is empty: nothing is shown"
    rows = random.Random(table).sample(found, min(ROWS_TRIED, len(found)))
    here = " AND ".join(f"{name} = :k_{name}" for name in key)
    for n, row in enumerate(rows):
        at = {f"k_{name}": row[name] for name in key}
        for name in columns:
            if f"{table}.{name}" not in NOT_ALL:
                for value in another(row[name])[: 1 if n else 2]:
                    yield f"{table}.{name} changed", f"UPDATE {table} SET {name} = :new WHERE {here}", {**at, "new": value}
        yield f"{table}: a row removed", f"DELETE FROM {table} WHERE {here}", at
        marks = ", ".join(f":{name}" for name in columns)
        for name in key:
            for value in another(row[name]):
                yield f"{table}: a row added", f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", {
                    **row, name: value,
                }  # fmt: skip


#: Copies of what the CRM says are read again: that one of a client is missing, or one more is there, changes nothing.
COPIES = {"crm_seen: a row removed", "crm_seen: a row added"}


@pytest.mark.row("EX-22", "PL-04")
def test_nothing_is_changed_by_hand_without_a_fault(desk: Desk) -> None:
    names = [name for name in tables(migration_sets()) if name.startswith(FOLLOW) and name not in NOT_ALL]
    assert len(names) >= 12
    tried, missed = 0, []
    for table in names:
        for case, sql, values in changes(desk, table):
            tried += 1
            if not meddled(desk, sql, values) and case not in COPIES:
                missed.append((case, values))
    assert missed == [] and tried > 250
    assert notice(desk) == [], "all was undone"
