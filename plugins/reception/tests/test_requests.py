"""A request made in the CRM gets its card, manager, executor and next contact without a hand on the keyboard."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from kernel.crm import Ref
from kernel.errors import Unreachable
from plugins.exchange.tests.desk import Desk, MakeDesk, buy

ASKED = {
    "client_name": "Олена", "client_phone": "050 111 22 33", "client_email": "olena@example.com",
    "client_telegram": "@olena_k",
}  # fmt: skip


def request(desk: Desk, *, sync: bool = True, **values: Any) -> str:
    deal = desk.staff.new("deal", stage="new", **values)
    if sync:
        desk.sync(deal)
    return deal


@pytest.mark.row("EX-01")
def test_a_stranger_gets_a_card_and_the_request_its_people_and_date(both: Desk) -> None:
    deal = request(both, **ASKED)
    values = both.record(deal).values
    client = values["client"]
    assert isinstance(client, Ref) and client.id not in (both.customer.id, both.partner.id)
    card = both.crm.record("contact", client.id).values
    assert (card["name"], card["phone"], card["email"], card["telegram"]) == (
        "Олена", "+380501112233", "olena@example.com", "olena_k",
    )  # fmt: skip
    assert values["manager"] == both.manager and values["executor"] == (both.cashier,)
    assert values["next_contact"] == date(2026, 11, 24) and values["check"] is None
    assert both.notices(deal) == [] and both.crm.doubled() == []


KNOWN = [
    ({"phone": "+380501112233"}, {"client_phone": "050-111-22-33"}),
    ({"email": "Olena@Example.com"}, {"client_email": "OLENA@example.com"}),
    ({"telegram": "@Olena_K"}, {"client_telegram": "https://t.me/olena_k"}),
    ({"telegram": "olena_k"}, {"client_telegram": "@OLENA_K"}),
    ({"telegram": "olena_k"}, {"client_phone": "0671234567", "client_telegram": "t.me/Olena_K"}),
]


@pytest.mark.row("EX-01")
@pytest.mark.parametrize(("card", "typed"), KNOWN)
def test_a_known_client_is_found_whatever_way_he_is_written(desk: Desk, card: dict[str, Any], typed: dict[str, Any]) -> None:
    known = desk.contact("Олена", **card)
    deal = request(desk, **typed)
    assert desk.field(deal, "client") == known
    assert [effect.verb for effect in desk.crm.effects if effect.verb == "create"] == []


@pytest.mark.row("EX-01")
def test_the_phone_counts_more_than_the_mail_and_the_oldest_card_wins(desk: Desk) -> None:
    older = desk.contact("Стара", phone="+380501112233")
    desk.contact("Нова", phone="+380501112233")
    desk.contact("Пошта", email="olena@example.com")
    assert desk.field(request(desk, **ASKED), "client") == older


@pytest.mark.row("EX-01", "PL-03")
def test_two_requests_of_one_stranger_at_once_share_one_card(desk: Desk) -> None:
    deals = [request(desk, sync=False, **ASKED) for _ in range(2)]
    for deal in deals:
        desk.deliver(deal)
    desk.crm.fail_next(Unreachable("no answer", maybe_done=True), on="create", after_commit=True)
    desk.run()
    first, second = (desk.field(deal, "client") for deal in deals)
    assert isinstance(first, Ref) and first.id == second.id
    assert [effect.verb for effect in desk.crm.effects].count("create") == 1
    third = request(desk, **ASKED)
    assert desk.field(third, "client").id == first.id


@pytest.mark.row("EX-01")
def test_managers_take_turns_and_a_known_client_keeps_their_own(desk: Desk) -> None:
    deals = [request(desk, client_phone=f"050111223{n}") for n in range(4)]
    names = [desk.field(deal, "manager").name for deal in deals]
    assert names == ["Ігор Бондар", "Марія Коваль", "Ігор Бондар", "Марія Коваль"]
    own = desk.contact("Своя", phone="+380509998877", supervisors=(desk.second,))
    desk.sync(deals[0])
    assert desk.field(deals[0], "manager").name == "Ігор Бондар"  # looking again gives the same turn
    for _ in range(2):
        deal = request(desk, client_phone="0509998877")
        assert desk.field(deal, "client") == own and desk.field(deal, "manager") == desk.second


@pytest.mark.row("EX-01")
def test_a_client_who_comes_again_goes_to_the_manager_of_the_open_request(desk: Desk) -> None:
    first, second = (request(desk, sync=False, client_phone=phone) for phone in ("050 111 22 33", "+380501112233"))
    for deal in (first, second):
        desk.deliver(deal)
    desk.run()
    assert desk.field(first, "manager") == desk.field(second, "manager")
    third = request(desk, client_phone="0501112239")
    assert desk.field(third, "manager") != desk.field(first, "manager"), "the second took no turn"
    desk.set(first, manager=desk.field(third, "manager"))
    desk.set(second, manager=desk.field(third, "manager"))
    assert desk.field(request(desk, client_phone="0501112233"), "manager") == desk.field(third, "manager")


@pytest.mark.row("EX-01")
@pytest.mark.parametrize("settings", [{}, {"same_manager": False}])
def test_a_closed_request_or_a_set_that_wants_none_of_it_keeps_to_the_turns(desk_of: MakeDesk, settings: Any) -> None:
    desk = desk_of(reception={"managers": ["Ігор Бондар", "Марія Коваль"], **settings})
    first = request(desk, **ASKED)
    if not settings:
        desk.staff.move(first, "cancelled")
        desk.sync(first)
    assert desk.field(request(desk, **ASKED), "manager") != desk.field(first, "manager")


@pytest.mark.row("EX-01")
def test_what_staff_filled_in_stays(desk: Desk) -> None:
    deal = request(desk, client=desk.customer, manager=desk.second, next_contact=date(2027, 1, 1), executor=(desk.second,))
    values = desk.record(deal).values
    assert (values["client"], values["manager"]) == (desk.customer, desk.second)
    assert (values["executor"], values["next_contact"]) == ((desk.second,), date(2027, 1, 1))


@pytest.mark.row("EX-01")
def test_nobody_to_find_makes_no_card(desk: Desk) -> None:
    deal = request(desk)
    assert desk.field(deal, "client") is None and desk.field(deal, "manager") == desk.manager
    assert "create" not in desk.crm.called


@pytest.mark.row("EX-01")
def test_a_weekend_counts_from_monday(desk: Desk) -> None:
    desk.clock.advance(days=5)  # Saturday
    assert desk.field(request(desk, **ASKED), "next_contact") == date(2026, 11, 30)


@pytest.mark.row("EX-01")
def test_without_managers_set_nobody_is_named(desk_of: MakeDesk) -> None:
    desk = desk_of(reception={"managers": [], "executor": "Нікого Такого"})
    deal = request(desk, **ASKED)
    assert desk.field(deal, "manager") is None and desk.field(deal, "executor") is None and desk.field(deal, "client")


@pytest.mark.row("EX-01", "EX-02")
def test_a_request_with_its_operation_is_booked_as_soon_as_the_card_is_there(desk: Desk) -> None:
    deal = request(desk, sync=False, **ASKED)
    desk.staff.add_row("deal", deal, "operation", **buy())
    desk.staff.move(deal, "client_paid")
    desk.sync(deal)
    client = desk.field(deal, "client")
    assert desk.notices(deal) == [] and desk.field(deal, "check") is None
    assert desk.balances(party=client.id) == {"client USD": "-10000.00"}


@pytest.mark.row("EX-01")
@pytest.mark.parametrize(
    ("now", "wanted"),
    [
        (datetime(2026, 11, 23, 21, 59, tzinfo=UTC), date(2026, 11, 24)),  # Monday, a minute before midnight in Kyiv
        (datetime(2026, 11, 23, 22, 1, tzinfo=UTC), date(2026, 11, 25)),  # Tuesday there, Monday in Greenwich
        (datetime(2026, 11, 26, 22, 1, tzinfo=UTC), date(2026, 11, 30)),  # Friday there: the next working day is Monday
    ],
)
def test_the_next_contact_is_reckoned_from_the_desks_own_day(desk: Desk, now: datetime, wanted: date) -> None:
    desk.clock.set(now)
    assert desk.field(request(desk, **ASKED), "next_contact") == wanted


@pytest.mark.row("EX-01")
def test_what_somebody_filled_in_stays_whatever_else_is_missing(desk: Desk) -> None:
    day = date(2027, 1, 15)
    deal = request(desk, **ASKED, manager=desk.second, executor=(desk.manager,), next_contact=day)
    assert (desk.field(deal, "manager"), desk.field(deal, "executor")) == (desk.second, (desk.manager,))
    assert desk.field(deal, "next_contact") == day and isinstance(desk.field(deal, "client"), Ref)


@pytest.mark.row("EX-01")
def test_a_card_that_was_made_serves_the_next_request_even_if_the_crm_does_not_find_it_yet(desk: Desk) -> None:
    """The CRM's search lags behind: what we made ourselves we know all the same."""
    first = request(desk, **ASKED)
    real = desk.crm.find
    desk.crm.find = lambda entity, **more: [] if entity == "contact" else real(entity, **more)  # type: ignore[method-assign]
    second = request(desk, **ASKED)
    assert desk.field(second, "client").id == desk.field(first, "client").id
    assert [effect.verb for effect in desk.crm.effects if effect.verb == "create"] == ["create"]


