"""What each stage does to the books: the worked examples, the table of stages, jumps, moves back, cancelling."""

from __future__ import annotations

import pytest

from plugins.exchange.tests.desk import Desk, MakeDesk, buy, own, sell


@pytest.mark.row("EX-02", "EX-03", "EX-04")
def test_worked_example_1(both: Desk) -> None:
    both.cash("412000", "UAH")
    deal = both.run_through(buy("10000.00", "USD/UAH", "41.20", "41.35"))
    row = both.row(deal, 1)
    assert (row["gives"], row["gets"]) == ("10 000,00 USD", "412 000,00 UAH")
    assert (row["partner_takes"], row["partner_gives"]) == ("10 000,00 USD", "413 500,00 UAH")
    assert row["profit"] == both.field(deal, "profit") == "1 500,00 UAH"
    assert both.field(deal, "profit_reported") == "36,41 USD"  # 1500 / 41.20, the operation's own rate
    assert both.balances() == {"equity UAH": "-412000.00", "place UAH": "413500.00", "profit UAH": "-1500.00"}
    assert both.faults() == []


@pytest.mark.row("EX-02", "EX-03", "EX-04")
def test_worked_example_2(both: Desk) -> None:
    deal = both.run_through(sell("5000.00", "USDT/USD", "1.005", "1.0005", amount_in="USD"))
    row = both.row(deal, 1)
    assert (row["gives"], row["gets"]) == ("5 000,00 USD", "4 975,124378 USDT")
    assert (row["partner_takes"], row["partner_gives"]) == ("4 977,61 USD", "4 975,124378 USDT")
    assert row["profit"] == both.field(deal, "profit") == both.field(deal, "profit_reported") == "22,39 USD"
    assert both.balances() == {"place USD": "22.39", "profit USD": "-22.39"}
    assert both.faults() == []


@pytest.mark.row("EX-02")
def test_each_stage_posts_what_the_table_says(desk: Desk) -> None:
    desk.cash("412000", "UAH")
    before = desk.balances()
    deal = desk.deal(buy())
    assert desk.standing(deal) == {}
    with desk.unit() as unit:
        pending = unit.tx.all("SELECT currency, flow, amount FROM exchange_pending ORDER BY n")
    assert [(row["currency"], row["flow"], row["amount"]) for row in pending] == [
        ("USD", "in", 1000000), ("USD", "out", 1000000), ("UAH", "in", 41350000), ("UAH", "out", 41200000),
    ]  # fmt: skip
    assert desk.balances() == before

    desk.move(deal, "client_paid")
    assert desk.standing(deal) == {"client_in": [("place", "USD", "10000.00"), ("client", "USD", "-10000.00")]}

    desk.move(deal, "partner_paid")
    assert desk.balances(party=desk.customer.id) == {"client UAH": "-412000.00"}
    assert desk.balances()["profit UAH"] == "-1500.00"
    assert "place USD" not in desk.balances()

    desk.move(deal, "closed")
    assert desk.balances(party=desk.customer.id) == {}
    assert desk.standing(deal)["payout"] == [("client", "UAH", "412000.00"), ("place", "UAH", "-412000.00")]
    with desk.unit() as unit:
        assert unit.tx.value("SELECT COUNT(*) FROM exchange_pending") == 0


@pytest.mark.row("EX-02")
@pytest.mark.parametrize("label", ["Закриття угоди", "Завершено"])
def test_both_labels_of_the_last_stage_close_a_deal(desk: Desk, label: str) -> None:
    desk.cash("412000", "UAH")
    deal = desk.run_through(buy(), to="partner_paid")
    desk.staff.move(deal, label)
    desk.sync(deal)
    assert desk.facts(deal).stage == "closed"


@pytest.mark.row("EX-02")
def test_a_jump_posts_what_was_skipped_and_equals_the_way_step_by_step(desk: Desk) -> None:
    desk.cash("900000", "UAH")
    slow, quick = desk.run_through(buy()), desk.deal(buy())
    desk.move(quick, "closed")
    shape = [list(legs) for legs in desk.standing(slow).values()]
    assert [list(legs) for legs in desk.standing(quick).values()] == shape
    assert sorted(desk.facts(quick).entered) == sorted(["client_paid", "partner_paid", "closed"])
    assert desk.notices(quick) == []


@pytest.mark.row("EX-02")
def test_a_jump_can_be_refused(desk_of: MakeDesk) -> None:
    desk = desk_of(jump="refuse")
    deal = desk.deal(buy())
    before = desk.journal()
    desk.move(deal, "partner_paid")
    assert desk.stage(deal) == "new" and desk.journal() == before
    [notice] = desk.notices(deal)
    assert "«Нове звернення»" in notice and "«Підтвердження оплати клієнта»" in notice
    assert desk.crm.comments(deal)[0].to == (desk.manager.id,)
    desk.sync(deal)
    desk.sync(deal)
    assert len(desk.notices(deal)) == 1
    desk.move(deal, "client_paid", "partner_paid")
    assert desk.stage(deal) == "partner_paid" and len(desk.notices(deal)) == 1
    desk.move(deal, "cancelled")  # no jump: a cancelled deal has come nowhere
    assert desk.stage(deal) == "cancelled"


