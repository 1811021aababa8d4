"""A client is handed over: checked, sent, answered, told; and the deal goes on in the next department."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from kernel.datasets import FoundClient
from kernel.errors import Maintenance, NoRight, Rejected, Unreachable
from plugins.opening import store
from plugins.opening.tests.office import BAD_INN, BAD_MARKET, Office, rejected


def handed_over(office: Office, **card: object) -> tuple[str, str]:
    client = office.client_card(**card)
    deal = office.deal(client)
    office.push(deal)
    return client, deal


@pytest.mark.row("BR-08", "BR-09")
def test_a_client_is_registered_and_the_deal_goes_on_in_the_next_department(both: Office) -> None:
    client, deal = handed_over(both)
    both.rests()
    assert both.faults(deal, client) == []
    further, old = both.record(both.next_of(deal)).values, both.record(deal).values
    for name in ("tariff", "markets", "amount", "client", "terms_margin", "terms_iis"):
        assert further[name] == old[name] is not None, name
    [request] = both.accounts.clients
    assert "Person/Phone=+79001112299" in request and "Terms/Option[@code='margin']=true" in request
    assert [line for line in request.split("\n") if line.startswith("Terms/Market")] == [
        "Terms/Market=MOEX_STOCK", "Terms/Market=MOEX_FX",
    ]  # fmt: skip


@pytest.mark.row("BR-08")
def test_what_our_own_check_finds_leaves_nowhere_and_is_told_by_label(office: Office) -> None:
    client, deal = handed_over(office, inn="770987654340", last_name="", birth_date=office.clock.now().date())
    assert (office.state(deal), office.accounts.sent) == ("checked_bad", [])
    [told] = office.told(deal)
    for words in (
        "ошибок 3", "REQUIRED — «Фамилия»", "Заполните поле «Фамилия»", "INN_CHECKSUM — «ИНН»", "Сверьте ИНН с документом",
        "NOT_PAST — «Дата рождения»", f"https://crm.example/contact/{client}",
    ):  # fmt: skip
        assert words in told, words
    office.corrects(client, inn="770987654347")
    assert office.state(deal) == "checked_bad" and len(office.told(deal)) == 2
    office.corrects(client, last_name="Новиков", birth_date="04.05.1990")
    office.rests()
    assert office.faults(deal, client) == []


@pytest.mark.row("BR-08")
def test_a_deal_without_a_client_or_of_an_unknown_kind_says_so(office: Office) -> None:
    deal = office.deal()
    office.push(deal)
    assert "«Компания / Контакт»" in office.told(deal)[0] and office.accounts.sent == []
    _client, other = handed_over(office, client_type="")
    assert "REQUIRED — «Тип клиента»" in office.told(other)[0] and office.accounts.sent == []
    _client, third = handed_over(office, client_type="Юридическое лицо")
    assert "«Тип клиента»: недопустимый формат; сейчас «Юридическое лицо»" in office.told(third)[0]
    assert office.accounts.sent == []


@pytest.mark.row("BR-08", "BR-09")
@pytest.mark.parametrize("with_person", [True, False])
def test_a_legal_entity_is_registered_as_one_and_its_card_is_filled(both: Office, *, with_person: bool) -> None:
    firm, person = both.firm(), both.client_card() if with_person else ""
    deal = both.deal(person, firm=firm)
    both.push(deal)
    both.rests()
    assert both.faults(deal, firm, "company") == []
    [request] = both.accounts.clients
    lines = request.split("\n")
    for line in ("FullName=ООО «Клён»", "INN=7709876545", "OGRN=1027700132195", "Signer=Клён И. И., директор"):
        assert f"Company/{line}" in lines
    assert not any(line.startswith("Person/") for line in lines)
    further = both.record(both.next_of(deal)).values
    assert further["company"].id == firm
    if with_person:
        assert further["client"].id == person and not both.record(person, "contact").values["client_id"]


@pytest.mark.row("BR-08")
def test_what_is_wrong_with_a_legal_entity_names_its_own_card(office: Office) -> None:
    firm = office.firm(inn="7709876540", kpp="77090100", ogrn="1027700132194", signer="")
    deal = office.deal(firm=firm)
    office.push(deal)
    [told] = office.told(deal)
    for words in (
        "ошибок 4", "INN_CHECKSUM — «ИНН»", "FORMAT — «КПП»", "CHECK_DIGITS — «ОГРН»", "REQUIRED — «Подписант»",
        f"https://crm.example/company/{firm}",
    ):  # fmt: skip
        assert words in told, words
    double = replace(BAD_INN, code="DUPLICATE_PERSON", field="Company", message="is 1000417")
    office.accounts.answers = [rejected(double, replace(BAD_INN, field="Company/INN"))]
    office.corrects(firm, "company", inn="7707083893", kpp="770901001", ogrn="1027700132195", signer="Клён И. И.")
    told = office.told(deal)[-1]
    assert f"«карточка клиента» (карточка клиента, https://crm.example/company/{firm})" in told and "«ИНН»" in told
    office.corrects(firm, "company", inn="7736050003")
    assert office.state(deal) == "accepted"
    office.rests()
    assert office.faults(deal, firm, "company") == []


@pytest.mark.row("BR-08")
def test_a_company_that_was_deleted_leaves_the_person(office: Office) -> None:
    firm, client = office.firm(), office.client_card()
    deal = office.deal(client, firm=firm)
    office.staff.delete("company", firm)
    office.push(deal)
    office.rests()
    assert office.faults(deal, client) == []


@pytest.mark.row("BR-08")
def test_errors_of_the_back_office_name_the_field_and_are_corrected_one_by_one(office: Office) -> None:
    office.accounts.answers = [rejected(BAD_INN, BAD_MARKET)]
    client, deal = handed_over(office)
    assert office.state(deal) == "rejected" and office.record(deal).stage == "push"
    [told] = office.told(deal)
    [note] = office.crm.notices.of(office.irina.id)
    assert note.startswith(told) and office.portal.crm.link("deal", deal) in note
    assert [tag for tag, _person in office.crm.notices.kept] == [f"PUSH|{deal}"]
    assert "не приняла клиента: ошибок 2" in told and "INN_CHECKSUM — «ИНН»" in told
    assert "MARKET_CLOSED — «Рынки»" in told and "Рынок «MOEX_FX» не открыт на этом тарифе" in told
    office.sync(deal)
    office.corrects(client, inn="500100732259")
    assert len(office.accounts.sent) == 1, "one of the two fields still holds what was rejected"
    office.staff.set("deal", deal, author="Ирина Белова", markets="MOEX_STOCK")
    office.sync(deal)
    office.rests()
    assert office.faults(deal, client) == []
    first, second = (sent.decode().partition("\n")[0] for sent in office.accounts.sent)
    assert (first, second) == (f"annex:main:{deal}:1", f"annex:main:{deal}:2")


@pytest.mark.row("BR-08")
def test_a_lost_answer_brings_the_same_bytes_again_and_is_told_once(office: Office) -> None:
    office.accounts.lose = 6
    client = office.client_card()
    deal = office.deal(client)
    office.pushes(deal)
    assert office.state(deal) == "uncertain"
    office.staff.set("contact", client, author="Ирина Белова", last_name="Другая")  # the request stays as it was
    for _ in range(12):
        office.rests(1)
    assert len(set(office.accounts.sent)) == 1 and len(office.accounts.sent) == 7
    assert sum("пока не отвечает" in told for told in office.told(deal)) == 1
    assert office.faults(deal, client) == []


@pytest.mark.row("BR-08")
def test_what_was_corrected_before_the_rejection_came_is_sent_then(office: Office) -> None:
    """Changes of the card wait while it is not known what became of the request."""
    office.accounts.lose, office.accounts.answers = 1, [rejected(BAD_INN, BAD_MARKET)]
    client = office.client_card()
    deal = office.deal(client)
    office.pushes(deal)
    office.staff.set("contact", client, author="Ирина Белова", inn="500100732259")
    office.hears(client, entity="contact")
    office.staff.set("deal", deal, author="Ирина Белова", markets="MOEX_STOCK")
    office.hears(deal)
    assert office.state(deal) == "uncertain"
    office.rests()
    assert office.faults(deal, client) == []
    assert office.accounts.clients[0].startswith(f"annex:main:{deal}:2\n")


@pytest.mark.row("BR-08")
def test_it_is_never_given_up_for_its_age(office: Office) -> None:
    office.accounts.faults = [Maintenance("planned work")] * 3 + [Unreachable("refused")] * 800
    client, deal = handed_over(office)
    office.clock.advance(days=3)
    office.rests()
    assert office.state(deal) in ("ready", "uncertain") and office.calls("failed") == []
    office.accounts.faults = []
    office.rests(10)
    office.rests()
    assert office.faults(deal, client) == []


@pytest.mark.row("BR-08")
@pytest.mark.parametrize("promise", ["request_id", "lookup", "none"])
def test_a_fault_that_no_repeat_helps_waits_for_an_administrator(office_of: Callable[..., Office], promise: str) -> None:
    office = office_of(promise=promise)
    office.accounts.faults = [NoRight("AUTH", vendor_code="AUTH")]
    client, deal = handed_over(office)
    assert office.state(deal) == "refused" and "Нужен администратор" in office.told(deal)[0]
    assert any(office.admin.id in effect.to for effect in office.crm.effects if effect.verb == "comment")
    office.rests()
    assert len(office.accounts.sent) == 1
    assert office.presses(office.irina, deal, "again") == 303
    office.rests()
    assert office.faults(deal, client) == [] and len(set(office.accounts.sent)) == 1


@pytest.mark.row("BR-08")
def test_doubled_and_late_deliveries_are_one_request(office: Office) -> None:
    client = office.client_card()
    deal = office.deal(client)
    office.staff.move(deal, "push", author="Ирина Белова")
    for _ in range(5):
        office.deliver(deal, delivery="the same")
        office.deliver(deal)
        office.deliver(client, entity="contact")
    office.run()
    for _ in range(3):
        office.sync(deal)
        office.sync(client, entity="contact")
    office.rests()
    assert len(office.accounts.sent) == 1 and office.faults(deal, client) == []


@pytest.mark.row("BR-08")
def test_two_deals_of_one_client_are_one_registration(office: Office) -> None:
    client = office.client_card()
    first, second = office.deal(client), office.deal(client)
    office.accounts.lose = 1
    for deal in (first, second):
        office.pushes(deal)
    assert {office.state(first), office.state(second)} == {"uncertain", "waiting"}
    office.rests()
    assert len(office.accounts.clients) == 1
    [late] = [deal for deal in (first, second) if office.state(deal) == "known"]
    told = office.told(late)
    assert "передаётся по сделке" in told[0] and "уже заведён: 1000500" in told[1] and len(told) == 2


@pytest.mark.row("BR-08")
def test_of_two_deals_written_down_at_once_the_slower_waits(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    client = office.client_card()
    first, second = office.deal(client), office.deal(client)
    office.accounts.lose = 1
    office.pushes(first)
    live, unseen = store.live, [None]  # the first look at the second deal does not see the other's request yet
    monkeypatch.setattr(store, "live", lambda *args: unseen.pop() if unseen else live(*args))
    office.pushes(second)
    assert unseen == [] and office.state(second) == "waiting"
    office.rests()
    assert (office.state(second), len(office.accounts.clients)) == ("known", 1)


@pytest.mark.row("BR-08")
def test_a_deal_that_waits_and_is_deleted_stops_nobody(office: Office) -> None:
    client = office.client_card()
    first, second = office.deal(client), office.deal(client)
    office.accounts.lose = 1
    for deal in (first, second):
        office.pushes(deal)
    late = next(deal for deal in (first, second) if office.state(deal) == "waiting")
    office.staff.delete("deal", late)
    office.sync(late)
    office.rests()
    assert office.faults(first if late == second else second, client) == []


@pytest.mark.row("BR-08")
def test_whoever_has_a_number_already_is_not_sent_and_a_head_may_go_on(office: Office) -> None:
    client, deal = handed_over(office, client_id="1000417")
    assert office.state(deal) == "known" and office.accounts.sent == []
    form = {"client_id": "1000417", "contract": "B-2026/0417", "opened_on": "2026-02-11"}
    assert office.presses(office.irina, deal, "confirm", **form) == 403
    assert office.presses(office.head, deal, "confirm", **form) == 303
    office.rests()
    assert office.record(deal).stage == "opened" and office.record(office.next_of(deal)).stage == "service_new"
    assert office.record(client, "contact").values["contract_number"] == "B-2026/0417" and office.accounts.sent == []


@pytest.mark.row("BR-08")
def test_a_double_is_linked_by_a_head(office: Office) -> None:
    office.accounts.answers = [rejected(replace(BAD_INN, code="DUPLICATE_PERSON", field="Person", message="is 1000417"))]
    client, deal = handed_over(office)
    assert "«карточка клиента»" in office.told(deal)[0] and "ClientID 1000417" in office.told(deal)[0]
    page = office.page(office.head, f"/opening/deal/{deal}")[1]
    assert "DUPLICATE_PERSON" in page and "/confirm" in page
    assert "/confirm" not in office.page(office.irina, f"/opening/deal/{deal}")[1]
    assert office.presses(office.head, deal, "confirm", client_id="1000417") == 303
    office.rests()
    assert office.record(client, "contact").values["client_id"] == "1000417" and office.record(deal).stage == "opened"
    with office.tx() as tx:
        assert tx.value("SELECT decided_by FROM opening_request WHERE state = 'accepted'") == "Вера Главная"


@pytest.mark.row("BR-08")
@pytest.mark.parametrize(
    ("there", "named"),
    [([FoundClient("0007-A", "Н")], "0007-A"), ([], ""), ([FoundClient("1", "Н"), FoundClient("2", "Н")], "")],
)
def test_a_double_that_the_answer_does_not_name_is_looked_up(office: Office, there: list[FoundClient], named: str) -> None:
    office.accounts.there = there
    office.accounts.answers = [rejected(replace(BAD_INN, code="DUPLICATE_PERSON", field="Person", message="is there"))]
    _client, deal = handed_over(office)
    [told] = office.told(deal)
    assert (f"ClientID {named}. Попросите" if named else "Узнайте его ClientID") in told
    assert f'name="client_id" required maxlength="40" autocomplete="off" value="{named}"' in office.page(
        office.head, f"/opening/deal/{deal}"
    )[1]  # fmt: skip


@pytest.mark.row("BR-08")
@pytest.mark.parametrize("arrived", [True, False])
def test_without_any_promise_a_person_says_what_became_of_it(office_of: Callable[..., Office], *, arrived: bool) -> None:
    office = office_of(promise="none")
    if arrived:
        office.accounts.lose = 1
    else:
        office.accounts.faults = [Unreachable("no answer", maybe_done=True)]
    client, deal = handed_over(office)
    for _ in range(3):
        office.rests()
    assert office.state(deal) == "uncertain" and len(office.accounts.sent) == 1
    assert "Проверьте там, заведён ли клиент" in office.told(deal)[0]
    assert "ответа нет: мог дойти" in office.page(office.head, "/opening/")[1]
    if arrived:
        for bad in ({"client_id": " "}, {"client_id": "1000500", "opened_on": "2026-13-40"}):
            assert office.presses(office.irina, deal, "confirm", **bad) == 409 and office.state(deal) == "uncertain"
        form = {"client_id": "1000500", "contract": "B-1000500", "opened_on": "2026-11-21"}
        assert office.presses(office.irina, deal, "confirm", **form) == 303
    else:
        assert office.presses(office.irina, deal, "deny") == 303
    assert office.presses(office.head, deal, "deny") == 409, "it is decided"
    office.rests()
    assert office.faults(deal, client) == []


@pytest.mark.row("BR-09")
def test_another_number_in_the_card_stops_until_a_person_has_decided(office: Office) -> None:
    office.accounts.lose = 1
    client = office.client_card()
    deal = office.deal(client)
    office.pushes(deal)
    office.corrects(client, client_id="777777")
    office.rests()
    assert office.steps(deal)["card"] == "stopped" and office.record(client, "contact").values["client_id"] == "777777"
    assert sum("другой ClientID: 777777" in told for told in office.told(deal)) == 1
    assert office.record(deal).stage == "push" and len(office.crm.records("deal")) == 1
    office.corrects(client, client_id="")
    office.rests()
    assert office.faults(deal, client) == []


@pytest.mark.row("BR-08")
def test_nobody_moves_the_deal_while_its_client_is_handed_over(office: Office) -> None:
    client = office.client_card()
    deal = office.deal(client, tariff="")
    office.push(deal)
    for stage in ("opened",):
        office.staff.move(deal, stage, author="Вера Главная")
        office.sync(deal, author="Вера Главная")
        assert office.record(deal).stage == "push", "the head's right does not count here"
    office.accounts.faults = [Unreachable("no answer", maybe_done=True)] * 30
    office.staff.set("deal", deal, author="Ирина Белова", tariff="Трейдер")
    office.hears(deal)
    assert office.state(deal) == "uncertain"
    for stage, who in (("terms", "Ирина Белова"), ("refused", "Вера Главная")):
        office.staff.move(deal, stage, author=who)
        office.hears(deal, author=who)
        assert office.record(deal).stage == "push", stage
    office.accounts.faults = []
    office.rests()
    assert office.faults(deal, client) == []


@pytest.mark.row("BR-08")
@pytest.mark.parametrize("passed", [0, 2, 4])
def test_nobody_says_by_hand_that_the_account_is_open_from_whatever_stage(office: Office, passed: int) -> None:
    deal = office.staff.new("deal", stage="new", author="Ирина Белова", assigned=office.irina)
    office.sync(deal)
    for stage in ("contact", "need", "offer", "terms")[:passed]:
        office.clock.advance(milliseconds=10)
        office.staff.move(deal, stage, author="Ирина Белова")
        office.sync(deal)
    stood = office.record(deal).stage
    office.staff.move(deal, "opened", author="Вера Главная")
    office.sync(deal, author="Вера Главная")
    assert office.record(deal).stage == stood, "the head's right does not count here"


@pytest.mark.row("BR-09")
def test_a_deal_deleted_meanwhile_leaves_a_filled_card_and_a_head_who_knows(office: Office) -> None:
    office.accounts.lose = 1
    client = office.client_card()
    deal = office.deal(client)
    office.pushes(deal)
    office.staff.delete("deal", deal)
    office.sync(deal)
    office.rests()
    assert office.record(client, "contact").values["client_id"] == "1000500" and office.crm.records("deal") == []
    assert any("следующей сделки нет" in told for told in office.told(client, "contact"))
    assert office.verified() == [] and len(office.accounts.clients) == 1


@pytest.mark.row("BR-09")
def test_what_the_portal_refuses_is_told_and_tried_again(office: Office) -> None:
    refusal = Rejected("the portal wants «Сумма» at that stage")
    office.crm.fail_next(refusal, on="create", times=3)
    client, deal = handed_over(office)
    assert any("«Следующая сделка» не удался" in told and "«Сумма»" in told for told in office.told(deal))
    assert office.steps(deal) == {
        "card": "done", "next": "stopped", "activities": "waiting", "close": "waiting", "responsible": "waiting",
        "told": "waiting",
    }  # fmt: skip
    assert "Сумма" in office.page(office.head, "/opening/")[1]
    office.rests()
    office.rests()
    assert sum("«Следующая сделка» не удался" in told for told in office.told(deal)) == 1, "not at each try"
    assert office.faults(deal, client) == []


@pytest.mark.row("BR-09")
@pytest.mark.parametrize("activities", ["move", "leave"])
def test_what_is_planned_goes_to_the_next_deal(office_of: Callable[..., Office], activities: str) -> None:
    office = office_of(settings={"activities": activities})
    client = office.client_card()
    deal = office.deal(client)
    planned = office.crm.activities
    planned.plan("Позвонить", ("deal", deal), ("contact", client))
    planned.plan("Уже сделано", ("deal", deal), done=True)
    office.push(deal)
    office.rests()
    further = office.next_of(deal)
    moved = activities == "move"
    assert [one.subject for one in planned.open_of("deal", further if moved else deal)] == ["Позвонить"]
    assert planned.open_of("deal", deal if moved else further) == ()
    assert office.steps(deal)["activities"] == ("done" if moved else "left")
    assert office.record(deal).stage == "opened" and office.verified() == []


@pytest.mark.row("BR-09")
def test_what_is_planned_goes_before_the_deal_is_won(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CRM takes what is planned for a closed deal as done."""
    deal, stages = office.deal(office.client_card()), []
    move = office.crm.activities.move
    monkeypatch.setattr(office.crm.activities, "move", lambda *of: (stages.append(office.record(deal).stage), move(*of))[1])
    office.push(deal)
    office.rests()
    assert stages == ["push"] and office.record(deal).stage == "opened"


