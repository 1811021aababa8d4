"""Each difference: found, explained on the page and by `annex verify`, put right by its button, and gone."""

from __future__ import annotations

import pytest

from kernel.crm import Ref
from kernel.datasets import FoundClient
from kernel.errors import BadAnswer, Rejected, Unreachable
from kernel.extension.sync import sync
from plugins.client_check import acting, store
from plugins.client_check.tests.desk import Desk

pytestmark = pytest.mark.row("BR-18")
INN, PHONE = "770987654347", "+79001112299"


def test_nobody_differs(desk: Desk) -> None:
    desk.knows("1000417")
    desk.card(client_status="Действующий", client_id="1000417")
    desk.card(client_status="Кандидат")
    desk.asks(2)
    assert desk.kinds() == [] and desk.lines() == [] and "Расхождений нет" in desk.listed()


def test_an_active_client_without_a_number_becomes_a_candidate(both: Desk) -> None:
    card = both.card(client_status="Действующий", name="Пётр <b>Ильин</b>")
    assert both.kinds() == [("no_number", card, "candidate")]
    assert "Действующие без ClientID: 1" in both.listed() and "<b>Ильин" not in both.client(both.head.id).get(
        "/dossier/check"
    ).text  # fmt: skip
    [line] = both.lines()
    assert f"contact {card}" in line and "ClientID в карточке нет" in line
    both.press_the_only_one()
    assert both.values(card) == (None, "candidate") and both.kinds() == []


def test_whom_the_back_office_names_gets_their_number(desk: Desk) -> None:
    card = desk.card(client_status="Действующий", inn=INN)
    desk.found = {INN: [FoundClient("1000417", "Новиков И.")]}
    desk.asks()
    assert desk.looked_up == [INN] and "1000417 (Новиков И.)" in desk.listed()
    logged = desk.rows("SELECT outcome, row_count FROM dossier_log WHERE set_name = 'FindClient'")
    assert [(one["outcome"], one["row_count"]) for one in logged] == [("ok", 1)]
    desk.asks()
    assert desk.looked_up == [INN], "once a day"
    desk.press_the_only_one()
    assert desk.values(card) == ("1000417", "active") and desk.kinds() == []


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([], "никого нет"),
        ([FoundClient("1000417", "А"), FoundClient("1000418", "Б")], "несколько клиентов: 1000417 (А), 1000418 (Б)"),
        ([FoundClient("1000999", "Двойник")], "похоже, это двойник"),
    ],
)
def test_nothing_is_written_that_is_not_certain(desk: Desk, found: list[FoundClient], words: str) -> None:
    desk.knows("1000999")
    desk.card(client_id="1000999", name="Другая")
    desk.card(client_status="Действующий", phone="8 (900) 111-22-99")
    desk.found = {PHONE: found}
    desk.asks()
    [one] = desk.differs()
    assert one.remedy.action == "candidate" and words in desk.listed()


def test_the_number_that_our_own_request_brought_goes_into_the_card(desk: Desk) -> None:
    client = desk.client_card()
    deal = desk.deal(client)
    desk.push(deal)
    desk.rests()
    assert desk.faults(deal, client) == [] and desk.kinds() == []
    desk.knows("1000500")
    desk.change(client, client_id="")
    assert desk.kinds() == [("removed", client, "write")], "one difference, not two"
    desk.act(lambda unit: store.forget_number(unit.tx, desk.portal.name, "1000500"))
    [form] = desk.forms()
    assert (form["kind"], form["right"]) == ("no_number", "1000500")
    assert desk.press_it(form) == 303
    assert desk.values(client) == ("1000500", "active") and desk.kinds() == []


