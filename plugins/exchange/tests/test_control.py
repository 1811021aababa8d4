"""The control report can fail: it derives all again from what the CRM holds now, by other code than the books'."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from kernel.values import over, times
from plugins.exchange import figures, postings
from plugins.exchange.control import control
from plugins.exchange.tests.desk import Desk, buy, own, sell


@pytest.fixture
def busy(desk: Desk) -> Desk:
    for code, amount in (("UAH", "900000"), ("USD", "9000"), ("USDT", "9000")):
        desk.cash(amount, code)
    desk.run_through(buy(commission_percent="0.3", network_fee="1.10"))
    desk.run_through(sell("5000.00", "USDT/USD", "1.005", "1.0005", amount_in="USD"), to="partner_paid")
    desk.run_through(buy("777.77", "USDT/UAH", "41.255", "41.3"), to="client_paid")
    kept = desk.run_through(buy("100.10", "USD/UAH", "41.2", None), to="partner_paid", custody=True)
    desk.add(kept, **own("custody_out", "10", "UAH"))
    desk.deal(own("move", "5", "USD", to_place="Банк"), stage="closed", client=None)
    return desk


def wrong(desk: Desk) -> list[dict[str, Any]]:
    return [row for row in control(desk.portal)["rows"] if row["derived"] != row["booked"]]


@pytest.mark.row("EX-12")
def test_without_trouble_nothing_differs(busy: Desk) -> None:
    report = control(busy.portal)
    assert report["differences"] == 0
    assert {row["figure"] for row in report["rows"]} >= {
        "client_in", "client_out", "custody", "owed", "partner_takes", "partner_gives", "profit", "commission",
        "network_fee", "deposit", "move", "held", "crm_gives", "crm_gets", "crm_profit",
    }  # fmt: skip


@pytest.mark.row("EX-12")
@pytest.mark.parametrize(
    ("values", "figures"),
    [
        ({"amount": "10001"}, {"client_in", "client_out", "profit", "partner_takes", "partner_gives", "held", "commission"}),
        ({"client_rate": "41.21"}, {"client_out", "profit", "commission", "held"}),
        ({"partner_rate": "41.36"}, {"partner_gives", "profit", "held"}),
        ({"network_fee": "2"}, {"network_fee", "held"}),
    ],
)
def test_a_field_that_never_reached_the_books_shows(busy: Desk, values: dict[str, str], figures: set[str]) -> None:
    deal = busy.crm.records("deal")[3]
    busy.staff.edit_row("deal", deal.id, "operation", deal.rows["operation"][0].key, **values)  # and no delivery
    assert {row["figure"] for row in wrong(busy)} - {"crm_gives", "crm_gets", "crm_profit"} == figures
    assert all(row["deal"] in (deal.id, "") for row in wrong(busy))


@pytest.mark.row("EX-12")
def test_a_stage_or_a_row_that_never_reached_the_books_shows(busy: Desk) -> None:
    deal = busy.crm.records("deal")[4]
    busy.staff.move(deal.id, "closed")
    assert {(row["figure"], row["deal"]) for row in wrong(busy)} == {
        ("client_out", deal.id), ("owed", deal.id), ("held", "")
    }  # fmt: skip
    busy.sync(deal.id)
    assert wrong(busy) == []
    busy.staff.delete("deal", deal.id)
    assert {row["deal"] for row in wrong(busy)} == {deal.id, ""}


@pytest.mark.row("EX-12")
def test_a_computed_field_changed_by_hand_shows(busy: Desk) -> None:
    deal = busy.crm.records("deal")[3]
    busy.staff.edit_row("deal", deal.id, "operation", deal.rows["operation"][0].key, profit="1 501,00 UAH")
    [row] = wrong(busy)
    assert (row["figure"], row["derived"], row["booked"], row["difference"]) == ("crm_profit", "1500.00", "1501.00", "1.00")


MUTANTS = {
    "percent of fifty": ("PERCENT", Decimal(50)),
    "rounded up instead of half even": ("times", lambda *values: times(*values) + 1),
    "rate divided": ("times", over),
}


@pytest.mark.row("EX-12")
@pytest.mark.parametrize("name", MUTANTS)
def test_a_mistake_in_the_figures_cannot_agree_with_itself(desk: Desk, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    desk.cash("9000000", "UAH")
    monkeypatch.setattr(figures, *MUTANTS[name])
    desk.run_through(buy("333.33", "USD/UAH", "41.217", "41.35", commission_percent="1"), to="partner_paid")
    assert wrong(desk), name


@pytest.mark.row("EX-12")
def test_a_mistake_in_the_postings_cannot_agree_with_itself(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.cash("9000000", "UAH")
    monkeypatch.setattr(postings, "_custody", lambda deal, due, claim: iter(()))
    desk.run_through(buy(), to="partner_paid", custody=True)
    assert {row["figure"] for row in wrong(desk)} == {"custody", "owed"}


@pytest.mark.row("EX-12")
@pytest.mark.parametrize("pair", ["USD/UAH", "XYZ", "usd"])
def test_one_crooked_row_does_not_take_the_report_away(busy: Desk, pair: str) -> None:
    deal = busy.deal(own("deposit", "5", pair), stage="closed", client=None)
    rows = [row for row in control(busy.portal)["rows"] if row["deal"] == deal]
    assert len(rows) == (1 if pair == "usd" else 0)


@pytest.mark.row("EX-12")
def test_nonsense_in_a_field_that_the_kind_does_not_use_is_no_difference(busy: Desk) -> None:
    busy.deal(own("deposit", "5", "USD", partner_rate="сорок"), stage="closed", client=None)
    assert wrong(busy) == []


@pytest.mark.row("EX-12")
def test_filters_by_period_and_kind(busy: Desk) -> None:
    today = busy.clock.now().date()
    assert control(busy.portal, start=today)["rows"] == control(busy.portal)["rows"]
    earlier = control(busy.portal, end=today.replace(day=1))["rows"]
    assert {row["deal"] for row in earlier} == {""}  # what is held has no day
    assert {row["figure"] for row in control(busy.portal, kind="move")["rows"] if row["deal"]} == {"move"}
