"""A deal or a card deleted in the CRM: told once, shown, kept in the books; restored or reversed; merged cards."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from kernel.errors import BadInput
from kernel.extension import Sweeping
from kernel.extension.staff import STAFF_SECONDS_MAX
from kernel.extension.sweep import sweep
from plugins.exchange import deleted, reports
from plugins.exchange.board import board
from plugins.exchange.control import control
from plugins.exchange.reports import Filter
from plugins.exchange.tests.desk import PORTAL, Desk, MakeDesk, buy

SOON = Sweeping(every_seconds=20, calm_seconds=20, existing_turns=1, existing_ids=2)
OWNER = "Олена Власниця"


def with_owner(desk: Desk) -> str:
    """The shipped sets call an administrator of the CRM an owner."""
    person = desk.staff.hire(OWNER, "owner")
    desk.crm.persons[-1] = replace(desk.crm.persons[-1], admin=True)
    desk.portal.staff.forget()
    return person.id


def swept(desk: Desk, turns: int = 6) -> None:
    for _ in range(turns):
        desk.clock.advance(seconds=20)
        sweep(desk.portal, desk.annex.runtime.plugins, SOON)
        desk.clock.advance(seconds=2)
        desk.run()


def subject(deal: str) -> str:
    return f"{PORTAL}/{deal}"


@pytest.mark.row("EX-12", "PL-15")
def test_whoever_is_told_is_known_however_old_the_list_of_people_is(desk: Desk) -> None:
    """A process may stand still between the reading and the unit of work, in which the CRM may not be asked."""
    owner = with_owner(desk)
    desk.portal.people()
    desk.clock.advance(seconds=STAFF_SECONDS_MAX + 1)
    before = desk.crm.called.count("people")
    assert owner in deleted.owners(desk.portal) and desk.crm.called.count("people") == before


@pytest.mark.row("EX-12")
@pytest.mark.parametrize("told_by", ["event", "sweep"])
def test_a_deleted_deal_is_told_once_and_its_money_stays(both: Desk, told_by: str) -> None:
    owner, deal, other = with_owner(both), both.run_through(buy()), both.run_through(buy("50"))
    stood, journal = both.balances(), both.journal()
    both.staff.delete("deal", deal)
    for _twice in range(2):
        if told_by == "event":
            both.sync(deal)
        swept(both)
        both.work("exchange.deleted")
    told = [one for one in both.crm.comments() if f"Заявку {deal} видалено" in one.text]
    assert [(one.entity, one.record_id) for one in told] == [("contact", both.customer.id)]
    assert set(told[0].to) == {both.manager.id, owner}
    assert both.balances() == stood and both.journal() == journal and both.faults() == []
    assert both.calls("failed", "waiting") == []
    with both.unit() as unit:
        rows = {row["deal"]: row["deleted"] for row in reports.operations(unit, Filter())["rows"]}
        assert rows == {deal: True, other: False}
        assert [one["deal"] for one in board(unit).data()["deleted"]] == [deal]
    assert {row["deal"] for row in control(both.portal)["rows"] if row["deleted"]} == {deal}


def test_a_deal_with_nothing_booked_is_marked_and_nobody_is_told(desk: Desk) -> None:
    deal = desk.deal(buy())
    desk.staff.delete("deal", deal)
    desk.sync(deal)
    assert desk.crm.comments() == []
    with desk.unit() as unit:
        assert [one["deal"] for one in board(unit).data()["deleted"]] == [deal]


@pytest.mark.row("EX-12")
def test_the_owner_reverses_it_exactly_once_and_the_books_follow_it_when_it_comes_back(both: Desk) -> None:
    before = both.balances()
    deal = both.run_through(buy(), custody=True, to="partner_paid")
    stood, facts = both.balances(), both.facts(deal)
    assert deleted.reverse(both.portal, subject(deal), author=OWNER, reason="помилка") == "there", "it is not deleted"
    both.staff.delete("deal", deal)
    both.sync(deal)
    with pytest.raises(BadInput):
        deleted.reverse(both.portal, subject(deal), author=OWNER, reason="  ")
    assert deleted.reverse(both.portal, subject(deal), author=OWNER, reason="двічі заведено") == "done"
    journal = both.journal()
    assert deleted.reverse(both.portal, subject(deal), author="Інша", reason="ще раз") == "already"
    both.run()
    assert both.journal() == journal and both.balances() == before and both.faults() == []
    with both.unit() as unit:
        mark = deleted.mark(unit, both.facts(deal))
        reversals = [one for one in both.portal.books.book("exchange").entries(unit.tx, subject(deal)) if one.reverses]
        assert board(unit).data()["deleted"] == []
    assert mark and (mark.reversed_by, mark.reason) == (OWNER, "двічі заведено")
    assert reversals and {one.author for one in reversals} == {OWNER}
    both.staff.restore("deal", deal)
    swept(both)
    assert both.balances() == stood and both.faults() == [] and both.facts(deal) == facts
    with both.unit() as unit:
        assert deleted.mark(unit, both.facts(deal)) is None
    assert both.stage(deal) == "partner_paid"
    both.move(deal, "closed")
    assert both.stage(deal) == "closed" and both.faults() == []


@pytest.mark.parametrize("settings", [{"jump": "refuse"}, {"payout_guard": "refuse", "below_zero": "refuse"}])
def test_no_rule_puts_a_deal_back_that_returns_after_a_reversal(desk_of: MakeDesk, settings: dict[str, str]) -> None:
    desk = desk_of(**settings)
    desk.cash("500000", "UAH")
    deal = desk.run_through(buy())
    stood = desk.balances()
    desk.staff.delete("deal", deal)
    desk.sync(deal)
    assert deleted.reverse(desk.portal, subject(deal), author=OWNER, reason="так") == "done"
    desk.staff.restore("deal", deal)
    desk.sync(deal)
    assert desk.stage(deal) == "closed" and desk.balances() == stood and desk.faults() == []


@pytest.mark.row("EX-12")
def test_the_owner_restores_it_and_a_second_click_sends_nothing(both: Desk) -> None:
    deal = both.run_through(buy())
    stood, journal = both.balances(), both.journal()
    both.staff.delete("deal", deal)
    both.sync(deal)
    assert [deleted.restore(both.portal, subject(deal), author=OWNER) for _ in range(2)] == ["done", "already"]
    both.run()
    assert both.crm.called.count("restore") == 1 and both.record(deal).id == deal
    assert deleted.restore(both.portal, subject(deal), author=OWNER) == "there"
    assert both.balances() == stood and both.journal() == journal
    both.staff.delete("deal", deal)
    both.sync(deal)
    told = [one for one in both.crm.comments() if f"Заявку {deal} видалено" in one.text]
    assert len(told) == 2, "deleted twice, told twice"
    assert deleted.restore(both.portal, subject(deal), author=OWNER) == "done"


def test_a_crm_without_a_bin_is_asked_for_nothing(desk: Desk) -> None:
    desk.crm.bin = None
    deal = desk.run_through(buy())
    desk.staff.delete("deal", deal)
    desk.sync(deal)
    assert deleted.restore(desk.portal, subject(deal), author=OWNER) == "there"
    assert desk.calls("waiting", "failed") == []


@pytest.mark.row("EX-12")
def test_a_deal_deleted_while_its_figures_are_on_their_way(desk: Desk) -> None:
    deal = desk.run_through(buy(), to="client_paid")
    desk.staff.edit_row("deal", deal, "operation", desk.row_keys(deal)[0], client_rate="41.1")
    desk.deliver(deal)
    read = desk.crm.get

    def get(*args, **more):  # type: ignore[no-untyped-def]
        record = read(*args, **more)
        if deal in desk.crm.existing("deal", [deal]):
            desk.staff.delete("deal", deal)  # between the reading and the writing
        return record

    desk.crm.get = get  # type: ignore[method-assign]
    desk.run()
    assert desk.calls("failed", "waiting", "sending") == [] and desk.calls("dropped")
    assert len([one for one in desk.crm.comments() if f"Заявку {deal} видалено" in one.text]) == 1
    assert str(desk.facts(deal).operations[0].client_rate) == "41.1" and desk.faults() == []
    called = len(desk.crm.called)
    for _ in range(3):
        desk.sync(deal)
    assert set(desk.crm.called[called:]) <= {"get", "people"}, "no sync writes to it again"


@pytest.mark.row("EX-13")
def test_deals_of_a_merged_card_follow_the_survivor(both: Desk) -> None:
    twin = both.contact("Олена Клієнт (двійник)")
    deal = both.run_through(buy(), to="client_paid", client=twin)
    owed = both.balances(party=twin.id)
    assert owed
    both.staff.merge(both.customer.id, twin.id)
    swept(both)
    both.clock.advance(minutes=6)
    both.work("exchange.deleted")
    assert both.balances(party=twin.id) == {} and both.balances(party=both.customer.id) == owed
    assert both.facts(deal).client.key == both.customer.id and both.faults() == []
    assert not [one for one in both.crm.comments() if "Картку" in one.text]
    assert both.calls("failed", "waiting") == []


@pytest.mark.row("EX-13")
def test_a_deleted_card_with_money_is_told_to_the_owner_once_and_shown(desk: Desk) -> None:
    owner, deal = with_owner(desk), desk.run_through(buy(), custody=True, to="partner_paid")
    desk.staff.delete("contact", desk.customer.id)
    swept(desk)
    for _ in range(3):
        desk.clock.advance(minutes=6)
        desk.work("exchange.deleted")
        desk.sync(deal)
    told = [one for one in desk.crm.comments() if "Картку" in one.text]
    assert [(one.entity, one.record_id, one.to) for one in told] == [("deal", deal, (owner,))]
    with desk.unit() as unit:
        report = reports.contacts(unit, Filter())
    assert [one["key"] for one in report["deleted"]] == [desk.customer.id]
    assert {row["key"] for row in report["rows"] if row["deleted"]} == {desk.customer.id}
    called = len(desk.crm.called)
    desk.move(deal, "closed")
    assert not {"put_row", "add_row", "update_row"} & set(desk.crm.called[called:]) and desk.calls("failed") == []
    with desk.unit() as unit:
        assert reports.contacts(unit, Filter())["deleted"] == []
    desk.staff.restore("contact", desk.customer.id)
    swept(desk)
    rows = desk.crm.record("contact", desk.customer.id).rows["custody"]
    assert rows[-1].values["status"] == "видано", "what was not written meanwhile is written"


@pytest.mark.row("EX-12")
@pytest.mark.parametrize("seed", range(6))
def test_any_sequence_ends_with_the_books_of_the_deals_that_stand(desk_of: MakeDesk, seed: int) -> None:
    """Deleting, restoring, reversing, moving and editing in any order, half of it without events: afterwards the books hold
    what each deal's last accepted state calls for, and nothing of those that were reversed."""
    rng, desk = random.Random(seed), desk_of(seed=seed)
    deals = [desk.deal(buy(str(100 * n))) for n in range(1, 5)]
    gone: set[str] = set()
    for _ in range(40):
        deal = rng.choice(deals)
        if deal in gone:
            if rng.random() < 0.5:
                desk.staff.restore("deal", deal)
                gone.discard(deal)
            else:
                deleted.reverse(desk.portal, subject(deal), author=OWNER, reason="так")
        elif rng.random() < 0.35:
            desk.staff.delete("deal", deal)
            gone.add(deal)
        elif rng.random() < 0.5:
            desk.staff.move(deal, rng.choice(("new", "client_paid", "partner_paid", "closed", "cancelled")))
        else:
            desk.staff.edit_row("deal", deal, "operation", desk.row_keys(deal)[0], amount=str(rng.randrange(1, 900)))
        if rng.random() < 0.5:
            desk.sync(deal)
    swept(desk, 10)
    assert desk.faults() == [] and desk.calls("failed", "waiting", "sending") == [] and not desk.crm.doubled()
    with desk.unit() as unit:
        marked = {deal for deal in deals if deleted.mark(unit, desk.facts(deal))}
    assert marked == gone
    for deal in set(deals) - gone:
        assert desk.facts(deal).stage == desk.stage(deal)
    for row in control(desk.portal)["rows"]:
        assert row["derived"] == row["booked"] or row["deal"] in (*gone, ""), row
