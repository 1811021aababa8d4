"""Faults, requests of people and other plugins, and the check that derives the shares again."""

from __future__ import annotations

import pytest

from kernel.errors import BadInput, Misconfigured, NoRight, Rejected, Throttled
from kernel.texts import translate
from plugins.assignment import api, handlers
from plugins.assignment.tests.conftest import MakeOffice
from plugins.assignment.tests.office import CARE, SALES, Office

pytestmark = pytest.mark.row("BR-04")


# --- faults -----------------------------------------------------------------------------------------------------------


def test_a_manager_dismissed_gets_nothing(office: Office) -> None:
    _anna, boris = office.hire("Анна", "Борис")
    office.lead()
    office.dismiss(boris)
    office.clock.advance(seconds=301)
    assert [office.owner(office.lead()) for _ in range(2)] == ["Анна", "Анна"]


def test_whom_the_crm_does_not_take_is_passed_over(both: Office) -> None:
    both.hire("Анна", "Борис")
    both.crm.fail_next(Rejected("the user is dismissed"), on="update")
    lead = both.lead()
    assert both.owner(lead) == "Портал"
    both.work()
    assert both.owner(lead) == "Борис" and both.left_out(lead) == {"Анна": ["asg_refused"]}
    assert both.faults() == [] and both.members()["Анна"].today == 0
    assert both.owner(both.lead()) == "Анна"  # what was refused is not held against them
    with both.database.read() as tx:
        assert tx.value("SELECT COUNT(*) FROM outgoing WHERE state = 'failed'") == 0


def test_a_look_after_a_refused_write_is_no_deed_of_a_person(office: Office) -> None:
    office.hire("Анна")
    office.crm.fail_next(Rejected("no"), on="update")
    lead = office.lead()
    office.sync(lead)
    assert office.decision(lead).changed_to == ""


def test_a_crm_that_asks_for_patience_delays_and_loses_nothing(office: Office) -> None:
    office.hire("Анна")
    office.crm.fail_next(Throttled("slow down", wait_seconds=3), on="overdue", times=2)
    assert office.owner(office.lead()) == "Анна"


def test_a_crm_that_never_tells_makes_the_lead_wait_in_sight(office: Office) -> None:
    office.hire("Анна")
    office.crm.fail_next(NoRight("no right to read activities"), on="overdue", times=1)
    lead = office.lead()
    assert office.waiting() == [lead] and office.members()["Анна"].reasons[0].code == "asg_unknown"
    assert "no right to read activities" in office.crm.comments()[0].text
    office.clock.advance(seconds=61)
    office.work()
    assert office.owner(lead) == "Анна"


def test_a_field_that_is_not_mapped_is_said(office_of: MakeOffice) -> None:
    office = office_of()
    field = office.portal.mapping.entities["lead"].field
    kept = field.pop("source")
    try:
        with pytest.raises(Misconfigured, match="«source» of «lead»"):
            handlers.check_fields(office.portal, "sales", office.settings.queue["sales"])
    finally:
        field["source"] = kept


# --- by request -------------------------------------------------------------------------------------------------------


def test_a_person_may_have_it_given_to_somebody_else(office: Office) -> None:
    office.hire("Анна", "Борис")
    lead = office.lead()
    assert office.owner(lead) == "Анна"
    office.act(lambda unit: api.again(unit, "lead", lead, by="Глава Продаж"))
    assert office.owner(lead) == "Борис" and office.left_out(lead) == {"Анна": ["asg_taken_away"]}
    assert office.faults() == [] and office.writes(lead) == ["Анна", "Борис"]
    office.act(lambda unit: api.again(unit, "lead", lead, by="Глава Продаж"))
    assert office.owner(lead) == "Анна"
    with office.portal.unit() as unit, pytest.raises(BadInput, match="not given out"):
        api.again(unit, "lead", "404", by="x")


def test_another_plugin_has_a_record_given_out_once(office: Office) -> None:
    office.hire("Анна", "Борис")
    lead = office.lead(source="hand", stage="work")
    for _ in range(2):
        office.act(lambda unit: api.give_out(unit, "sales", "lead", lead, by="exchange"))
    assert office.owner(lead) == "Анна" and office.writes(lead) == ["Анна"]
    with office.portal.unit() as unit, pytest.raises(BadInput, match="no queue"):
        api.give_out(unit, "nothing", "lead", lead, by="x")


def test_weights(office_of: MakeOffice) -> None:
    office = office_of(weights={"Анна": 3})
    office.hire("Анна", "Борис")
    names = [office.owner(office.lead()) for _ in range(8)]
    assert names.count("Анна") == 6


def test_nobody_in_the_queue_at_all(office: Office) -> None:
    lead = office.lead()
    assert office.waiting() == [lead] and translate("ru", "asg_nobody_there") in office.crm.comments()[0].text
    office.hire("Анна")
    office.clock.advance(seconds=301)
    office.work()
    assert office.owner(lead) == "Анна"


def test_a_queue_taken_out_of_the_settings_harms_nobody(office: Office) -> None:
    [anna] = office.hire("Анна")
    office.not_begun = {anna.id}
    lead = office.lead()
    office.configure("assignment", {"queue": {}})
    office.sync(lead)
    office.work()
    assert office.owner(lead) == "Портал"


def test_the_check_finds_what_was_changed_by_hand(office: Office) -> None:
    office.hire("Анна", "Борис")
    office.lead()
    with office.database.write() as tx:
        tx.run("UPDATE assignment_share SET given = 5 WHERE person = (SELECT MIN(person) FROM assignment_share)")
    assert "given 5; the decisions say" in office.faults()[0]
    with office.database.write() as tx:
        tx.run("DELETE FROM assignment_share")
    assert "has decisions but no share" in office.faults()[0]


def test_the_pages_version_moves_with_what_they_show(office: Office) -> None:
    def version() -> str:
        with office.database.read() as tx:
            return api.version(tx)

    [anna] = office.hire("Анна")
    seen = [version()]
    for deed in (
        lambda: office.lead(), lambda: office.exclude(anna), lambda: office.lead(), lambda: office.lift_exclusion(anna),
        lambda: office.crm.late.update({anna.id: 3}),
    ):  # fmt: skip
        deed()
        office.clock.advance(seconds=61)
        office.work()
        seen.append(version())
    assert len(set(seen)) == len(seen)
    office.work()
    assert version() == seen[-1]


def test_heads_see_only_their_groups(office: Office) -> None:
    office.hire("Анна")
    office.lead()
    with office.portal.read() as unit:
        assert [one.name for one in api.queues(unit, [SALES.lower()])] == ["sales"]
        assert api.queues(unit, [CARE]) == []
        assert api.queues(unit)[0].asked_at is not None