@pytest.mark.row("BR-09")
def test_activities_that_cannot_go_stay_and_are_told_and_hold_nothing_up(office: Office) -> None:
    client = office.client_card()
    deal = office.deal(client)
    planned = office.crm.activities
    for subject in ("Позвонить", "Встреча"):
        planned.plan(subject, ("deal", deal))
    planned.stays = {"Встреча": "access denied"}
    office.push(deal)
    office.rests()
    assert office.steps(deal)["activities"] == "left" and office.record(deal).stage == "opened"
    [told] = [one for one in office.told(deal) if "Дела, оставшиеся" in one]
    assert "«Встреча»: access denied" in told and "Позвонить" not in told
    assert [one.subject for one in planned.open_of("deal", office.next_of(deal))] == ["Позвонить"]
    assert office.verified() == []

    other_client = office.client_card(inn="500100732259")
    other = office.deal(other_client)
    planned.plan("Третье", ("deal", other))
    office.crm.fail_next(Rejected("no such method"), on="move_activities")
    office.push(other)
    office.rests()
    assert office.steps(other)["activities"] == "left" and office.record(other).stage == "opened"
    assert any("Дела, оставшиеся" in one and "no such method" in one for one in office.told(other))
    assert "осталось в этой сделке" in office.page(office.head, f"/opening/deal/{other}")[1]


