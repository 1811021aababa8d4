"""Operations of one deal in order: one line, effective rate, remainders, and a broken chain that is refused."""

from __future__ import annotations

import pytest

from plugins.exchange.tests.desk import Desk, MakeDesk, buy, sell

TWO = (buy("1000", "USD/UAH", "41", "41.1"), sell("41000", "USDT/UAH", "41", "40.9", amount_in="UAH"))
THREE = (*TWO, buy("1000", "USDT/EUR", "0.92", "0.921"))
FIVE = (*THREE, sell("920", "USD/EUR", "0.92", "0.919", amount_in="EUR"), buy("1000", "USD/PLN", "4", "4.01"))


@pytest.mark.row("EX-07")
@pytest.mark.parametrize(
    ("operations", "merge_from", "line"),
    [
        (TWO, 3, "1) 1 000,00 USD → 41 000,00 UAH; 2) 41 000,00 UAH → 1 000,000000 USDT"),
        (TWO, 2, "1 000,00 USD → 1 000,000000 USDT, курс 1, прибуток: 200,00 UAH"),
        (THREE, 3, "1 000,00 USD → 920,00 EUR, курс 0,92, прибуток: 200,00 UAH; 1,00 EUR"),
        (FIVE, 3, "1 000,00 USD → 4 000,00 PLN, курс 4, прибуток: 200,00 UAH; 2,00 EUR; 10,00 PLN"),
        (FIVE, 6, None),
    ],
)
def test_from_so_many_operations_on_one_line(
    desk_of: MakeDesk, operations: tuple, merge_from: int, line: str | None
) -> None:
    desk = desk_of(merge_from=merge_from)
    deal = desk.deal(*operations)
    shown = desk.field(deal, "analytics")
    assert shown == line if line else shown.count(";") == 4
    assert desk.field(deal, "remainder") is None


@pytest.mark.row("EX-07")
def test_a_chain_leads_the_clients_claim_through_all_currencies(desk: Desk) -> None:
    for code, amount in (("UAH", "50000"), ("USDT", "2000"), ("EUR", "2000"), ("USD", "2000"), ("PLN", "5000")):
        desk.cash(amount, code)
    deal = desk.run_through(*FIVE, to="partner_paid")
    assert desk.balances(party=desk.customer.id) == {"client PLN": "-4000.00"}
    assert {k: v for k, v in desk.balances().items() if k.startswith("profit")} == {
        "profit EUR": "-2.00", "profit PLN": "-10.00", "profit UAH": "-200.00",
    }  # fmt: skip
    desk.move(deal, "closed")
    assert desk.balances(party=desk.customer.id) == {} and desk.faults() == []


@pytest.mark.row("EX-07")
def test_a_broken_chain_is_refused_and_names_the_operation(desk: Desk) -> None:
    deal = desk.run_through(*THREE, to="client_paid")
    before = desk.standing(deal)
    desk.edit(deal, 2, pair="EUR/PLN", amount_in="EUR")
    [notice] = desk.notices(deal)
    assert "операція 2" in notice.lower() and "UAH" in notice and "PLN" in notice
    assert desk.field(deal, "check") and desk.standing(deal) == before
    desk.edit(deal, 2, pair="USDT/UAH", amount_in="UAH")
    assert desk.field(deal, "check") is None


@pytest.mark.row("EX-07")
@pytest.mark.parametrize(("amount", "rest"), [("40900", "100,00 UAH"), ("41250,5", "-250,50 UAH")])
def test_amounts_that_do_not_meet_leave_a_remainder_owed_to_or_by_the_client(desk: Desk, amount: str, rest: str) -> None:
    desk.cash("50000", "UAH")
    desk.cash("5000", "USDT")
    deal = desk.run_through(TWO[0], {**TWO[1], "amount": amount})
    assert desk.field(deal, "remainder") == rest
    sign = "" if rest.startswith("-") else "-"
    assert desk.balances(party=desk.customer.id) == {
        "client UAH": sign + rest.strip("-").replace(",", ".").removesuffix(" UAH")
    }
    assert desk.faults() == []


@pytest.mark.row("EX-07")
def test_the_commission_of_an_inner_operation_counts_as_remainder(desk: Desk) -> None:
    deal = desk.deal({**TWO[0], "commission_fixed": "50"}, {**TWO[1], "amount": "40950"})
    assert desk.field(deal, "remainder") is None
