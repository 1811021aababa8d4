"""Money that stays: put on, dated, paid out in parts, reminded of once, closed to zero; and it follows its client."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from kernel.crm import Ref
from plugins.exchange.tests.desk import Desk, MakeDesk, buy, own


def kept(desk: Desk, **values: Any) -> str:
    desk.cash("1000000", "UAH")
    return desk.run_through(buy("1000", "USD/UAH", "41", "41.2"), to="partner_paid", custody=True, **values)


def card(desk: Desk, client: Ref) -> list[dict[str, Any]]:
    return [dict(row.values) for row in desk.crm.record("contact", client.id).rows["custody"]]


def column(desk: Desk) -> str:
    from plugins.exchange.board import board

    with desk.unit() as unit:
        return next(line.data()["custody"] for line in board(unit).totals if line.currency.code == "UAH")


@pytest.mark.row("EX-08")
def test_custody_shows_on_board_and_card_with_the_default_term(desk: Desk) -> None:
    deal = kept(desk)
    assert column(desk) == "41000.00"
    assert desk.field(deal, "custody_until") == date(2026, 12, 23)  # 30 days from the Monday of the tests
    [row] = card(desk, desk.customer)
    assert (row["currency"], row["amount"], row["until"], row["deal"].id) == ("UAH", 41000, date(2026, 12, 23), deal)
    assert row["status"] == "зберігається"
    assert desk.balances(party=desk.customer.id) == {"custody UAH": "-41000.00"}


@pytest.mark.row("EX-08")
def test_the_deals_own_date_is_kept(desk_of: MakeDesk) -> None:
    desk = desk_of(custody_days=5)
    assert desk.field(kept(desk), "custody_until") == date(2026, 11, 28)
    deal = desk.deal(buy("10", "USD/UAH", "41", None), custody=True, custody_until=date(2027, 1, 15))
    assert desk.field(deal, "custody_until") == date(2027, 1, 15)


@pytest.mark.row("EX-08")
def test_parts_are_withdrawn_and_closing_pays_the_rest(desk: Desk) -> None:
    deal = kept(desk)
    desk.add(deal, **own("custody_out", "15000,50", "UAH"))
    assert column(desk) == "25999.50" and card(desk, desk.customer)[0]["amount"] == Decimal("25999.50")
    desk.add(deal, **own("custody_out", "5000", "UAH", place="Банк"))  # another place pays
    assert column(desk) == "20999.50" and desk.faults() == []
    desk.move(deal, "closed")
    assert column(desk) == "0.00" and desk.balances(party=desk.customer.id) == {}
    [row] = card(desk, desk.customer)
    assert row["amount"] == 0 and row["status"] == "видано"
    assert desk.standing(deal)["custody_close"] == [("custody", "UAH", "20999.50"), ("place", "UAH", "-20999.50")]
    assert desk.faults() == []


@pytest.mark.row("EX-08")
@pytest.mark.parametrize(
    ("row", "word"),
    [
        (own("custody_out", "41000.01", "UAH"), "41 000"),
        (own("custody_out", "1", "USD"), "UAH"),
    ],
)
def test_more_than_is_kept_cannot_be_withdrawn(desk: Desk, row: dict[str, Any], word: str) -> None:
    deal = kept(desk)
    desk.add(deal, **row)
    [notice] = desk.notices(deal)
    assert word in notice.replace("41000", "41 000") and column(desk) == "41000.00"


@pytest.mark.row("EX-08")
def test_nothing_is_withdrawn_from_a_deal_that_keeps_nothing(desk: Desk) -> None:
    desk.cash("1000000", "UAH")
    deal = desk.run_through(buy("1000", "USD/UAH", "41", "41.2"), to="partner_paid")
    desk.add(deal, **own("custody_out", "1", "UAH"))
    assert len(desk.notices(deal)) == 1 and len(desk.standing(deal)) == 3


@pytest.mark.row("EX-08")
def test_the_manager_is_reminded_once_per_date(desk: Desk) -> None:
    deal = kept(desk, custody_until=date(2026, 11, 25))
    desk.work("exchange.custody")
    assert desk.notices(deal) == []
    desk.clock.advance(days=2)
    desk.work("exchange.custody")
    desk.clock.advance(minutes=10)
    desk.work("exchange.custody")
    [comment] = desk.crm.comments(deal)
    assert "41 000,00 UAH" in comment.text and comment.to == (desk.manager.id,)
    desk.set(deal, custody_until=date(2026, 11, 27))
    desk.work("exchange.custody")
    assert len(desk.notices(deal)) == 1
    desk.clock.advance(days=2)
    desk.work("exchange.custody")
    assert len(desk.notices(deal)) == 2
    desk.move(deal, "closed")
    desk.set(deal, custody_until=date(2026, 11, 26))
    desk.work("exchange.custody")
    assert len(desk.notices(deal)) == 2


@pytest.mark.row("EX-05", "EX-08")
def test_kept_money_follows_the_deal_to_another_client(desk: Desk) -> None:
    deal, other = kept(desk), desk.contact("Інший")
    desk.set(deal, client=other)
    assert desk.balances(party=desk.customer.id) == {}
    assert desk.balances(party=other.id) == {"custody UAH": "-41000.00"}
    [old], [new] = card(desk, desk.customer), card(desk, other)
    assert (old["amount"], old["status"]) == (0, "скасовано") and new["amount"] == 41000
    desk.set(deal, client=desk.customer)
    [old], [new] = card(desk, desk.customer), card(desk, other)
    assert old["amount"] == 41000 and new["amount"] == 0
    assert desk.calls("failed") == [] and desk.crm.doubled() == []


@pytest.mark.row("EX-05", "EX-08")
def test_a_deal_that_keeps_no_longer_empties_its_row(desk: Desk) -> None:
    deal = kept(desk)
    desk.set(deal, custody=False)
    assert card(desk, desk.customer)[0]["status"] == "скасовано" and column(desk) == "0.00"
    desk.set(deal, custody=True)
    desk.move(deal, "cancelled")
    assert card(desk, desk.customer)[0]["amount"] == 0
