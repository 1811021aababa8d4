"""The contract suite of CRMs, run on the one in memory, on Planfix and on Bitrix24: they behave alike, or it is none."""

from __future__ import annotations

import inspect
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import requests

from connectors.bitrix24 import connector as bitrix24
from connectors.bitrix24.client import connect
from connectors.bitrix24.settings import read
from connectors.planfix import connector as planfix
from connectors.planfix.client import connect as connect_planfix
from connectors.planfix.settings import read as read_planfix
from kernel.clock import SystemClock
from kernel.crm import CRM, TaskState
from kernel.extension import Connection, Connector
from kernel.http import HttpClient, Vault
from kernel.mapping import MappingSet, PortalMap
from kernel.storage import Database, MigrationSet, migrate
from kernel.testing import FakeClock, MemoryCRM
from kernel.testing.contracts import activities as about_activities
from kernel.testing.contracts import comments as about_comments
from kernel.testing.contracts import crm as contract
from kernel.testing.contracts import lists as about_lists
from kernel.testing.contracts import processes as about_processes
from kernel.testing.contracts import tasks as about_tasks
from kernel.testing.contracts.crm import BEHAVIOURS, UnderTest, entities
from kernel.testing.contracts.subject import NewTask, lists
from sandbox.bitrix24.server import Options as BitrixOptions
from sandbox.bitrix24.server import Sandbox as BitrixSandbox
from sandbox.planfix.server import Options as PlanfixOptions
from sandbox.planfix.server import Sandbox as PlanfixSandbox

pytestmark = pytest.mark.row("PL-05")
ROOT = Path(__file__).parents[2]


def planfix_set(rate: str = "decimal") -> MappingSet:
    system = {"name": "name", "client": "counterparty", "person": "name", "phone": "phone", "email": "email"}
    made = entities({"object": "Заявка"}, {"object": "Клієнт"}, system, rate)
    portal = PortalMap(connector="planfix", time_zone="Europe/Kyiv")
    return MappingSet("alike", portal, {one.entity: one for one in made}, lists())


def bitrix_set(rate: str = "decimal") -> MappingSet:
    system = {"name": "title", "client": "contactIds", "person": "name", "phone": "phone", "email": "email"}
    made = entities({"pipeline": {"desk": {"label": "Обмін валют"}}}, {}, system, rate)
    portal = PortalMap(connector="bitrix24", time_zone="Europe/Moscow")
    return MappingSet("alike", portal, {one.entity: one for one in made}, lists())


class QuickClock(SystemClock):
    def sleep(self, seconds: float) -> None:
        super().sleep(seconds / 100)


@contextmanager
def memory(_folder: Path) -> Iterator[UnderTest]:
    crm = MemoryCRM(planfix_set(), FakeClock(datetime.now(UTC)))
    person = crm.staff.hire("Ігор Бондар")
    crm.staff.hire("Марія Шевчук")
    crm.days[person.id] = "closed"
    everything = (
        "people", "workdays", "history", "bin", "comments", "tasks", "activities", "lists", "notices", "processes",
    )  # fmt: skip

    def task(new: NewTask) -> str:
        state: TaskState = "done" if new.done else "pending"
        return crm.staff.task(new.entity, new.record_id, new.subject, responsible=[person], due=new.due, state=state)

    yield UnderTest(
        crm, lambda deal, text: crm.staff.set("deal", deal, rate=text), person.id, crm.staff.dismiss, crm.staff.delete,
        lambda deal: crm.staff.move(deal, "HR: Новая"),
        lambda entity, record_id, text, files: crm.staff.comment(
            entity, record_id, text, author=person.name, files=files
        ),
        task, everything, crm.notices.of, lambda name: crm.processes.design("deal", name),
        lambda subject, places, done: crm.activities.plan(subject, *places, done=done),
    )  # fmt: skip


