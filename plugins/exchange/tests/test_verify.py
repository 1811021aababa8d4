"""`verify` names the first row of the desk's tables that was changed, added or removed by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from kernel.storage import Tx
from plugins.exchange.rate_list import keep_rates
from plugins.exchange.rates import Rate
from plugins.exchange.tests.desk import Desk, MakeDesk, buy

TAMPERINGS = {
    "UPDATE exchange_deal SET stage = 'closed' WHERE subject = 'planfix/main/505'": (
        "exchange_deal planfix/main/505: stage was changed"
    ),
    "UPDATE exchange_deal SET facts = REPLACE(facts, '41.2', '41.3') WHERE subject = 'planfix/main/505'": (
        "exchange_deal planfix/main/505: facts was changed"
    ),
    "DELETE FROM exchange_deal WHERE subject = 'planfix/main/503'": "exchange_deal planfix/main/503: the row was removed",
    "INSERT INTO exchange_deal SELECT 'planfix/main/999', number, portal, record_id, url, stage, client, client_name, "
    "manager, custody, custody_until, created_at, facts FROM exchange_deal WHERE subject = 'planfix/main/505'": (
        "exchange_deal planfix/main/999: the row was added"
    ),
    "UPDATE exchange_operation SET profit = profit + 1 WHERE subject = 'planfix/main/505'": (
        "exchange_operation planfix/main/505/506: profit was changed"
    ),
    "UPDATE exchange_operation SET reported_source = 'me' WHERE subject = 'planfix/main/505'": (
        "exchange_operation planfix/main/505/506: reported_source was changed"
    ),
    "DELETE FROM exchange_operation WHERE subject = 'planfix/main/505'": (
        "exchange_operation planfix/main/505/506: the row was removed"
    ),
    "UPDATE exchange_operation SET op = 'x' WHERE subject = 'planfix/main/505'": (
        "exchange_operation planfix/main/505/506: the row was removed"
    ),
    "UPDATE exchange_pending SET amount = amount - 1 WHERE n = 1": "exchange_pending planfix/main/505/1: amount was changed",
    "DELETE FROM exchange_pending WHERE n = 0": "exchange_pending planfix/main/505/0: the row was removed",
    "INSERT INTO exchange_pending VALUES ('planfix/main/503', 9, '', 'USD', 'Каса', 'in', 1)": (
        "exchange_pending planfix/main/503/9: the row was added"
    ),
    "UPDATE exchange_rate SET rate = '41.7'": "exchange_rate USD/UAH/2026-11-23: the row was changed",
    "DELETE FROM exchange_rate": "exchange_rate USD/UAH/2026-11-23: the row was removed",
    "INSERT INTO exchange_rate VALUES ('EUR', 'UAH', '2026-11-23', '45', 'me')": (
        "exchange_rate EUR/UAH/2026-11-23: the row was added"
    ),
    "UPDATE crm_seen SET body = REPLACE(body, '10000', '10001') WHERE id = '505'": "crm_seen planfix/main deal 505",
}  # fmt: skip


def prepared(desk: Desk) -> Desk:
    desk.cash("412000", "UAH")  # deal 503
    deal = desk.run_through(buy(), to="client_paid")  # deal 505, row 506
    assert (deal, desk.row_keys(deal)) == ("505", ["506"])
    keep_rates(desk.portal, [Rate("USD", "UAH", date(2026, 11, 23), Decimal("41.5"), "NBU")])
    assert desk.faults() == []
    return desk


def meddle(desk: Desk, sql: str) -> list[str]:
    with desk.portal.database.write() as tx:
        tx.run(sql)
    return desk.faults()


@pytest.mark.row("EX-22", "PL-04")
@pytest.mark.parametrize("sql", TAMPERINGS)
def test_what_was_changed_by_hand_is_named_first(desk: Desk, sql: str) -> None:
    faults = meddle(prepared(desk), sql)
    assert faults and faults[0].startswith(TAMPERINGS[sql])


@pytest.mark.row("EX-22", "PL-04", "PL-07")
def test_the_same_on_either_database(both: Desk) -> None:
    prepared(both)
    sql = "UPDATE exchange_operation SET profit = profit + 1 WHERE subject = 'planfix/main/505'"
    assert meddle(both, sql)[0].startswith(TAMPERINGS[sql])


@pytest.mark.row("EX-05", "PL-04")
def test_books_that_differ_from_a_rebuild_are_named(desk_of: MakeDesk) -> None:
    """A fact accepted without its postings, as a bug would do it."""
    desk = prepared(desk_of())
    with desk.portal.unit() as unit:
        desk.portal.books.book("exchange").settle(unit.tx, "planfix/main/505", [], author="bug", trace="")
    assert desk.faults() == [
        "deal 505 (planfix/main/505): posting «client_in» is missing: rebuild from zero differs from the books"
    ]


def without_triggers(tx: Tx) -> None:
    """What somebody with the database in hand would do first."""
    if tx.dialect == "sqlite":
        for row in tx.all("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE 'ledger%'"):
            tx.run(f"DROP TRIGGER {row['name']}")
    else:
        for table in ("ledger_journal", "ledger_leg"):
            tx.run(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