def test_one_number_in_two_cards_stays_in_the_one_that_is_chosen(both: Desk) -> None:
    both.knows("1000417")
    first = both.card(client_status="Действующий", client_id="1000417", name="Первая")
    both.advance(hours=1)
    second = both.card(client_status="Действующий", client_id="1000417", name="Вторая")
    [one] = both.differs()
    assert (one.kind, [card.record for card in one.remedy.choices]) == ("twice", [first, second])
    assert "«Первая», «Вторая»" in both.listed() and any("нескольких карточках (2)" in line for line in both.lines())
    [form] = both.forms()
    assert form["keep"] == f"contact:{first}"
    assert both.press_it({**form, "keep": "contact:1"}) == 409 and len(both.differs()) == 1
    assert both.press_it({**form, "keep": f"contact:{second}"}) == 303
    assert both.values(first) == (None, "candidate") and both.values(second) == ("1000417", "active")
    assert both.kinds() == []


def test_a_hand_over_that_is_not_over_goes_on_at_once(desk: Desk) -> None:
    client = desk.client_card()
    deal = desk.deal(client)
    desk.crm.fail_next(Rejected("the field is closed"), on="create", times=99)
    desk.push(deal)
    desk.rests()
    desk.knows("1000500")
    assert desk.kinds() == []
    desk.rests(10)
    [one] = desk.differs()
    assert (one.kind, one.record, one.remedy.action) == ("unfinished", deal, "go_on")
    assert "Следующая сделка" in desk.listed() and any("the field is closed" in line for line in desk.lines())
    desk.crm.repair()
    desk.press_the_only_one()
    desk.rests(0)
    assert desk.next_of(deal), "the step did not wait for its pause"
    desk.rests()
    assert desk.faults(deal, client) == [] and desk.kinds() == []


def test_another_number_in_the_card_gives_way_when_a_head_says_so(desk: Desk) -> None:
    client = desk.client_card()
    deal = desk.deal(client)
    desk.accounts.lose = 1
    desk.pushes(deal)
    desk.change(client, client_id="999")
    desk.rests()
    desk.rests(20)
    assert [(one.kind, one.remedy.action) for one in desk.differs()] == [("unfinished", "fill_card")]
    assert "другой номер, 999" in desk.listed()
    desk.press_the_only_one()
    desk.rests()
    assert desk.values(client) == ("1000500", "active") and desk.kinds() == []
    assert desk.faults(deal, client) == []


def test_a_request_without_an_answer_is_asked_for_now(desk_of) -> None:
    desk = desk_of(promise="lookup")
    client = desk.client_card()
    deal = desk.deal(client)
    desk.accounts.faults = [Unreachable("away", maybe_done=True)] * 99
    desk.push(deal)
    asked: list[str] = []
    standing = desk.accounts.standing

    def away(push: str, request_id: str) -> object:
        asked.append(request_id)
        if desk.accounts.faults:
            raise Unreachable("away")
        return standing(push, request_id)

    desk.accounts.standing = away
    for _ in range(3):
        desk.rests(10)
    assert desk.kinds() == []
    for _ in range(4):
        desk.rests(10)
    assert desk.kinds() == [("uncertain", deal, "ask_now")]
    assert "неизвестно" in desk.listed() and any(f"deal {deal}" in line for line in desk.lines())
    before = len(asked)
    desk.accounts.faults.clear()
    desk.press_the_only_one()
    assert len(asked) > before, "now, and not when its pause is over"
    desk.rests(*[5] * 8)
    desk.knows("1000500")
    assert desk.faults(deal, client) == [] and desk.kinds() == []


def test_where_only_a_person_can_say_they_are_led_to_the_deal(desk_of) -> None:
    desk = desk_of(promise="none")
    deal = desk.deal(desk.client_card())
    desk.accounts.lose = 1
    desk.push(deal)
    desk.rests(61)
    assert desk.kinds() == [("uncertain", deal, "decide")]
    assert f'href="/opening/deal/{deal}"' in desk.listed() and desk.forms() == []
    assert desk.presses(desk.head, deal, "confirm", client_id="1000500") == 303
    desk.knows("1000500")
    assert desk.kinds() == []