@contextmanager
def in_planfix(folder: Path) -> Iterator[UnderTest]:
    with PlanfixSandbox(PlanfixOptions(speedup=100, faults=(("rate_per_second", 0),))) as sandbox:
        about = sandbox.about()
        settings = {"PLANFIX_URL": about["base"], "PLANFIX_TOKEN": about["token"], "PLANFIX_HOOK_SECRET": "s" * 30}
        connection = a_connection(folder, "planfix", settings, planfix_set())

        def dismiss(person: str) -> None:
            sandbox.portal.users[person].active = False

        def delete(entity: str, record_id: str) -> None:
            held = sandbox.portal.tasks if entity == "deal" else sandbox.portal.contacts
            held[int(record_id.rpartition(":")[2])].deleted = True

        client = connect_planfix(connection, read_planfix(connection.settings, connection.mapping.portal.time_zone))

        def take_out(deal: str) -> None:
            other = next(number for number, one in sandbox.portal.objects.items() if one.name == "Завдання")
            client.update("task", int(deal), {"object": {"id": other}, "template": {"id": other}}, silent=False)

        typist = _typist(planfix, connection, planfix_set("text"))
        desk = sandbox.app.test_client()
        staff = {"Authorization": "Bearer staff-3"}

        def post(path: str, **more: Any) -> str:
            answer = desk.post(path, headers=staff, **more).json
            assert answer and answer["result"] == "success", answer
            return str(answer["id"])

        def comment(entity: str, record_id: str, text: str, files: Mapping[str, bytes]) -> str:
            kind, number = "task" if entity == "deal" else "contact", record_id.rpartition(":")[2]
            put = [post("/rest/file/", data={"file": (BytesIO(content), name)}) for name, content in files.items()]
            body = {"description": f"<p>{text}</p>", "files": [{"id": int(one)} for one in put]}
            return post(f"/rest/{kind}/{number}/comments/", json=body)

        def task(new: NewTask) -> str:
            objects, statuses = sandbox.portal.objects, sandbox.portal.statuses
            other = next(one for one in objects.values() if one.name == "Завдання")
            body: dict[str, Any] = {"name": new.subject, "object": {"id": other.id}}
            body["status"] = {"id": next(one for one in other.statuses if statuses[one].active is not new.done)}
            body["assignees"] = {"users": [{"id": new.person}]} if new.person else {}
            if new.due:
                body["endDateTime"] = {"date": f"{new.due:%d-%m-%Y}"}
            if new.entity:
                number = int(new.record_id.rpartition(":")[2])
                body |= {"parent": {"id": number}} if new.entity == "deal" else {"counterparty": {"id": f"contact:{number}"}}
            return post("/rest/task/", json=body)

        parts = ("people", "history", "bin", "comments", "tasks")
        yield UnderTest(_crm(planfix, connection), typist, "user:3", dismiss, delete, take_out, comment, task, parts)


