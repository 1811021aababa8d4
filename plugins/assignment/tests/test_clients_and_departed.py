"""A client who comes again goes to the same person; whoever leaves the CRM gets nothing more, and theirs goes round."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from kernel.crm import Person, Ref
from kernel.errors import Unreachable
from kernel.testing import at_once
from plugins.assignment import api
from plugins.assignment.departed import departed
from plugins.assignment.rules import client_keys
from plugins.assignment.settings import AssignmentSettings
from plugins.assignment.tests.office import SALES, Office

PHONE = "+7 916 123-45-67"


def two_queues(office: Office, **more: Any) -> None:
    queue = {"groups": [SALES], "sources": ["call", "web"]}
    office.configure(
        "assignment",
        {"queue": {"sales": {"entity": "lead", **queue}, "deals": {"entity": "deal", **queue}}, **more},
    )


# --- the same client ----------------------------------------------------------------------------------------------------


def test_a_client_is_known_again_however_the_phone_is_written() -> None:
    fields = ["phone", "email", "client"]
    wanted = client_keys({"phone": PHONE}, fields)
    for text in ("89161234567", "9161234567", "7 (916) 123 45 67", "+79161234567"):
        assert client_keys({"phone": text}, fields) == wanted == {"phone:9161234567"}
    assert client_keys({"phone": "112", "email": " Ivan@Example.ORG ", "client": Ref("17", "Иван")}, fields) == {
        "email:ivan@example.org", "client:17",
    }  # fmt: skip
    assert client_keys({"phone": None, "email": "", "client": Ref("")}, fields) == frozenset()
    usual = AssignmentSettings().client_fields
    assert client_keys({"client": Ref("17"), "company": Ref("17")}, usual) == {"client:17", "company:17"}


def test_the_second_lead_of_a_client_goes_to_the_same_person_while_the_first_is_open(office: Office) -> None:
    office.hire("Анна", "Борис", "Вера")
    first = office.lead(phone=PHONE)
    others = [office.lead() for _ in range(2)]
    again = [office.lead(phone="8 916 1234567") for _ in range(3)]
    assert {office.owner(one) for one in again} == {office.owner(first)} and office.owner(others[0]) != office.owner(first)
    assert office.decision(again[0]).body["repeat"] == {"entity": "lead", "record": first}
    assert office.faults() == []
    for lead in (first, *again):
        office.staff.move(lead, "won", entity="lead")
        office.sync(lead)
    later = office.lead(phone=PHONE)
    assert office.owner(later) != office.owner(first), "the first is closed: whose turn it is, gets it"


def test_a_client_found_by_mail_and_across_queues(office: Office) -> None:
    two_queues(office)
    office.hire("Анна", "Борис")
    lead = office.lead(email="ivan@example.org")
    office.lead()
    office.lead(entity="deal")
    deal = office.lead(entity="deal", email="IVAN@example.org")
    assert office.owner(deal, "deal") == office.owner(lead)


def test_whoever_took_the_first_by_hand_gets_the_second(office: Office) -> None:
    anna, boris = office.hire("Анна", "Борис")
    first = office.lead(phone=PHONE)
    other = boris if office.owner(first) == "Анна" else anna
    office.staff.set("lead", first, assigned=other, author=other.name)
    office.sync(first, author=other.name)
    assert [office.owner(office.lead(phone=PHONE)) for _ in range(3)] == [other.name] * 3


def test_both_wait_and_go_to_one_person(office: Office) -> None:
    people = office.hire("Анна", "Борис")
    office.not_begun = {one.id for one in people}
    leads = [office.lead(phone=PHONE) for _ in range(2)]
    assert office.waiting() == leads
    office.not_begun.clear()
    office.begin_day(people[0])
    assert len({office.owner(one) for one in leads}) == 1 and office.waiting() == []


def test_too_many_overdue_is_no_reason_against_ones_own_client_but_no_day_is(office: Office) -> None:
    anna, boris = office.hire("Анна", "Борис")
    first = office.lead(phone=PHONE)
    holder = anna if office.owner(first) == "Анна" else boris
    office.crm.late[holder.id] = 99
    office.clock.advance(seconds=30)
    assert office.owner(office.lead(phone=PHONE)) == holder.name
    office.not_begun = {holder.id}
    office.clock.advance(seconds=30)
    assert office.owner(office.lead(phone=PHONE)) != holder.name


def test_it_can_be_switched_off(office: Office) -> None:
    office.configure(
        "assignment",
        {"queue": {"sales": {"entity": "lead", "groups": [SALES], "sources": ["call"]}}, "same_manager": False},
    )
    office.hire("Анна", "Борис")
    assert {office.owner(office.lead(phone=PHONE)) for _ in range(2)} == {"Анна", "Борис"}


def test_two_workers_at_the_same_moment_give_one_client_to_one_person(office: Office) -> None:
    """One lead and one deal, in two queues: whoever comes second sees what the first has decided."""
    two_queues(office)
    office.hire("Анна", "Борис")
    for number in range(6):
        phone = f"+7 916 00000{number:02d}"
        records = [(entity, office.lead(entity=entity, phone=phone, sync=False)) for entity in ("lead", "deal")]
        for entity, record in records:
            office.deliver(record, entity=entity)
        jobs = [next(job for job in office.queue.waiting if job.args.get("id") == record) for _, record in records]
        for job in jobs:
            office.queue.waiting.remove(job)
        at_once(*(partial(office.handlers["look"], job.args) for job in jobs))
        office.run()
        assert office.owner(records[0][1]) == office.owner(records[1][1], "deal")


# --- who has left -------------------------------------------------------------------------------------------------------


def test_who_is_dismissed_gets_nothing_from_that_second_on(office: Office) -> None:
    anna, boris = office.hire("Анна", "Борис")
    assert {office.owner(office.lead()) for _ in range(2)} == {"Анна", "Борис"}
    office.dismiss(anna)
    office.clock.advance(seconds=1)
    leads = [office.lead() for _ in range(3)]
    assert {office.owner(one) for one in leads} == {boris.name}
    assert office.left_out(leads[0]) == {"Анна": ["asg_left"]}


def test_what_they_held_and_nobody_has_begun_goes_round_again_and_the_head_is_told_once(office: Office) -> None:
    anna, boris = office.hire("Анна", "Борис")
    leads = [office.lead() for _ in range(6)]
    mine = [one for one in leads if office.owner(one) == "Анна"]
    begun, closed = mine[0], mine[1]
    office.staff.move(begun, "work", entity="lead", author="Анна")
    office.sync(begun, author="Анна")
    office.staff.move(closed, "won", entity="lead", author="Анна")
    office.sync(closed, author="Анна")
    office.dismiss(anna)
    office.clock.advance(seconds=30)
    office.work()
    assert [office.owner(one) for one in mine] == ["Анна", "Анна", boris.name]
    [note] = office.crm.comments()
    assert note.to == (office.head.id,) and note.record_id == mine[2]
    assert "«Анна» больше не работает" in note.text and begun in note.text and closed not in note.text
    for _ in range(3):
        office.clock.advance(minutes=1)
        office.work()
    assert len(office.crm.comments()) == 1 and office.faults() == []
    with office.portal.read() as unit:
        [history] = [one for one in api.decisions(unit, ["sales"], 50) if one.outcome == "departed"]
    assert history.record_id == mine[2] and history.person_name == "Анна"


def test_no_crm_is_asked_while_the_database_is_open_for_them(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """On one file that would hold up everybody, and a gate in the same file for ever."""
    anna, _boris = office.hire("Анна", "Борис")
    leads = [office.lead() for _ in range(4)]
    given, opened, asked = [one for one in leads if office.owner(one) == "Анна"], list[str](), list[str]()
    unit, link, people = office.portal.unit, office.crm.link, office.crm.people.all

    @contextmanager
    def noted(**more: Any) -> Iterator[Any]:
        with unit(**more) as one:
            opened.append("open")
            yield one
            opened.pop()

    monkeypatch.setattr(office.portal, "unit", noted)
    monkeypatch.setattr(office.crm, "link", lambda *one: (asked.extend(opened), link(*one))[1])
    monkeypatch.setattr(office.portal.staff, "_ask", lambda: (asked.extend(opened), people())[1])
    office.dismiss(anna)
    office.clock.advance(seconds=30)
    departed(office.portal)
    office.run()
    assert given and asked == [] and len(office.crm.comments()) == 1


def test_a_crm_that_shows_nobody_or_does_not_answer_dismisses_nobody(office: Office) -> None:
    office.hire("Анна")
    lead = office.lead()
    kept = list(office.crm.persons)
    office.crm.persons.clear()
    office.clock.advance(minutes=1)
    office.work()
    office.crm.persons[:] = kept
    office.crm.fail_next(Unreachable("silent"), on="active")
    office.clock.advance(minutes=1)
    office.work()
    assert office.owner(lead) == "Анна" and office.outcome(lead) == "given" and office.crm.comments() == []


@pytest.mark.parametrize("named", [True, False])
def test_while_they_who_left_were_the_only_one_it_waits(office: Office, named: bool) -> None:
    [anna] = office.hire("Анна")
    lead = office.lead()
    if named:
        office.dismiss(anna)
    else:
        office.crm.persons[:] = [one for one in office.crm.persons if one.id != anna.id]
    office.clock.advance(minutes=1)
    office.work()
    assert office.waiting() == [lead]
    office.clock.advance(minutes=6)
    office.crm.persons.append(Person("user:99", "Борис", "staff", groups=(SALES,)))
    office.work()
    assert office.owner(lead) == "Борис"