@pytest.mark.row("EX-02", "EX-05")
def test_a_move_back_reverses_and_forward_again_posts_anew(desk: Desk) -> None:
    desk.cash("412000", "UAH")
    deal = desk.run_through(buy())
    done = desk.balances()
    desk.move(deal, "client_paid")
    assert set(desk.standing(deal)) == {"client_in"}
    desk.move(deal, "new")
    assert desk.standing(deal) == {} and desk.balances() == {"equity UAH": "-412000.00", "place UAH": "412000.00"}
    desk.move(deal, "client_paid", "partner_paid", "closed")
    assert desk.balances() == done
    with desk.unit() as unit:
        kinds = [
            entry.kind
            for entry in desk.portal.books.book("exchange").entries(unit.tx, f"planfix/main/{deal}")
            if entry.legs()
        ]
    assert kinds.count("posting") == 8 and kinds.count("reversal") == 4
    assert desk.faults() == []


@pytest.mark.row("EX-02", "EX-05")
def test_cancelling_takes_all_back_and_reviving_brings_it_again_at_the_same_times(desk: Desk) -> None:
    desk.cash("412000", "UAH")
    deal = desk.run_through(buy())
    entered, done = desk.facts(deal).entered, desk.balances()
    desk.clock.advance(days=2)
    desk.move(deal, "cancelled")
    assert desk.standing(deal) == {} and desk.facts(deal).entered == entered
    desk.move(deal, "closed")
    assert desk.balances() == done and desk.facts(deal).entered == entered


@pytest.mark.row("EX-03")
def test_moving_money_has_no_profit_and_no_client(desk: Desk) -> None:
    desk.deal(
        own("deposit", "1000", "USD"), own("move", "300", "USD", place="Каса", to_place="Банк"),
        own("withdraw", "100", "USD", place="Банк"), own("to_partner", "250", "USD", partner=desk.partner),
        own("from_partner", "50", "USD", partner=desk.partner), stage="closed", client=None,
    )  # fmt: skip
    assert desk.balances() == {"equity USD": "-900.00", "partner USD": "200.00", "place USD": "700.00"}
    with desk.unit() as unit:
        rows = unit.tx.all("SELECT place, SUM(amount) AS a FROM ledger_leg WHERE account = 'place' GROUP BY place")
    assert {row["place"]: int(row["a"]) for row in rows} == {"Каса": 50000, "Банк": 20000}
    assert desk.crm.record("contact", desk.partner.id).values["balance"] == "Наші гроші в партнера: 200,00 USD"
    assert desk.faults() == []


@pytest.mark.row("EX-04")
def test_an_unknown_partner_rate_is_a_dash_not_zero_and_is_booked_when_it_comes(desk: Desk) -> None:
    desk.cash("412000", "UAH")
    deal = desk.run_through(buy(partner_rate=None))
    assert desk.row(deal, 1)["profit"] == desk.row(deal, 1)["partner_gives"] == "—"
    assert desk.field(deal, "profit") == "— UAH" and desk.field(deal, "profit_reported") == "—"
    assert "profit UAH" not in desk.balances()
    assert desk.balances()["place USD"] == "10000.00"  # the partner took nothing yet
    desk.edit(deal, 1, partner_rate="41.35")
    assert desk.field(deal, "profit") == "1 500,00 UAH" and desk.balances()["profit UAH"] == "-1500.00"


@pytest.mark.row("EX-04")
def test_a_loss_shows_as_a_negative_profit(desk: Desk) -> None:
    desk.cash("412000", "UAH")
    deal = desk.run_through(buy(partner_rate="41.10"))
    assert desk.field(deal, "profit") == "-1 000,00 UAH"
    assert desk.balances()["profit UAH"] == "1000.00"


@pytest.mark.row("EX-03", "EX-04")
def test_commission_and_network_fee_are_postings_of_their_own(desk: Desk) -> None:
    desk.cash("412000", "UAH")
    deal = desk.run_through(buy(commission_percent="0.5", commission_fixed="15,50", network_fee="3.20"))
    standing, key = desk.standing(deal), desk.row_keys(deal)[0]
    assert standing[f"commission:{key}"] == [("client", "UAH", "2075.50"), ("commission", "UAH", "-2075.50")]
    assert standing[f"fee:{key}"] == [("place", "UAH", "-3.20"), ("fees", "UAH", "3.20")]
    assert standing["payout"][1] == ("place", "UAH", "-409924.50")
    assert desk.balances(party=desk.customer.id) == {}
    assert desk.balances()["place UAH"] == "415572.30"  # 412000 + 1500 profit + 2075.50 - 3.20
    assert desk.faults() == []


@pytest.mark.row("EX-06")
def test_the_cards_of_client_and_partner_follow_each_posting(desk: Desk) -> None:
    desk.cash("412000", "UAH")
    deal = desk.run_through(buy(partner=desk.partner), to="partner_paid")
    card = desk.crm.record("contact", desk.customer.id).values
    assert card["balance"] == "Винні клієнту: 412 000,00 UAH"
    assert card["month"] == f"23.11 №{deal}/1: 10 000,00 USD → 412 000,00 UAH"
    assert desk.crm.record("contact", desk.partner.id).values["month"] == f"23.11 №{deal}/1: 10 000,00 USD → 413 500,00 UAH"
    desk.move(deal, "closed")
    assert desk.crm.record("contact", desk.customer.id).values["balance"] is None
    desk.clock.advance(days=20)
    desk.work("exchange.cards")  # a new month
    assert desk.crm.record("contact", desk.customer.id).values["month"] is None


@pytest.mark.row("EX-02", "EX-05")
def test_a_cancelled_deal_is_taken_back_even_if_a_field_holds_nonsense(desk: Desk) -> None:
    deal = desk.run_through(buy(partner=desk.partner), to="client_paid")
    desk.staff.edit_row("deal", deal, "operation", desk.row_keys(deal)[0], client_rate="41,2o")
    desk.move(deal, "cancelled")
    assert set(desk.balances().values()) <= {"0.00"}
    assert desk.faults() == []
