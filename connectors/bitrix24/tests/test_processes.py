"""Notices and processes against the emulated portal: beyond what the contract suite of all CRMs asks."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from connectors.bitrix24.tests.office import open_office
from kernel.crm import Ref
from kernel.errors import NoRight, Unreachable

NAME = "Условия договора"


@pytest.fixture
def office(tmp_path):
    with open_office(tmp_path) as opened:
        yield opened


def a_deal(office: Any, manager: str = "11") -> str:
    return office.crm.create("deal", {"name": "Сделка", "manager": Ref(manager)}, key=f"d-{manager}")


def design(office: Any, name: str = NAME) -> str:
    return str(act(office, "workflow/template", name=name)["template"])


def begun(office: Any) -> list[dict[str, Any]]:
    return list(_door(office, "GET", "workflows")["processes"])


def act(office: Any, door: str, **wanted: Any) -> dict[str, Any]:
    return _door(office, "POST", door, json=wanted)


def _door(office: Any, verb: str, door: str, **more: Any) -> dict[str, Any]:
    with requests.Session() as session:
        session.trust_env = False
        return dict(session.request(verb, f"{office.sandbox.address}/sandbox/{door}", timeout=120, **more).json())


def test_a_start_whose_answer_was_lost_makes_no_second(office):
    deal, template = a_deal(office), design(office)
    office.wire.cut["bizproc.workflow.start"] = 1
    with pytest.raises(Unreachable) as caught:
        office.crm.processes.start("deal", deal, template)
    assert caught.value.maybe_done and len(begun(office)) == 1
    process = office.crm.processes.start("deal", deal, template)
    assert len(begun(office)) == 1 and [one.person for one in process.questions] == ["11"]


def test_one_that_somebody_started_by_hand_counts(office):
    deal, template = a_deal(office), design(office)
    act(office, "workflow/start", template=int(template), deal=int(deal), user="11")
    office.crm.processes.start("deal", deal, template)
    assert len(begun(office)) == 1


@pytest.mark.parametrize("delegate", ["works", "unknown"])
def test_a_new_owner_gets_the_task_or_a_new_one(office, delegate):
    act(office, "faults", task_delegate=delegate)
    deal, template = a_deal(office), design(office)
    office.crm.processes.start("deal", deal, template)
    office.crm.update("deal", deal, {"manager": Ref("14")})
    [question] = office.crm.processes.hand_over("deal", deal, template, "14").questions
    assert question.person == "14"
    alive = [one for one in begun(office) if one["ended_s"] is None]
    assert len(alive) == 1 and len(begun(office)) == (1 if delegate == "works" else 2)


def test_only_such_records_are_meant(office):
    assert office.crm.processes.template("contact", NAME) is None
    design(office)
    assert office.crm.processes.template("contact", NAME) is None and office.crm.processes.template("deal", "иное") is None


def test_without_the_right_it_says_so(office):
    act(office, "faults", scopes="crm,user,im")
    with pytest.raises(NoRight):
        office.crm.processes.template("deal", NAME)


def test_more_than_a_page_runs(office):
    template = design(office)
    for n in range(53):
        number = office.staff("crm.deal.add", {"fields": {"TITLE": str(n), "ASSIGNED_BY_ID": "11"}})
        act(office, "workflow/start", template=int(template), deal=number, user="11")
    found = office.crm.processes.running("deal", template)
    assert len(found) == 53 and all(len(one) == 1 and one[0].questions for one in found.values())
