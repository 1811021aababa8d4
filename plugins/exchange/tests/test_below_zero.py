"""A place that would hold less than nothing is told before and when it is booked, or refused; board and import name it."""

from __future__ import annotations

import random
from typing import Any

import pytest

from kernel.ledger import Draft, Leg
from plugins.exchange.board import board
from plugins.exchange.places import Track, leaving, lows
from plugins.exchange.tests.desk import Desk, MakeDesk, buy, own


def held(desk: Desk) -> dict[str, str]:
    with desk.unit() as unit:
        return {f"{line.place} {line.currency.code}": desk.text(line.held, line.currency.code) for line in board(unit).rows}


@pytest.mark.row("EX-09", "EX-10")
def test_a_move_from_an_empty_place_is_told_before_it_is_booked_and_when_it_is(both: Desk) -> None:
    both.cash("500000", "UAH")
    deal = both.deal(own("move", "100000", "UAH", place="Банк", to_place="Каса"), client=None)
    [ahead] = both.notices(deal)
    assert "«Банк»" in ahead and "-100000.00 UAH" in ahead and "«Каса» є 500000.00 UAH" in ahead
    assert both.field(deal, "check") is None and both.stage(deal) == "new"
    both.sync(deal)
    both.move(deal, "closed")
    both.sync(deal)
    assert len(both.notices(deal)) == 2 and both.stage(deal) == "closed", "each is told once"
    assert held(both) == {"Банк UAH": "-100000.00", "Каса UAH": "600000.00"}
    with both.unit() as unit:
        shown = board(unit).data()
    assert shown["below_zero"] == [{"currency": "UAH", "place": "Банк", "held": "-100000.00"}] and both.faults() == []


@pytest.mark.row("EX-09")
@pytest.mark.parametrize("kind", ["move", "withdraw", "to_partner", "payout", "custody_out"])
def test_where_the_set_says_so_money_leaves_no_place_that_has_not_got_it(desk_of: MakeDesk, kind: str) -> None:
    desk = desk_of(below_zero="refuse")
    desk.cash("1000000", "UAH")
    if kind == "payout":
        deal = desk.run_through(buy(partner_rate=None, place="Банк"), to="partner_paid")
    elif kind == "custody_out":
        deal = desk.run_through(buy(partner_rate=None, place="Каса"), to="partner_paid", custody=True)
    else:
        more = {"move": {"to_place": "Каса"}, "to_partner": {"partner": desk.partner}}.get(kind, {})
        deal = desk.deal(own(kind, "412000", "UAH", place="Банк", **more), client=None)
    before, facts = held(desk), desk.facts(deal)
    if kind == "custody_out":
        desk.add(deal, **own("custody_out", "2000", "UAH", place="Банк"))
    else:
        desk.move(deal, "closed")
    assert held(desk) == before and desk.facts(deal) == facts and desk.stage(deal) == facts.stage
    assert "«Банк»" in str(desk.field(deal, "check")) and any("відхилено" in text for text in desk.notices(deal))
    desk.cash("412000", "UAH", place="Банк")
    desk.sync(deal) if kind == "custody_out" else desk.move(deal, "closed")
    assert held(desk)["Банк UAH"] in ("0.00", "410000.00") and desk.field(deal, "check") is None and desk.faults() == []


def test_what_is_refused_by_nobody_is_a_correction(desk_of: MakeDesk) -> None:
    """The money has left: the books follow, and it is told. So with a deposit that never was."""
    desk = desk_of(below_zero="refuse")
    came = desk.cash("100", "USD")
    gone = desk.deal(own("withdraw", "60", "USD"), stage="closed", client=None)
    desk.edit(gone, 1, amount="160")
    assert held(desk) == {"Каса USD": "-60.00"} and "-60.00 USD" in desk.notices(gone)[-1]
    desk.edit(gone, 1, amount="60")
    desk.move(came, "cancelled")
    assert held(desk) == {"Каса USD": "-60.00"} and "-60.00 USD" in desk.notices(came)[-1]
    assert desk.stage(came) == "cancelled" and desk.faults() == []


def test_money_that_had_not_come_yet_on_the_day_of_issue_is_told_with_its_day(desk: Desk) -> None:
    desk.cash("1000", "UAH")
    desk.clock.advance(days=5)
    desk.cash("500000", "UAH")
    day = desk.clock.now().date().replace(day=desk.clock.now().day - 2)
    deal = desk.run_through(buy(partner_rate=None, issue_date=day))
    assert desk.stage(deal) == "closed" and held(desk)["Каса UAH"] == "89000.00"
    assert f"{day:%d.%m.%Y} 23:59" in desk.notices(deal)[-1] and "-411000.00 UAH" in desk.notices(deal)[-1]
    with desk.unit() as unit:
        assert board(unit).data()["below_zero"] == [], "now there is enough"


@pytest.mark.row("EX-09")
def test_two_deals_at_once_that_empty_one_place_are_judged_one_after_the_other(both_of: Any) -> None:
    desk = both_of(below_zero="refuse")
    desk.cash("100", "USD", place="Банк")
    desk.cash("100", "USD")
    deals = [desk.deal(own("withdraw", "60", "USD", place="Банк"), client=None) for _ in range(2)]
    for deal in deals:
        desk.staff.move(deal, "closed")
        desk.deliver(deal)
    desk.sync_at_once(*deals)
    desk.run()
    assert sorted(str(desk.stage(deal)) for deal in deals) == ["closed", "new"]
    assert held(desk)["Банк USD"] == "40.00" and desk.faults() == []


def draft(kind: str, slot: str, at: int, amount: int, place: str = "a") -> Draft:
    legs = (Leg("place", "USD", amount, place), Leg("equity", "USD", -amount, place))
    return Draft(kind, "d", slot, at, {"slot": slot}, legs)


def test_any_moment_below_zero_is_found_as_adding_up_one_by_one_finds_it() -> None:
    chance = random.Random(5)
    for _ in range(400):
        moves = {at: chance.randrange(-5, 9) for at in chance.sample(range(12), 6)}
        drafts = [draft("posting", f"s{n}", chance.randrange(12), chance.randrange(-6, 7)) for n in range(3)]
        since = min(one.at for one in drafts)
        track = Track(sum(moves.values()), {at: amount for at, amount in moves.items() if at >= since})

        def standing(at: int, more: bool, moves: dict[int, int] = moves, drafts: list[Draft] = drafts) -> int:
            booked = sum(amount for moment, amount in moves.items() if moment <= at)
            return booked + sum(one.legs[0].amount for one in drafts if more and one.at <= at)

        worse = [at for at in range(since, 12) if standing(at, True) < min(0, standing(at, False))]
        found = lows({("USD", "a"): track}, drafts) if leaving(drafts) else []
        assert bool(found) == bool(worse)
        for low in found:
            assert low.after == standing(low.at, True) and low.before == standing(low.at, False) and low.at in worse
            assert low.past == (11 not in worse)


def test_what_only_moves_between_two_rows_of_one_deal_leaves_nothing() -> None:
    back, anew = draft("reversal", "s", 5, 100), draft("posting", "s", 5, -100)
    assert leaving([back, anew]) == {} and lows({}, [back, anew]) == []
