"""Clients' money is never paid out to others: a refused payout goes back, is told once; a setting only warns."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import pytest

from plugins.exchange import guard
from plugins.exchange.rules import payout_refusal
from plugins.exchange.tests.desk import Desk, MakeDesk, buy, own


def ready(desk: Desk, partner_rate: Any = None) -> str:
    """A deal that waits for its payout of 412,000 UAH; unless the partner pays, the desk has not got them."""
    return desk.run_through(buy(partner_rate=partner_rate), to="partner_paid")


@pytest.mark.row("EX-09")
def test_a_payout_with_other_clients_money_is_refused_put_back_and_told_once(both: Desk) -> None:
    both.cash("100000", "UAH")
    other = both.contact("Інший")
    both.run_through(own("deposit", "1", "UAH"), buy("400000", "UAH/USD", "0.0243", None), to="client_paid", client=other)
    deal = ready(both)
    before = both.balances()
    both.move(deal, "closed")
    assert both.stage(deal) == "partner_paid" and both.balances() == before
    [notice] = both.crm.comments(deal)
    # 500,000 are held, 400,000 of them owed to the other: after the payout 88,000 would remain
    assert (
        "412000.00 UAH" in notice.text
        and "88000.00" in notice.text
        and "400000.00" in notice.text
        and "312000.00" in notice.text
    )
    assert notice.to == (both.manager.id,)
    for _ in range(3):
        both.sync(deal)
    assert len(both.crm.comments(deal)) == 1
    both.move(deal, "closed")  # a second try is a second occasion
    assert len(both.crm.comments(deal)) == 2 and both.stage(deal) == "partner_paid"
    both.cash("312000", "UAH")
    both.move(deal, "closed")
    assert both.stage(deal) == "closed" and both.field(deal, "check") is None
    assert both.faults() == []


@pytest.mark.row("EX-09")
def test_the_setting_turns_the_refusal_into_one_warning(desk_of: MakeDesk) -> None:
    desk = desk_of(payout_guard="warn")
    deal = ready(desk)
    [ahead] = desk.notices(deal)
    desk.move(deal, "closed")
    assert desk.stage(deal) == "closed" and "payout" in desk.standing(deal)
    desk.sync(deal)
    [_, notice] = desk.notices(deal)
    assert "412000.00 UAH" in notice and "«Каса»" in notice and "«Каса»" in ahead and notice != ahead
    assert desk.balances()["place UAH"] == "-412000.00"


@pytest.mark.row("EX-09")
def test_what_one_client_owes_the_desk_is_not_there_to_pay_another(desk: Desk) -> None:
    """Held 50,000; owed to B 50,000; A owes the desk 50,000: the sum of claims is zero, yet nothing may be paid to C."""
    desk.cash("50000", "UAH")
    one, two = desk.contact("А"), desk.contact("Б")
    desk.run_through(buy("50000", "UAH/USD", "0.024", None), to="client_paid", client=two)
    deal = desk.run_through(
        buy("100", "USD/UAH", "40", None), {"kind": "sell", "pair": "EUR/UAH", "amount": "1000", "client_rate": "45"},
        to="partner_paid", client=one,
    )  # fmt: skip
    assert desk.balances(party=one.id)["client UAH"] == "41000.00"
    third = desk.run_through(buy("1500", "USD/UAH", "40", None), to="partner_paid")
    desk.move(third, "closed")
    assert desk.stage(third) == "partner_paid"
    assert desk.notices(third) and deal


@pytest.mark.row("EX-05", "EX-09")
def test_a_correction_of_what_was_paid_is_not_refused(desk: Desk) -> None:
    desk.cash("412000", "UAH")
    deal = ready(desk)
    desk.move(deal, "closed")
    desk.edit(deal, 1, client_rate="42")  # 8,000 more went out than the desk had: that is how it was
    assert desk.standing(deal)["payout"][1] == ("place", "UAH", "-420000.00")
    [notice] = desk.notices(deal)
    assert "-8000.00 UAH" in notice and desk.stage(deal) == "closed", (
        "it is told, since no cash desk holds less than nothing"
    )


@pytest.mark.row("EX-09")
def test_a_refused_row_leaves_the_deal_as_it_was_and_does_not_write_for_ever(desk: Desk) -> None:
    """Custody is taken out in a place and currency where others' money lies: the stage is right, the row is not."""
    desk.cash("412000", "UAH")
    deal = desk.run_through(buy(partner_rate=None), to="partner_paid", custody=True)
    desk.deal(own("withdraw", "1", "UAH"), stage="closed", client=None)  # refused, too: all of it is in custody
    kept = desk.facts(deal)
    desk.clock.advance(seconds=5)
    other = desk.contact("Інший")
    desk.run_through(buy("400000", "UAH/USD", "0.0243", None), to="client_paid", client=other)
    desk.set(deal, custody=True)
    assert desk.facts(deal) == kept
    big = desk.run_through(buy("50000", "USD/UAH", "41", None), to="partner_paid", custody=True)
    desk.add(big, **own("custody_out", "2000000", "UAH"))
    assert len(desk.notices(big)) == 1 and desk.stage(big) == "partner_paid"
    updates = len(desk.crm.effects)
    desk.sync(big)
    desk.sync(big)
    assert len(desk.crm.effects) == updates, "a sync that changes nothing writes nothing"


@pytest.mark.row("EX-09")
def test_two_payouts_at_the_same_moment_cannot_both_take_the_same_money(both: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    met = threading.Barrier(2)

    def slow_refusal(*args: Any, **more: Any) -> Any:
        """Whoever decides waits for the other to be here, too: they must not come before the first has booked."""
        with contextlib.suppress(threading.BrokenBarrierError):
            met.wait(timeout=0.4)
        return payout_refusal(*args, **more)

    monkeypatch.setattr(guard, "payout_refusal", slow_refusal)
    both.cash("100", "USD")
    deals = [both.deal(own("withdraw", "60", "USD"), client=None) for _ in range(2)]
    for deal in deals:
        both.staff.move(deal, "closed")
        both.deliver(deal)
    both.sync_at_once(*deals)
    both.run()
    assert sorted(str(both.stage(deal)) for deal in deals) == ["closed", "new"]
    assert both.balances()["place USD"] == "40.00" and both.faults() == []
