"""A deal comes to the stage of its terms: it is asked for them once, and goes on when they are answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from kernel.crm import Ref
from kernel.errors import NoRight, Rejected, Unreachable
from plugins.terms.tests.office import ALL, ANSWERED, TEMPLATE, Office


@pytest.mark.row("BR-07")
def test_without_a_process_the_form_asks_once(office: Office) -> None:
    deal = office.deal()
    [text] = office.told(office.irina)
    assert text.splitlines() == [
        "Заполните условия договора по сделке «Счёт».", f"Сделка: https://crm.example/deal/{deal}",
        f"Форма: https://annex.example/terms/deal/{deal}",
    ]  # fmt: skip
    for _again in range(2):
        office.sync(deal)
        office.work()
    assert office.question(deal).round == 1 and office.crm.called.count("put_notice") == 1
    assert ("TERMS|" + deal, office.irina) in office.crm.notices.kept


@pytest.mark.row("BR-07")
def test_with_a_process_its_task_asks_once(both: Office) -> None:
    deal = both.deal()
    assert both.running(deal) == [both.irina]
    [text] = both.told(both.irina)
    assert "Задание: https://crm.example/question/qp1" in text and "Форма" not in text
    for _again in range(2):
        both.sync(deal)
        both.work()
    assert len(both.crm.processes.begun) == 1 and both.crm.called.count("put_notice") == 1


def test_a_deal_made_there_is_asked_about_too(office: Office) -> None:
    deal = office.crm.staff.new("deal", stage="terms", author="Ирина Белова", name="Счёт", assigned=Ref(office.irina))
    office.sync(deal)
    assert len(office.told(office.irina)) == 1


def test_a_deal_whose_terms_are_answered_is_asked_nothing(by_task: Office) -> None:
    deal = by_task.deal(**ALL)
    assert by_task.crm.processes.begun == [] and by_task.told(by_task.irina) == []
    by_task.move(deal, "push")
    assert by_task.stage(deal) == "push"


@pytest.mark.row("BR-07")
@pytest.mark.parametrize("author", ["Ирина Белова", "Вера Главная"])
def test_it_is_put_back_until_all_are_answered_and_no_head_overrides(office: Office, author: str) -> None:
    deal = office.deal(terms_margin="да")
    office.move(deal, "push", author=author)
    assert office.stage(deal) == "terms"
    [note] = office.crm.comments(deal)
    assert "не заполнено: Срочный рынок, ИИС" in note.text and "руководител" not in note.text
    assert office.question(deal).state == "open" and len(office.told(office.irina)) == 1
    office.fill(deal, terms_derivatives="нет", terms_iis="наверное")
    office.move(deal, "push", author=author)
    assert office.stage(deal) == "terms" and "не заполнено: ИИС" in office.crm.comments(deal)[-1].text
    office.fill(deal, terms_iis="нет")
    office.move(deal, "push", author=author)
    assert office.stage(deal) == "push"


def test_over_the_head_of_the_stage_no_way_leads_round(office: Office) -> None:
    deal = office.deal("offer")
    office.move(deal, "push", author="Вера Главная")
    assert office.stage(deal) == "offer"
    office.move(deal, "terms")
    office.move(deal, "push", "opened")
    assert office.stage(deal) == "terms"


@pytest.mark.row("BR-07")
def test_answers_in_the_card_count_and_all_is_tidied(by_task: Office) -> None:
    deal = by_task.deal()
    by_task.fill(deal, **ALL)
    assert by_task.running(deal) == [] and by_task.told(by_task.irina) == []
    assert by_task.question(deal).state == "filled"
    [fill] = by_task.fills(deal)
    assert (fill.person_name, fill.by_form, fill.answers) == ("Ирина Белова", False, ANSWERED)
    assert by_task.rows("SELECT * FROM timer WHERE owner = 'terms'") == []


@pytest.mark.row("BR-07")
def test_answers_of_the_task_are_found_though_nobody_reports_them(by_task: Office) -> None:
    deal = by_task.deal()
    by_task.crm.processes.answer("deal", deal, ALL)
    by_task.work("terms.tasks")
    assert by_task.question(deal).state == "filled" and by_task.told(by_task.irina) == []


def test_a_task_that_ended_without_answers_is_followed_by_the_form(by_task: Office) -> None:
    deal = by_task.deal()
    by_task.crm.processes.answer("deal", deal, {"terms_margin": "да"})
    for _minute in range(3):
        by_task.work("terms.tasks")
    assert by_task.question(deal).way == "form" and "Форма" in by_task.told(by_task.irina)[-1]
    by_task.fill(deal, **ALL)
    assert by_task.question(deal).state == "filled"


@pytest.mark.row("BR-07")
@pytest.mark.parametrize("passes_on", [True, False])
def test_another_owner_gets_the_note_and_the_task(by_task: Office, passes_on: bool) -> None:
    by_task.crm.processes.passes_on = passes_on
    deal = by_task.deal()
    by_task.fill(deal, assigned=Ref(by_task.boris))
    assert by_task.told(by_task.irina) == [] and len(by_task.told(by_task.boris)) == 1
    assert by_task.running(deal) == [by_task.boris]
    by_task.fill(deal, assigned=Ref(by_task.irina))
    assert by_task.told(by_task.boris) == [] and len(by_task.told(by_task.irina)) == 1


@pytest.mark.row("BR-07")
@pytest.mark.parametrize("to", ["offer", "refused", "deleted"])
def test_a_deal_that_goes_elsewhere_is_asked_nothing_more(by_task: Office, to: str) -> None:
    deal = by_task.deal()
    if to == "deleted":
        by_task.crm.staff.delete("deal", deal)
        by_task.sync(deal)
    else:
        by_task.move(deal, to)
    assert by_task.running(deal) == [] and by_task.told(by_task.irina) == []
    assert by_task.question(deal).state == "left"
    if to == "offer":
        by_task.move(deal, "terms")
        assert len(by_task.told(by_task.irina)) == 1 and by_task.running(deal) == [by_task.irina], "once for each coming"


@pytest.mark.row("BR-07")
def test_who_lets_it_wait_is_reminded_then_their_head(office: Office) -> None:
    deal = office.deal()
    office.advance(hours=80)  # a week-end may lie in it
    office.timers()
    for _again in range(2):
        office.work("terms.tasks")
    assert len(office.told(office.irina)) == 1 and "Напоминание" in office.told(office.irina)[0]
    [told] = office.told(office.head)
    assert "Ирина Белова" in told and office.told(office.boris) == []
    office.fill(deal, **ALL)
    assert office.told(office.irina) == [] and office.told(office.head) == []


# --- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.row("BR-07")
def test_a_start_whose_answer_is_lost_begins_no_second(by_task: Office) -> None:
    by_task.crm.fail_next(Unreachable("lost", maybe_done=True), on="start_process", after_commit=True, times=2)
    by_task.deal()
    assert by_task.crm.called.count("start_process") == 3
    assert len(by_task.crm.processes.begun) == 1 and len(by_task.told(by_task.irina)) == 1


def test_a_process_that_cannot_be_started_gives_way_to_the_form(by_task: Office) -> None:
    by_task.crm.fail_next(Rejected("no licence"), on="start_process")
    deal = by_task.deal()
    assert by_task.question(deal).way == "form" and "Форма" in by_task.told(by_task.irina)[0]


@pytest.mark.parametrize("fault", [NoRight("no"), Unreachable("silent")])
def test_where_templates_cannot_be_asked_for_the_form_asks(by_task: Office, fault: Exception) -> None:
    by_task.crm.fail_next(fault, on="template", times=9)
    deal = by_task.deal()
    assert by_task.question(deal).way == "form" and len(by_task.told(by_task.irina)) == 1


def test_what_cannot_be_passed_on_is_asked_by_the_form_and_ended_with_it(by_task: Office) -> None:
    deal = by_task.deal()
    by_task.crm.fail_next(Rejected("no"), on="hand_over")
    by_task.fill(deal, assigned=Ref(by_task.boris))
    assert "Форма" in by_task.told(by_task.boris)[0] and by_task.told(by_task.irina) == []
    by_task.fill(deal, **ALL)
    assert by_task.running(deal) == []


def test_two_processes_beside_each_other_become_one(by_task: Office) -> None:
    deal = by_task.deal()
    by_task.crm.processes.begin("deal", deal, by_task.template)
    by_task.work("terms.tasks")
    assert len(by_task.running(deal)) == 1 and not by_task.crm.processes.begun[0].ended


def test_a_move_that_is_about_to_be_put_back_ends_nothing(by_task: Office) -> None:
    deal = by_task.deal()
    by_task.crm.fail_next(Unreachable("silent"), on="update", times=1)
    by_task.move(deal, "push")
    by_task.sync(deal)
    assert by_task.running(deal) == [by_task.irina] and len(by_task.told(by_task.irina)) == 1


def test_somebody_without_a_department_has_no_head_to_tell(office: Office) -> None:
    office.crm.persons[0] = replace(office.crm.persons[0], groups=())
    office.portal.staff.forget()
    deal = office.deal()
    office.advance(days=4)
    office.timers()
    office.work("terms.tasks")
    assert office.told(office.head) == [] and len(office.told(office.irina)) == 1 and office.question(deal).state == "open"


def test_a_template_made_later_asks_the_next(office_of: Callable[..., Office]) -> None:
    office = office_of()
    first = office.deal()
    office.template = office.crm.processes.design("deal", TEMPLATE)
    office.advance(seconds=61)
    second = office.deal()
    assert (office.question(first).way, office.question(second).way) == ("form", "task")
