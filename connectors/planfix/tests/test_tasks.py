"""Tasks with a contact, against the emulated Planfix: beyond what the contract suite of all CRMs asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.planfix import connector, limits
from connectors.planfix.client import Client
from kernel.clock import SystemClock
from kernel.crm import Ref, TaskList
from kernel.errors import Rejected
from kernel.extension import Connection
from kernel.http import HttpClient
from kernel.mapping import load_set
from sandbox.planfix.server import Options, Sandbox

ROOT = Path(__file__).parents[3]
TASK, PARTNER_FIELD = "Завдання", "Партнер"


@dataclass
class Desk:
    sandbox: Sandbox
    crm: Any
    partner: str

    @property
    def task_object(self) -> Any:
        return next(one for one in self.sandbox.portal.objects.values() if one.name == TASK)

    @property
    def field(self) -> int:
        fields = self.sandbox.portal.fields["task"]
        return next(number for number, one in fields.items() if one.name == PARTNER_FIELD)

    def post(self, path: str, body: dict[str, Any]) -> int:
        answer = self.sandbox.app.test_client().post(f"/rest/{path}", json=body, headers={"Authorization": "Bearer staff-3"})
        assert answer.json and answer.json["result"] == "success", answer.json
        return int(answer.json["id"])

    def task(self, name: str, **more: Any) -> int:
        counterparty = {"counterparty": {"id": self.partner}} if not more.pop("alone", False) else {}
        return self.post("task/", {"name": name, "object": {"id": self.task_object.id}, **counterparty, **more})

    def told(self) -> TaskList:
        return self.crm.tasks.of("partner", self.partner)  # type: ignore[no-any-return]

    def subjects(self) -> list[str]:
        return [one.subject for one in self.told().tasks]


@pytest.fixture
def desk() -> Iterator[Desk]:
    with Sandbox(Options(faults=(("rate_per_second", 0),))) as sandbox:
        about, clock = sandbox.about(), SystemClock()

        def http(base_url: str, *, rate_limit: Any = None, headers: Any = dict) -> HttpClient:
            return HttpClient("planfix", base_url, clock=clock, headers=headers)

        settings = {"PLANFIX_URL": about["base"], "PLANFIX_TOKEN": about["token"], "PLANFIX_HOOK_SECRET": "s" * 30}
        mapping, nothing = load_set(ROOT / "mappings" / "exchange-desk-planfix"), None
        assert connector.crm
        crm = connector.crm(Connection(settings, mapping, http, clock, nothing))  # type: ignore[arg-type]
        yield Desk(sandbox, crm, crm.create("partner", {"name": "Альфа"}, key="p-1"))


def test_a_task_that_names_the_partner_in_a_field_is_theirs_and_a_deal_is_none(desk: Desk) -> None:
    deal = desk.crm.create("deal", {"partner": Ref(desk.partner), "client": Ref(desk.partner)}, key="d-1")
    assert desk.told() == TaskList()
    desk.task_object.fields.append(desk.field)
    named = {"customFieldData": [{"field": {"id": desk.field}, "value": {"id": desk.partner}}]}
    desk.task("за полем", alone=True, **named)
    desk.task("за полем і контрагентом", **named)
    other = desk.crm.create("partner", {"name": "Бета"}, key="p-2")
    desk.task("чужа", alone=True, customFieldData=[{"field": {"id": desk.field}, "value": {"id": other}}])
    told = desk.told()
    assert [one.subject for one in told.tasks] == ["за полем і контрагентом", "за полем"] and told.left == 0
    assert deal not in {one.id for one in told.tasks}


def test_what_a_task_says(desk: Desk) -> None:
    due = {"date": "20-05-2031", "time": "16:30"}
    number = desk.task("з часом", endDateTime=due, assignees={"users": [{"id": "user:3"}], "groups": [{"id": 2}]})
    desk.task("на день", endDateTime={"date": "21-05-2031"})
    desk.task("без строку")
    timed, day, never = desk.told().tasks
    assert timed.due == datetime(2031, 5, 20, 16, 30, tzinfo=ZoneInfo("Europe/Kyiv")) and day.due == date(2031, 5, 21)
    assert never.due is None and never.responsible == ()
    assert timed.responsible == (Ref("user:3", "Ігор Бондар"), Ref("group:2", "Каса"))
    assert (timed.status, timed.state) == ("Нова", "open") and timed.url.endswith(f"/task/{number}")


def test_a_deleted_task_is_none(desk: Desk) -> None:
    desk.sandbox.portal.tasks[desk.task("зайва")].deleted = True
    assert desk.told() == TaskList()


def test_a_condition_passed_over_in_silence_tells_nothing_of_others(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Planfix does with a value of a kind that it did not expect: the whole list comes back."""
    real = Client.records_one_by_one
    monkeypatch.setattr(Client, "records_one_by_one", lambda self, kind, _wanted, fields: real(self, kind, [], fields))
    desk.task("своя")
    desk.task("чужа", alone=True)
    desk.crm.create("deal", {"client": Ref(desk.partner)}, key="d-1")
    assert desk.subjects() == ["своя"]


def test_a_portal_that_knows_no_notequal_is_asked_without(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Client.records_one_by_one

    def refuses(self: Client, kind: Any, wanted: list[Any], fields: Any) -> Any:
        if any(one["operator"] == "notequal" for one in wanted):
            raise Rejected("planfix: unknown", vendor_code="0")
        return real(self, kind, wanted, fields)

    monkeypatch.setattr(Client, "records_one_by_one", refuses)
    desk.task("своя")
    desk.crm.create("deal", {"client": Ref(desk.partner)}, key="d-1")
    assert desk.subjects() == ["своя"]


def test_of_very_many_those_of_lately_are_read_too_and_it_says_that_there_are_more(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "TASKS_READ_MAX", 3)
    long_ago = datetime.now(ZoneInfo("UTC")) - timedelta(days=limits.TASKS_LATELY_DAYS + 40)
    for n in range(5):
        held = desk.sandbox.portal.tasks[desk.task(f"давня {n}")]
        held.changed, held.commented = long_ago, None
    desk.task("свіжа")
    told = desk.told()
    assert told.left is None
    assert {one.subject for one in told.tasks} == {"давня 0", "давня 1", "давня 2", "свіжа"}


def test_fields_are_asked_for_in_a_few_lists_those_of_the_set_first(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = desk.sandbox.portal.fields["task"]
    for n in range(limits.TASK_LINKS_MAX + 2):
        number = 5_000 + n  # below all others
        fields[number] = type(fields[desk.field])(**{**vars(fields[desk.field]), "id": number, "name": f"Контакт {n}"})
    asked: list[int] = []
    real = Client.records_one_by_one

    def noted(self: Client, kind: Any, wanted: list[Any], asks: Any) -> Any:
        asked.append(wanted[0].get("field", 0))
        return real(self, kind, wanted, asks)

    monkeypatch.setattr(Client, "records_one_by_one", noted)
    assert desk.told() == TaskList()
    assert asked == [0, desk.field, *range(5_000, 5_000 + limits.TASK_LINKS_MAX - 1)]