def test_a_number_that_the_back_office_does_not_know_leaves_the_card(both: Desk) -> None:
    both.knows("1000417")
    both.card(client_status="Действующий", client_id="1000417")
    wrong = both.card(client_status="Действующий", client_id="1000471", name="Опечатка")
    both.asks()
    assert both.kinds() == [("unknown", wrong, "drop")]
    assert "не знает ClientID 1000471" in both.listed() and any("1000471" in line for line in both.lines())
    logged = both.rows("SELECT client_id, outcome FROM dossier_log ORDER BY client_id")
    assert [(row["client_id"], row["outcome"]) for row in logged] == [("1000417", "ok"), ("1000471", "not_found")]
    assert both.rows("SELECT * FROM dossier_answer") == []
    both.press_the_only_one()
    assert both.values(wrong) == (None, "candidate") and both.kinds() == []


def test_a_slip_in_the_number_is_corrected(desk: Desk) -> None:
    card = desk.card(client_status="Действующий", client_id="1000471", inn=INN)
    desk.knows("1000417")
    desk.found = {INN: [FoundClient("1000417", "Новиков И.")]}
    desk.asks(2)
    desk.press_the_only_one()
    assert desk.values(card) == ("1000417", "active")
    desk.asks(2)
    assert desk.kinds() == [], "the wrong number is missed by nobody"


def test_no_more_than_ten_a_minute_each_in_its_turn_and_once_a_day(desk: Desk) -> None:
    numbers = [str(2000000 + n) for n in range(24)]
    desk.knows(*numbers)
    for number in numbers:
        desk.card(client_id=number)
    asked = []
    for _ in range(4):
        before = len(desk.source.asked)
        desk.asks()
        asked.append(sorted(one.client_id for one in desk.source.asked[before:]))
    assert [len(one) for one in asked] == [10, 10, 4, 0]
    assert sorted(one for some in asked for one in some) == numbers
    desk.advance(hours=24)
    desk.asks()
    assert len(desk.source.asked) == 34


def test_an_office_that_does_not_answer_says_nothing_and_one_bad_answer_blocks_nobody(desk: Desk) -> None:
    for number in ("1", "2", "3"):
        desk.card(client_id=number)
    desk.source.fail(Unreachable("away"))
    desk.asks()
    assert len(desk.source.asked) == 1 and desk.kinds() == [], "the round ends at once"
    desk.knows("2", "3")
    desk.source.fail(BadAnswer("garbage"))
    desk.asks()
    assert len(desk.source.asked) == 4 and desk.kinds() == []


def test_a_number_that_was_removed_comes_back(both: Desk) -> None:
    both.knows("1000417")
    card = both.card(client_status="Действующий", client_id="1000417")
    both.change(card, client_id="", client_status="Кандидат")
    assert both.kinds() == [("removed", card, "write")] and "убрали из карточки" in both.listed()
    assert any("1000417" in line for line in both.lines())
    both.press_the_only_one()
    assert both.values(card) == ("1000417", "active") and both.kinds() == []


def test_what_moved_to_another_card_is_missed_nowhere(desk: Desk) -> None:
    first, second = desk.card(client_id="1000417"), desk.card(name="Вторая")
    desk.change(first, client_id="")
    desk.change(second, client_id="1000417")
    desk.knows("1000417")
    desk.asks()
    assert desk.kinds() == []


def test_a_replaced_number_is_missed_only_if_the_back_office_knows_it(desk: Desk) -> None:
    desk.knows("1000418", "1000500")
    slip, real = desk.card(client_id="999"), desk.card(client_id="1000418")
    desk.change(slip, client_id="1000500")
    desk.change(real, client_id="1000501")
    desk.knows("1000501")
    desk.asks()
    assert desk.kinds() == [("removed", real, "write")] and "теперь другой" in desk.listed()
    desk.press_the_only_one()
    assert desk.values(real)[0] == "1000418"