@pytest.mark.row("BR-09")
def test_nobody_of_the_next_department_is_fit_so_the_deal_waits_in_its_queue(office: Office) -> None:
    office.crm.late[office.support.id] = 6
    _client, deal = handed_over(office)
    office.rests()
    assert office.steps(deal)["close"] == "done" and office.steps(deal)["responsible"] == "doing"
    assert office.record(deal).stage == "opened"
    office.crm.late.clear()
    office.rests()
    assert office.steps(deal)["responsible"] == "done"
    assert office.record(office.next_of(deal)).values["assigned"] == office.support


@pytest.mark.row("BR-08")
def test_who_sees_what(office: Office) -> None:
    client, deal = handed_over(office, inn="1")
    address = f"/opening/deal/{deal}"
    office.corrects(client, second_name="Иванович")
    shown = office.page(office.irina, address)[1]
    assert "ИНН" in shown and "Иван Новиков" in shown  # the client by name
    assert office.page(office.head, address)[0] == 200
    assert office.page(office.boris, address)[0] == 403
    assert office.presses(office.support, deal, "again") == 403
    assert office.page(office.irina, "/opening/")[0] == 403
    assert "Открытие счёта" in office.page(office.head, "/opening/")[1]
    assert "ещё не передавали" in office.page(office.irina, "/opening/deal/404")[1]
