"""Whoever is known: their card, their open deal, their other leads; and what the portal makes by itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from kernel.crm import Ref
from kernel.errors import Unreachable
from plugins.ways_in.tests.front import Front, application

PHONE = "+7 (900) 555-66-77"


@pytest.mark.row("BR-17")
@pytest.mark.parametrize("sent", [{"phone": PHONE}, {"phone": "+79000000000", "email": "Oleg@example.com"}])
def test_the_lead_of_a_known_client_is_bound_to_their_card(front: Front, sent: dict[str, str]) -> None:
    card = front.client_card(email="oleg@example.com")
    front.site(sent)
    front.run()
    assert front.lead().values["client"] == Ref(card.id, "Олег Новиков")


def test_the_tax_number_tells_more_than_a_phone(front: Front) -> None:
    other, card = front.client_card(), front.client_card(phone="+79003334455", inn="770987654347")
    firm = front.staff.new("company", name="ООО «Клён»", inn="7709876545", phone="+74951112233")
    front.state(application(INN="770987654347", Phone=PHONE))
    front.site({"phone": PHONE, "inn": "7709876545"})
    front.run()
    by_source = {one.values["source"]: one for one in front.leads()}
    assert by_source["portal"].values["client"].id == card.id != other.id
    assert by_source["web"].values["company"].id == firm and by_source["web"].values["client"] is None


def test_of_several_cards_with_one_phone_the_one_of_that_family_name(front: Front) -> None:
    front.client_card(last_name="Новиков")
    card = front.client_card(name="Ольга Новикова", last_name="Новикова")
    front.site({"phone": PHONE, "last_name": "новикова"})
    front.run()
    assert front.lead().values["client"].id == card.id


@pytest.mark.row("BR-17")
def test_who_has_an_open_deal_gets_no_lead_but_their_manager_hears(front: Front) -> None:
    card = front.client_card()
    front.staff.new("deal", stage="refused", name="Старая", client=card, assigned=front.anna)
    deal = front.staff.new("deal", stage="need", name="Счёт", client=card, assigned=front.boris)
    asked = {"phone": PHONE, "question": "Когда <b>готово</b>?", "last_name": "Новиков"}
    for _twice in range(2):
        front.site(asked)
        front.run()
    assert front.leads() == []
    [text] = front.told("deal", deal)
    assert "Заявка на консультацию" in text and "Вопрос: Когда <b>готово</b>?" in text
    [note] = front.crm.notices.of(front.boris.id)
    assert "Когда" in note and front.crm.link("deal", deal) in note and front.crm.notices.of(front.anna.id) == []
    [(entity, record, subject, said, person, due)] = front.crm.activities.added
    assert (entity, record, person) == ("deal", deal, front.boris.id) and "Новиков" in subject and "Когда" in said
    assert timedelta(hours=3) < due - front.clock.now() <= timedelta(hours=4)


@pytest.mark.row("BR-17")
def test_a_known_client_s_own_manager_gets_the_lead_if_they_may(front: Front) -> None:
    phones = [f"+790055566{n:02}" for n in range(6)]
    for number, phone in enumerate(phones):
        front.client_card(phone=phone, assigned=front.boris)
        if number == 4:
            front.crm.days[front.boris.id] = "closed"
            front.advance(minutes=2)
        front.site({"phone": phone})
        front.run()
    given = {one.values["phone"]: one.values["assigned"] for one in front.leads()}
    assert [given[phone] for phone in phones] == [*[front.boris] * 4, *[front.anna] * 2]


def test_a_lead_of_the_portal_s_own_goes_to_the_manager_of_its_card_and_an_open_lead_comes_first(front: Front) -> None:
    card = front.client_card(assigned=front.boris, phone="")
    for _ in range(3):
        made = front.staff.new("lead", stage="new", name="Форма", source="web", client=card, assigned=front.default)
        front.sync(made)
        assert front.record(made).values["assigned"] == front.boris
        front.staff.set("lead", made, assigned=front.anna)
        front.sync(made)
        front.staff.move(made, "junk", entity="lead")
        front.sync(made)
    front.staff.move(made, "in_work", entity="lead")
    front.sync(made)
    again = front.staff.new("lead", stage="new", name="Форма", source="web", client=card, assigned=front.default)
    front.sync(again)
    assert front.record(again).values["assigned"] == front.anna, "who has the client's open lead"


def test_a_lost_answer_doubles_neither_comment_nor_activity(front: Front) -> None:
    card = front.client_card()
    deal = front.staff.new("deal", stage="need", name="Счёт", client=card, assigned=front.boris)
    for verb in ("comment", "add_activity", "put_notice"):
        front.crm.fail_next(Unreachable("lost", maybe_done=True), on=verb, after_commit=True)
    front.site({"phone": PHONE})
    for _ in range(4):
        front.run()
        front.advance(minutes=5)
    assert len(front.told("deal", deal)) == len(front.crm.activities.added) == len(front.crm.notices.of(front.boris.id)) == 1


def test_who_has_only_closed_deals_gets_a_lead(front: Front) -> None:
    card = front.client_card()
    for stage in ("refused", "opened", "service_ended"):
        front.staff.new("deal", stage=stage, name="Старая", client=card, assigned=front.boris)
    front.site({"phone": PHONE})
    front.run()
    assert front.lead().values["client"].id == card.id


def test_a_deal_whose_owner_left_is_nobodys(front: Front) -> None:
    card = front.client_card()
    front.staff.new("deal", stage="need", name="Счёт", client=card, assigned=front.boris)
    front.staff.dismiss(front.boris.id)
    front.site({"phone": PHONE})
    front.run()
    assert front.lead().values["client"].id == card.id and front.lead().values["assigned"] == front.anna


def test_a_company_s_open_deal_counts_as_well(front: Front) -> None:
    firm = Ref(front.staff.new("company", name="ООО «Клён»", inn="7709876545", phone="+74951112233"))
    deal = front.staff.new("deal", stage="offer", name="Счёт", company=firm, assigned=front.anna)
    front.site({"phone": "+7 495 111-22-33"})
    front.run()
    assert front.leads() == [] and len(front.told("deal", deal)) == 1


@pytest.mark.row("BR-17")
def test_one_person_by_two_ways_within_a_day_is_linked_and_not_merged(front: Front) -> None:
    front.site({"phone": "8 900 111-22-33", "last_name": "Орлова"})
    front.run()
    front.advance(hours=23)
    front.state(application())
    front.run()
    older, newer = front.leads()
    assert front.told("lead", older.id) == [f"Этот же человек обратился ещё раз: {front.crm.link('lead', newer.id)}"]
    assert front.told("lead", newer.id) == [f"Этот же человек уже обращался: {front.crm.link('lead', older.id)}"]
    for lead in (older, newer):  # nothing is said twice
        front.sync(lead.id)
    assert len(front.told("lead", older.id)) == 1 and newer.values["assigned"] == older.values["assigned"], (
        "their own manager"
    )
    front.advance(hours=25)
    front.state(application("m-2"))
    front.run()
    assert len(front.leads()) == 3 and front.told("lead", front.leads()[-1].id) == []


@pytest.mark.row("BR-17")
@pytest.mark.parametrize("source", ["web", "email", "call"])
def test_what_the_portal_makes_by_itself_is_given_out_and_linked(front: Front, source: str) -> None:
    """Its own form, its mailbox, its telephony: the lead stands there with its source under the name of a stand-in."""
    made = front.staff.new(
        "lead", stage="new", name="Заявка с портала", source=source, phone="+7 900 111 22 33", assigned=front.default,
        author=front.default.name,
    )  # fmt: skip
    front.sync(made)
    front.advance(hours=1)
    front.state(application())
    front.run()
    given = {one.values["source"]: one.values["assigned"] for one in front.leads()}
    assert given[source] in (front.anna, front.boris) and given["portal"] == given[source]
    assert len(front.told("lead", made)) == 1


def test_the_lead_waits_under_the_stand_in_until_somebody_may_have_it(front_of: Callable[..., Front]) -> None:
    front = front_of(responsible="техническая запись")
    front.crm.days = {front.anna.id: "closed", front.boris.id: "closed"}
    front.site({"phone": PHONE})
    front.run()
    assert front.lead().values["assigned"] == front.default
    front.crm.days[front.anna.id] = "open"
    front.advance(minutes=2)
    front.work("assignment.give_out")
    assert front.lead().values["assigned"] == front.anna


def test_the_doctor_and_verify_say_what_is_wrong(front_of: Callable[..., Front]) -> None:
    front = front_of(responsible="Никто", connections=["forms"])
    ways_in = next(one for one in front.plugins if one.name == "ways_in")
    assert ways_in.doctor and ways_in.verify
    nobody, not_named = ways_in.doctor(front.portal)
    assert "«Никто»" in nobody and "«epgu»" in not_named
    front.site({"phone": PHONE})
    front.run()
    with front.portal.read() as unit:
        assert list(ways_in.verify(unit)) == []
    with front.database.write() as tx:
        tx.run("INSERT INTO ways_in_case SELECT portal, 'other', form, person, at, outcome, record_id FROM ways_in_case")
    with front.portal.read() as unit:
        assert len(list(ways_in.verify(unit))) == 1


def test_who_came_when_is_forgotten(front: Front) -> None:
    front.site({"phone": PHONE})
    front.run()
    assert front.rows("SELECT * FROM ways_in_person")
    front.advance(days=15)
    front.work("ways_in.tidy")
    assert front.rows("SELECT * FROM ways_in_person") == []


def test_a_deleted_lead_links_nothing(front: Front) -> None:
    front.site({"phone": PHONE})
    front.run()
    lead = front.lead().id
    front.staff.delete("lead", lead)
    front.sync(lead)
    front.state(application(Phone=PHONE))
    front.run()
    assert front.told("lead", front.lead().id) == []