def test_a_deleted_card_comes_back_out_of_the_bin(desk: Desk) -> None:
    desk.knows("1000417")
    card = desk.card(client_status="Действующий", client_id="1000417")
    desk.staff.delete("contact", card)
    desk.sync(card, entity="contact")
    assert desk.kinds() == [("removed", card, "restore")] and "удалили или объединили" in desk.listed()
    desk.press_the_only_one()
    assert desk.values(card) == ("1000417", "active") and desk.kinds() == []


def test_the_card_that_got_the_deals_of_a_merged_one_gets_its_number(both: Desk) -> None:
    both.knows("1000500")
    client = both.client_card()
    deal = both.deal(client)
    both.push(deal)
    both.rests()
    survivor = both.card(name="Главная карточка")
    both.staff.merge(survivor, client)
    both.sync(client, entity="contact")
    assert both.kinds() == [("removed", client, "write")] and "объединили с другой" in both.listed()
    both.press_the_only_one()
    assert both.values(survivor) == ("1000500", "active") and both.kinds() == []


def test_two_numbers_of_one_merged_client_are_settled_by_a_head(desk: Desk) -> None:
    desk.knows("1000417", "1000418")
    gone, survivor = desk.card(client_id="1000417"), desk.card(client_id="1000418")
    deal = desk.deal(gone)
    desk.staff.merge(survivor, gone)
    desk.sync(deal)
    desk.sync(gone, entity="contact")
    assert desk.kinds() == [("removed", gone, "close")] and "два клиента" in desk.listed()
    desk.press_the_only_one()
    assert desk.kinds() == []
    [done] = desk.rows("SELECT who, action, client_id FROM client_check_done")
    assert dict(done) == {"who": "Вера Главная", "action": "close", "client_id": "1000417"}


def test_a_card_that_cannot_come_back_is_settled(desk: Desk) -> None:
    desk.knows("1000417")
    gone, other = desk.card(client_id="1000417"), desk.card(name="Без сделок")
    desk.staff.merge(other, gone)
    desk.sync(gone, entity="contact")
    assert desk.kinds() == [("removed", gone, "restore")]
    desk.press_the_only_one()
    assert desk.kinds() == [("removed", gone, "close")] and "не выходит" in desk.listed()
    desk.press_the_only_one()
    assert desk.kinds() == []


def test_a_deletion_that_nobody_reported_is_found_by_the_sweep(desk: Desk) -> None:
    card = desk.card(client_id="1000417")
    with desk.tx() as tx:
        asked = {keeps.entity: list(keeps.ids(tx, desk.portal.name, "", 10)) for keeps in desk.plugins[-1].keeps}
    assert asked == {"company": [], "contact": [card]}
    desk.staff.delete("contact", card)
    desk.sync(card, entity="contact")
    with desk.tx() as tx:
        assert list(desk.plugins[-1].keeps[-1].ids(tx, desk.portal.name, "", 10)) == [card], "it may come back"


def test_who_was_forgotten_is_missed_nowhere(desk: Desk) -> None:
    card = desk.card(client_id="1000417")
    desk.staff.delete("contact", card)
    desk.sync(card, entity="contact")
    [forgotten] = [one.run for one in desk.plugins[-1].hooks]
    desk.act(lambda unit: forgotten(unit, "1000417", []))
    assert desk.kinds() == [] and desk.rows("SELECT * FROM client_check_number") == []


def test_nothing_of_whom_was_forgotten_stays_beside_another_card(desk: Desk) -> None:
    desk.card(client_status="Действующий", inn=INN)
    desk.found = {INN: [FoundClient("1000417", "Тайный Клиент"), FoundClient("1000418", "Другой")]}
    desk.asks()
    assert "Тайный Клиент" in desk.listed()
    [forgotten] = [one.run for one in desk.plugins[-1].hooks]
    desk.act(lambda unit: forgotten(unit, "1000417", []))
    assert "Тайный Клиент" not in str(desk.rows("SELECT * FROM client_check_card"))


