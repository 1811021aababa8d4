"""Tasks bound to a record, against the emulated portal: beyond what the contract suite of all CRMs asks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.bitrix24.client import Client
from connectors.bitrix24.tasks import OPEN_PAGES_MAX
from connectors.bitrix24.tests.office import open_office
from kernel.crm import Ref, TaskList
from kernel.errors import NoRight
from sandbox.bitrix24 import tasks_model


@pytest.fixture
def office(tmp_path):
    with open_office(tmp_path) as opened:
        yield opened


def give(office: Any, title: str, contact: str, **more: Any) -> dict[str, Any]:
    fields = {"TITLE": title, "RESPONSIBLE_ID": 11, "UF_CRM_TASK": [f"C_{contact}"], **more}
    return office.staff("tasks.task.add", {"fields": fields})["task"]


def test_what_a_task_says(office):
    contact = office.crm.create("contact", {"name": "Ирина"}, key="c-1")
    made = give(office, "Сверить счёт", contact, DEADLINE="2020-05-20T19:00:00+03:00")
    [task] = office.crm.tasks.of("contact", contact).tasks
    name = next(one.name for one in office.crm.people.all() if one.id == "11")
    assert task.responsible == (Ref("11", name),) and task.state == "pending" and not task.status
    assert task.due == datetime(2020, 5, 20, 16, tzinfo=UTC)
    assert task.url == f"{office.sandbox.address}/company/personal/user/11/tasks/task/view/{made['id']}/"


def test_each_status_and_what_counts_as_late(office):
    contact = office.crm.create("contact", {"name": "Ирина"}, key="c-1")
    past = (datetime.now(UTC) - timedelta(days=2)).isoformat(timespec="seconds")
    words = {"2": "pending", "3": "in_progress", "4": "to_accept", "5": "done", "6": "deferred"}
    for status in words:
        give(office, status, contact, STATUS=status, DEADLINE=past)
    told = office.crm.tasks.of("contact", contact).tasks
    assert {one.subject: one.state for one in told} == words
    late = {one.subject for one in told if one.is_overdue(datetime.now(UTC), UTC)}
    assert late == {"2", "3", "6"}, "what waits to be accepted was done in time"


def test_it_costs_one_request(office):
    contact = office.crm.create("contact", {"name": "Ирина"}, key="c-1")
    give(office, "Сверить счёт", contact)
    office.crm.tasks.of("contact", contact)
    before = len(office.wire.sent)
    office.crm.tasks.of("contact", contact)
    assert len(office.wire.sent) == before + 1


def test_of_very_many_the_rest_is_counted(office):
    contact, other = (office.crm.create("contact", {"name": name}, key=f"c-{name}") for name in ("Ирина", "Пётр"))
    most = OPEN_PAGES_MAX * 50
    for n in range(most + 7):
        _make(office, f"C_{contact}", str(n), "2")
    for n in range(53):
        _make(office, f"C_{contact}", f"done {n}", "5")
    _make(office, f"C_{other}", "чужая", "2")
    told = office.crm.tasks.of("contact", contact)
    assert len(told.tasks) == most + 50 and told.left == 7 + 3
    assert "done 52" in {one.subject for one in told.tasks} and "done 2" not in {one.subject for one in told.tasks}


def _make(office: Any, bound: str, title: str, status: str) -> None:
    values = {"TITLE": title, "RESPONSIBLE_ID": 11, "UF_CRM_TASK": [bound], "STATUS": status}
    tasks_model.create(office.sandbox.portal, values, "1")


def test_a_filter_passed_over_in_silence_tells_nothing_of_others(office, monkeypatch):
    contact, other = (office.crm.create("contact", {"name": name}, key=f"c-{name}") for name in ("Ирина", "Пётр"))
    give(office, "своя", contact)
    give(office, "чужая", other)
    office.staff("tasks.task.add", {"fields": {"TITLE": "ничья", "RESPONSIBLE_ID": 11}})
    real = Client.batch
    monkeypatch.setattr(
        Client, "batch", lambda self, calls: real(self, [(method, {**given, "filter": {}}) for method, given in calls])
    )
    assert [one.subject for one in office.crm.tasks.of("contact", contact).tasks] == ["своя"]
    assert office.crm.tasks.of("contact", "777777") == TaskList()


def test_without_the_scope_it_says_so(office):
    contact = office.crm.create("contact", {"name": "Ирина"}, key="c-1")
    office.sandbox.portal.faults.set("scopes", "crm,user,department,im,timeman")
    with pytest.raises(NoRight):
        office.crm.tasks.of("contact", contact)