@contextmanager
def in_bitrix(folder: Path) -> Iterator[UnderTest]:
    with BitrixSandbox(BitrixOptions(faults=(("plan", "off"),))) as sandbox:
        settings = {
            "BITRIX24_URL": sandbox.address, "BITRIX24_WEBHOOK": "30/staff-30", "BITRIX24_PLAN": "box",
        }  # fmt: skip
        connection = a_connection(folder, "bitrix24", settings, bitrix_set())
        _apply(connection)

        def dismiss(person: str) -> None:
            sandbox.portal.people[person].active = False

        typist = _typist(bitrix24, connection, bitrix_set("text"))
        client = connect(connection, read(connection.settings, connection.mapping.portal.time_zone))

        def delete(entity: str, record_id: str) -> None:
            client.call(f"crm.{entity}.delete", {"id": int(record_id)}, writes=True)

        def take_out(deal: str) -> None:
            made = client.call("crm.category.add", {"entityTypeId": 2, "fields": {"name": "Підбір"}}, writes=True)
            fields = {"categoryId": made["category"]["id"]}
            client.call("crm.item.update", {"entityTypeId": 2, "id": int(deal), "fields": fields}, writes=True)

        def comment(entity: str, record_id: str, text: str, files: Mapping[str, bytes]) -> str:
            fields: dict[str, Any] = {"ENTITY_ID": record_id, "ENTITY_TYPE": entity, "COMMENT": text, "AUTHOR_ID": 11}
            fields["FILES"] = [[name, b64encode(content).decode()] for name, content in files.items()]
            return str(client.call("crm.timeline.comment.add", {"fields": fields}, writes=True))

        def task(new: NewTask) -> str:
            bound = [f"{'D' if new.entity == 'deal' else 'C'}_{new.record_id}"] if new.entity else []
            fields: dict[str, Any] = {"TITLE": new.subject, "RESPONSIBLE_ID": new.person or "11", "UF_CRM_TASK": bound}
            fields |= {"DEADLINE": f"{new.due}T19:00:00+03:00"} if new.due else {}
            made = client.call("tasks.task.add", {"fields": fields}, writes=True)["task"]["id"]
            if new.done:
                client.call("tasks.task.complete", {"taskId": made}, writes=True)
            return str(made)

        def noticed(person: str) -> list[str]:
            notes = requests.get(f"{sandbox.address}/sandbox/notifications?user={person}", timeout=60).json()
            return [one["text"] for one in reversed(notes["notifications"])]

        def design(name: str) -> str:
            wanted = {"name": name, "user": "11"}
            made = requests.post(f"{sandbox.address}/sandbox/workflow/template", json=wanted, timeout=60).json()
            return str(made["template"])

        def plan(subject: str, places: tuple[tuple[str, str], ...], done: bool) -> str:
            bound = [{"OWNER_TYPE_ID": {"deal": 2, "contact": 3}[kind], "OWNER_ID": int(ident)} for kind, ident in places]
            fields = {"BINDINGS": bound, "TYPE_ID": 6, "SUBJECT": subject, "COMPLETED": "Y" if done else "N"}
            return str(client.call("crm.activity.add", {"fields": fields}, writes=True))

        parts = ("people", "workdays", "history", "comments", "tasks", "activities", "lists", "notices", "processes")
        yield UnderTest(
            _crm(bitrix24, connection), typist, "11", dismiss, delete, take_out, comment, task, parts, noticed, design, plan
        )


def a_connection(folder: Path, name: str, settings: Mapping[str, str], mapping: MappingSet) -> Connection:
    clock = QuickClock()
    database = Database(f"sqlite:///{folder / 'vault.db'}")
    migrate(database, [MigrationSet("kernel.http", ROOT / "kernel" / "http" / "migrations")], clock)

    def http(base_url: str, *, rate_limit: Any = None, headers: Any = dict) -> HttpClient:
        return HttpClient(name, base_url, clock=clock, headers=headers)

    return Connection(settings, mapping, http, clock, Vault(f"{name}/main", database, clock, b"secret"))


def _apply(connection: Connection) -> None:
    """What `annex apply` does, without a person to ask."""
    assert bitrix24.setup
    for _round in range(6):
        makes = [change.make for change in bitrix24.setup(connection).plan() if change.make and change.kind != "drop"]
        for make in makes:
            make()
        if not makes:
            return
    raise AssertionError("the portal does not come to rest")


def _crm(connector: Connector, connection: Connection) -> CRM:
    assert connector.crm
    return connector.crm(connection)


def _typist(connector: Connector, connection: Connection, words: MappingSet) -> Callable[[str, str], None]:
    """To somebody who takes the number's field for a text, anything can be typed there."""
    other = _crm(connector, replace(connection, mapping=words))
    return lambda deal, text: other.update("deal", deal, {"rate": text})


WORLDS = {"memory": memory, "planfix": in_planfix, "bitrix24": in_bitrix}


@pytest.fixture(params=list(WORLDS))
def world(request, tmp_path):
    with WORLDS[request.param](tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda one: one.__name__)
def test_each_crm_keeps_the_contract(behaviour, world):
    behaviour(world)


def test_no_behaviour_is_left_out():
    every = {
        **vars(contract),
        **vars(about_comments),
        **vars(about_activities),
        **vars(about_tasks),
        **vars(about_processes),
        **vars(about_lists),
    }.items()
    written = {name for name, one in every if callable(one) and list(_parameters(one)) == ["world"]}
    assert {one.__name__ for one in BEHAVIOURS} == written


def _parameters(one: Any) -> list[str]:
    return list(inspect.signature(one).parameters) if inspect.isfunction(one) else []