def test_a_number_that_the_back_office_gave_and_does_not_know_is_taken_out(desk: Desk) -> None:
    client = desk.client_card()
    deal = desk.deal(client)
    desk.push(deal)
    desk.rests()
    desk.asks()
    assert desk.kinds() == [("unknown", client, "drop")] and "спросите её сотрудников" in desk.listed()


def test_a_write_that_fails_brings_the_difference_back(desk: Desk) -> None:
    card = desk.card(client_status="Действующий")
    desk.crm.fail_next(Rejected("closed"), on="update")
    desk.press_the_only_one()
    assert desk.values(card) == (None, "active")
    desk.sync(card, entity="contact")
    assert desk.kinds() == [("no_number", card, "candidate")]


def test_since_when_is_when_it_began(desk: Desk) -> None:
    card = desk.card(client_status="Действующий")
    began = desk.differs()[0].since
    desk.advance(hours=5)
    desk.change(card, name="Иначе")
    [one] = desk.differs()
    assert (one.since, one.name) == (began, "Иначе")


def test_a_button_shown_for_another_state_does_nothing(desk: Desk) -> None:
    card = desk.card(client_status="Действующий", inn=INN)
    [old] = desk.forms()
    desk.found = {INN: [FoundClient("1000417", "")]}
    desk.asks()
    assert desk.press_it(old) == 409 and desk.values(card) == (None, "active")
    [new] = desk.forms()
    desk.found = {INN: [FoundClient("1000418", "")]}
    desk.advance(hours=24)
    desk.asks()
    assert desk.press_it(new) == 409, "it says another number by now"
    [newest] = desk.forms()
    assert desk.press_it(newest) == 303 and desk.press_it(newest) == 409
    assert desk.values(card) == ("1000418", "active")


def test_cards_that_were_there_before_are_taken_over(desk: Desk) -> None:
    seen = desk.card(client_status="Действующий")
    gone = desk.card(client_status="Действующий")
    desk.staff.delete("contact", gone)
    desk.sync(gone, entity="contact")
    untouched = desk.staff.new("contact", name="Старый клиент", client_status="Действующий", assigned=desk.irina)
    with desk.database.write() as tx:
        tx.run("DELETE FROM client_check_card")
    desk.work("client_check.fill")
    assert [one[1] for one in desk.kinds()] == sorted([seen, untouched])
    desk.change(seen, client_status="Кандидат")
    desk.work("client_check.fill")
    assert [one[1] for one in desk.kinds()] == [untouched], "once"


def test_a_deal_of_somebody_else_says_nothing_of_a_card(desk: Desk) -> None:
    first, second = desk.card(client_id="1"), desk.card(name="Вторая")
    deal = desk.deal(first)
    desk.staff.set("deal", deal, client=Ref(second, "Вторая"))
    desk.sync(deal)
    desk.knows("1")
    desk.asks()
    assert desk.kinds() == []


def test_numbers_and_look_ups_together_are_no_more_than_ten_a_minute(desk: Desk) -> None:
    for n in range(8):
        desk.knows(str(2000000 + n))
        desk.card(client_id=str(2000000 + n))
        desk.card(client_status="Действующий", inn=f"77098765434{n}")
    desk.asks()
    assert len(desk.source.asked) + len(desk.looked_up) == 10
    desk.asks()
    assert (len(desk.source.asked), len(desk.looked_up)) == (8, 8)


def test_what_a_head_has_put_right_stays_away_while_the_crm_does_not_take_it(desk: Desk) -> None:
    card = desk.card(client_status="Действующий")
    [form] = desk.forms()
    with desk.portal.unit() as unit:
        acting.act(unit, acting.find(unit, ("no_number", "contact", card, ""), form["action"], ""), by="Вера")
    assert desk.kinds() == [], "at once"
    desk.deliver(card, entity="contact")
    sync(desk.portal, desk.plugins, {"entity": "contact", "id": card, "trace": ""})  # before our own write has left
    assert desk.values(card) == (None, "active") and desk.kinds() == []
    desk.run()
    assert desk.values(card) == (None, "candidate") and desk.kinds() == []
