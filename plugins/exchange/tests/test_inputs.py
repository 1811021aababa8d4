"""Any input changed by hand: recalculated in one transaction, who and from what to what kept; nonsense leaves the books."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from kernel.errors import Unreachable
from kernel.testing import Crash
from plugins.exchange.explain import deal_view
from plugins.exchange.tests.desk import PORTAL, Desk, MakeDesk, buy, own


@pytest.fixture
def closed(desk: Desk) -> str:
    desk.cash("500000", "UAH")
    desk.cash("20000", "EUR")
    return desk.run_through(buy(partner=desk.partner))


CHANGES: list[tuple[dict[str, Any], str]] = [
    ({"client_rate": "41,3"}, "500,00 UAH"),
    ({"partner_rate": "41,10"}, "-1 000,00 UAH"),
    ({"partner_rate": None}, "— UAH"),
    ({"amount": "5000"}, "750,00 UAH"),
    ({"amount": "412000", "amount_in": "UAH"}, "1 500,00 UAH"),
    ({"pair": "USD/EUR", "client_rate": "0.92", "partner_rate": "0.93"}, "100,00 EUR"),
    ({"kind": "Продаж"}, "-1 500,00 UAH"),
    ({"commission_percent": "1"}, "1 500,00 UAH"),
]


@pytest.mark.row("EX-04", "EX-05")
@pytest.mark.parametrize(("values", "profit"), CHANGES)
def test_any_input_of_a_closed_deal_recalculates_all(desk_of: MakeDesk, values: dict[str, Any], profit: str) -> None:
    desk = desk_of(payout_guard="warn")
    desk.cash("500000", "UAH")
    desk.cash("20000", "EUR")
    deal = desk.run_through(buy(partner=desk.partner))
    desk.edit(deal, 1, **values)
    assert desk.field(deal, "profit") == profit and desk.faults() == []
    fresh = desk_of(payout_guard="warn")
    fresh.cash("500000", "UAH")
    fresh.cash("20000", "EUR")
    fresh.run_through({**buy(partner=fresh.partner), **values})
    assert desk.balances() == fresh.balances(), "changed by and by is not what it would be from the start"


@pytest.mark.row("EX-05")
def test_who_changed_what_from_what_to_what_is_kept(desk: Desk, closed: str) -> None:
    desk.staff.edit_row("deal", closed, "operation", desk.row_keys(closed)[0], client_rate="41,3")
    desk.sync(closed, author="Марія Коваль")
    with desk.unit() as unit:
        view = deal_view(unit, f"{PORTAL}/{closed}")
        entries = desk.portal.books.book("exchange").entries(unit.tx, f"{PORTAL}/{closed}")
    assert view is not None
    last = [entry for entry in entries if entry.kind == "deal"][-1]
    assert last.body["changes"] == [{"op": "1", "field": "client_rate", "old": "41.2", "new": "41.3"}]
    assert last.author == "Марія Коваль" and {entry.author for entry in entries if entry.seq > last.seq} == {"Марія Коваль"}
    assert view.changes


@pytest.mark.row("EX-05", "PL-04")
@pytest.mark.parametrize("nth", range(1, 9))
def test_a_change_is_booked_whole_or_not_at_all(desk: Desk, closed: str, nth: int) -> None:
    """The process dies at the nth point; run again, all is as if nothing had been."""
    desk.staff.edit_row("deal", closed, "operation", desk.row_keys(closed)[0], client_rate="41,3")
    desk.deliver(closed)
    desk.trouble.crash_at(nth)
    try:
        while desk.queue.run_one(desk.handlers):
            pass
    except Crash:
        assert desk.faults() == []
        desk.restart()
    desk.trouble.calm()
    desk.run()
    assert desk.field(closed, "profit") == "500,00 UAH" and desk.faults() == []
    assert desk.balances()["profit UAH"] == "-500.00" and desk.crm.doubled() == []


@pytest.mark.row("EX-05", "EX-06")
def test_a_changed_partner_moves_to_the_other_card(desk: Desk, closed: str) -> None:
    other = desk.contact("Партнер Два")
    desk.edit(closed, 1, partner=other)
    assert desk.crm.record("contact", other.id).values["month"]
    assert desk.crm.record("contact", desk.partner.id).values["month"] is None


@pytest.mark.row("EX-05", "EX-06")
def test_a_changed_client_takes_the_claims_along(desk: Desk) -> None:
    deal, other = desk.run_through(buy(), to="client_paid"), desk.contact("Інший")
    desk.set(deal, client=other)
    assert desk.balances(party=desk.customer.id) == {} and desk.balances(party=other.id) == {"client USD": "-10000.00"}
    assert desk.crm.record("contact", desk.customer.id).values["balance"] is None
    assert desk.crm.record("contact", other.id).values["balance"] == "Винні клієнту: 10 000,00 USD"


@pytest.mark.row("EX-03", "EX-05")
def test_an_earlier_date_of_issue_moves_the_payout_to_that_day(desk: Desk, closed: str) -> None:
    with desk.unit() as unit:
        before = desk.portal.books.book("exchange").standing(unit.tx, f"{PORTAL}/{closed}")["payout"].at
    desk.edit(closed, 1, issue_date=date(2026, 11, 20))
    with desk.unit() as unit:
        entry = desk.portal.books.book("exchange").standing(unit.tx, f"{PORTAL}/{closed}")["payout"]
    assert entry.at < before and desk.faults() == []
    desk.edit(closed, 1, issue_date=date(2027, 1, 1))  # a plan moves nothing
    with desk.unit() as unit:
        assert desk.portal.books.book("exchange").standing(unit.tx, f"{PORTAL}/{closed}")["payout"].at == before


NONSENSE: list[tuple[dict[str, Any], str]] = [
    ({"client_rate": "41,2o"}, "41,2o"),
    ({"amount": "1.234,5"}, "1.234,5"),
    ({"amount": "١٢"}, "١٢"),
    ({"partner_rate": "1e5"}, "1e5"),
    ({"client_rate": "NaN"}, "NaN"),
    ({"client_rate": "0"}, "0"),
    ({"client_rate": "-41"}, "-41"),
    ({"amount": "-5"}, "-5"),
    ({"amount": "9" * 30}, "9"),
    ({"amount": "10.001"}, "10.001"),
    ({"pair": "USD/XYZ"}, "XYZ"),
    ({"pair": "USD-UAH"}, "USD-UAH"),
    ({"pair": "USD/USD"}, "USD/USD"),
    ({"amount_in": "EUR"}, "EUR"),
    ({"kind": "Обмін"}, "Обмін"),
    ({"place": "Під матрацом"}, "Під матрацом"),
    ({"commission_percent": "101"}, "101"),
    ({"commission_fixed": "500000"}, "коміс"),
    ({"network_fee": "-1"}, "-1"),
    ({"issue_date": "завтра"}, "завтра"),
]


@pytest.mark.row("EX-05")
@pytest.mark.parametrize(("values", "word"), NONSENSE)
def test_nonsense_leaves_the_books_is_told_once_and_heals(
    desk: Desk, closed: str, values: dict[str, Any], word: str
) -> None:
    before, facts = desk.journal(), desk.facts(closed)
    good = {name: desk.record(closed).rows["operation"][0].values[name] for name in values}
    desk.edit(closed, 1, **values)
    desk.sync(closed)
    desk.sync(closed)
    [notice] = desk.notices(closed)
    assert word.lower() in notice.lower()
    assert " ".join(str(desk.field(closed, "check")).split()) == " ".join(notice.split())
    assert desk.journal() == before and desk.facts(closed) == facts and desk.faults() == []
    desk.edit(closed, 1, **good)
    assert desk.field(closed, "check") is None and desk.facts(closed) == facts and desk.journal() == before
    desk.edit(closed, 1, **values)
    assert len(desk.notices(closed)) == 2  # a new occasion


@pytest.mark.row("EX-05")
def test_all_that_is_wrong_is_told_at_once_naming_operation_and_field(desk: Desk) -> None:
    deal = desk.run_through(buy(), to="client_paid")
    desk.staff.add_row("deal", deal, "operation", **buy("x1", "USD/UAH", "y2"))
    desk.sync(deal)
    [notice] = desk.notices(deal)
    assert "x1" in notice and "y2" in notice and "2" in notice and "Сума" in notice and "Курс клієнта" in notice


@pytest.mark.row("EX-05")
def test_what_is_only_not_filled_in_yet_is_not_told_at_the_first_stage(desk: Desk) -> None:
    deal = desk.deal(buy(rate=None), client=None)
    assert desk.notices(deal) == [] and desk.field(deal, "check") is None
    desk.move(deal, "client_paid")
    [notice] = desk.notices(deal)
    assert "Курс клієнта" in notice and "не заповнено" in notice
    desk.edit(deal, 1, client_rate="41")
    assert len(desk.notices(deal)) == 2 and "Контрагент" in desk.notices(deal)[1]  # the client is still missing
    desk.set(deal, client=desk.customer)
    assert desk.field(deal, "check") is None and desk.standing(deal)


@pytest.mark.row("EX-05")
def test_a_value_corrected_back_while_an_older_write_waits_does_not_stay_wrong(desk: Desk, closed: str) -> None:
    """profit 1500 stands; a correction writes 500, which is delayed; the correction is taken back meanwhile."""
    desk.crm.fail_next(Unreachable("no route"), on=("update", "update_row"), times=4)
    desk.staff.edit_row("deal", closed, "operation", desk.row_keys(closed)[0], client_rate="41,3")
    desk.deliver(closed)
    for _ in range(3):
        desk.queue.run_one(desk.handlers)
    assert desk.calls("waiting", "sending")
    desk.staff.edit_row("deal", closed, "operation", desk.row_keys(closed)[0], client_rate="41,2")
    desk.sync(closed)
    assert desk.field(closed, "profit") == desk.row(closed, 1)["profit"] == "1 500,00 UAH"


@pytest.mark.row("EX-05", "PL-02")
def test_the_same_delivery_again_late_or_out_of_order_changes_nothing(both: Desk) -> None:
    both.cash("412000", "UAH")
    deal = both.deal(buy(), sync=False)
    for stage in ("client_paid", "partner_paid", "closed"):
        both.staff.move(deal, stage)
    for delivery in ("a3", "a1", "a3", "a2", "a1"):
        both.deliver(deal, delivery=delivery)
    asked = both.crm.called.count("get")
    both.run()
    assert both.crm.called.count("get") == asked + 1, "one sync covers a burst"
    journal, effects = both.journal(), len(both.crm.effects)
    for delivery in ("a2", "a1", "a9"):
        both.sync(deal, delivery=delivery)
    assert both.journal() == journal and len(both.crm.effects) == effects
    assert both.balances()["profit UAH"] == "-1500.00"


@pytest.mark.row("EX-05")
def test_what_staff_type_into_our_fields_is_put_right(desk: Desk, closed: str) -> None:
    desk.set(closed, profit="мільйон", analytics="", check="усе добре")
    desk.edit(closed, 1, gets="1,00 USD")
    assert desk.field(closed, "profit") == "1 500,00 UAH" and desk.field(closed, "check") is None
    assert desk.row(closed, 1)["gets"] == "412 000,00 UAH"


@pytest.mark.row("EX-05")
def test_removed_operations_take_their_postings_along(desk: Desk) -> None:
    deal = desk.deal(own("deposit", "5", "USD"), own("deposit", "7", "USD"), stage="closed", client=None)
    desk.staff.delete_row("deal", deal, "operation", desk.row_keys(deal)[0])
    desk.sync(deal)
    assert desk.balances()["place USD"] == "7.00" and desk.faults() == []
    desk.staff.delete_row("deal", deal, "operation", desk.row_keys(deal)[0])
    desk.sync(deal)
    assert len(desk.notices(deal)) == 1 and desk.balances()["place USD"] == "7.00"  # a closed deal without operations: no


@pytest.mark.row("EX-02")
def test_an_unknown_stage_is_told_and_leaves_the_books(desk: Desk, closed: str) -> None:
    before = desk.journal()
    desk.staff.move(closed, "Архів")
    desk.sync(closed)
    assert desk.journal() == before and "Архів" in desk.notices(closed)[0]
