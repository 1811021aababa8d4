"""The desk to the letter: what staff, owner and auditor see after each kind of change, to the cent, day and place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from plugins.exchange.board import COLUMNS, Line, board
from plugins.exchange.control import control
from plugins.exchange.explain import FIGURES, PENDING, Question, groups, parts, total
from plugins.exchange.history import import_file
from plugins.exchange.rate_list import keep_rates
from plugins.exchange.rates import Rate
from plugins.exchange.reports import Filter, contacts, operations
from plugins.exchange.tests.desk import Desk, buy, own, sell

KYIV = ZoneInfo("Europe/Kyiv")


def lines(desk: Desk, at: datetime | None = None) -> dict[str, Line]:
    with desk.unit() as unit:
        return {line.currency.code: line for line in board(unit, at).totals}


def at(desk: Desk, moment: datetime) -> None:
    desk.clock.set(moment.astimezone(UTC))


def fields(desk: Desk, contact: Any) -> Mapping[str, Any]:
    return desk.crm.record("contact", contact.id).values


# --- what is accepted ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["deposit", "withdraw", "to_partner", "from_partner"])
def test_nothing_is_booked_over_nothing(desk: Desk, kind: str) -> None:
    deal = desk.deal(own(kind, "0", "USD", partner=desk.partner), stage="closed")
    assert desk.notices(deal) and desk.balances() == {} and desk.faults() == []


@pytest.mark.row("EX-09")
def test_a_payout_by_row_and_stage_at_once_is_refused_as_a_whole(desk: Desk) -> None:
    """Staff take more out of custody than the desk may pay, and close the deal in the same moment."""
    other = desk.contact("Інший")
    desk.run_through(buy("400000", "UAH/USD", "0.0243", None), to="client_paid", client=other)
    deal = desk.run_through(buy("10000", "USD/UAH", "41.2", None), to="partner_paid", custody=True)
    kept, before = desk.facts(deal), desk.balances()
    desk.staff.add_row("deal", deal, "operation", **own("custody_out", "400000", "UAH"))
    desk.staff.move(deal, "closed")
    desk.sync(deal)
    assert desk.facts(deal) == kept and desk.balances() == before and desk.notices(deal)
    assert desk.stage(deal) == "partner_paid" and desk.faults() == []


def test_fees_are_read_in_the_scale_of_what_the_client_gets(desk: Desk) -> None:
    deal = desk.deal(sell("100", "USDT/USD", "1.005", network_fee=Decimal("0.000001"), commission_fixed=Decimal("0.123456")))
    [op] = desk.facts(deal).operations
    assert (op.network_fee, op.commission_fixed) == (1, 123456) and desk.notices(deal) == []
    deal = desk.deal(buy("100", "USD/UAH", network_fee=Decimal("0.001")), stage="client_paid")
    assert desk.notices(deal), "a thousandth of a hryvnia is none"


def test_an_operations_own_partner_counts_before_the_deals(desk: Desk) -> None:
    second = desk.contact("Партнер Два")
    deal = desk.deal(buy(), buy("1", "UAH/USD", "1", partner=second), partner=desk.partner)
    assert [op.partner.key for op in desk.facts(deal).operations] == [desk.partner.id, second.id]
    assert [op.number for op in desk.facts(deal).operations] == ["1", "2"]


def test_what_is_missing_in_a_paid_deal_is_told_and_in_a_new_one_is_not(desk: Desk) -> None:
    fresh, paid = desk.deal(buy(rate=None)), desk.deal(buy(rate=None), stage="client_paid")
    assert desk.notices(fresh) == [] and len(desk.notices(paid)) == 1
    desk.edit(paid, 1, client_rate="41")
    desk.edit(paid, 1, client_rate="курс")
    assert len(desk.notices(paid)) == 2, "the second problem is told as well"


# --- what stands in the CRM -------------------------------------------------------------------------------------------


@pytest.mark.row("EX-04")
def test_a_total_is_shown_only_when_all_of_it_is_known(desk: Desk) -> None:
    deal = desk.run_through(buy(), buy("1000", "UAH/USD", "0.024", None), to="partner_paid")
    assert desk.field(deal, "profit_reported") == "—" and "—" in desk.field(deal, "profit")
    desk.edit(deal, 2, partner_rate="0.025")
    assert desk.field(deal, "profit_reported") == "37,41 USD"


@pytest.mark.row("EX-05")
def test_every_figure_follows_every_change(desk: Desk) -> None:
    deal = desk.run_through(buy(), to="partner_paid")
    for rate, gets, profit in (("42", "420 000,00 UAH", "-6 500,00 UAH"), ("41.2", "412 000,00 UAH", "1 500,00 UAH")):
        desk.edit(deal, 1, client_rate=rate)
        row = desk.row(deal, 1)
        assert (row["gets"], row["profit"], desk.field(deal, "profit")) == (gets, profit, profit)
    assert desk.faults() == []


@pytest.mark.row("EX-08")
def test_money_kept_for_another_client_now_shows_on_their_card_alone(desk: Desk) -> None:
    other = desk.contact("Інша")
    deal = desk.run_through(buy("1000", "USD/UAH", "41", None), to="partner_paid", custody=True)
    desk.set(deal, client=other)
    for client, amount in ((desk.customer, 0), (other, 41000)):
        [row] = desk.crm.record("contact", client.id).rows["custody"]
        assert row.values["amount"] == amount, client
        assert (row.values["status"] == "зберігається") is (amount > 0)
    assert "41 000,00" in fields(desk, other)["balance"] and not fields(desk, desk.customer)["balance"]


@pytest.mark.row("EX-13")
def test_the_cards_say_who_owes_whom(desk: Desk) -> None:
    desk.run_through(buy("100", "USD/UAH", "40", None, partner=desk.partner), to="partner_paid")
    desk.deal(own("to_partner", "7", "USD", partner=desk.partner), stage="closed", client=None)
    assert "4 000,00 UAH" in fields(desk, desk.customer)["balance"] and "-" not in fields(desk, desk.customer)["balance"]
    assert "7,00 USD" in fields(desk, desk.partner)["balance"] and "-" not in fields(desk, desk.partner)["balance"]
    desk.deal(own("from_partner", "10", "USD", partner=desk.partner), stage="closed", client=None)
    assert "-3,00 USD" in fields(desk, desk.partner)["balance"]


@pytest.mark.row("EX-13")
def test_a_cards_month_is_the_desks_month(desk: Desk) -> None:
    at(desk, datetime(2026, 11, 30, 23, 50, tzinfo=KYIV))
    desk.run_through(buy(), to="client_paid")
    assert "30.11" in fields(desk, desk.customer)["month"]
    at(desk, datetime(2026, 12, 1, 0, 10, tzinfo=KYIV))  # still November in Greenwich
    desk.run_through(buy("5", "USD/UAH"), to="client_paid")
    assert "01.12" in fields(desk, desk.customer)["month"] and "30.11" not in fields(desk, desk.customer)["month"]


# --- rates ------------------------------------------------------------------------------------------------------------


def test_a_list_of_rates_values_all_that_is_known_and_stands_in_the_journal(desk: Desk) -> None:
    deals = [desk.run_through(buy(), to="partner_paid") for _ in range(3)]
    today = desk.clock.now().date()
    known = [Rate("USD", "UAH", today - timedelta(days=n), Decimal(50 - n), "list") for n in range(4)]
    assert keep_rates(desk.portal, known) == 4 and keep_rates(desk.portal, known) == 0
    with desk.unit() as unit:
        rows = unit.tx.all("SELECT reported, reported_rate FROM exchange_operation")
    assert [(row["reported"], row["reported_rate"]) for row in rows] == [(3000, "0.02")] * len(deals)
    assert desk.faults() == []
    assert keep_rates(desk.portal, [replace(known[0], rate=Decimal(40))]) == 1 and desk.faults() == []


# --- board and explanation --------------------------------------------------------------------------------------------


@pytest.mark.row("EX-11")
def test_a_day_begins_at_the_desks_midnight(desk: Desk) -> None:
    at(desk, datetime(2026, 11, 30, 23, 50, tzinfo=KYIV))
    desk.cash("100", "USD")
    at(desk, datetime(2026, 12, 1, 0, 10, tzinfo=KYIV))  # the same day in Greenwich
    desk.cash("7", "USD")
    desk.deal(own("withdraw", "2", "USD"), stage="closed", client=None)
    today = lines(desk)["USD"]
    assert (today.held, today.in_today, today.out_today) == (10500, 700, 200)


@pytest.mark.row("EX-11", "EX-12")
def test_a_past_moment_holds_what_was_booked_in_it_and_expects_the_rest(desk: Desk) -> None:
    desk.deal(buy())
    moments: list[datetime] = []
    deal = desk.deal(buy("1000", "USD/UAH", "40", "41"))
    for stage in ("client_paid", "partner_paid", "closed"):
        desk.clock.advance(hours=1)
        desk.move(deal, stage)
        with desk.unit() as unit:
            booked = unit.tx.value("SELECT MAX(at) FROM ledger_leg")
        moments.append(datetime.fromtimestamp(booked / 1e6, UTC))
    figures = [(line.held, line.pending_in, line.pending_out) for line in (lines(desk, moment)["USD"] for moment in moments)]
    assert figures == [(100000, 1000000, 1100000), (0, 1000000, 1000000), (0, 1000000, 1000000)]
    with desk.unit() as unit:
        for moment in (*moments, moments[0] - timedelta(microseconds=1), None):
            for line in board(unit, moment).totals:
                for figure in (*FIGURES, *PENDING):
                    question = Question(figure, line.currency.code, at=moment)
                    found = groups(unit, question)
                    assert total(unit, question).minor == getattr(line, figure), (figure, moment)
                    assert sum(group.amount.minor for group in found) == getattr(line, figure)
                    for group in found:
                        assert sum(part.amount.minor for part in parts(unit, question, group.subject)) == group.amount.minor


@pytest.mark.row("EX-11")
def test_what_clients_owe_is_nothing_to_spend_and_what_has_no_rate_has_no_worth(desk: Desk) -> None:
    desk.cash("100", "UAH")
    desk.run_through(
        buy("1", "USD/UAH", "40", None), {"kind": "sell", "pair": "EUR/UAH", "amount": "1", "client_rate": "100"},
        to="partner_paid",
    )  # fmt: skip
    line = lines(desk)["UAH"]
    assert (line.own, line.owed, line.owed_by_clients) == (16000, -6000, 6000) and line.available == 10000
    assert set(COLUMNS) <= set(line.data())
    with desk.unit() as unit:
        worth = {one.column: one for one in board(unit).worth}
    assert worth["held"].money is None and worth["held"].missing == ("UAH",)


# --- reports ----------------------------------------------------------------------------------------------------------


def report(desk: Desk, **wanted: Any) -> dict[str, Any]:
    with desk.unit() as unit:
        return operations(unit, Filter(**wanted))


@pytest.mark.row("EX-17")
def test_both_days_of_a_period_count_and_no_others(desk: Desk) -> None:
    days = [date(2026, 11, day) for day in (22, 23, 24, 25)]
    for day in days:
        for hour, minute in ((0, 1), (23, 59)):
            at(desk, datetime(day.year, day.month, day.day, hour, minute, tzinfo=KYIV))
            desk.cash("1", "USD")
    found = report(desk, start=days[1], end=days[2])["rows"]
    assert [row["at"][:16] for row in found] == [
        "2026-11-23T00:01", "2026-11-23T23:59", "2026-11-24T00:01", "2026-11-24T23:59",
    ]  # fmt: skip
    assert len(report(desk, end=days[0])["rows"]) == 2 and len(report(desk, start=days[3])["rows"]) == 2


@pytest.mark.row("EX-17", "EX-19")
def test_profit_counts_when_the_books_recognise_it_and_cancelled_deals_for_nobody(desk: Desk) -> None:
    desk.run_through(buy(), to="client_paid")
    assert [one for one in report(desk)["totals"] if one["profit"] != "0.00"] == []
    desk.run_through(buy(), to="partner_paid")
    assert {one["currency"]: one["profit"] for one in report(desk)["totals"]}["UAH"] == "1500.00"
    gone = desk.run_through(buy("77777", "USD/UAH"), to="partner_paid")
    desk.move(gone, "cancelled")
    assert {one["currency"]: one["profit"] for one in report(desk)["totals"]}["UAH"] == "1500.00"
    with desk.unit() as unit:
        [client] = [row for row in contacts(unit, Filter())["rows"] if row["role"] == "client"]
    assert (client["deals"], client["operations"]) == (2, 2)
    assert client["turnover"] == [{"currency": "USD", "amount": "20000.00"}]
    assert client["profit"] == [{"currency": "UAH", "amount": "1500.00"}]


@pytest.mark.row("EX-19")
def test_the_average_margin_is_over_what_was_turned_in_the_profits_own_currency(desk: Desk) -> None:
    desk.run_through(buy("10000", "USD/UAH", "41.2", "41.35"), to="partner_paid")  # 1,500 of 412,000
    desk.run_through(sell("100", "EUR/USD", "1.1", "1.078"), to="partner_paid")  # 2.20 of 110
    with desk.unit() as unit:
        [client] = [row for row in contacts(unit, Filter())["rows"] if row["role"] == "client"]
    assert {one["currency"]: one["percent"] for one in client["margin"]} == {"UAH": "0.3641", "USD": "2"}


def test_control_counts_every_figure_that_differs_and_rounds_as_the_books_do(desk: Desk) -> None:
    deals = [desk.run_through(buy(f"{n}.05", "USD/UAH", "41.155", "41.145"), to="partner_paid") for n in range(1, 8)]
    assert control(desk.portal)["differences"] == 0
    key = desk.row_keys(deals[0])[0]
    desk.staff.edit_row("deal", deals[0], "operation", key, amount=Decimal(500))  # nobody tells us of it
    found = control(desk.portal)
    wrong = [row for row in found["rows"] if row["derived"] != row["booked"]]
    assert found["differences"] == len(wrong) > 3 and {row["deal"] for row in wrong} <= {deals[0], ""}
    for row in wrong:
        if row["derived"] is not None:
            assert Decimal(row["difference"]) == Decimal(row["booked"]) - Decimal(row["derived"])


# --- verify and regular work ------------------------------------------------------------------------------------------


@pytest.mark.row("EX-22")
@pytest.mark.parametrize(
    ("table", "sql"),
    [
        ("exchange_pending", "INSERT INTO exchange_pending VALUES ('x', 9, 'k', 'USD', 'Каса', 'in', 1)"),
        ("exchange_pending", "DELETE FROM exchange_pending"),
        ("exchange_operation", "UPDATE exchange_operation SET op = 'other'"),
        ("exchange_operation", "UPDATE exchange_operation SET profit = profit + 1"),
        ("exchange_deal", "UPDATE exchange_deal SET subject = 'other'"),
        ("exchange_deal", "UPDATE exchange_deal SET facts = REPLACE(facts, '41.2', '41.3')"),
        ("exchange_rate", "INSERT INTO exchange_rate VALUES ('USD', 'UAH', '2026-11-01', '1', 'x')"),
    ],
)
def test_verify_names_the_table_whatever_was_done_to_it(desk: Desk, table: str, sql: str) -> None:
    desk.run_through(buy(), to="partner_paid")
    assert desk.faults() == []
    with desk.database.write() as tx:
        tx.run(sql)
    assert any(fault.startswith(table) for fault in desk.faults())


@pytest.mark.row("EX-22")
def test_verify_finds_books_that_do_not_follow_from_the_facts(desk: Desk) -> None:
    """Somebody books by hand, properly: chain and sums hold, but no fact calls for it."""
    deal = desk.run_through(buy(), to="partner_paid")
    subject = desk.facts(deal).subject
    with desk.database.write() as tx:
        standing = [entry.posting() for entry in desk.portal.books.book("exchange").standing(tx, subject).values()]
        desk.portal.books.book("exchange").settle(tx, subject, standing[:-1], author="x", trace="")
    [fault] = desk.faults()
    assert "partner" in fault and "is missing: rebuild from zero differs" in fault


@pytest.mark.row("EX-08")
def test_of_each_date_money_is_kept_until_the_manager_is_told_once_and_on_that_day(desk: Desk) -> None:
    deal = desk.run_through(
        buy("1000", "USD/UAH", "41", None), to="partner_paid", custody=True, custody_until=date(2026, 11, 25)
    )

    def reminded(day: int, hour: int = 12) -> int:
        at(desk, datetime(2026, 11, day, hour, 30, tzinfo=KYIV))
        [work] = [work.name for work in desk.annex.works() if "custody" in work.name]
        desk.work(work.removeprefix("planfix/main:"))
        return len(desk.notices(deal))

    assert [reminded(24), reminded(25, 0), reminded(25), reminded(26)] == [0, 1, 1, 1]
    desk.set(deal, custody_until=date(2026, 11, 28))
    assert [reminded(27), reminded(28), reminded(29)] == [1, 2, 2]


@pytest.mark.row("EX-22")
def test_the_days_head_is_published_under_the_desks_own_day(desk: Desk) -> None:
    desk.cash("1", "USD")
    [work] = [work.name for work in desk.annex.works() if "head" in work.name]
    published: list[list[str]] = []
    for moment in (
        datetime(2026, 11, 24, 12, 0, tzinfo=KYIV), datetime(2026, 11, 24, 13, 0, tzinfo=KYIV),
        datetime(2026, 11, 25, 0, 30, tzinfo=KYIV), datetime(2026, 11, 25, 12, 0, tzinfo=KYIV),
    ):  # fmt: skip
        at(desk, moment)
        desk.work(work.removeprefix("planfix/main:"))
        with desk.unit() as unit:
            published.append([row["day"][-2:] for row in unit.tx.all("SELECT day FROM ledger_published ORDER BY day")])
    assert published == [[], ["24"], ["24", "25"], ["24", "25"]]  # the first run only makes the record for them


HISTORY = """deal,op,at,client,partner,kind,pair,amount,amount_in,client_rate,partner_rate,stage
1,1,2026-11-01T10:00,Олена,П1,buy,USD/UAH,10000.00,USD,41.20,41.35,closed
2,1,2026-11-02T10:00,Іван,П1,sell,USDT/USD,5000.00,USD,1.005,1.0005,partner_paid
3,1,2026-11-02T10:00,,,deposit,UAH,100.00,UAH,,,
"""


@pytest.mark.row("EX-16", "EX-22")
def test_every_imported_deal_stands_with_its_facts_and_follows_from_them(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    for text, correct in ((HISTORY, False), (HISTORY, False), (HISTORY.replace("41.20", "41.30"), True)):
        path.write_text(text, encoding="utf-8")
        assert import_file(desk.portal, path, correct=correct).bad == () and desk.faults() == []
    with desk.unit() as unit:
        facts = [entry.subject for entry in desk.portal.books.book("exchange").facts(unit.tx, "deal")]
    assert facts == ["history/1", "history/2", "history/3", "history/1"]
    assert desk.balances()["profit UAH"] == "-500.00"
