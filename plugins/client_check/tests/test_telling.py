"""Who is told what and when; who sees and does what."""

from __future__ import annotations

import pytest

from plugins.client_check.tests.desk import MONDAY_MORNING, Desk

pytestmark = pytest.mark.row("BR-18")


def tells(desk: Desk) -> None:
    desk.work("client_check.tell")


def test_heads_are_told_once_a_working_day_of_their_own_departments(desk: Desk) -> None:
    desk.at(MONDAY_MORNING.replace(hour=6, minute=0))
    card = desk.card(client_status="Действующий")
    tells(desk)
    assert desk.notices(desk.head) == [], "not before half past nine"
    desk.at(MONDAY_MORNING)
    tells(desk)
    [note] = desk.notices(desk.head)
    assert "расхождений 1" in note and "действующие без ClientID: 1" in note and "/dossier/check" in note
    assert desk.notices(desk.irina) == [] and desk.notices(desk.other_head) == []
    desk.card(client_status="Действующий", assigned=desk.support)
    tells(desk)
    assert len(desk.notices(desk.other_head)) == 1 and desk.notices(desk.head) == [note], "once a day"
    desk.advance(days=1)
    tells(desk)
    assert len(desk.notices(desk.head)) == 1 and desk.told_ever(desk.head) == 2
    desk.change(card, client_status="Кандидат")
    tells(desk)
    assert desk.notices(desk.head) == [] and len(desk.notices(desk.other_head)) == 1, "gone when it is put right"


def test_nobody_is_told_on_a_day_off(desk: Desk) -> None:
    desk.card(client_status="Действующий")
    desk.at(MONDAY_MORNING.replace(day=28))  # a Saturday
    tells(desk)
    assert desk.notices(desk.head) == []


def test_what_no_head_sees_is_told_to_the_administrators(desk: Desk) -> None:
    lonely = desk.staff.hire("Один Одинокий", groups=["Без начальства"])
    desk.portal.staff.forget()
    desk.card(client_status="Действующий", assigned=lonely)
    desk.at(MONDAY_MORNING)
    tells(desk)
    assert len(desk.notices(desk.admin)) == 1 and desk.notices(desk.head) == []


def test_a_head_who_left_is_told_nothing_more(desk: Desk) -> None:
    desk.card(client_status="Действующий")
    desk.at(MONDAY_MORNING)
    tells(desk)
    desk.staff.dismiss(desk.head.id)
    desk.portal.staff.forget()
    desk.advance(days=1)
    tells(desk)
    assert desk.notices(desk.head) == [] and len(desk.notices(desk.admin)) == 1


def test_heads_see_and_do_only_what_is_theirs(desk: Desk) -> None:
    desk.card(client_status="Действующий", name="Продажи")
    desk.card(client_status="Действующий", name="Сопровождение", assigned=desk.support)
    assert "Продажи" in desk.listed(desk.head) and "Сопровождение" not in desk.listed(desk.head)
    assert len(desk.forms(desk.admin)) == 2, "the owner sees all"
    [theirs] = desk.forms(desk.other_head)
    assert desk.press_it(theirs, desk.head) == 403 and len(desk.differs()) == 2
    assert desk.client(desk.irina.id).get("/dossier/check").status_code == 403
    assert desk.press_it(theirs, desk.irina) == 403
    assert desk.press_it({**theirs, "action": "drop"}, desk.other_head) == 409
    assert desk.press_it({"kind": "x"}, desk.other_head) == 409
    assert desk.press_it(theirs, desk.other_head) == 303 and len(desk.differs()) == 1
    assert "Глеб Чужой" in desk.listed(desk.admin), "who did what is kept"


def test_a_card_that_is_nobodys_is_every_heads(desk: Desk) -> None:
    made = desk.staff.new("contact", name="Ничей", client_status="Действующий")
    desk.sync(made, entity="contact")
    assert "Ничей" in desk.listed(desk.head) and "Ничей" in desk.listed(desk.other_head)


def test_companies_are_clients_as_well(desk: Desk) -> None:
    person = desk.card(client_id="1000417", client_status="Действующий")
    firm = desk.card("company", client_id="1000417", client_status="Действующий")
    [one] = desk.differs()
    assert {card.key for card in one.remedy.choices} == {("contact", person), ("company", firm)}
    [form] = desk.forms()
    desk.press_it({**form, "keep": f"company:{firm}"})
    assert desk.values(person) == (None, "candidate") and desk.values(firm, "company") == ("1000417", "active")