@pytest.mark.row("EX-01")
def test_looks_do_not_change_whose_turn_it_is(desk_of: MakeDesk) -> None:
    desk = desk_of(reception={"managers": ["Ігор Бондар", "Марія Коваль"]})
    deals = []
    for n in range(4):
        deals.append(request(desk, client_phone=f"050 111 22 3{n}"))
        for one in deals:
            desk.set(one, manager=None)
    assert [desk.field(one, "manager").name for one in deals] == ["Ігор Бондар", "Марія Коваль"] * 2


@pytest.mark.row("EX-01")
def test_what_is_on_its_way_into_a_request_is_not_filled_in_anew(desk: Desk) -> None:
    """The portal was down over midnight: the next contact stays the one that was reckoned when the request came."""
    deal = request(desk, sync=False, client=desk.customer)
    desk.crm.fail_next(Unreachable("no route"), on="update", times=1000)
    desk.deliver(deal)
    for _ in range(4):
        desk.queue.run_one(desk.handlers)
    desk.clock.advance(days=1)
    desk.deliver(deal)
    for _ in range(4):
        desk.queue.run_one(desk.handlers)
    assert len(desk.calls("waiting", "sending")) == 1, "the second look has nothing to add"
    desk.crm.repair()
    desk.run()
    assert desk.field(deal, "next_contact") == date(2026, 11, 24) and desk.field(deal, "manager") == desk.manager
